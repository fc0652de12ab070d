//! Who finds what.

use domain::order::{OrderEvent, OrderItem};
use domain::product::{ProcessingStatus, ProductChanges, ProductEvent, ProductStatus};
use domain::user::UserEvent;
use domain::{Change, OrderId, Personal, ProductId, Role, StreamId, StreamType};
use pool::PgPool;
use projections::{
    CursorError, OrderFilter, OrderRow, Orders, Page, Past, ProductFilter, ProductRow, Products,
    ReadError, Timeline, UserFilter, Users, Visibility,
};
use serde_json::json;
use uuid::Uuid;

use crate::database::{append, in_a_database};
use crate::making::*;

/// 1 listed and 2 pending of Alice's; 3 listed, 4 pending and 5 deleted of Bob's.
async fn fill(pool: &PgPool) -> Log {
    let mut log = Log::default();
    let mut events = vec![log.category(BOOKS, "Books"), log.category(TOYS, "Toys")];
    events.extend(log.listed(product(1), ALICE, "Reading lamp"));
    events.push(log.product(product(2), submitted(ALICE, "Desk lamp", TOYS, None)));
    events.extend(log.listed(product(3), BOB, "Chair"));
    events.push(log.product(product(4), submitted(BOB, "Ball", BOOKS, None)));
    events.push(log.product(product(4), uploaded(40)));
    events.extend(log.listed(product(5), BOB, "Gone lamp"));
    events.push(log.product(product(5), ProductEvent::ProductDeleted { category: BOOKS }));
    append(pool, &events).await;
    log
}

async fn listed(pool: &PgPool, visibility: Visibility, filter: ProductFilter) -> Vec<u128> {
    let page = Page::default();
    let slice = Products(pool.clone()).list(visibility, &filter, &page).await.unwrap();
    slice.items.iter().map(|view| view.row.id.uuid().as_u128()).collect()
}

#[tokio::test]
async fn an_end_user_sees_what_is_listed_and_all_of_their_own() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let all = ProductFilter::default;
        assert_eq!(listed(&pool, Visibility::Own(ALICE), all()).await, [3, 2, 1]);
        assert_eq!(listed(&pool, Visibility::Own(BOB), all()).await, [4, 3, 1]);
        assert_eq!(listed(&pool, Visibility::Everything, all()).await, [4, 3, 2, 1]);
        assert!(listed(&pool, Visibility::Nothing, all()).await.is_empty());

        let products = Products(pool.clone());
        for (visibility, seen) in [
            (Visibility::Own(ALICE), [true, true, true, false, false]),
            (Visibility::Everything, [true, true, true, true, false]),
            (Visibility::Nothing, [false; 5]),
        ] {
            for (number, seen) in (1..).zip(seen) {
                let found = products.find(visibility, product(number)).await.unwrap();
                assert_eq!(found.is_some(), seen, "{visibility:?} {number}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_a_list_and_never_widen_it() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let (alice, all) = (Visibility::Own(ALICE), Visibility::Everything);
        let none = ProductFilter::default;
        let pending = || ProductFilter { status: Some(ProductStatus::Pending), ..none() };
        assert_eq!(listed(&pool, all, pending()).await, [4, 2]);
        assert_eq!(listed(&pool, alice, pending()).await, [2]);
        let of_bob = || ProductFilter { uploaded_by: Some(BOB), ..none() };
        assert_eq!(listed(&pool, alice, of_bob()).await, [3]);
        assert_eq!(listed(&pool, all, of_bob()).await, [4, 3]);
        let toys = ProductFilter { category: Some(TOYS), ..none() };
        assert_eq!(listed(&pool, all, toys).await, [2]);
        let processing = Some(ProcessingStatus::Processing);
        let processing = ProductFilter { processing_status: processing, ..none() };
        assert_eq!(listed(&pool, all, processing).await, [4]);
        for (q, found) in [("LAMP", vec![2, 1]), ("lamp -desk", vec![1]), ("\"new lamp\"", vec![])]
        {
            let words = ProductFilter { q: Some(q.parse().unwrap()), ..none() };
            assert_eq!(listed(&pool, all, words).await, found, "{q}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_view_has_its_category_and_how_far_its_video_is() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let products = Products(pool.clone());
        sqlx::query("INSERT INTO video_jobs (product_id, upload_id, progress) VALUES ($1, $2, 40)")
            .bind(product(4).uuid())
            .bind(Uuid::from_u128(40))
            .execute(&pool)
            .await
            .unwrap();
        let view = products.find(Visibility::Everything, product(4)).await.unwrap().unwrap();
        assert_eq!(view.category_name.as_deref(), Some("Books"));
        assert_eq!(view.progress, Some(40));

        sqlx::query("UPDATE video_jobs SET upload_id = gen_random_uuid()")
            .execute(&pool)
            .await
            .unwrap();
        let view = products.find(Visibility::Everything, product(4)).await.unwrap().unwrap();
        assert_eq!(view.progress, None, "a job for another upload");
    })
    .await;
}

#[tokio::test]
async fn somebody_finds_all_their_uploads_and_what_became_of_them() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let uploads = Products(pool.clone()).uploads_of(BOB, &Page::default()).await.unwrap();
        let ids: Vec<ProductId> = uploads.items.iter().map(|view| view.row.id).collect();
        assert_eq!(ids, [product(5), product(4), product(3)]);

        let timelines = Timeline { pool: &pool, personal: &() }.of_products(&ids).await.unwrap();

        let kinds = |id| timelines[&id].iter().map(|entry| entry.kind).collect::<Vec<_>>();
        assert_eq!(kinds(product(5)), ["ProductSubmitted", "ProductApproved", "ProductDeleted"]);
        assert_eq!(kinds(product(4)), ["ProductSubmitted", "VideoUploaded"]);
    })
    .await;
}

#[tokio::test]
async fn a_timeline_is_for_the_owner_and_those_who_see_everything() {
    in_a_database(2, async |pool| {
        let mut log = fill(&pool).await;
        let more = [log.product(product(4), finalized(40)), log.product(product(4), uploaded(41))];
        append(&pool, &more).await;
        let timeline = Timeline { pool: &pool, personal: &() };
        let of = async |visibility, number| {
            let id = product(number).uuid();
            let slice = timeline.of::<ProductRow>(visibility, id, &Page::default()).await.unwrap();
            slice.map(|slice| slice.items)
        };
        assert_eq!(of(Visibility::Own(ALICE), 3).await, None, "listed, yet not hers");
        assert_eq!(of(Visibility::Nothing, 3).await, None);
        assert_eq!(of(Visibility::Everything, 6).await, None, "there is no such product");
        assert_eq!(of(Visibility::Everything, 5).await.unwrap().len(), 3, "deleted");

        let entries = of(Visibility::Own(BOB), 4).await.unwrap();

        let last = serde_json::to_value(entries.last().unwrap()).unwrap();
        assert_eq!(
            last,
            json!({
                "sequence": 4, "type": "VideoUploaded", "at": last["at"],
                "actor": { "id": MODERATOR, "role": "STAFF" }, "reason": null, "judged": null,
                "policies": [],
                "changes": [
                    { "field": "processing_status", "from": "READY", "to": "PROCESSING" },
                    { "field": "video", "from": "done 40", "to": "raw 41" },
                ],
            })
        );
    })
    .await;
}

#[tokio::test]
async fn a_product_can_be_seen_as_it_was() {
    in_a_database(2, async |pool| {
        let mut log = fill(&pool).await;
        let name = Some(Change { from: text("Chair"), to: text("Stool") });
        let changes = ProductChanges { name, ..ProductChanges::default() };
        let edited = log.product(product(3), ProductEvent::ProductEdited { changes });
        append(&pool, std::slice::from_ref(&edited)).await;
        let products = Products(pool.clone());
        let as_of = async |visibility, at: time::OffsetDateTime| {
            let past = Past::AsOf(at.try_into().unwrap());
            products.past(visibility, product(3), past).await.unwrap()
        };
        let before = edited.at - time::Duration::microseconds(1);

        let was = as_of(Visibility::Own(BOB), before).await.unwrap();
        let is = as_of(Visibility::Everything, edited.at).await.unwrap();

        assert_eq!((was.row.name.as_str(), was.row.version), ("Chair", 2));
        assert_eq!((is.row.name.as_str(), is.row.version), ("Stool", 3));
        assert_eq!(is.category_name.unwrap(), "Books");
        assert_eq!(as_of(Visibility::Everything, START).await, None, "not yet");
        assert_eq!(as_of(Visibility::Own(ALICE), edited.at).await, None, "listed, yet not hers");
        let version = async |version| {
            let past = products.past(Visibility::Own(BOB), product(3), Past::Version(version));
            past.await.unwrap().map(|view| view.row.name)
        };
        assert_eq!(version(2).await.as_deref(), Some("Chair"));
        assert_eq!(version(3).await.as_deref(), Some("Stool"));
        assert_eq!(version(4).await, None, "not yet");
    })
    .await;
}

#[tokio::test]
async fn orders_are_found_by_who_may_see_them() {
    in_a_database(2, async |pool| {
        let (mut log, mut events) = (Log::default(), vec![]);
        for (number, user) in [(1, ALICE), (2, BOB), (3, ALICE)] {
            let (name, price) = (text("Lamp"), None);
            let items = vec![OrderItem { product: product(number), name, price, quantity: 1 }];
            let stream = StreamId { kind: StreamType::Order, id: Uuid::from_u128(number) };
            events.push(log.record(stream, OrderEvent::OrderPlaced { user, items }));
        }
        let third = events[2].stream;
        events.push(log.record(third, OrderEvent::OrderDeleted));
        append(&pool, &events).await;
        let orders = Orders(pool.clone());
        let list = async |visibility, filter: OrderFilter| {
            let slice = orders.list(visibility, &filter, &Page::default()).await.unwrap();
            slice.items.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(list(Visibility::Everything, OrderFilter::default()).await, [2, 1]);
        assert_eq!(list(Visibility::Own(ALICE), OrderFilter::default()).await, [1]);
        let of_bob = OrderFilter { user: Some(BOB), ..OrderFilter::default() };
        assert!(list(Visibility::Own(ALICE), of_bob).await.is_empty());
        let second = OrderFilter { product: Some(product(2)), ..OrderFilter::default() };
        assert_eq!(list(Visibility::Everything, second).await, [2]);
        let bobs = OrderId::from_uuid(Uuid::from_u128(2));
        assert_eq!(orders.find(Visibility::Own(ALICE), bobs).await.unwrap(), None);
        assert!(orders.find(Visibility::Own(BOB), bobs).await.unwrap().is_some());
        let history = Timeline { pool: &pool, personal: &() }
            .of::<OrderRow>(Visibility::Own(ALICE), third.id, &Page::default())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(history.items.len(), 2, "a deleted order keeps its history");
    })
    .await;
}

#[tokio::test]
async fn accounts_are_found_by_who_may_see_them() {
    in_a_database(2, async |pool| {
        let mut log = Log::default();
        let events = [ALICE, BOB].map(|user| {
            let stream = StreamId { kind: StreamType::User, id: user.uuid() };
            let email = Personal::new(user, format!("{user}@example.org"));
            log.record(stream, UserEvent::UserRegistered { email, role: Role::EndUser })
        });
        append(&pool, &events).await;
        let users = Users(pool.clone());
        let all = users
            .list(Visibility::Everything, &UserFilter::default(), &Page::default())
            .await
            .unwrap();
        assert_eq!(all.items.iter().map(|row| row.id).collect::<Vec<_>>(), [BOB, ALICE]);
        let own = users.find_by_ids(Visibility::Own(ALICE), &[ALICE, BOB]).await.unwrap();
        assert_eq!(own.iter().map(|row| row.id).collect::<Vec<_>>(), [ALICE]);
        assert_eq!(users.find(Visibility::Own(ALICE), BOB).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_of_another_ordering_is_refused() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let products = Products(pool.clone());
        let first = Page { limit: 1, cursor: None };
        let newest = ProductFilter::default();
        let cursor = products.list(Visibility::Everything, &newest, &first).await.unwrap().next;
        let by_name = ProductFilter { ordering: "name".parse().unwrap(), ..newest };
        let page = Page { limit: 1, cursor };
        let refused = products.list(Visibility::Everything, &by_name, &page).await;
        assert!(matches!(refused, Err(ReadError::Cursor(CursorError::OtherOrdering))));
    })
    .await;
}
