//! Lists by price: by currency, then by amount, and last what has none.

use super::{Shop, each};
use crate::refusal::refused;

const PRODUCTS: [(&str, Option<(&str, &str)>); 9] = [
    ("none a", None),
    ("jpy 500", Some(("500", "JPY"))),
    ("eur 3", Some(("3.00", "EUR"))),
    ("kwd 20", Some(("20.000", "KWD"))),
    ("none b", None),
    ("eur 70", Some(("70.00", "EUR"))),
    ("jpy 9", Some(("9", "JPY"))),
    ("eur 3 too", Some(("3.00", "EUR"))),
    ("none c", None),
];
const ASCENDING: [&str; 9] =
    ["eur 3", "eur 3 too", "eur 70", "jpy 9", "jpy 500", "kwd 20", "none a", "none b", "none c"];
const DESCENDING: [&str; 9] =
    ["kwd 20", "jpy 500", "jpy 9", "eur 70", "eur 3 too", "eur 3", "none c", "none b", "none a"];

async fn filled() -> Shop {
    let shop = Shop::open().await;
    for (index, (name, price)) in PRODUCTS.into_iter().enumerate() {
        let product = shop.submit(name, price).await;
        // What everybody sees, and what is one's own.
        if index % 2 == 0 {
            shop.app.approve(&shop.staff, &product).await.expect(200);
        }
    }
    shop
}

#[tokio::test]
async fn prices_are_never_compared_across_currencies_and_unpriced_comes_last_both_ways() {
    let shop = filled().await;
    let category = format!("&category={}", shop.category);
    for (ordering, expected) in [("price", ASCENDING), ("-price", DESCENDING)] {
        for filter in ["", "&uploaded_by=me", category.as_str()] {
            let path = format!("/products/?ordering={ordering}{filter}");
            let list = shop.get(&path, &shop.seller).await;
            assert_eq!(each(&list, "name"), expected, "{path}");
        }
        let list = shop.get(&format!("/products/?ordering={ordering}"), &shop.staff).await;
        assert_eq!(each(&list, "name"), expected, "{ordering}, as staff");
    }
}

#[tokio::test]
async fn pages_by_price_show_each_product_once_forward_and_back_over_every_boundary() {
    let shop = filled().await;
    let category = format!("&category={}", shop.category);
    for (ordering, expected) in [("price", ASCENDING), ("-price", DESCENDING)] {
        for filter in ["", "&q=eur+or+jpy+or+kwd+or+none", category.as_str()] {
            for (limit, who) in
                (1..=4).flat_map(|limit| [(limit, &shop.seller), (limit, &shop.staff)])
            {
                let path = format!("/products/?ordering={ordering}&limit={limit}{filter}");
                let mut pages = vec![shop.get(&path, who).await];
                while let Some(next) = pages.last().unwrap()["next"].as_str() {
                    pages.push(shop.get(next, who).await);
                }
                let names: Vec<_> = pages.iter().map(|page| each(page, "name")).collect();
                assert_eq!(names.concat(), expected, "{path}");

                let mut page = pages.last().unwrap().clone();
                for expected in names.iter().rev().skip(1) {
                    page = shop.get(page["previous"].as_str().unwrap(), who).await;
                    assert_eq!(&each(&page, "name"), expected, "{path}, back");
                }
                assert!(page["previous"].is_null(), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_currency_leaves_out_other_currencies_and_what_has_no_price() {
    let shop = filled().await;
    for (query, expected) in [
        ("currency=EUR&ordering=price", vec!["eur 3", "eur 3 too", "eur 70"]),
        ("currency=eur&ordering=-price", vec!["eur 70", "eur 3 too", "eur 3"]),
        ("currency=JPY", vec!["jpy 9", "jpy 500"]),
        ("currency=JPY&ordering=name", vec!["jpy 500", "jpy 9"]),
        ("currency=EUR&q=too", vec!["eur 3 too"]),
        ("currency=USD&ordering=price", vec![]),
    ] {
        let list = shop.get(&format!("/products/?{query}"), &shop.seller).await;
        assert_eq!(each(&list, "name"), expected, "{query}");
    }
    let first = shop.get("/products/?currency=EUR&ordering=price&limit=2", &shop.seller).await;
    let second = shop.get(first["next"].as_str().unwrap(), &shop.seller).await;
    assert_eq!(each(&second, "name"), ["eur 70"]);
    let back = shop.get(second["previous"].as_str().unwrap(), &shop.seller).await;
    assert_eq!(each(&back, "name"), ["eur 3", "eur 3 too"]);

    for currency in ["EURO", "XYZ", "%E2%82%AC"] {
        let path = format!("/products/?currency={currency}");
        let answer = shop.app.get(&path).by(&shop.seller).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["currency"], "{currency}");
    }
}
