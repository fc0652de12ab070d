//! How payloads are encrypted.

use serde_json::json;

use super::Shop;
use crate::payload::Client;
use crate::support::{id, video, video_form};

#[tokio::test]
async fn row_08_a_video_beside_encryption_is_stored() {
    let shop = Shop::open().await;
    let client = Client::of(&shop.app).await;
    let body = json!({ "name": "Lamp", "category_id": shop.category });
    let sealed = client.seal("POST", "/products/", &body);
    let made = shop.app.post("/products/").by(&shop.seller).json(sealed).send().await.expect(201);
    let path = format!("/products/{}/", id(&made));

    let form = reqwest::multipart::Form::new().part("video", film());
    let call = shop.app.patch(&path).by(&shop.seller).header("Encryption-Key", &client.key());
    client.open(call.multipart(form).send().await).expect(200);
    let whole = video_form(&shop.category, video::mp4());
    let call = shop.app.post("/products/").by(&shop.seller);
    let call = call.header("Encryption-Key", &client.key()).multipart(whole);
    let second = client.open(call.send().await).expect(201);

    for product in [id(&made), id(&second)] {
        let seen = shop.app.processed(&shop.seller, &product).await;
        assert_eq!(seen["processing_status"], "READY");
        assert!(seen["video"]["size"].as_u64().unwrap() > 0);
    }
    // Nothing is dropped in silence.
    let odd = reqwest::multipart::Form::new()
        .text("data", sealed_text(&client, &body))
        .part("video", film());
    let call = shop.app.post("/products/").by(&shop.seller).multipart(odd);
    assert!(call.send().await.expect(400).wrong().contains(&"data"));
}

fn film() -> reqwest::multipart::Part {
    reqwest::multipart::Part::bytes(video::mp4()).file_name("a.mp4").mime_str("video/mp4").unwrap()
}

fn sealed_text(client: &Client, body: &serde_json::Value) -> String {
    client.seal("POST", "/products/", body)["data"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn row_10_reads_and_errors_are_encrypted_by_the_same_rule_as_the_rest() {
    let shop = Shop::open().await;
    let client = Client::of(&shop.app).await;
    let with_key = |method: &str, path: &str| {
        shop.app.request(method, path).header("Encryption-Key", &client.key())
    };

    let path = format!("/products/{}/", shop.pending().await);
    for (method, path, status) in [
        ("GET", "/products/", 200),
        ("GET", path.as_str(), 200),
        ("GET", "/orders/", 200),
        ("GET", "/products/history/", 200),
        ("GET", "/users/", 403),
        ("GET", "/categories/0190a1b2-0000-7000-8000-000000000000/", 404),
        ("PUT", "/products/", 405),
        ("GET", "/products/?limit=1000", 400),
        ("GET", "/nowhere/", 404),
        ("POST", "/orders/", 400),
    ] {
        let answer = with_key(method, path).by(&shop.seller).send().await;
        client.open(answer).expect(status);
    }
    client.open(with_key("GET", "/products/").send().await).expect(401);
    let broken = with_key("POST", "/products/").by(&shop.seller);
    let broken = broken.body(b"{".to_vec(), "application/json").send().await;
    assert_eq!(client.open(broken).expect(400).code(), "malformed_json");
    sqlx::query("ALTER TABLE categories RENAME TO gone").execute(&shop.app.pool()).await.unwrap();
    let failed = with_key("GET", "/categories/").by(&shop.seller).send().await;
    assert_eq!(client.open(failed).expect(500).code(), "internal_error");
}

#[tokio::test]
async fn row_44_what_was_changed_is_told_from_what_was_not_and_nothing_else_is_told() {
    let shop = Shop::open().await;
    let client = Client::of(&shop.app).await;
    let body = json!({ "name": "Lamp", "category_id": shop.category });
    let jwe = sealed_text(&client, &body);
    let (start, tag) = jwe.rsplit_once('.').unwrap();
    let (start, text) = start.rsplit_once('.').unwrap();
    let mut answers = vec![];

    // Each bit of the last bytes counts: there is no padding to ask about.
    for at in text.len() - 24..text.len() - 1 {
        let mut changed = text.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let body = json!({ "data": format!("{start}.{changed}.{tag}") });
        let call = shop.app.post("/products/").by(&shop.seller).json(body);
        answers.push(call.send().await.expect(400).bytes);
    }

    answers.dedup();
    assert_eq!(answers.len(), 1, "the answers differ");
    let sent = json!({ "data": jwe });
    shop.app.post("/products/").by(&shop.seller).json(sent).send().await.expect(201);
}
