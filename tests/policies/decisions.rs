//! Decisions that name policies.

use serde_json::{Value, json};
use uuid::Uuid;

use super::shown::timeline;
use crate::refusal::refused;
use crate::support::{Answer, Shop};

async fn decide(shop: &Shop, product: &str, action: &str, body: Value) -> Answer {
    let path = format!("/products/{product}/{action}/");
    shop.app.post(&path).by(&shop.staff).json(body).send().await
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_retired_or_is_named_twice_is_refused() {
    let shop = Shop::open().await;
    let admin = shop.app.user(domain::Role::Admin).await;
    let (product, policy) = (shop.product("Lamp").await, shop.app.policy(&admin, "Returns").await);
    let retired = shop.app.policy(&admin, "Retired").await;
    let path = format!("/policies/{retired}/");
    let retire = json!({ "retired": true });
    shop.app.patch(&path).by(&admin).json(retire).send().await.expect(200);

    for action in ["approve", "reject"] {
        for (policies, wrong) in [
            (json!([policy, Uuid::now_v7()]), "policies.1"),
            (json!([retired, policy]), "policies.0"),
            (json!([policy, policy]), "policies"),
            (json!((0..11).map(|_| Uuid::now_v7()).collect::<Vec<_>>()), "policies"),
        ] {
            let body = json!({ "reason": "It is dim.", "policies": policies });
            let answer = decide(&shop, &product, action, body).await;
            let problem = refused(answer, 400, "invalid_input");
            assert_eq!(problem.wrong().first(), Some(&wrong), "{action}: {problem:?}");
        }
    }
    let both = json!({ "reason": "", "policies": [Uuid::now_v7()] });
    let both = decide(&shop, &product, "reject", both).await;
    assert_eq!(refused(both, 400, "invalid_input").wrong(), ["policies.0", "reason"]);
    assert_eq!(timeline(&shop, &product).await.len(), 1);
    shop.app.finish().await;
}

#[tokio::test]
async fn what_a_template_leaves_open_is_refused_and_named() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let left = "It shows {shown} instead of {sold}.";

    for action in ["approve", "reject"] {
        let answer = decide(&shop, &product, action, json!({ "reason": left })).await;
        let problem = refused(answer, 400, "unfilled_placeholder");
        assert_eq!(problem.wrong(), ["reason"]);
        assert!(problem.json["detail"].as_str().unwrap().contains("{shown}"), "{problem:?}");
    }
    let wrong = json!({ "reason": left, "policies": [Uuid::now_v7()] });
    let both = refused(decide(&shop, &product, "reject", wrong).await, 400, "unfilled_placeholder");
    assert_eq!(both.wrong(), ["policies.0", "reason"]);
    let filled = json!({ "reason": "It shows {} and {2 chairs}." });
    decide(&shop, &product, "reject", filled).await.expect(200);
    shop.app.finish().await;
}

#[tokio::test]
async fn what_a_decision_has_named_is_retired_and_not_deleted() {
    let shop = Shop::open().await;
    let admin = shop.app.user(domain::Role::Admin).await;
    let (product, policy) = (shop.product("Lamp").await, shop.app.policy(&admin, "Returns").await);
    let path = format!("/policies/{policy}/");
    let reject = json!({ "reason": "It is dim.", "policies": [policy] });
    decide(&shop, &product, "reject", reject).await.expect(200);

    refused(shop.app.delete(&path).by(&admin).send().await, 409, "policy_in_use");
    let retire = json!({ "retired": true });
    shop.app.patch(&path).by(&admin).json(retire).send().await.expect(200);

    refused(shop.app.delete(&path).by(&admin).send().await, 409, "policy_in_use");
    shop.app.run(&["projections", "rebuild", "policies"]).await.expect(0);
    refused(shop.app.delete(&path).by(&admin).send().await, 409, "policy_in_use");
    shop.app.finish().await;
}

#[tokio::test]
async fn a_policy_is_either_deleted_or_named() {
    let shop = Shop::open().await;
    let admin = shop.app.user(domain::Role::Admin).await;
    for _ in 0..10 {
        let (product, policy) =
            (shop.product("Lamp").await, shop.app.policy(&admin, "Returns").await);
        let path = format!("/policies/{policy}/");
        let reject = json!({ "reason": "It is dim.", "policies": [policy] });

        let (rejected, deleted) = tokio::join!(
            decide(&shop, &product, "reject", reject),
            shop.app.delete(&path).by(&admin).send(),
        );

        let is_one = matches!((rejected.status, deleted.status), (200, 409) | (400, 204));
        assert!(is_one, "{rejected:?}, {deleted:?}");
    }
    shop.app.finish().await;
}
