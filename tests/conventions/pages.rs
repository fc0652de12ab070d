//! Lists come in pages, and a page stays where it is.

use domain::Role;
use serde_json::Value;

use super::{Shop, each};
use crate::refusal::refused;
use crate::support::{Person, TestApp};

/// Every page from a path on, by the links `next`.
async fn pages(app: &TestApp, path: &str, by: &Person) -> Vec<Value> {
    let mut pages = vec![app.get(path).by(by).send().await.expect(200).json];
    while let Some(next) = pages.last().and_then(|page| page["next"].as_str()) {
        assert!(next.starts_with(&app.url("/")), "{next}");
        pages.push(app.get(next).by(by).send().await.expect(200).json);
    }
    pages
}

#[tokio::test]
async fn next_leads_through_a_list_once_and_previous_leads_back() {
    let Shop { app, staff, category, .. } = Shop::open().await;
    let mut made = vec![category];
    for number in 1..25 {
        made.push(app.category(&staff, &format!("Shelf {number}")).await);
    }
    made.reverse();

    let pages = pages(&app, "/categories/?limit=10", &staff).await;

    let sizes: Vec<_> = pages.iter().map(|page| each(page, "id").len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    let seen: Vec<_> = pages.iter().flat_map(|page| each(page, "id")).collect();
    assert_eq!(seen, made, "newest first");
    assert!(pages[0]["previous"].is_null() && pages[2]["next"].is_null());
    for index in [2, 1] {
        let previous = pages[index]["previous"].as_str().unwrap();
        let before = app.get(previous).by(&staff).send().await.expect(200).json;
        assert_eq!(each(&before, "id"), each(&pages[index - 1], "id"));
        let on = app.get(before["next"].as_str().unwrap()).by(&staff).send().await.expect(200).json;
        assert_eq!(each(&on, "id"), each(&pages[index], "id"));
    }
}

#[tokio::test]
async fn a_page_has_20_rows_unless_1_to_100_are_asked_for() {
    let Shop { app, staff, .. } = Shop::open().await;
    for number in 1..23 {
        app.category(&staff, &format!("Shelf {number}")).await;
    }

    let rows = async |query: &str| {
        let list = app.get(&format!("/categories/{query}")).by(&staff).send().await.expect(200);
        list.ids().len()
    };
    assert_eq!(rows("").await, 20);
    assert_eq!(rows("?limit=").await, 20);
    assert_eq!(rows("?limit=1").await, 1);
    assert_eq!(rows("?limit=100").await, 23);
    for limit in ["0", "-1", "101", "1.5", "x", "99999999999999999999", "1&limit=2"] {
        let answer = app.get(&format!("/categories/?limit={limit}")).by(&staff).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["limit"], "{limit}");
    }
}

// Row 19: approving one moved it in the list.
#[tokio::test]
async fn what_comes_or_changes_meanwhile_moves_nothing() {
    let shop = Shop::open().await;
    let mut made = vec![];
    for number in 0..6 {
        made.push(shop.product(&format!("Lamp {number}")).await);
    }
    made.reverse();
    let first = shop.get("/products/?limit=3", &shop.seller).await;

    shop.product("A newer lamp").await;
    shop.app.approve(&shop.staff, &made[4]).await.expect(200);
    let gone = format!("/products/{}/", made[2]);
    shop.app.delete(&gone).by(&shop.seller).send().await.expect(204);

    assert_eq!(each(&first, "id"), made[..3]);
    let second = shop.get(first["next"].as_str().unwrap(), &shop.seller).await;
    assert_eq!(each(&second, "id"), made[3..]);
    let back = shop.get(second["previous"].as_str().unwrap(), &shop.seller).await;
    assert!(each(&back, "id").ends_with(&[&made[0], &made[1]]), "{back}");
}

#[tokio::test]
async fn a_cursor_that_is_none_or_of_another_order_is_refused() {
    let shop = Shop::open().await;
    for number in 0..3 {
        shop.product(&format!("Lamp {number}")).await;
    }
    let by_name = shop.get("/products/?limit=1&ordering=name", &shop.seller).await;
    let next: url::Url = by_name["next"].as_str().unwrap().parse().unwrap();
    let (_, cursor) = next.query_pairs().find(|(name, _)| name == "cursor").unwrap();

    for path in [
        "/products/?cursor=x".to_owned(),
        "/products/?cursor=eyJ9".to_owned(),
        format!("/products/?cursor={}", &cursor[..cursor.len() - 3]),
        format!("/products/?cursor={cursor}"),
        format!("/products/?cursor={cursor}&ordering=-name"),
        format!("/products/?cursor={cursor}&ordering=price"),
    ] {
        let answer = shop.app.get(&path).by(&shop.seller).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["cursor"], "{path}");
    }
}

#[tokio::test]
async fn links_keep_what_was_asked_for() {
    let shop = Shop::open().await;
    for number in 0..5 {
        shop.product(&format!("Lamp {number}")).await;
        shop.approved().await;
    }
    let path = "/products/?status=PENDING&uploaded_by=me&ordering=name&limit=2&q=lamp";

    let pages = pages(&shop.app, path, &shop.seller).await;

    let names: Vec<_> = pages.iter().flat_map(|page| each(page, "name")).collect();
    assert_eq!(names, ["Lamp 0", "Lamp 1", "Lamp 2", "Lamp 3", "Lamp 4"]);
    assert_eq!(pages.len(), 3);
    for asked in ["status=PENDING", "uploaded_by=me", "ordering=name", "limit=2", "q=lamp"] {
        assert!(pages[0]["next"].as_str().unwrap().contains(asked), "{asked}");
    }
}

#[tokio::test]
async fn every_list_has_pages() {
    let shop = Shop::open().await;
    let admin = shop.app.user(Role::Admin).await;
    for _ in 0..2 {
        let product = shop.approved().await;
        shop.app.order(&shop.seller, &[&product]).await;
    }
    shop.app.category(&shop.staff, "Chairs").await;
    for title in ["Returns", "Shipping"] {
        shop.app.policy(&admin, title).await;
    }

    for (path, by) in [
        ("/products/", &shop.seller),
        ("/products/history/", &shop.seller),
        ("/orders/", &shop.seller),
        ("/categories/", &shop.seller),
        ("/policies/", &shop.seller),
        ("/users/", &admin),
    ] {
        let all = shop.get(path, by).await;
        let pages = pages(&shop.app, &format!("{path}?limit=1"), by).await;
        let seen: Vec<_> = pages.iter().flat_map(|page| each(page, "id")).collect();
        assert!(seen.len() >= 2);
        assert_eq!(seen, each(&all, "id"), "{path}");
    }
}
