//! What is loaded to decide on.

use std::fmt::Debug;

use domain::category::Category;
use domain::order::Order;
use domain::policy::Policy;
use domain::product::Product;
use domain::user::User;
use domain::{Aggregate, Role, StreamId, StreamType};
use serde_json::json;

use super::{load, long_streams, rename, renamed, stream};
use crate::store::{Store, by};

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

#[tokio::test]
async fn a_long_stream_of_any_kind_is_loaded_without_what_came_before_its_newest_snapshot() {
    let store = Store::start().await;
    let [product, category, order, user, policy] = long_streams(&store).await;

    is_read_from_its_snapshot::<Product>(&store, product).await;
    is_read_from_its_snapshot::<Category>(&store, category).await;
    is_read_from_its_snapshot::<Order>(&store, order).await;
    is_read_from_its_snapshot::<User>(&store, user).await;
    is_read_from_its_snapshot::<Policy>(&store, policy).await;

    // All at once, with one query.
    let replica = store.replica();
    let (product_then, order, category, user, policy) = tokio::join!(
        load::<Product>(&replica, product),
        load::<Order>(&replica, order),
        load::<Category>(&replica, category),
        load::<User>(&replica, user),
        load::<Policy>(&replica, policy),
    );
    let versions = [
        product_then.unwrap().version(),
        order.unwrap().version(),
        category.unwrap().version(),
        user.unwrap().version(),
        policy.unwrap().version(),
    ];
    assert_eq!(versions, [1_050; 5]);
    store.execute("DELETE FROM snapshots").await;
    assert!(
        load::<Product>(&store.replica(), product).await.is_err(),
        "what is spoilt is not read"
    );
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
    let reject = domain::read(json!({ "reason": "Too dark." })).unwrap();
    let rejected = replica.reject_product(&by(Role::Staff), product, reject, false).await.unwrap();
    assert_eq!(rejected.version, 206, "what is decided follows the snapshot");
    assert_eq!(store.verified().await, []);
}

#[tokio::test]
#[ignore = "measures: run it alone, with --nocapture"]
async fn what_loading_a_long_stream_costs() {
    const TIMES: u32 = 200;
    let store = Store::start().await;
    let products = store.products(2).await;
    let streams = [10, 10_000].map(|length| (length, products[usize::from(length > 10)]));
    for (length, product) in streams {
        store.grow(stream(StreamType::Product, product), length, renamed).await;
    }
    let replica = store.replica();
    for (length, product) in streams {
        let of = stream(StreamType::Product, product);
        let start = std::time::Instant::now();
        load::<Product>(&replica, of).await.unwrap();
        println!("{length} events, without a snapshot: {:?}", start.elapsed());
    }
    for (length, product) in streams {
        let of = stream(StreamType::Product, product);
        let start = std::time::Instant::now();
        for _ in 0..TIMES {
            load::<Product>(&replica, of).await.unwrap();
        }
        println!("{length} events, with snapshots: {:?}", start.elapsed() / TIMES);
        let products = projections::Products(store.pool.clone());
        let start = std::time::Instant::now();
        for _ in 0..TIMES {
            let past = projections::Past::Version(length - 1);
            let all = projections::Visibility::Everything;
            products.past(all, product, past).await.unwrap().unwrap();
        }
        println!("{length} events, as of the last but one: {:?}", start.elapsed() / TIMES);
    }
}
