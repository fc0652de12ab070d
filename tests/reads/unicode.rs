//! Texts that look the same are the same, whatever code points they were typed in.

use serde_json::json;

use super::{Shop, each};
use crate::refusal::refused;

const COMPOSED: &str = "Cr\u{e8}me br\u{fb}l\u{e9}e";
const DECOMPOSED: &str = "Cre\u{300}me bru\u{302}le\u{301}e";

/// As a query takes it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn words_are_found_whatever_their_unicode_form() {
    let shop = Shop::open().await;
    let (composed, decomposed) =
        (shop.submit(COMPOSED, None).await, shop.submit(DECOMPOSED, None).await);
    let hidden = shop.submit("Lam\u{ad}pen\u{200b}schirm", None).await;
    let wide = shop.submit("Ｗｉｄｅ ﬁne lamp", None).await;
    let plain = shop.submit("Plain Lampenschirm, fine", None).await;

    for (query, expected) in [
        ("cr\u{e8}me", vec![&decomposed, &composed]),
        ("cre\u{300}me", vec![&decomposed, &composed]),
        ("BRU\u{302}L\u{c9}E", vec![&decomposed, &composed]),
        ("lampenschirm", vec![&plain, &hidden]),
        ("lampen\u{ad}schirm", vec![&plain, &hidden]),
        ("fine", vec![&plain, &wide]),
        ("ﬁne ｗｉｄｅ", vec![&wide]),
        ("\u{ff0d}plain fine", vec![&wide]),
        ("creme", vec![]),
        ("\u{200b}", vec![]),
    ] {
        let list = shop.get(&format!("/products/?q={}", encoded(query)), &shop.seller).await;
        assert_eq!(each(&list, "id"), expected, "{query:?}");
    }
    let seen = shop.app.see(&shop.seller, &decomposed).await;
    assert_eq!(seen["name"], DECOMPOSED, "shown as typed");

    let path = format!("/products/{plain}/");
    let edit = json!({ "description": "Fu\u{308}r Ko\u{308}nige" });
    shop.app.patch(&path).by(&shop.seller).json(edit).send().await.expect(200);
    let list = shop.get(&format!("/products/?q={}", encoded("für könige")), &shop.seller).await;
    assert_eq!(each(&list, "id"), [plain.as_str()], "also once edited");
    shop.app.finish().await;
}

#[tokio::test]
async fn names_sort_alike_whatever_their_unicode_form() {
    let shop = Shop::open().await;
    for name in ["e\u{301}c", "éa", "E\u{301}b"] {
        shop.submit(name, None).await;
    }

    let list = shop.get("/products/?ordering=name", &shop.seller).await;

    assert_eq!(each(&list, "name"), ["éa", "E\u{301}b", "e\u{301}c"]);
}

#[tokio::test]
async fn no_two_categories_have_names_that_look_the_same() {
    let shop = Shop::open().await;
    let made = shop.app.category(&shop.staff, DECOMPOSED).await;

    for name in [
        COMPOSED.to_owned(),
        COMPOSED.to_uppercase(),
        "La\u{200b}mps".to_owned(),
        "Lamps\u{ad}\u{2060}\u{fe0f}\u{e0101}".to_owned(),
        "\u{3164}L\u{34f}amps\u{2800}".to_owned(),
        "Ｌａｍｐｓ".to_owned(),
        format!("{}\u{202e}", COMPOSED.replace(' ', "\u{a0} ")),
    ] {
        let body = json!({ "name": name });
        let answer = shop.app.post("/categories/").by(&shop.staff).json(body).send().await;
        refused(answer, 409, "category_name_taken");
    }
    let path = format!("/categories/{made}/");
    let same = json!({ "name": COMPOSED });
    let renamed = shop.app.patch(&path).by(&shop.staff).json(same).send().await.expect(200);
    assert_eq!(renamed.json["name"], COMPOSED, "its own name in another form");
    shop.app.category(&shop.staff, "Creme brulee").await;
}

#[tokio::test]
async fn a_required_text_of_nothing_visible_is_refused() {
    let shop = Shop::open().await;
    let product = shop.submit("Lamp", None).await;
    for blank in ["\u{200b}", "\u{ad} \u{2060}", "\u{3164}", "\u{2800}\u{fe0f}", "\u{202e}\u{feff}"]
    {
        let category = json!({ "name": blank });
        let made = json!({ "name": blank, "category_id": shop.category });
        let (edited, reason) = (json!({ "name": blank }), json!({ "reason": blank }));
        let (path, reject) =
            (format!("/products/{product}/"), format!("/products/{product}/reject/"));
        for (call, field) in [
            (shop.app.post("/categories/").by(&shop.staff).json(category), "name"),
            (shop.app.post("/products/").by(&shop.seller).json(made), "name"),
            (shop.app.patch(&path).by(&shop.seller).json(edited), "name"),
            (shop.app.post(&reject).by(&shop.staff).json(reason), "reason"),
        ] {
            let answer = refused(call.send().await, 400, "invalid_input");
            assert_eq!(answer.wrong(), [field], "{blank:?}");
            let message = answer.json["errors"][field][0].as_str().unwrap();
            assert!(message.contains("cannot be seen"), "{message}");
        }
    }
}
