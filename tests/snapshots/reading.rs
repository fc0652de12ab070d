//! What is read of the past.

use domain::product::{Product, ProductEvent, UploadedVideo};
use domain::{Event, StreamType, UploadId};
use projections::{Page, Past, Products, Timeline, Visibility};
use serde_json::json;
use uuid::Uuid;

use super::{load, renamed, stream};
use crate::store::Store;

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
