//! What is made again is what was there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::category::CategoryEvent;
use domain::order::{OrderEvent, OrderItem};
use domain::policy::{PolicyChanges, PolicyEvent, Template};
use domain::product::{ProductChanges, ProductEvent, ProductStatus};
use domain::user::UserEvent;
use domain::{CategoryId, Change, Personal, Recorded, Role, StreamId, StreamType, UserId};
use pool::PgPool;
use projections::{
    Page, ProductFilter, Products, RebuildError, Visibility, outdated, rebuild, verify,
};
use uuid::Uuid;

use crate::database::{append, in_a_database, store};
use crate::making::*;

const TABLES: [&str; 5] = ["products", "categories", "orders", "users", "policies"];

/// A life of every kind, `rounds` times over.
fn made_up(log: &mut Log, rounds: std::ops::Range<u128>) -> Vec<Recorded> {
    rounds.flat_map(|round| one_round(log, round)).collect()
}

fn one_round(log: &mut Log, round: u128) -> Vec<Recorded> {
    let id = |kind: u128| Uuid::from_u128(round * 100 + kind);
    let user = StreamId { kind: StreamType::User, id: id(1) };
    let order = StreamId { kind: StreamType::Order, id: id(2) };
    let gone = StreamId { kind: StreamType::Category, id: id(3) };
    let policy = StreamId { kind: StreamType::Policy, id: id(7) };
    let repealed = StreamId { kind: StreamType::Policy, id: id(8) };
    let code = format!("R-{round}");
    let (had, has) = (wording("Rëturns", "None.\n"), wording("Rëturns", "\\N \"all\""));
    let template = Template {
        id: id(9).into(),
        name: text("Lämp"),
        language: "de".parse().unwrap(),
        body: text("{was} \\N \"all\""),
    };
    let templates = Some(Change { from: vec![], to: vec![template] });
    let parent = Some(Change { from: None, to: Some(id(8).into()) });
    let (shelf, owner) = (CategoryId::from_uuid(id(4)), UserId::from_uuid(user.id));
    let (first, second) = (id(5).into(), id(6).into());
    let email = Personal::new(owner, format!("{round}@example.org"));
    let price = Some(money("9.99", "EUR"));
    let name = text("Ünïque \"lamp\" \\ 100 %");
    let item = OrderItem { product: first, name, price, quantity: 3 };
    let changes = ProductChanges {
        name: Some(Change { from: text("Lamp"), to: text("Lämp") }),
        category: Some(Change { from: BOOKS, to: shelf }),
        price: Some(Change { from: price, to: None }),
        ..ProductChanges::default()
    };
    vec![
        log.record(user, UserEvent::UserRegistered { email, role: Role::EndUser }),
        log.category(shelf, &format!("Shelf {round}")),
        log.category(CategoryId::from_uuid(gone.id), &format!("Gone {round}")),
        log.product(first, submitted(owner, "Lamp", BOOKS, price)),
        log.record(user, UserEvent::UserActivated),
        log.product(second, submitted(owner, "Ball", shelf, None)),
        log.product(first, uploaded(round)),
        log.record(gone, CategoryEvent::CategoryDeleted),
        log.product(first, finalized(round)),
        log.product(first, approved(3)),
        log.record(order, OrderEvent::OrderPlaced { user: owner, items: vec![item] }),
        log.product(first, ProductEvent::ProductEdited { changes }),
        log.product(first, ProductEvent::ProductReturnedToReview { was: ProductStatus::Approved }),
        log.product(second, rejected(1, "Blurred")),
        log.record(order, OrderEvent::OrderFulfilled),
        log.product(second, ProductEvent::ProductDeleted { category: shelf }),
        log.record(user, UserEvent::RoleChanged { from: Role::EndUser, to: Role::Staff }),
        log.record(policy, policy_created(&code, had.clone())),
        log.record(repealed, policy_created("GONE", had.clone())),
        log.record(policy, reworded(&code, had, has)),
        log.record(
            policy,
            PolicyEvent::PolicyEdited {
                changes: PolicyChanges { parent, templates, ..PolicyChanges::default() },
            },
        ),
        log.record(policy, PolicyEvent::PolicyRetired),
        log.record(repealed, PolicyEvent::PolicyDeleted),
    ]
}

/// Appends in batches of many sizes, so that streams begin and go on in any of them.
async fn append_all(pool: &PgPool, mut events: &[Recorded]) {
    for size in [1, 2, 3, 50, 7, 200].into_iter().cycle() {
        let (batch, rest) = events.split_at(size.min(events.len()));
        append(pool, batch).await;
        events = rest;
        if events.is_empty() {
            break;
        }
    }
}

/// Everything that the read models hold, and the shape in which they do.
async fn contents(pool: &PgPool) -> Vec<String> {
    let mut all = vec![];
    for table in TABLES {
        let rows = format!("SELECT t::text FROM {table} t ORDER BY 1");
        all.extend(sqlx::query_scalar::<_, String>(&rows).fetch_all(pool).await.unwrap());
    }
    let shape = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
        UNION ALL SELECT conrelid::regclass || ' ' || conname FROM pg_constraint \
        UNION ALL SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    all.extend(sqlx::query_scalar::<_, String>(shape).fetch_all(pool).await.unwrap());
    all
}

#[tokio::test]
async fn rebuilt_is_live_in_contents_and_in_names() {
    in_a_database(8, async |pool| {
        let mut log = Log::default();
        let mut events = vec![log.category(BOOKS, "Books")];
        events.extend(made_up(&mut log, 1..40));
        append_all(&pool, &events).await;
        let live = contents(&pool).await;
        assert_eq!(verify(&pool, &(), |_, _| {}).await.unwrap(), []);
        // Statements prepared before the swap must do after it.
        let products = Products(pool.clone());
        let (filter, page) = (ProductFilter::default(), Page::default());
        let before = products.list(Visibility::Everything, &filter, &page).await.unwrap();

        let reports = Mutex::new(vec![]);
        rebuild(&pool, &(), None, |done, total| reports.lock().unwrap().push((done, total)))
            .await
            .unwrap();

        let head = i64::try_from(events.len()).unwrap();
        assert_eq!(reports.lock().unwrap().last(), Some(&(head, head)));
        assert_eq!(contents(&pool).await, live);
        let after = products.list(Visibility::Everything, &filter, &page).await.unwrap();
        assert_eq!(after, before);
        append_all(&pool, &made_up(&mut log, 40..50)).await;
        assert_eq!(verify(&pool, &(), |_, _| {}).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_misses_nothing_that_is_appended_meanwhile() {
    in_a_database(8, async |pool| {
        let mut log = Log::default();
        let mut events = vec![log.category(BOOKS, "Books")];
        events.extend(made_up(&mut log, 1..400));
        append(&pool, &events).await;
        let done = AtomicBool::new(false);
        let writer = async {
            for round in 400.. {
                if done.load(Ordering::Relaxed) {
                    return round - 400;
                }
                append(&pool, &made_up(&mut log, round..round + 1)).await;
            }
            0
        };
        let rebuilder = async {
            for _ in 0..3 {
                rebuild(&pool, &(), None, |_, _| {}).await.unwrap();
            }
            done.store(true, Ordering::Relaxed);
        };
        let (written, ()) = tokio::join!(writer, rebuilder);
        assert!(written > 0);
        assert_eq!(verify(&pool, &(), |_, _| {}).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_broken_event_fails_the_rebuild_and_leaves_the_old_tables() {
    in_a_database(8, async |pool| {
        let mut log = Log::default();
        append(&pool, &made_up(&mut log, 1..5)).await;
        let live = contents(&pool).await;
        let broken = log.product(product(9), approved(1));
        let mut conn = pool.acquire().await.unwrap();
        store(&mut conn, std::slice::from_ref(&broken)).await;
        sqlx::query("UPDATE events SET event_type = 'ProductVanished' WHERE position = $1")
            .bind(broken.position)
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query("UPDATE events SET payload = '{\"ProductVanished\":{}}' WHERE position = $1")
            .bind(broken.position)
            .execute(&mut *conn)
            .await
            .unwrap();

        let failed = rebuild(&pool, &(), None, |_, _| {}).await.unwrap_err();

        let named = format!("position {}", broken.position);
        assert!(failed.to_string().contains(&named), "{failed}");
        assert_eq!(contents(&pool).await, live);
        assert!(verify(&pool, &(), |_, _| {}).await.is_err(), "nor is it skipped there");
    })
    .await;
}

#[tokio::test]
async fn a_gap_in_the_log_fails_the_rebuild() {
    in_a_database(8, async |pool| {
        append(&pool, &made_up(&mut Log::default(), 1..5)).await;
        sqlx::query("DELETE FROM events WHERE position = 30").execute(&pool).await.unwrap();
        let failed = rebuild(&pool, &(), None, |_, _| {}).await.unwrap_err();
        assert!(failed.to_string().contains("position 30 should follow, position 31"), "{failed}");

        sqlx::query("DELETE FROM events WHERE position > 20").execute(&pool).await.unwrap();
        let failed = rebuild(&pool, &(), None, |_, _| {}).await.unwrap_err();
        assert!(failed.to_string().contains("position 21 should follow, nothing"), "{failed}");
    })
    .await;
}

#[tokio::test]
async fn one_read_model_can_be_rebuilt_alone_and_by_one_at_a_time() {
    in_a_database(12, async |pool| {
        append(&pool, &made_up(&mut Log::default(), 1..5)).await;
        sqlx::raw_sql(
            "UPDATE read_models SET version = 0 WHERE name IN ('users', 'orders'); \
             UPDATE users SET role = 'ADMIN'; UPDATE orders SET version = 99; \
             CREATE TABLE users_rebuilt (left_by text)",
        )
        .execute(&pool)
        .await
        .unwrap();
        let mut conn = pool.acquire().await.unwrap();
        assert_eq!(outdated(&mut conn).await.unwrap(), ["orders", "users"]);

        rebuild(&pool, &(), Some(&["users"]), |_, _| {}).await.unwrap();

        assert_eq!(outdated(&mut conn).await.unwrap(), ["orders"]);
        let drifts = verify(&pool, &(), |_, _| {}).await.unwrap();
        assert_eq!(drifts.iter().map(|drift| drift.table).collect::<Vec<_>>(), ["orders"]);
        let unknown = rebuild(&pool, &(), Some(&["user"]), |_, _| {}).await.unwrap_err();
        assert!(matches!(unknown, RebuildError::Unknown { .. }));
        let (one, other) = tokio::join!(
            rebuild(&pool, &(), None, |_, _| {}),
            rebuild(&pool, &(), None, |_, _| {})
        );
        assert!(one.is_ok() || other.is_ok());
        assert_eq!(verify(&pool, &(), |_, _| {}).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_swap_waits_for_whoever_reads_the_old_table() {
    in_a_database(8, async |pool| {
        append(&pool, &made_up(&mut Log::default(), 1..5)).await;
        let mut reader = pool.begin().await.unwrap();
        sqlx::query("SELECT FROM users").execute(&mut *reader).await.unwrap();
        let release = async {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            reader.rollback().await.unwrap();
        };
        let (rebuilt, ()) = tokio::join!(rebuild(&pool, &(), Some(&["users"]), |_, _| {}), release);
        rebuilt.unwrap();
        assert_eq!(verify(&pool, &(), |_, _| {}).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn verifying_names_rows_that_differ_are_missing_or_should_not_be() {
    in_a_database(8, async |pool| {
        let mut log = Log::default();
        let events = [
            log.category(BOOKS, "Books"),
            log.product(product(1), submitted(ALICE, "Lamp", BOOKS, None)),
            log.product(product(2), submitted(ALICE, "Desk", BOOKS, None)),
        ];
        append(&pool, &events).await;
        sqlx::raw_sql(
            "UPDATE products SET name = 'Lump', deleted = true WHERE name = 'Lamp'; \
             DELETE FROM products WHERE name = 'Desk'; \
             INSERT INTO categories SELECT gen_random_uuid(), 'Forged', '', 0, 1, now(), now(), 99",
        )
        .execute(&pool)
        .await
        .unwrap();

        let drifts = verify(&pool, &(), |_, _| {}).await.unwrap();

        let [products, categories] = &drifts[..] else { panic!("{drifts:?}") };
        assert_eq!((products.table, products.rows), ("products", 2));
        let [lamp, desk] = &products.first[..] else { panic!("{products:?}") };
        assert_eq!(
            (lamp.key.as_str(), lamp.missing, lamp.extra),
            (product(1).to_string().as_str(), false, false)
        );
        assert_eq!(lamp.columns, ["name", "deleted"]);
        assert!(desk.missing && desk.columns.is_empty());
        assert!(categories.rows == 1 && categories.first[0].extra);
    })
    .await;
}
