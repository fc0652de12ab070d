//! What lists have, and in which order.

use domain::Role;
use serde_json::json;

use super::{Shop, each};
use crate::refusal::refused;

#[tokio::test]
async fn products_are_listed_in_the_order_that_is_asked_for() {
    let shop = Shop::open().await;
    for (name, price) in [("b", Some("5.00")), ("C", None), ("a", Some("70.00")), ("d", Some("6"))]
    {
        let price = price.map(|amount| json!({"amount": amount, "currency": "EUR"}));
        let body = json!({"name": name, "category_id": shop.category, "price": price});
        shop.app.post("/products/").by(&shop.seller).json(body).send().await.expect(201);
    }

    for (ordering, expected) in [
        ("created_at", ["b", "C", "a", "d"]),
        ("-created_at", ["d", "a", "C", "b"]),
        ("name", ["a", "b", "C", "d"]),
        ("-name", ["d", "C", "b", "a"]),
        ("price", ["b", "d", "a", "C"]),
        ("-price", ["a", "d", "b", "C"]),
    ] {
        let list = shop.get(&format!("/products/?ordering={ordering}"), &shop.seller).await;
        assert_eq!(each(&list, "name"), expected, "{ordering}");
    }
}

// Row 18: filters were ignored.
#[tokio::test]
async fn products_are_filtered_by_each_of_their_filters() {
    let shop = Shop::open().await;
    let chairs = shop.app.category(&shop.staff, "Chairs").await;
    let other = shop.app.user(Role::EndUser).await;
    let lamp = shop.product("Reading lamp").await;
    let chair = shop.app.product(&other, &chairs, "Easy chair").await;
    let broken = shop.app.product_with(&other, &chairs, b"not a video at all".to_vec()).await;
    shop.app.processed(&other, &broken).await;
    shop.app.approve(&shop.staff, &lamp).await.expect(200);
    let (seller, other_id) = (&shop.seller.id, &other.id);

    for (query, expected) in [
        (String::new(), vec![&broken, &chair, &lamp]),
        ("status=APPROVED".to_owned(), vec![&lamp]),
        ("status=PENDING".to_owned(), vec![&broken, &chair]),
        ("status=CANCELLED".to_owned(), vec![]),
        (format!("category={chairs}"), vec![&broken, &chair]),
        (format!("uploaded_by={seller}"), vec![&lamp]),
        (format!("uploaded_by={other_id}&processing_status=READY"), vec![&chair]),
        ("uploaded_by=me".to_owned(), vec![]),
        ("processing_status=FAILED".to_owned(), vec![&broken]),
        ("q=LAMP".to_owned(), vec![&lamp]),
        ("q=chair".to_owned(), vec![&chair]),
        ("q=easy+lamp".to_owned(), vec![]),
        ("q=new+-chair".to_owned(), vec![&lamp]),
        (format!("q=nothing&category={chairs}"), vec![]),
    ] {
        let list = shop.get(&format!("/products/?{query}"), &shop.staff).await;
        assert_eq!(each(&list, "id"), expected, "{query}");
    }
}

#[tokio::test]
async fn orders_are_filtered_by_each_of_their_filters() {
    let shop = Shop::open().await;
    let other = shop.app.user(Role::EndUser).await;
    let (lamp, chair) = (shop.approved().await, shop.approved().await);
    let lamps = shop.app.order(&shop.seller, &[&lamp]).await;
    let both = shop.app.order(&other, &[&lamp, &chair]).await;
    let done = json!({"status": "SUCCESS"});
    let path = format!("/orders/{both}/");
    shop.app.patch(&path).by(&shop.staff).json(done).send().await.expect(200);

    for (query, expected) in [
        (String::new(), vec![&both, &lamps]),
        ("status=SUCCESS".to_owned(), vec![&both]),
        ("status=CANCELLED".to_owned(), vec![]),
        (format!("user={}", other.id), vec![&both]),
        (format!("product={lamp}"), vec![&both, &lamps]),
        (format!("product={chair}&status=SUCCESS"), vec![&both]),
        (format!("product={chair}&status=PENDING"), vec![]),
    ] {
        let list = shop.get(&format!("/orders/?{query}"), &shop.staff).await;
        assert_eq!(each(&list, "id"), expected, "{query}");
    }
    let answer = shop.app.get("/orders/?status=LOST&user=x&product=y").by(&shop.staff).send().await;
    assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["product", "status", "user"]);
}

// Rows 2, 4 and 26: an END_USER saw nothing, and moderators saw their own products alone.
#[tokio::test]
async fn each_role_lists_exactly_what_it_may_see() {
    let shop = Shop::open().await;
    let (buyer, admin) = (shop.app.user(Role::EndUser).await, shop.app.user(Role::Admin).await);
    let auditor = shop.app.user(Role::Auditor).await;
    let (pending, listed) = (shop.product("Lamp").await, shop.approved().await);
    let own = shop.app.product(&buyer, &shop.category, "Chair").await;
    let theirs = shop.app.order(&shop.seller, &[&listed]).await;
    let mine = shop.app.order(&buyer, &[&listed]).await;

    for (who, products, orders) in [
        (&buyer, vec![&own, &listed], vec![&mine]),
        (&shop.seller, vec![&listed, &pending], vec![&theirs]),
        (&shop.staff, vec![&own, &listed, &pending], vec![&mine, &theirs]),
        (&admin, vec![&own, &listed, &pending], vec![&mine, &theirs]),
        (&auditor, vec![&own, &listed, &pending], vec![&mine, &theirs]),
    ] {
        assert_eq!(each(&shop.get("/products/", who).await, "id"), products);
        assert_eq!(each(&shop.get("/orders/", who).await, "id"), orders);
    }
    let of_seller = format!("/products/?uploaded_by={}&status=PENDING", shop.seller.id);
    assert_eq!(shop.get(&of_seller, &buyer).await["results"], json!([]));
    let of_seller = format!("/orders/?user={}", shop.seller.id);
    assert_eq!(shop.get(&of_seller, &buyer).await["results"], json!([]));
}
