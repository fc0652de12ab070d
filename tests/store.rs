//! The event store on a real PostgreSQL: order, races, names, faults.

use std::sync::Arc;

use commands::{CommandError, Commands, Context, IdempotencyClaim, Reservation};
use domain::category::{CreateCategory, EditCategory};
use domain::product::{ApproveProduct, ProductDetails, SubmitProduct};
use domain::{
    Actor, Aggregate, CategoryId, Metadata, ProductId, Recorded, RequestId, Role, UserId,
};
use futures::future::join_all;
use identity::{Identity, Secrets};
use pool::PgPool;
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestDatabase, eventually};

/// An event store in this process, on a database of its own.
pub(crate) struct Store {
    pub(crate) commands: Commands,
    pub(crate) pool: PgPool,
    secrets: tempfile::TempDir,
    database: TestDatabase,
}

impl Store {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let pool = database.pool().await;
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load_or_create(&folder.path().join("secrets.json")).unwrap();
        let commands = replica(&pool, &secrets);
        Self { commands, pool, secrets: folder, database }
    }

    /// Another process on the same database, with its own caches.
    pub(crate) fn replica(&self) -> Commands {
        let secrets = Secrets::load_or_create(&self.secrets.path().join("secrets.json")).unwrap();
        replica(&self.pool, &secrets)
    }

    pub(crate) async fn category(&self, name: &str) -> CategoryId {
        let create = domain::read(json!({ "name": name })).unwrap();
        self.commands.create_category(&by(Role::Staff), create).await.unwrap().id
    }

    async fn product(&self, category: CategoryId) -> ProductId {
        let context = by(Role::EndUser);
        self.commands.submit_product(&context, details(category), None).await.unwrap().id
    }

    pub(crate) async fn products(&self, count: usize) -> Vec<ProductId> {
        let category = self.category("Lamps").await;
        join_all((0..count).map(|_| self.product(category))).await
    }

    pub(crate) async fn read_models_are_right(&self) {
        let drifts = projections::verify(&self.pool, self.commands.vault(), |_, _| {}).await;
        assert_eq!(drifts.unwrap(), []);
    }

    /// Where its database is.
    pub(crate) fn url(&self) -> &str {
        &self.database.url
    }

    pub(crate) async fn log(&self) -> Vec<Recorded> {
        let mut conn = self.pool.acquire().await.unwrap();
        log::read(&mut conn, 0, i64::MAX, i64::MAX).await.unwrap()
    }
}

fn replica(pool: &PgPool, secrets: &Secrets) -> Commands {
    let url = "http://vetted.example".parse().unwrap();
    Commands::new(
        pool.clone(),
        Arc::new(projections::ReadModels::default()),
        Identity::try_new(secrets, &url).unwrap(),
    )
}

pub(crate) fn by(role: Role) -> Context {
    let id = UserId::from_uuid(Uuid::now_v7());
    let request = RequestId::from_uuid(Uuid::now_v7());
    let metadata = Metadata::of(Actor::User { id, role }, request);
    Context { metadata, expected: None, idempotency: None }
}

fn details(category: CategoryId) -> ProductDetails {
    let body = json!({ "name": "Lamp", "category_id": category });
    domain::read::<SubmitProduct>(body).unwrap().into()
}

#[tokio::test]
async fn positions_are_contiguous_in_commit_order_over_replicas() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    let replicas = [store.commands.clone(), store.replica(), store.replica()];

    let submitted = join_all((0..150).map(|number| {
        let commands = replicas[number % 3].clone();
        async move { commands.submit_product(&by(Role::EndUser), details(category), None).await }
    }))
    .await;

    assert!(submitted.iter().all(Result::is_ok), "{submitted:?}");
    let log = store.log().await;
    let positions: Vec<_> = log.iter().map(|recorded| recorded.position).collect();
    assert_eq!(positions, (1..=151).collect::<Vec<_>>());
    assert!(log.is_sorted_by_key(|recorded| recorded.at));
}

#[tokio::test]
async fn what_a_replica_remembers_of_rows_never_outlives_anothers_write() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    let (one, other) = (store.commands.clone(), store.replica());
    let why = || domain::product::Reason::try_new("A reason.").unwrap();
    let products = projections::Products(store.pool.clone());

    for round in 0..24 {
        let product = store.product(category).await;
        one.approve_product(&by(Role::Staff), product, ApproveProduct::default()).await.unwrap();
        // The first is alone for a few batches, then both take turns.
        if round % 4 > 1 {
            other.submit_product(&by(Role::EndUser), details(category), None).await.unwrap();
            other.reject_product(&by(Role::Staff), product, why().into(), false).await.unwrap();
        } else {
            one.reject_product(&by(Role::Staff), product, why().into(), false).await.unwrap();
        }
        let done = one.approve_product(&by(Role::Staff), product, why().into()).await.unwrap();

        let row = done.row.expect("the row that the command left");
        let stored = products.find(projections::Visibility::Everything, product).await.unwrap();
        assert_eq!(row.get::<projections::ProductView>(), stored.as_ref());
        assert_eq!(done.version, 4);
    }

    let log = store.log().await;
    assert!(log.iter().zip(1..).all(|(recorded, position)| recorded.position == position));
    assert!(log.is_sorted_by_key(|recorded| recorded.at));
    store.read_models_are_right().await;
}

#[tokio::test]
async fn bytes_of_the_log_are_those_that_were_appended() {
    let store = Store::start().await;
    store.category("Lamps").await;
    store.category("Chairs").await;
    let mut conn = store.pool.acquire().await.unwrap();

    let raw = log::raw(&mut conn, &[2, 1, 3]).await.unwrap();

    let [first, second] = &raw[..] else { panic!("two of these positions exist: {raw:?}") };
    assert_eq!((first.position, second.position), (1, 2));
    // As serde writes it, spaces and order included.
    assert_eq!(first.payload, r#"{"CategoryCreated":{"name":"Lamps","description":""}}"#);
    assert!(first.metadata.starts_with(r#"{"actor":{"user":{"id":""#), "{}", first.metadata);
    assert_eq!((first.salt.len(), second.salt.len()), (32, 32));
    assert_ne!(first.salt, second.salt);
}

/// As a rebuild does that puts its tables in the place of those that serve.
#[tokio::test]
async fn who_holds_the_head_gets_the_tables_of_a_command_that_waits_for_it() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    // From the second on it goes without looking at the head first.
    for _ in 0..3 {
        store.product(category).await;
    }
    let mut swap = store.pool.begin().await.unwrap();
    log::lock_head(&mut swap).await.unwrap();
    let (commands, context) = (store.commands.clone(), by(Role::EndUser));
    let waiting = tokio::spawn(async move {
        commands.submit_product(&context, details(category), None).await.map(|done| done.id)
    });
    let waits = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                 WHERE datname = current_database() AND NOT granted";
    eventually("the command waits", async || {
        let waits: i64 = sqlx::query_scalar(waits).fetch_one(&store.pool).await.unwrap();
        (waits > 0).then_some(())
    })
    .await;
    // It has looked for a deadlock by then: the next one to look is who waits for the tables.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;

    let locked = sqlx::query("LOCK TABLE products, categories").execute(&mut *swap).await;

    locked.expect("the command gives way");
    swap.commit().await.unwrap();
    waiting.await.unwrap().expect("and is carried out");
    store.read_models_are_right().await;
}

/// Rows of the log that were read on connections that have ended since.
async fn events_read(pool: &PgPool) -> i64 {
    sqlx::query_scalar(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables
         WHERE relname = 'events'",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_process_starts_without_reading_a_long_log() {
    const OLD: i32 = 50_000;
    let store = Store::start().await;
    sqlx::query(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
             payload, metadata, position, event_id, recorded_at, salt)
         SELECT 'Category', gen_random_uuid(), 1, 'CategoryCreated', '1', '{}', '{}', number,
             gen_random_uuid(), now() - interval '1 hour', '\\x00'
         FROM generate_series(1, $1) AS number",
    )
    .bind(OLD)
    .execute(&store.pool)
    .await
    .unwrap();
    sqlx::query("UPDATE log_head SET position = $1, recorded_at = now() - interval '1 hour'")
        .bind(i64::from(OLD))
        .execute(&store.pool)
        .await
        .unwrap();
    sqlx::raw_sql("ANALYZE events; SELECT pg_stat_reset()").execute(&store.pool).await.unwrap();
    let pool = store.database.pool().await;
    let secrets = Secrets::load_or_create(&store.secrets.path().join("secrets.json")).unwrap();

    replica(&pool, &secrets).follow_sessions().await.unwrap();

    pool.close().await;
    let read = async || Some(events_read(&store.pool).await).filter(|read| *read > 0);
    let read = eventually("the reads are counted", read).await;
    assert!(read < 100, "{read} of {OLD} events were read");
}

#[tokio::test]
async fn of_many_decisions_at_once_one_counts() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    let product = store.product(category).await;
    let replicas = [store.commands.clone(), store.replica()];

    let decided = join_all((0..16).map(|number| {
        let commands = replicas[number % 2].clone();
        async move {
            commands.approve_product(&by(Role::Staff), product, ApproveProduct::default()).await
        }
    }))
    .await;

    assert_eq!(decided.iter().filter(|decision| decision.is_ok()).count(), 1, "{decided:?}");
    for lost in decided.iter().filter_map(|decision| decision.as_ref().err()) {
        assert!(
            matches!(lost, CommandError::Refused(no) if no.code == "already_decided"),
            "{lost}"
        );
    }
}

#[tokio::test]
async fn a_name_is_held_once_however_many_ask_for_it() {
    let store = Store::start().await;

    let made = join_all((0..40).map(|number| {
        let name = if number % 2 == 0 { "Lamps" } else { "LAMPS" };
        let create = domain::read::<CreateCategory>(json!({ "name": name })).unwrap();
        async { store.commands.create_category(&by(Role::Staff), create).await }
    }))
    .await;

    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    let taken =
        |error: &CommandError| matches!(error, CommandError::Taken(Reservation::CategoryName));
    assert!(made.iter().filter_map(|made| made.as_ref().err()).all(taken));
}

#[tokio::test]
async fn a_name_that_was_given_up_can_be_held_again() {
    let store = Store::start().await;
    let first = store.category("Lamps").await;
    let rename = domain::read::<EditCategory>(json!({ "name": "Lights" })).unwrap();

    store.commands.edit_category(&by(Role::Staff), first, rename).await.unwrap();
    let second = store.category("lamps").await;

    let back = domain::read::<EditCategory>(json!({ "name": "Lamps" })).unwrap();
    let taken = store.commands.edit_category(&by(Role::Staff), first, back).await;
    assert!(matches!(taken, Err(CommandError::Taken(Reservation::CategoryName))));
    store.commands.delete_category(&by(Role::Staff), second).await.unwrap();
    store.category("LAMPS").await;
}

#[tokio::test]
async fn a_command_that_fails_after_it_took_a_name_leaves_the_name() {
    let store = Store::start().await;
    let create =
        |number: usize| domain::read(json!({ "name": format!("Shelf {number}") })).unwrap();
    let lapsed = |number: usize| number.is_multiple_of(4);

    // All at once, so that they share transactions. The claims on the keys of some are nobody's.
    let made = join_all((0..40).map(|number| {
        let (mut context, commands) = (by(Role::Staff), store.commands.clone());
        context.idempotency = lapsed(number)
            .then(|| IdempotencyClaim::new(Uuid::now_v7(), number.to_string(), Some(Role::Staff)));
        async move { commands.create_category(&context, create(number)).await }
    }))
    .await;

    let is_made: Vec<_> = made.iter().map(Result::is_ok).collect();
    assert_eq!(is_made, (0..40).map(|number| !lapsed(number)).collect::<Vec<_>>());
    for number in (0..40).filter(|number| lapsed(*number)) {
        let again = store.commands.create_category(&by(Role::Staff), create(number)).await;
        again.unwrap();
    }
    store.read_models_are_right().await;
}

#[tokio::test]
async fn a_category_never_goes_while_a_product_comes() {
    let store = Store::start().await;
    for round in 0..20 {
        let category = store.category(&format!("Shelf {round}")).await;
        let (seller, staff) = (by(Role::EndUser), by(Role::Staff));

        let (submitted, deleted) = tokio::join!(
            store.commands.submit_product(&seller, details(category), None),
            store.commands.delete_category(&staff, category),
        );

        assert!(submitted.is_ok() != deleted.is_ok(), "one of both: {submitted:?} {deleted:?}");
    }
}

#[tokio::test]
async fn a_replica_with_an_old_state_never_says_no_wrongly() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    let product = store.product(category).await;
    let other = store.replica();
    store
        .commands
        .approve_product(&by(Role::Staff), product, ApproveProduct::default())
        .await
        .unwrap();
    let why = domain::product::Reason::try_new("A reason.").unwrap();
    other.reject_product(&by(Role::Staff), product, why.clone().into(), false).await.unwrap();

    let again = store.commands.approve_product(&by(Role::Staff), product, why.into()).await;

    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn an_expected_version_that_has_passed_is_told() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    let rename = domain::read::<EditCategory>(json!({ "name": "Lights" })).unwrap();
    store.commands.edit_category(&by(Role::Staff), category, rename.clone()).await.unwrap();

    let late = Context { expected: Some(1), ..by(Role::Staff) };
    let outcome = store.commands.edit_category(&late, category, rename).await;

    assert!(matches!(outcome, Err(CommandError::VersionMismatch { current: 2 })), "{outcome:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;

    for _ in 0..30 {
        let context = by(Role::EndUser);
        let submit = store.commands.submit_product(&context, details(category), None);
        let gone = tokio::time::timeout(std::time::Duration::from_micros(50), submit).await;
        drop(gone);
    }

    // The appender takes commands in order: once this one is in, the others are.
    store.product(category).await;
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&store.pool)
    .await
    .unwrap();
    assert_eq!(open, 0);
    store.read_models_are_right().await;
}

#[tokio::test]
async fn many_that_a_replica_never_saw_are_decided_at_once() {
    let store = Store::start().await;
    let products = store.products(60).await;
    let other = store.replica();
    let staff = by(Role::Staff);

    let approved = join_all(
        products
            .iter()
            .map(|product| other.approve_product(&staff, *product, ApproveProduct::default())),
    );
    let missing = ProductId::from_uuid(Uuid::now_v7());
    let missing = other.approve_product(&staff, missing, ApproveProduct::default());
    let (approved, missing) = tokio::join!(approved, missing);

    let read = projections::Products(store.pool.clone());
    for (product, approved) in products.iter().zip(approved) {
        let row = approved.expect("an approval").row.expect("the row that the command left");
        let stored = read.find(projections::Visibility::Everything, *product).await.unwrap();
        assert_eq!(row.get::<projections::ProductView>(), stored.as_ref());
    }
    let not_found = |no: &domain::Refusal| no.kind == domain::RefusalKind::NotFound;
    assert!(matches!(&missing, Err(CommandError::Refused(no)) if not_found(no)), "{missing:?}");
    store.read_models_are_right().await;
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_the_others_their_answers() {
    let store = Store::start().await;
    let products = store.products(60).await;

    for _ in 0..10 {
        let other = store.replica();
        // Once it is connected, reading takes about as long as half of them wait.
        join_all(products[..8].iter().map(|id| other.load::<domain::product::Product>(*id))).await;
        let read = join_all(products[8..].iter().zip(0..).map(|(product, number)| {
            let patience = if number % 2 == 1 { 10_000_000 } else { 40 * number };
            let load = other.load::<domain::product::Product>(*product);
            tokio::time::timeout(std::time::Duration::from_micros(patience), load)
        }));

        for patient in read.await.into_iter().skip(1).step_by(2) {
            let product = patient.expect("an answer in time").expect("a product");
            assert_eq!(product.version(), 1);
        }
    }
}

#[tokio::test]
async fn one_bad_command_does_not_fail_its_neighbours() {
    let store = Store::start().await;
    let category = store.category("Lamps").await;
    // A fault of the database that only one command meets.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''refused''; END';
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
            WHEN (new.payload::text LIKE '%Poison%') EXECUTE FUNCTION refuse();",
    )
    .execute(&store.pool)
    .await
    .unwrap();

    let outcomes = join_all((0..40).map(|number| {
        let name = if number == 17 { "Poison" } else { "Lamp" };
        let body = json!({ "name": name, "category_id": category });
        let details = domain::read::<SubmitProduct>(body).unwrap().into();
        async { store.commands.submit_product(&by(Role::EndUser), details, None).await }
    }))
    .await;

    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(matches!(failed[..], [CommandError::Fault(_)]), "{failed:?}");
    assert_eq!(store.log().await.len(), 40);
}
