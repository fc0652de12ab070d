//! How a decision shows the policies that it stands on: as they were then.

use serde_json::{Value, json};

use crate::support::{Shop, eventually};

/// A product's timeline, as its owner sees it.
pub async fn timeline(shop: &Shop, product: &str) -> Vec<Value> {
    let path = format!("/products/{product}/moderation/");
    shop.get(&path, &shop.seller).await["results"].as_array().unwrap().clone()
}

#[tokio::test]
async fn timeline_history_and_mail_show_what_the_policy_said_then() {
    let shop = Shop::open().await;
    let app = &shop.app;
    let admin = app.user(domain::Role::Admin).await;
    let product = shop.product("Lamp").await;
    let rule = json!({
        "code": "VIDEO-1", "title": "The video shows the product",
        "text": "The very thing that is sold.\nNot one like it.", "severity": "MEDIUM",
    });
    let policy = app.post("/policies/").by(&admin).json(rule).send().await.expect(201).json;
    let id = policy["id"].as_str().unwrap();
    let reject = json!({ "reason": "It is another lamp.", "policies": [id] });
    let reject = app.post(&format!("/products/{product}/reject/")).by(&shop.staff).json(reject);
    reject.send().await.expect(200);
    let edit = json!({ "title": "Videos", "text": "None.", "severity": "LOW", "retired": true });
    app.patch(&format!("/policies/{id}/")).by(&admin).json(edit).send().await.expect(200);

    let shown = json!([{
        "id": id, "version": 1, "code": "VIDEO-1", "title": "The video shows the product",
        "text": "The very thing that is sold.\nNot one like it.",
    }]);
    let told = timeline(&shop, &product).await;
    assert_eq!((&told[0]["policies"], &told[1]["policies"]), (&json!([]), &shown));
    let history = shop.get("/products/history/", &shop.seller).await;
    assert_eq!(history["results"][0]["timeline"][1]["policies"], shown);
    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0);
    assert!(replay.stdout.contains("policy: VIDEO-1 (version 1), The video shows"), "{replay:?}");

    let mail = eventually("the owner is told", async || {
        app.mails(&shop.seller.email).into_iter().find(|mail| mail.contains("was rejected"))
    })
    .await;
    for words in ["VIDEO-1", "The video shows the product", "> Not one like it.", "> It is another"]
    {
        assert!(mail.contains(words), "{words}: {mail}");
    }
    shop.app.finish().await;
}
