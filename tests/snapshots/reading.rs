//! What is read of the past.

use domain::category::{Category, CategoryEvent};
use domain::product::{Product, ProductEvent, UploadedVideo};
use domain::{Event, StreamType, UploadId};
use projections::{Page, Past, ProductRow, Products, Scope, Timeline, Visibility};
use serde_json::json;
use uuid::Uuid;

use super::{described, load, renamed, stream};
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

    let timeline = Timeline { pool: &store.pool, personal: store.commands.vault() };
    let newest = timeline.of_products(&[product]).await.unwrap().remove(&product).unwrap();
    let changes = serde_json::to_value(&newest.last().unwrap().changes).unwrap();
    let told = json!([
        {"field": "processing_status", "from": "PROCESSING", "to": "PROCESSING"},
        {"field": "video", "from": "first", "to": "second"},
    ]);
    assert_eq!(changes, told);
    let page = Page { limit: 1, cursor: None };
    let first = timeline.of::<ProductRow>(Visibility::Everything, product.uuid(), &page).await;
    assert!(first.is_err(), "what is spoilt is not read");
}

#[tokio::test]
async fn what_a_watcher_of_a_product_has_missed_is_read_without_what_it_has_seen() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);
    store.grow(of, 1_050, renamed).await;
    store.rebuild().await;
    load::<Product>(&store.replica(), of).await.unwrap();
    let positions: Vec<_> = store.events(of).await.iter().map(|event| event.position).collect();

    store.spoil(of, 1, 900).await;

    let timeline = Timeline { pool: &store.pool, personal: store.commands.vault() };
    let between = (positions[949], positions[1_049]);
    let news = timeline.news(Scope::One(product), between, 200).await.unwrap();
    let told: Vec<_> = news.iter().map(|news| news.position).collect();
    assert_eq!(told, positions[950..]);
}

#[tokio::test]
async fn the_last_name_of_a_category_that_is_gone_is_read_from_its_nearest_snapshot_on() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let id = store.category("Chairs").await;
    let of = stream(StreamType::Category, id);
    let owner = store.events(stream(StreamType::Product, product)).await[0].actor();
    store.grow(of, 1_000, described).await;
    store.rebuild().await;
    load::<Category>(&store.replica(), of).await.unwrap();
    // The snapshot that is newest by then is the deletion's own.
    store.execute("DELETE FROM snapshots WHERE sequence = 1000").await;
    store.grow(of, 1_099, described).await;
    store.grow(of, 1_100, |_| CategoryEvent::CategoryDeleted.into()).await;
    load::<Category>(&store.replica(), of).await.unwrap();
    assert_eq!(store.snapshots(of).await.last(), Some(&1_100));
    sqlx::query("UPDATE products SET category_id = $1")
        .bind(id.uuid())
        .execute(&store.pool)
        .await
        .unwrap();
    store.execute(&format!("DELETE FROM categories WHERE id = '{id}'")).await;

    store.spoil(of, 1, 900).await;

    let products = Products(store.pool.clone());
    let uploads = products.uploads_of(owner.user_id().unwrap(), &Page::default()).await.unwrap();
    let view = &uploads.items[0];
    assert_eq!(view.category_name.as_deref(), Some("Chairs"));
    assert_eq!(view.category_description.as_deref(), Some("No. 1099"));
}
