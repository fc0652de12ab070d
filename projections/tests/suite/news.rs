//! What happened since, read from the log.

use domain::product::{ProductChanges, ProductEvent};
use domain::{Recorded, UserId};
use pool::PgPool;
use projections::{News, Scope, Timeline};
use uuid::Uuid;

use crate::database::{append, in_a_database, store};
use crate::making::*;
use crate::plans::{PRODUCTS, touched};

fn timeline(pool: &PgPool) -> Timeline<'_> {
    Timeline { pool, personal: &() }
}

pub fn edited() -> ProductEvent {
    ProductEvent::ProductEdited { changes: ProductChanges::default() }
}

#[tokio::test]
async fn news_are_the_events_between_two_positions_as_the_timeline_tells_them() {
    in_a_database(1, async |pool| {
        let mut log = Log::default();
        let (one, other) = (product(1), product(2));
        let events = [
            log.category(BOOKS, "Books"),
            log.product(one, submitted(ALICE, "Lamp", BOOKS, None)),
            log.product(other, submitted(BOB, "Desk", BOOKS, None)),
            log.product(one, uploaded(7)),
            log.product(other, edited()),
            log.product(one, finalized(7)),
        ];
        append(&pool, &events).await;
        let news = async |scope, between, limit| {
            timeline(&pool).news(scope, between, limit).await.unwrap()
        };
        let positions = |news: &[News]| news.iter().map(|n| n.position).collect::<Vec<_>>();

        let of_one = news(Scope::One(one), (2, 6), 9).await;

        assert_eq!(positions(&of_one), [4, 6]);
        let whole =
            projections::timeline_of(&of(&events, 1), &projections::DecisionPolicies::default());
        assert_eq!(of_one.iter().map(|n| n.entry.clone()).collect::<Vec<_>>(), whole[1..]);
        assert!(of_one.iter().all(|n| n.view.row.version == 3), "the current version");
        assert_eq!(positions(&news(Scope::OwnedBy(BOB), (0, 6), 9).await), [3, 5]);
        assert_eq!(positions(&news(Scope::All, (0, 5), 9).await), [2, 3, 4, 5]);
        assert_eq!(positions(&news(Scope::All, (2, 6), 2).await), [3, 4]);
    })
    .await;
}

fn of(events: &[Recorded], number: u128) -> Vec<Recorded> {
    events.iter().filter(|event| event.stream.id == Uuid::from_u128(number)).cloned().collect()
}

#[tokio::test]
async fn news_cost_what_there_is_of_them_and_not_what_the_log_has() {
    in_a_database(1, async |pool| {
        let mut log = Log::default();
        let mut events = vec![];
        for round in 0..100 {
            for number in 1..=200 {
                let first = submitted(ALICE, "Lamp", BOOKS, None);
                let event = if round == 0 { first } else { edited() };
                events.push(log.product(product(number), event));
            }
        }
        let mut conn = pool.acquire().await.unwrap();
        store(&mut conn, &events).await;
        drop(conn);
        sqlx::raw_sql(&format!("{PRODUCTS}; ANALYZE")).execute(&pool).await.unwrap();

        // The one product's stream, or the positions in between.
        let owner = UserId::from_uuid(Uuid::from_u128(3));
        for (scope, between, count, most) in [
            (Scope::One(product(7)), (10_000, 20_000), 50, 150),
            (Scope::All, (19_900, 20_000), 100, 150),
            (Scope::OwnedBy(owner), (19_800, 20_000), 2, 400),
        ] {
            let (scanned, fetched) = touched(&pool, "events").await;
            let news = timeline(&pool).news(scope, between, 1_000).await.unwrap();
            let after = touched(&pool, "events").await;
            assert_eq!((news.len(), after.0 - scanned), (count, 0), "{scope:?}");
            assert!(after.1 - fetched <= most, "{scope:?} touches {} events", after.1 - fetched);
        }
    })
    .await;
}
