//! The core protocol, termination and expiration.

use domain::Role;

use super::{OCTETS, Uploader, arrived, expire, id, noise, stored};
use crate::refusal::refused;
use crate::support::eventually;

const SHOP: &str = "https://shop.example";

#[tokio::test]
async fn bytes_follow_on_bytes_until_all_are_there() {
    let uploader = Uploader::start().await;
    let bytes = noise(300_000, 1);

    let path = uploader.create(bytes.len()).await;
    let mut offset = 0;
    for piece in bytes.chunks(100_001) {
        let answer = uploader.patch(&path, offset, piece).await.expect(204);
        offset += piece.len();
        assert_eq!(answer.header("upload-offset"), offset.to_string());
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        assert!(answer.header("upload-expires").ends_with(" GMT"), "{answer:?}");
        let head = uploader.head(&path).await.expect(200);
        assert_eq!(head.header("upload-offset"), offset.to_string());
        assert_eq!(head.header("upload-length"), bytes.len().to_string());
        assert_eq!(head.header("cache-control"), "no-store");
        assert!(!head.header("x-request-id").is_empty());
    }

    arrived(&uploader.app, &path, &bytes).await;
    uploader.app.finish().await;
}

#[tokio::test]
async fn parts_that_are_full_are_closed_while_more_comes() {
    let uploader = Uploader::start().await;
    let bytes = noise(130 << 20, 2);

    let path = uploader.upload(&bytes).await;

    assert_eq!(stored(&uploader.app).len(), 3);
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn what_the_server_can_do_is_told_to_anybody() {
    let variables = [("CORS_ALLOWED_ORIGINS", SHOP), ("MAX_VIDEO_BYTES", "12345")];
    let uploader = Uploader::start_with(&variables).await;

    let call = uploader.app.request("OPTIONS", "/uploads/").header("origin", SHOP);
    let answer = call.send().await.expect(204);

    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-max-size"), "12345");
    assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256");
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "termination",
        "checksum",
    ] {
        let known: Vec<_> = answer.header("tus-extension").split(',').collect();
        assert!(known.contains(&extension), "{known:?}");
    }
    assert_eq!(answer.header("access-control-allow-origin"), SHOP);
    assert!(answer.header("access-control-expose-headers").contains("tus-version"));
    uploader.app.request("OPTIONS", "/uploads").send().await.expect(204);
    uploader.app.get("/uploads/").send().await.expect(405);
}

#[tokio::test]
async fn a_page_of_another_origin_may_send_and_read_what_tus_needs() {
    let uploader = Uploader::start_with(&[("CORS_ALLOWED_ORIGINS", SHOP)]).await;
    let sent = "authorization,content-type,tus-resumable,upload-length,upload-offset,\
                upload-metadata,upload-checksum,upload-defer-length,x-http-method-override";

    for (method, path) in
        [("POST", "/uploads/"), ("PATCH", "/uploads/x/"), ("DELETE", "/uploads/x/")]
    {
        let call = uploader.app.request("OPTIONS", path).header("origin", SHOP);
        let call = call.header("access-control-request-method", method);
        let answer = call.header("access-control-request-headers", sent).send().await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        for name in sent.split(',') {
            assert!(allowed.split(',').any(|known| known.trim() == name), "{name}: {allowed}");
        }
        assert!(answer.header("access-control-allow-methods").contains(method));
    }
    let path = uploader.create(5).await;
    for (answer, status) in [
        (uploader.call("HEAD", &path).header("origin", SHOP).send().await, 200),
        (uploader.app.post("/uploads/").header("origin", SHOP).send().await, 401),
        (uploader.call("PATCH", "/uploads/x/").header("origin", SHOP).send().await, 404),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        let shown = answer.header("access-control-expose-headers").to_lowercase();
        for name in
            ["location", "upload-offset", "upload-length", "upload-expires", "tus-resumable"]
        {
            assert!(shown.split(',').any(|known| known.trim() == name), "{name}: {shown}");
        }
    }
    let elsewhere = uploader.call("HEAD", &path).header("origin", "https://evil.example");
    assert_eq!(elsewhere.send().await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn another_version_of_tus_is_refused_and_nothing_done() {
    let uploader = Uploader::start().await;
    let path = uploader.create(5).await;

    for (method, path) in [
        ("POST", "/uploads/"),
        ("PATCH", path.as_str()),
        ("HEAD", path.as_str()),
        ("DELETE", path.as_str()),
    ] {
        for version in [None, Some("0.2.2"), Some("1.0"), Some("2.0.0")] {
            let mut call = uploader.app.request(method, path).by(&uploader.person);
            if let Some(version) = version {
                call = call.header("Tus-Resumable", version);
            }
            let call = call.header("Upload-Length", "5").header("Upload-Offset", "0");
            let answer = match method {
                "PATCH" => call.body(b"bytes".to_vec(), OCTETS).send().await,
                _ => call.send().await,
            };
            assert_eq!(answer.header("tus-version"), "1.0.0");
            assert_eq!(answer.status, 412, "{answer:?}");
            if method != "HEAD" {
                refused(answer, 412, "unsupported_tus_version");
            }
        }
    }
    assert_eq!(uploader.offset(&path).await, 0);
}

#[tokio::test]
async fn a_wrong_offset_a_wrong_type_and_a_wrong_header_change_nothing() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    uploader.patch(&path, 0, b"bytes").await.expect(204);

    for offset in [0, 4, 6, 100] {
        let answer = refused(uploader.patch(&path, offset, b"more!").await, 409, "offset_mismatch");
        assert_eq!(answer.header("upload-offset"), "5");
    }
    for kind in ["application/octet-stream", "application/json", "text/plain", "video/mp4"] {
        let call = uploader.call("PATCH", &path).header("Upload-Offset", "5");
        refused(call.body(b"more!".to_vec(), kind).send().await, 415, "unsupported_media_type");
    }
    for offset in [None, Some("-5"), Some("five"), Some(""), Some("+5")] {
        let mut call = uploader.call("PATCH", &path);
        if let Some(offset) = offset {
            call = call.header("Upload-Offset", offset);
        }
        refused(call.body(b"more!".to_vec(), OCTETS).send().await, 400, "invalid_header");
    }
    assert_eq!(uploader.offset(&path).await, 5);
    uploader.patch(&path, 5, b"more!").await.expect(204);
    arrived(&uploader.app, &path, b"bytesmore!").await;
}

#[tokio::test]
async fn no_more_comes_in_than_was_said() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;

    refused(uploader.patch(&path, 0, b"more than ten").await, 413, "upload_overrun");
    assert_eq!(uploader.offset(&path).await, 0);
    uploader.patch(&path, 0, b"ten bytes!").await.expect(204);
    refused(uploader.patch(&path, 10, b"!").await, 413, "upload_overrun");
    uploader.patch(&path, 10, b"").await.expect(204);
    arrived(&uploader.app, &path, b"ten bytes!").await;
}

#[tokio::test]
async fn nobody_but_its_owner_learns_of_an_upload() {
    let uploader = Uploader::start().await;
    let path = uploader.create(5).await;
    let admin = uploader.app.user(Role::Admin).await;
    let other = uploader.app.user(Role::EndUser).await;

    for person in [&admin, &other] {
        for method in ["HEAD", "PATCH", "DELETE"] {
            let call = uploader.app.request(method, &path).by(person);
            let call = call.header("Tus-Resumable", "1.0.0").header("Upload-Offset", "0");
            let answer = call.body(b"bytes".to_vec(), OCTETS).send().await;
            assert_eq!(answer.status, 404, "{answer:?}");
            assert_eq!(answer.header("upload-offset"), "");
        }
    }
    for path in ["/uploads/nonsense/", "/uploads/0197f0a0-0000-7000-8000-000000000000/"] {
        assert_eq!(uploader.head(path).await.status, 404);
    }
    assert_eq!(uploader.offset(&path).await, 0);
}

#[tokio::test]
async fn another_method_may_be_named_by_a_client_that_can_only_post() {
    let uploader = Uploader::start().await;
    let path = uploader.create(5).await;
    let post = |method: &str| uploader.call("POST", &path).header("X-HTTP-Method-Override", method);

    let call = post("PATCH").header("Upload-Offset", "0").body(b"bytes".to_vec(), OCTETS);
    call.send().await.expect(204);
    arrived(&uploader.app, &path, b"bytes").await;
    assert_eq!(post("HEAD").send().await.expect(200).header("upload-offset"), "5");
    post("DELETE").send().await.expect(204);
    assert_eq!(uploader.head(&path).await.status, 404);
}

#[tokio::test]
async fn what_is_taken_away_is_gone_with_its_bytes() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    uploader.patch(&path, 0, b"bytes").await.expect(204);
    assert_eq!(stored(&uploader.app).len(), 1);

    uploader.call("DELETE", &path).send().await.expect(204);

    assert!(stored(&uploader.app).is_empty());
    assert_eq!(uploader.head(&path).await.status, 404);
    refused(uploader.patch(&path, 5, b"more!").await, 404, "not_found");
    refused(uploader.call("DELETE", &path).send().await, 404, "not_found");
}

#[tokio::test]
async fn an_upload_whose_time_is_over_is_gone_for_its_owner_and_unknown_to_others() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    uploader.patch(&path, 0, b"bytes").await.expect(204);
    let other = uploader.app.user(Role::EndUser).await;

    expire(&uploader.app, &path).await;

    assert_eq!(uploader.head(&path).await.status, 410);
    refused(uploader.patch(&path, 5, b"more!").await, 410, "upload_expired");
    refused(uploader.call("DELETE", &path).send().await, 410, "upload_expired");
    let call = uploader.app.request("HEAD", &path).by(&other).header("Tus-Resumable", "1.0.0");
    assert_eq!(call.send().await.status, 404);
}

#[tokio::test]
async fn an_unfinished_upload_has_a_day_from_its_last_bytes_on() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    let left = async || -> f64 {
        let left = "SELECT extract(epoch FROM expires_at - now())::float8 FROM uploads WHERE id = $1::uuid";
        sqlx::query_scalar(left).bind(id(&path)).fetch_one(&uploader.app.pool()).await.unwrap()
    };
    assert!((86_000.0..=86_400.0).contains(&left().await));

    let soon = "UPDATE uploads SET expires_at = now() + interval '1 minute'";
    sqlx::query(soon).execute(&uploader.app.pool()).await.unwrap();
    uploader.patch(&path, 0, b"").await.expect(204);
    assert!(left().await <= 60.0);
    uploader.patch(&path, 0, b"bytes").await.expect(204);

    assert!(left().await > 86_000.0);
}

#[tokio::test]
async fn somebody_whose_account_was_shut_goes_no_further() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    let admin = uploader.app.user(Role::Admin).await;
    let user = format!("/users/{}/", uploader.person.id);
    let shut = serde_json::json!({"is_active": false});
    uploader.app.patch(&user).by(&admin).json(shut).send().await.expect(200);

    eventually("the session has ended", async || {
        (uploader.head(&path).await.status == 401).then_some(())
    })
    .await;
    uploader.patch(&path, 0, b"bytes").await.expect(401);
}
