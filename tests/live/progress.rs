//! Percentages, which stand nowhere.

use super::Shop;
use crate::support::{TestApp, video};

#[tokio::test]
async fn progress_rises_and_ends_with_a_video_that_can_be_shown() {
    let shop = Shop::open().await;
    let mut queue = shop.watch_all(&shop.staff).await;
    queue.next("snapshot").await;
    let film = video::silent(240);
    let product = shop.app.product_with(&shop.seller, &shop.category, film).await;

    let (mut percents, mut happened) = (vec![], vec![]);
    while happened.last().is_none_or(|kind| kind != "VideoFinalized") {
        let told = queue.any().await.unwrap();
        match told.name.as_str() {
            "progress" => {
                assert_eq!(told.data["product"], product.as_str());
                assert_eq!(told.id, None);
                shop.documents(&[&told]).await;
                percents.push(told.data["percent"].as_i64().unwrap());
            }
            "product" => {
                let kind = told.data["happened"]["type"].as_str().unwrap().to_owned();
                if kind == "VideoFinalized" {
                    assert_eq!(told.data["product"]["processing_status"], "READY");
                    let status = &told.data["happened"]["changes"][0];
                    assert_eq!(
                        (&status["from"], &status["to"]),
                        (&"PROCESSING".into(), &"READY".into())
                    );
                }
                happened.push(kind);
            }
            other => panic!("{other}"),
        }
    }

    assert_eq!(happened, ["ProductSubmitted", "VideoUploaded", "VideoFinalized"]);
    assert!(!percents.is_empty() && percents.is_sorted(), "{percents:?}");
    println!("progress was told as {percents:?}");
}

#[tokio::test]
async fn without_a_broker_streams_go_on_without_percentages() {
    let app = TestApp::start_with(&[("NATS_URL", "nats://127.0.0.1:1")]).await;
    let shop = Shop::of(app).await;
    let product = shop.product("Lamp").await;
    let mut stream = shop.watch(&shop.seller, &product).await;
    stream.next("snapshot").await;

    shop.rename(&product, "Lantern").await;

    assert_eq!(stream.next("product").await.data["product"]["name"], "Lantern");
    let ready = shop.app.get("/readyz").send().await.expect(503);
    // Workers that need it may be being restarted by then.
    assert!(ready.wrong().contains(&"broker"), "{ready:?}");
}
