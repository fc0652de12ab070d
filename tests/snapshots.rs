//! Long streams are read from their newest snapshot on. Events that are not to be read are spoilt first:
//! whatever reads one of them fails.

use std::fmt::Debug;

use commands::Commands;
use domain::category::{Category, CategoryChanges, CategoryEvent};
use domain::order::{Order, OrderEvent, OrderItem};
use domain::product::{Product, ProductChanges, ProductEvent, UploadedVideo};
use domain::user::{User, UserEvent};
use domain::{
    Aggregate, Change, Event, ProductId, Recorded, Role, StreamId, StreamType, Text, UploadId,
    UserId, replay,
};
use projections::{Page, Past, Products, Timeline, Visibility, log};
use serde_json::json;
use uuid::Uuid;

use crate::store::{Store, by};

fn stream(kind: StreamType, id: impl Into<Uuid>) -> StreamId {
    StreamId { kind, id: id.into() }
}

fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::try_new(text).unwrap()
}

fn renamed(number: i64) -> Event {
    let name = Some(Change { from: text("Lamp"), to: text(&format!("Lamp {number}")) });
    ProductEvent::ProductEdited { changes: ProductChanges { name, ..ProductChanges::default() } }
        .into()
}

impl Store {
    /// Lets a stream grow to that version by events that are written to the log alone.
    async fn grow(&self, stream: StreamId, to: i64, event: impl Fn(i64) -> Event) {
        let (kind, id) = (stream.kind.as_str(), stream.id.to_string());
        let from: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(sequence), 0) FROM events WHERE aggregate_type = $1 AND aggregate_id = $2",
        )
        .bind(kind)
        .bind(&id)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        let events: Vec<_> = (from + 1..=to).map(event).collect();
        let names: Vec<_> = events.iter().map(|event| event.name().to_owned()).collect();
        let payloads: Vec<_> =
            events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        sqlx::query(
            "WITH head AS (UPDATE log_head SET position = position + $5,
                               recorded_at = greatest(recorded_at, now()) + $5 * interval '1 millisecond'
                           RETURNING position - $5 AS position, recorded_at)
             INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                 metadata, position, event_id, recorded_at, salt)
             SELECT $1, $2, $6 + number, name, '1', payload::json, $7::json, head.position + number,
                 gen_random_uuid(), head.recorded_at - ($5 - number) * interval '1 millisecond', '\\x00'
             FROM head, unnest($3::text[], $4::text[]) WITH ORDINALITY AS events (name, payload, number)",
        )
        .bind(kind)
        .bind(id)
        .bind(names)
        .bind(payloads)
        .bind(to - from)
        .bind(from)
        .bind(serde_json::to_string(&by(Role::Admin).metadata).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Makes the read models of what [`Self::grow`] wrote.
    async fn rebuild(&self) {
        projections::rebuild(&self.pool, self, None, |_, _| {}).await.unwrap();
    }

    /// Makes events of a stream such that nothing can read them.
    async fn spoil(&self, stream: StreamId, from: i64, to: i64) {
        sqlx::query(
            "UPDATE events SET payload = '{\"spoilt\": true}'
             WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence BETWEEN $3 AND $4",
        )
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .bind(from)
        .bind(to)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// The versions of a stream's snapshots.
    async fn snapshots(&self, stream: StreamId) -> Vec<i64> {
        sqlx::query_scalar(
            "SELECT sequence FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = $2 ORDER BY sequence",
        )
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    async fn events(&self, stream: StreamId) -> Vec<Recorded> {
        log::stream(&mut *self.pool.acquire().await.unwrap(), stream, None).await.unwrap()
    }

    /// What all events of a stream make, without a snapshot.
    async fn folded<A: Aggregate>(&self, stream: StreamId) -> A {
        let mut events = self.events(stream).await;
        self.commands.vault().open(&mut events).await.unwrap();
        replay(A::default(), events.into_iter().map(|recorded| recorded.event)).unwrap()
    }

    async fn verified(&self) -> Vec<projections::Drift> {
        projections::verify(&self.pool, self, |_, _| {}).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }

    async fn person(&self) -> UserId {
        let email = "alice@example.org".parse().unwrap();
        let password = domain::read(json!("a lamp in every window")).unwrap();
        self.commands.create_user(&by(Role::Admin), &email, &password, Role::EndUser).await.unwrap()
    }
}

async fn load<A: Aggregate>(
    commands: &Commands,
    stream: StreamId,
) -> Result<A, commands::CommandError> {
    commands.load::<A>(stream.id.into()).await
}

/// Reading a stream of 1,050 events once leaves snapshots, with which nothing before is read any more.
async fn is_read_from_its_snapshot<A>(store: &Store, stream: StreamId)
where
    A: Aggregate + PartialEq + Debug,
{
    let whole: A = store.folded(stream).await;

    let first: A = load(&store.replica(), stream).await.unwrap();
    store.spoil(stream, 1, 1_000).await;
    let from_snapshot: A = load(&store.replica(), stream).await.unwrap();

    assert_eq!(first, whole, "{stream}");
    assert_eq!(from_snapshot, whole, "{stream}");
    assert_eq!(store.snapshots(stream).await, (1..=10).map(|n| n * 100).collect::<Vec<_>>());
}

/// A stream of each kind, with 1,050 events.
async fn long_streams(store: &Store) -> [StreamId; 4] {
    let product = stream(StreamType::Product, store.products(1).await[0]);
    let category = stream(StreamType::Category, store.category("Chairs").await);
    let order = stream(StreamType::Order, Uuid::now_v7());
    let user = stream(StreamType::User, store.person().await);
    let items = |quantity: i64| -> Vec<OrderItem> {
        let item =
            json!({"product": product.id, "name": "Lamp", "price": null, "quantity": quantity});
        serde_json::from_value(json!([item])).unwrap()
    };
    let described = |number: i64| CategoryChanges {
        description: Some(Change { from: text(""), to: text(&format!("No. {number}")) }),
        ..CategoryChanges::default()
    };
    let buyer = UserId::from_uuid(Uuid::now_v7());
    store.grow(product, 1_050, renamed).await;
    store
        .grow(category, 1_050, |number| {
            CategoryEvent::CategoryEdited { changes: described(number) }.into()
        })
        .await;
    store
        .grow(order, 1_050, |number| match number {
            1 => OrderEvent::OrderPlaced { user: buyer, items: items(1) }.into(),
            number => {
                OrderEvent::OrderItemsChanged { from: items(1), to: items(number % 9 + 1) }.into()
            }
        })
        .await;
    store.grow(user, 1_050, |_| UserEvent::RegistrationRepeated.into()).await;
    store.rebuild().await;
    [product, category, order, user]
}

#[tokio::test]
async fn a_long_stream_of_any_kind_is_loaded_without_what_came_before_its_newest_snapshot() {
    let store = Store::start().await;
    let [product, category, order, user] = long_streams(&store).await;

    is_read_from_its_snapshot::<Product>(&store, product).await;
    is_read_from_its_snapshot::<Category>(&store, category).await;
    is_read_from_its_snapshot::<Order>(&store, order).await;
    is_read_from_its_snapshot::<User>(&store, user).await;

    // All at once, with one query.
    let replica = store.replica();
    let (product_then, order, category, user) = tokio::join!(
        load::<Product>(&replica, product),
        load::<Order>(&replica, order),
        load::<Category>(&replica, category),
        load::<User>(&replica, user),
    );
    let versions = [
        product_then.unwrap().version(),
        order.unwrap().version(),
        category.unwrap().version(),
        user.unwrap().version(),
    ];
    assert_eq!(versions, [1_050; 4]);
    store.execute("DELETE FROM snapshots").await;
    assert!(
        load::<Product>(&store.replica(), product).await.is_err(),
        "what is spoilt is not read"
    );
}

async fn rename(commands: &Commands, product: ProductId, number: i64) -> commands::Done {
    let edit = domain::read(json!({ "name": format!("Lamp {number}") })).unwrap();
    commands.edit_product(&by(Role::Admin), product, edit, None).await.unwrap()
}

#[tokio::test]
async fn a_stream_leaves_a_snapshot_each_time_it_has_grown_by_a_hundred_events_and_none_before() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);

    for version in 2..=99 {
        rename(&store.commands, product, version).await;
    }
    assert_eq!(store.snapshots(of).await, [0; 0]);
    for version in 100..=205 {
        rename(&store.commands, product, version).await;
    }

    assert_eq!(store.snapshots(of).await, [100, 200]);
    let replica = store.replica();
    assert_eq!(load::<Product>(&replica, of).await.unwrap(), store.folded(of).await);
    let reason = domain::read(json!("Too dark.")).unwrap();
    let rejected = replica.reject_product(&by(Role::Staff), product, reason).await.unwrap();
    assert_eq!(rejected.version, 206, "what is decided follows the snapshot");
    assert_eq!(store.verified().await, []);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_used_is_passed_over() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);
    store.grow(of, 250, renamed).await;
    store.rebuild().await;
    let whole: Product = store.folded(of).await;

    for (version, damage) in [
        (251, "UPDATE snapshots SET format = format + 1"),
        (252, "UPDATE snapshots SET state = '{}'"),
        (253, "UPDATE snapshots SET state = jsonb_set(state::jsonb, '{version}', '7')::json"),
        (254, "UPDATE snapshots SET read_model = '{}'"),
        (255, "DELETE FROM snapshots"),
    ] {
        let seen: Product = load(&store.replica(), of).await.unwrap();
        store.execute(damage).await;

        let replica = store.replica();
        let again: Product = load(&replica, of).await.unwrap();
        let done = rename(&replica, product, version).await;

        assert_eq!((again, done.version), (seen, version), "{damage}");
    }
    assert_eq!(store.folded::<Product>(of).await.version(), whole.version() + 5);
    let named: Option<String> = sqlx::query_scalar("SELECT name FROM products WHERE id = $1")
        .bind(product.uuid())
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(named.as_deref(), Some("Lamp 255"));
}

#[tokio::test]
async fn snapshots_that_are_not_what_the_log_says_are_found_by_verify_and_removed_by_rebuild() {
    let store = Store::start().await;
    let streams = long_streams(&store).await;
    let [product, category, order, user] = streams;
    let replica = store.replica();
    load::<Product>(&replica, product).await.unwrap();
    load::<Category>(&replica, category).await.unwrap();
    load::<Order>(&replica, order).await.unwrap();
    load::<User>(&replica, user).await.unwrap();
    assert_eq!(store.verified().await, []);

    store
        .execute(
            "UPDATE snapshots SET state = '{}' WHERE aggregate_type = 'user' AND sequence = 300",
        )
        .await;
    store
        .execute("UPDATE snapshots SET read_model = '{}' WHERE aggregate_type = 'product' AND sequence = 200")
        .await;
    let drifts = store.verified().await;

    assert_eq!(drifts.len(), 1);
    assert_eq!((drifts[0].table, drifts[0].rows), ("snapshots", 2));
    let named = |stream: StreamId, sequence: i64, column: &str| {
        let first = drifts[0].first.iter().map(|one| (one.key.clone(), one.columns.clone()));
        let key = format!("{} {} {sequence}", stream.kind, stream.id);
        assert!(
            first.into_iter().any(|one| one == (key.clone(), vec![column.to_owned()])),
            "{drifts:?}"
        );
    };
    named(user, 300, "state");
    named(product, 200, "read_model");
    store.rebuild().await;
    for stream in streams {
        assert_eq!(store.snapshots(stream).await, [0; 0]);
    }
    assert_eq!(store.verified().await, []);
}

#[tokio::test]
async fn a_snapshot_of_an_account_shows_nobodys_address_and_none_at_all_once_its_person_is_erased()
{
    let store = Store::start().await;
    let user = store.person().await;
    let of = stream(StreamType::User, user);
    store.grow(of, 250, |_| UserEvent::RegistrationRepeated.into()).await;
    store.rebuild().await;
    let address = async || {
        let state: User = load(&store.replica(), of).await.unwrap();
        state.account().unwrap().email.text().map(str::to_owned)
    };
    let whole: User = store.folded(of).await;
    let encoded = hex::encode("alice@example.org");

    assert_eq!(address().await.as_deref(), Some("alice@example.org"));
    store.spoil(of, 1, 200).await;

    assert_eq!(load::<User>(&store.replica(), of).await.unwrap(), whole);
    let stored: String = sqlx::query_scalar(
        "SELECT string_agg(snapshots::text, ' ') FROM snapshots WHERE sealed IS NOT NULL",
    )
    .fetch_one(&store.pool)
    .await
    .unwrap();
    assert!(!stored.contains("alice") && !stored.contains(&encoded), "{stored}");
    let plain = "SELECT count(*) FROM snapshots WHERE read_model IS NOT NULL OR sealed IS NULL";
    let plain: i64 = sqlx::query_scalar(plain).fetch_one(&store.pool).await.unwrap();
    assert_eq!(plain, 0, "all that is about a person is sealed");
    // As an erasure does.
    store.execute("UPDATE person_keys SET wrapped = NULL, erased_at = now()").await;
    assert_eq!(address().await, None);
}

#[tokio::test]
async fn a_product_as_it_was_is_read_from_the_nearest_snapshot_on() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);
    store.grow(of, 1_050, renamed).await;
    store.rebuild().await;
    load::<Product>(&store.replica(), of).await.unwrap();
    let events = store.events(of).await;
    let products = Products(store.pool.clone());
    let at = |version: usize| Past::AsOf(events[version - 1].at.try_into().unwrap());
    let past = async |past: Past| products.past(Visibility::Everything, product, past).await;
    let mut before = vec![];
    for version in [550, 600, 601] {
        before.push(past(Past::Version(version)).await.unwrap().unwrap());
    }

    store.spoil(of, 1, 500).await;
    store.spoil(of, 700, 1_050).await;

    for (was, version) in before.into_iter().zip([550, 600, 601]) {
        assert_eq!(was.row.name, format!("Lamp {version}"));
        assert_eq!(was.category_name.as_deref(), Some("Lamps"));
        let by_version = past(Past::Version(i64::try_from(version).unwrap())).await.unwrap();
        assert_eq!(by_version.as_ref(), Some(&was), "{version}");
        assert_eq!(past(at(version)).await.unwrap(), Some(was), "{version}");
    }
    assert!(past(Past::Version(499)).await.is_err(), "what is spoilt is not read");
}

#[tokio::test]
async fn a_video_after_a_thousand_events_tells_what_it_came_after_without_reading_them() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);
    let video = |sha256: &str| {
        let upload = UploadId::from_uuid(Uuid::now_v7());
        let video = UploadedVideo { upload, size: 9, sha256: sha256.to_owned() };
        Event::from(ProductEvent::VideoUploaded { video })
    };
    store
        .grow(of, 1_050, |number| match number {
            2 => video("first"),
            1_050 => video("second"),
            number => renamed(number),
        })
        .await;
    store.rebuild().await;
    load::<Product>(&store.replica(), of).await.unwrap();

    store.spoil(of, 1, 900).await;

    let timeline = Timeline { pool: &store.pool, personal: &store };
    let newest = timeline.of_products(&[product]).await.unwrap().remove(&product).unwrap();
    let changes = serde_json::to_value(&newest.last().unwrap().changes).unwrap();
    let told = json!([
        {"field": "processing_status", "from": "PROCESSING", "to": "PROCESSING"},
        {"field": "video", "from": "first", "to": "second"},
    ]);
    assert_eq!(changes, told);
    let page = Page { limit: 1, cursor: None };
    let first = timeline.of(Visibility::Everything, of, &page).await;
    assert!(first.is_err(), "what is spoilt is not read");
}
