//! Answers that are compressed, answers that a client has already, and how the two go together.

use std::io::Read;

use serde_json::json;

use super::Shop;
use crate::support::{Answer, Call, TestApp};

/// The body without its coding.
fn decoded(answer: &Answer) -> Vec<u8> {
    let mut plain = vec![];
    match answer.header("content-encoding") {
        "br" => brotli::Decompressor::new(&*answer.bytes, 4096).read_to_end(&mut plain).unwrap(),
        "gzip" => flate2::read::GzDecoder::new(&*answer.bytes).read_to_end(&mut plain).unwrap(),
        "" => return answer.bytes.clone(),
        other => panic!("{other}"),
    };
    plain
}

async fn accepting(call: Call, codings: &str) -> Answer {
    call.header("accept-encoding", codings).send().await
}

fn varies(answer: &Answer) -> bool {
    let mut values = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.to_lowercase().contains("accept-encoding"))
}

impl Shop {
    /// A product whose answer has more than a kibibyte.
    async fn wordy(&self) -> String {
        let body = json!({
            "name": "Lamp", "description": "Hardly used. ".repeat(200), "category_id": self.category,
        });
        let made = self.app.post("/products/").by(&self.seller).json(body).send().await.expect(201);
        format!("/products/{}/", made.json["id"].as_str().unwrap())
    }
}

#[tokio::test]
async fn long_answers_come_in_the_coding_that_the_client_wants_most() {
    let shop = Shop::open().await;
    let path = shop.wordy().await;
    let plain = shop.app.get(&path).by(&shop.seller).send().await.expect(200);

    for (codings, expected) in [
        ("br", "br"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, gzip;q=0.9", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip;q=0.9", "gzip"),
        ("deflate", ""),
        ("identity;q=0", ""),
        ("*;q=0", ""),
        ("br;q=0, gzip;q=0", ""),
    ] {
        let answer = accepting(shop.app.get(&path).by(&shop.seller), codings).await.expect(200);

        assert_eq!(answer.header("content-encoding"), expected, "{codings}");
        assert_eq!(decoded(&answer), plain.bytes, "{codings}");
        assert!(varies(&answer), "{codings}: {answer:?}");
        assert!(expected.is_empty() || answer.bytes.len() * 2 < plain.bytes.len(), "{codings}");
    }
    assert!(varies(&plain) && plain.header("content-encoding").is_empty(), "{plain:?}");
    let list = accepting(shop.app.get("/products/").by(&shop.seller), "gzip").await.expect(200);
    assert_eq!(list.header("content-encoding"), "gzip");
    let unknown: Vec<_> = (0..100).map(|number| format!("x{number}=1")).collect();
    let wrong = shop.app.get(&format!("/products/?{}", unknown.join("&"))).by(&shop.seller);
    let wrong = accepting(wrong, "br").await;
    assert_eq!((wrong.status, wrong.header("content-encoding")), (400, "br"));
}

#[tokio::test]
async fn short_answers_media_and_streams_are_never_compressed() {
    let shop = Shop::open().await;
    let film = crate::support::video_form(&shop.category, crate::support::video::mp4());
    let made = shop.app.post("/products/").by(&shop.seller).multipart(film).send().await;
    let product = crate::support::id(&made.expect(201));
    let ready = shop.app.processed(&shop.seller, &product).await;

    for member in ["video_url", "poster_url"] {
        let call = shop.app.get(ready[member].as_str().unwrap());
        let answer = accepting(call, "br, gzip").await.expect(200);
        assert_eq!(answer.header("content-encoding"), "", "{member}");
        assert_eq!(answer.header("accept-ranges"), "bytes", "{member}");
        let part = shop.app.get(ready[member].as_str().unwrap()).header("range", "bytes=0-1999");
        let part = accepting(part, "br, gzip").await.expect(206);
        assert_eq!((part.header("content-encoding"), part.bytes.len()), ("", 2000), "{member}");
    }
    let live = shop.app.get("/live/").by(&shop.seller).header("accept-encoding", "br").open().await;
    assert!(!live.headers().contains_key("content-encoding"));
    let health = accepting(shop.app.get("/healthz"), "br").await.expect(200);
    assert_eq!(health.header("content-encoding"), "");
    let login = json!({"email": shop.seller.email, "password": shop.seller.password});
    let login = accepting(shop.app.post("/login/").json(login), "br, gzip").await.expect(200);
    assert_eq!(login.header("content-encoding"), "");
}

#[tokio::test]
async fn a_tag_names_its_coding_and_works_in_every_condition() {
    let shop = Shop::open().await;
    let path = shop.wordy().await;
    let get = || shop.app.get(&path).by(&shop.seller);
    let plain = get().send().await.expect(200);
    let coded = accepting(get(), "br").await.expect(200);
    let zipped = accepting(get(), "gzip").await.expect(200);
    assert_eq!(coded.etag().replace("-br\"", "\""), plain.etag());
    assert_eq!(zipped.etag().replace("-gzip\"", "\""), plain.etag());

    let had = |tag: &str| get().header("if-none-match", tag);
    for (tag, codings) in [(coded.etag(), "br"), (zipped.etag(), "br, gzip"), (plain.etag(), "br")]
    {
        let answer = accepting(had(tag), codings).await.expect(304);
        assert_eq!((answer.etag(), answer.bytes.len(), varies(&answer)), (tag, 0, true));
    }
    // A client that takes no such coding has no use for a tag of it.
    assert_eq!(had(coded.etag()).send().await.expect(200).etag(), plain.etag());
    assert_eq!(accepting(had(zipped.etag()), "br").await.expect(200).etag(), coded.etag());

    let edit = json!({"name": "Lantern"});
    let edit = shop.app.patch(&path).by(&shop.seller).json(edit).header("if-match", coded.etag());
    let edited = accepting(edit, "br").await.expect(200);
    assert!(edited.etag().starts_with("\"2") && edited.etag().ends_with("-br\""), "{edited:?}");
    accepting(had(coded.etag()), "br").await.expect(200);
    let late = shop.app.delete(&path).by(&shop.seller).header("if-match", coded.etag());
    late.send().await.expect(412);
}

#[tokio::test]
async fn an_encrypted_answer_is_not_compressed() {
    let shop = Shop::open().await;
    let path = shop.wordy().await;
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let key =
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, key.to_string());

    let call = shop.app.get(&path).by(&shop.seller).header("encryption-key", &key);
    let sealed = accepting(call, "br, gzip").await.expect(200);

    assert!(sealed.json["data"].is_string() && sealed.bytes.len() > 1024, "{sealed:?}");
    assert_eq!(sealed.header("content-encoding"), "");
}

#[tokio::test]
async fn what_is_fixed_is_compressed_and_answered_304_while_it_is_the_same() {
    let app = TestApp::start().await;

    for path in
        ["/openapi.json", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/problems/"]
    {
        let plain = app.get(path).send().await.expect(200);
        let coded = accepting(app.get(path), "br").await.expect(200);

        assert_eq!(coded.header("content-encoding"), "br", "{path}");
        assert_eq!(decoded(&coded), plain.bytes, "{path}");
        for answer in [&plain, &coded] {
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
            let again = app.get(path).header("if-none-match", answer.etag());
            let again = accepting(again, "br").await.expect(304);
            assert_eq!((again.etag(), again.bytes.len()), (answer.etag(), 0), "{path}");
        }
        let changed = app.get(path).header("if-none-match", "\"0\"").send().await.expect(200);
        assert_eq!(changed.bytes, plain.bytes, "{path}");
    }
    let link = app.get("/app/password/reset/?uid=a&token=b").send().await.expect(200);
    assert_eq!((link.etag(), link.header("cache-control")), ("", "no-store"));
}
