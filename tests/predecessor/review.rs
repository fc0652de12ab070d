//! The moderators' decisions.

use domain::Role;
use futures::future::join_all;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{Shop, kinds};
use crate::support::video;

#[tokio::test]
async fn rows_27_to_29_the_same_decision_stands_once_and_a_reversal_needs_a_reason() {
    let shop = Shop::open().await;
    let product = shop.approved().await;

    let again = shop.app.approve(&shop.staff, &product).await.expect(409);
    assert_eq!(again.code(), "already_decided");
    let path = format!("/products/{product}/reject/");
    let bare = shop.app.post(&path).by(&shop.staff).json(json!({})).send().await.expect(400);
    assert_eq!(bare.wrong(), ["reason"]);
    shop.app.reject(&shop.staff, &product, "It broke.").await.expect(200);
    let again = shop.app.reject(&shop.staff, &product, "It broke.").await.expect(409);
    assert_eq!(again.code(), "already_decided");

    let timeline = shop.timeline(&product).await;
    assert_eq!(kinds(&timeline), ["ProductSubmitted", "ProductApproved", "ProductRejected"]);
    assert_eq!(timeline[2]["judged"], 2);
    shop.app.finish().await;
}

#[tokio::test]
async fn rows_27_to_29_nobody_judges_their_own_product() {
    let shop = Shop::open().await;
    let admin = shop.app.user(Role::Admin).await;

    for person in [&shop.staff, &admin] {
        let product = shop.app.product(person, &shop.category, "Lamp").await;
        let refused = shop.app.approve(person, &product).await.expect(403);
        assert_eq!(refused.code(), "own_product");
        shop.app.reject(person, &product, "Mine.").await.expect(403);
    }
    let product = shop.pending().await;
    shop.app.approve(&shop.seller, &product).await.expect(403);
}

#[tokio::test]
async fn rows_27_to_29_of_eight_decisions_at_once_one_counts_and_all_know_whose() {
    let shop = Shop::open().await;
    let product = shop.pending().await;
    let mut moderators = vec![];
    for _ in 0..8 {
        moderators.push(shop.app.user(Role::Staff).await);
    }

    let answers = join_all(moderators.iter().map(|by| shop.app.approve(by, &product))).await;

    let (won, lost): (Vec<_>, Vec<_>) =
        moderators.iter().zip(answers).partition(|(_, answer)| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for (_, answer) in lost {
        assert_eq!(answer.expect(409).code(), "already_decided");
    }
    let timeline = shop.timeline(&product).await;
    assert_eq!(kinds(&timeline), ["ProductSubmitted", "ProductApproved"]);
    assert_eq!(timeline[1]["actor"]["id"], won[0].0.id.as_str());
    shop.app.finish().await;
}

#[tokio::test]
async fn row_30_a_decision_and_a_finished_video_are_both_kept() {
    let shop = Shop::open().await;
    let product = shop.app.product_with(&shop.seller, &shop.category, video::mp4()).await;

    shop.app.reject(&shop.staff, &product, "Not a bicycle.").await.expect(200);

    let seen = shop.app.processed(&shop.seller, &product).await;
    assert_eq!(
        (&seen["status"], &seen["processing_status"]),
        (&json!("REJECTED"), &json!("READY"))
    );
    let timeline = shop.timeline(&product).await;
    let happened = kinds(&timeline);
    assert!(happened.contains(&"ProductRejected") && happened.contains(&"VideoFinalized"));
    assert_eq!(happened.len(), 4, "{happened:?}");
    shop.app.finish().await;
}

#[tokio::test]
async fn row_31_another_film_for_an_approved_product_goes_to_review() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let film = Part::bytes(video::mp4()).file_name("film.mp4").mime_str("video/mp4").unwrap();
    let form = Form::new().part("video", film);

    let path = format!("/products/{product}/");
    let swapped = shop.app.patch(&path).by(&shop.seller).multipart(form).send().await.expect(200);

    assert_eq!(swapped.json["status"], "PENDING");
    shop.app.get(&path).by(&shop.buyer).send().await.expect(404);
    let early = shop.app.approve(&shop.staff, &product).await;
    assert!(early.status == 200 || early.code() == "video_not_ready", "{early:?}");
    let ready = shop.app.processed(&shop.seller, &product).await;
    assert_eq!(ready["processing_status"], "READY", "{ready}");
    shop.app.finish().await;
}
