//! Pages of a long timeline, and what they cost.

use domain::Recorded;
use domain::product::ProductEvent;
use pool::PgPool;
use projections::{
    DecisionPolicies, Page, ProductRow, Slice, Timeline, TimelineEntry, Visibility, timeline_of,
};

use crate::database::{append, in_a_database};
use crate::making::*;
use crate::news::edited;
use crate::plans::touched;

/// A video in every fifth event or so, and one that failed now and then, so that pages of any size
/// begin in the middle of one.
fn event(number: u128) -> ProductEvent {
    match number % 17 {
        3 | 8 => uploaded(number),
        4 => finalized(number - 1),
        11 => failed(number - 3),
        12 => rejected(2, "Too dark."),
        _ => edited(),
    }
}

/// A product with that many events.
fn stream(log: &mut Log, number: u128, length: u128) -> Vec<Recorded> {
    let first = log.product(product(number), submitted(ALICE, "Lamp", BOOKS, None));
    let others = (2..=length).map(event);
    let others: Vec<_> = others.map(|event| log.product(product(number), event)).collect();
    std::iter::once(first).chain(others).collect()
}

async fn page(pool: &PgPool, number: u128, page: &Page) -> Slice<TimelineEntry> {
    let timeline = Timeline { pool, personal: &() };
    let id = product(number).uuid();
    timeline.of::<ProductRow>(Visibility::Own(ALICE), id, page).await.unwrap().unwrap()
}

#[tokio::test]
async fn pages_of_a_timeline_tell_all_of_it_once_forward_and_back() {
    in_a_database(1, async |pool| {
        let mut log = Log::default();
        let events = stream(&mut log, 1, 350);
        append(&pool, &events).await;
        append(&pool, &stream(&mut log, 2, 9)).await;
        let whole = timeline_of(&events, &DecisionPolicies::default());
        assert_eq!(whole.len(), 350);

        for limit in [1, 7, 20, 100] {
            let (mut at, mut pages) = (Page { limit, cursor: None }, vec![]);
            loop {
                let slice = page(&pool, 1, &at).await;
                assert_eq!(slice.previous.is_none(), pages.is_empty(), "{limit}");
                pages.push(slice.items);
                let Some(next) = slice.next else { break };
                at.cursor = Some(next.to_string().parse().unwrap());
            }
            assert_eq!(pages.concat(), whole, "{limit} forward");

            let (mut back, mut previous) = (vec![], page(&pool, 1, &at).await.previous);
            while let Some(cursor) = previous {
                at.cursor = Some(cursor);
                let slice = page(&pool, 1, &at).await;
                assert!(slice.next.is_some(), "{limit}");
                previous = slice.previous;
                back.push(slice.items);
            }
            back.reverse();
            assert_eq!(back, pages[..pages.len() - 1], "{limit} back");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_timeline_reads_as_much_of_a_long_stream_as_of_a_short_one() {
    in_a_database(1, async |pool| {
        let mut log = Log::default();
        for (number, length) in [(1, 60), (2, 2_000)] {
            append(&pool, &stream(&mut log, number, length)).await;
        }
        sqlx::raw_sql("ANALYZE").execute(&pool).await.unwrap();

        let mut cost = vec![];
        for (number, pages) in [(1, 2), (2, 2), (2, 99)] {
            let mut cursor = None;
            for _ in 0..pages {
                cursor = page(&pool, number, &Page { limit: 20, cursor }).await.next;
            }
            let (scanned, fetched) = touched(&pool, "events").await;
            let slice = page(&pool, number, &Page { limit: 20, cursor }).await;
            let after = touched(&pool, "events").await;
            assert_eq!((slice.items.len(), after.0 - scanned), (20, 0), "{number}");
            cost.push(after.1 - fetched);
        }

        // The page, one more, and back to the video before it.
        assert!(cost.iter().all(|events| *events <= 21 + 20), "{cost:?}");
    })
    .await;
}

#[tokio::test]
async fn a_list_of_products_shows_the_newest_hundred_entries_of_each() {
    in_a_database(1, async |pool| {
        let mut log = Log::default();
        let (lengthy, short) = (stream(&mut log, 1, 2_000), stream(&mut log, 2, 9));
        append(&pool, &lengthy).await;
        append(&pool, &short).await;
        sqlx::raw_sql("ANALYZE").execute(&pool).await.unwrap();
        let timeline = Timeline { pool: &pool, personal: &() };

        let (scanned, fetched) = touched(&pool, "events").await;
        let timelines = timeline.of_products(&[product(1), product(2)]).await.unwrap();
        let after = touched(&pool, "events").await;

        assert_eq!(
            timelines[&product(1)],
            timeline_of(&lengthy, &DecisionPolicies::default())[1_900..]
        );
        assert_eq!(timelines[&product(2)], timeline_of(&short, &DecisionPolicies::default()));
        assert_eq!(after.0, scanned);
        assert!(after.1 - fetched <= 100 + 9 + 20, "{} events", after.1 - fetched);
    })
    .await;
}
