//! Lists and the products in them.

use serde_json::json;

use super::{Shop, kinds};

#[tokio::test]
async fn row_01_the_documented_paths_are_where_the_api_is() {
    let Shop { app, seller, .. } = Shop::open().await;

    let login = app.login(&seller.email, &seller.password).await.expect(200);

    assert_eq!(login.header("content-type"), "application/json");
    app.get("/products/").send().await.expect(401);
    for path in ["/products/", "/categories/", "/orders/", "/me/", "/products/history/"] {
        app.get(path).by(&seller).send().await.expect(200);
    }
}

#[tokio::test]
async fn row_02_an_end_user_lists_and_creates_products() {
    let shop = Shop::open().await;

    let product = shop.pending().await;

    let listed = shop.app.get("/products/").by(&shop.seller).send().await.expect(200);
    assert_eq!(listed.ids(), [product]);
}

#[tokio::test]
async fn row_03_an_end_user_lists_categories() {
    let Shop { app, buyer, category, .. } = Shop::open().await;

    let listed = app.get("/categories/").by(&buyer).send().await.expect(200);

    assert_eq!(listed.ids(), [category.as_str()]);
    app.get(&format!("/categories/{category}/")).by(&buyer).send().await.expect(200);
}

#[tokio::test]
async fn row_04_an_end_user_sees_what_others_have_approved() {
    let shop = Shop::open().await;
    let (approved, pending) = (shop.approved().await, shop.pending().await);

    let listed = shop.app.get("/products/").by(&shop.buyer).send().await.expect(200);

    assert_eq!(listed.ids(), [approved.as_str()]);
    shop.app.see(&shop.buyer, &approved).await;
    let hidden = format!("/products/{pending}/");
    shop.app.get(&hidden).by(&shop.buyer).send().await.expect(404);
    shop.app.order(&shop.buyer, &[&approved]).await;
}

#[tokio::test]
async fn row_18_filters_and_pages_are_not_ignored() {
    let shop = Shop::open().await;
    let (app, seller) = (&shop.app, &shop.seller);
    let approved = shop.approved().await;
    let wanted = app.product(seller, &shop.category, "Copper kettle").await;
    let newest = app.product(seller, &shop.category, "Oak chair").await;
    let list = async |query: &str| app.get(&format!("/products/{query}")).by(seller).send().await;

    assert_eq!(list("?status=APPROVED").await.expect(200).ids(), [approved.as_str()]);
    assert_eq!(list("?q=kettle").await.expect(200).ids(), [wanted.as_str()]);
    let first = list("?limit=2").await.expect(200);
    assert_eq!(first.ids(), [newest.as_str(), wanted.as_str()]);
    let next = app.get(first.json["next"].as_str().unwrap()).by(seller).send().await.expect(200);
    assert_eq!(next.ids(), [approved.as_str()]);
    assert!(next.json["next"].is_null());
    for query in ["?page=2", "?search=kettle", "?status=MISSPELT", "?limit=1000"] {
        list(query).await.expect(400);
    }
}

#[tokio::test]
async fn row_19_approving_a_product_does_not_move_it_in_the_list() {
    let shop = Shop::open().await;
    let mut products = vec![];
    for number in 0..4 {
        let name = format!("Lamp no. {number}");
        products.insert(0, shop.app.product(&shop.seller, &shop.category, &name).await);
    }
    let list = async || {
        let listed = shop.app.get("/products/").by(&shop.staff).send().await.expect(200);
        listed.ids().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list().await, products);

    shop.app.approve(&shop.staff, &products[2]).await.expect(200);
    shop.app.reject(&shop.staff, &products[3], "Too dark.").await.expect(200);

    assert_eq!(list().await, products);
}

#[tokio::test]
async fn row_20_without_a_video_processing_is_over_at_once() {
    let shop = Shop::open().await;

    let product = shop.pending().await;

    let seen = shop.app.see(&shop.seller, &product).await;
    assert_eq!((&seen["processing_status"], &seen["video"]), (&json!("READY"), &json!(null)));
    assert_eq!(seen["processing_progress"], 100);
}

#[tokio::test]
async fn row_21_what_get_gave_can_be_sent_back() {
    let shop = Shop::open().await;
    let product = shop.pending().await;
    let path = format!("/products/{product}/");
    let mut seen = shop.app.see(&shop.seller, &product).await;

    seen["name"] = json!("Brighter lamp");
    let put = shop.app.put(&path).by(&shop.seller).json(seen).send().await.expect(200).json;

    assert_eq!(put["name"], "Brighter lamp");
    let category = json!({ "name": "Lamp", "category": put["category"] });
    shop.app.post("/products/").by(&shop.seller).json(category).send().await.expect(201);
    let category = json!({ "name": "Lamp", "category_id": shop.category });
    shop.app.post("/products/").by(&shop.seller).json(category).send().await.expect(201);
    let other = json!({ "status": "APPROVED" });
    let refused = shop.app.patch(&path).by(&shop.seller).json(other).send().await.expect(400);
    assert_eq!(refused.code(), "read_only");
    shop.app.finish().await;
}

#[tokio::test]
async fn row_22_staff_have_a_history_of_their_own_uploads_with_every_transition() {
    let shop = Shop::open().await;
    let other = shop.app.user(domain::Role::Staff).await;
    let product = shop.app.product(&shop.staff, &shop.category, "Lamp").await;
    shop.app.reject(&other, &product, "Too dark.").await.expect(200);
    shop.app.approve(&other, &product).await.expect(400);

    let history = shop.app.get("/products/history/").by(&shop.staff).send().await.expect(200);

    assert_eq!(history.ids(), [product]);
    let timeline = history.json["results"][0]["timeline"].as_array().unwrap();
    assert_eq!(kinds(timeline), ["ProductSubmitted", "ProductRejected"]);
    assert_eq!(timeline[1]["reason"], "Too dark.");
    assert_eq!(timeline[1]["actor"]["id"], other.id.as_str());
}

#[tokio::test]
async fn row_26_moderators_see_the_queue_and_not_just_their_own() {
    let shop = Shop::open().await;
    let of_seller = shop.pending().await;
    let of_buyer = shop.app.product(&shop.buyer, &shop.category, "Lamp").await;
    let decided = shop.approved().await;

    let queue = shop.app.get("/products/?status=PENDING").by(&shop.staff).send().await.expect(200);

    assert_eq!(queue.ids(), [of_buyer, of_seller]);
    assert!(!queue.ids().contains(&decided.as_str()));
}

#[tokio::test]
async fn row_37_a_category_name_is_taken_once() {
    let Shop { app, staff, .. } = Shop::open().await;

    for name in ["Lamps", "lamps", "LAMPS"] {
        let body = json!({ "name": name });
        let taken = app.post("/categories/").by(&staff).json(body).send().await.expect(409);
        assert_eq!(taken.code(), "category_name_taken");
    }
}
