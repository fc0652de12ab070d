//! `REQUIRE_POLICY=true`.

use domain::Role;
use serde_json::json;

use crate::refusal::refused;
use crate::support::{Shop, TestApp};

#[tokio::test]
async fn where_a_policy_is_required_a_rejection_names_one() {
    let shop = Shop::of(TestApp::start_with(&[("REQUIRE_POLICY", "true")]).await).await;
    let admin = shop.app.user(Role::Admin).await;
    let (product, policy) = (shop.product("Lamp").await, shop.app.policy(&admin, "Returns").await);
    let reject = |body| {
        shop.app.post(&format!("/products/{product}/reject/")).by(&shop.staff).json(body).send()
    };

    for body in [json!({ "reason": "Dim." }), json!({ "reason": "Dim.", "policies": [] })] {
        assert_eq!(refused(reject(body).await, 400, "invalid_input").wrong(), ["policies"]);
    }
    shop.app.approve(&shop.staff, &product).await.expect(200);
    reject(json!({ "reason": "Dim.", "policies": [policy] })).await.expect(200);
    shop.app.finish().await;
}
