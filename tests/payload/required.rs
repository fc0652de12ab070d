//! `REQUIRE_PAYLOAD_ENCRYPTION=true`.

use domain::Role;
use serde_json::json;

use super::{Client, category, posted};
use crate::support::{TestApp, link_in, video, video_form};

const REQUIRED: [(&str, &str); 1] = [("REQUIRE_PAYLOAD_ENCRYPTION", "true")];

/// Signed in by encrypted requests alone.
async fn sign_in(app: &TestApp, client: &Client, role: &str) -> (String, String) {
    let (email, password) = (format!("{}@example.com", role.to_lowercase()), "a lamp in each room");
    let create = ["users", "create", "--email", &email, "--role", role, "--password-stdin"];
    app.program.run_with(password, &create).await.expect(0);
    let body = client.seal("POST", "/login/", &json!({ "email": email, "password": password }));
    let call = app.post("/login/").header("Encryption-Key", &client.key()).json(body);
    let tokens = client.open(call.send().await).expect(200).json;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access"), text("refresh"))
}

#[tokio::test]
async fn a_plain_body_is_refused_wherever_json_is_taken() {
    let app = TestApp::start_with(&REQUIRED).await;
    let client = Client::of(&app).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;

    // Uploads are no JSON, and are refused by whether somebody is signed in.
    let paths = document["paths"].as_object().unwrap().iter();
    for (template, item) in paths.filter(|(path, _)| !path.starts_with("/uploads/")) {
        for method in ["post", "put", "patch"].iter().filter(|method| item.get(**method).is_some())
        {
            let path = template.replace("{id}", "0190a1b2-0000-7000-8000-000000000000");
            for body in [&b"{}"[..], br#"{"name":"Lamp"}"#, b"[]", b"no json", b" "] {
                let call = app.request(&method.to_uppercase(), &path);
                let call = call.body(body.to_vec(), "application/json");
                let refused = call.send().await.expect(400);
                assert_eq!(refused.code(), "encryption_required", "{method} {path}");
            }
            let call = app.request(&method.to_uppercase(), &path);
            let call = call.header("Encryption-Key", &client.key()).json(json!({}));
            let refused = client.open(call.send().await).expect(400);
            assert_eq!(refused.code(), "encryption_required", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_encrypted_body_is_taken_and_a_request_without_a_body_needs_nothing() {
    let app = TestApp::start_with(&REQUIRED).await;
    let client = Client::of(&app).await;
    let (access, _) = sign_in(&app, &client, "STAFF").await;

    let body = client.seal("POST", "/categories/", &category());
    let made = app.post("/categories/").bearer(&access).json(body).send().await.expect(201);

    let path = format!("/categories/{}/", made.json["id"].as_str().unwrap());
    app.get(&path).bearer(&access).send().await.expect(200);
    app.delete(&path).bearer(&access).send().await.expect(204);
    let call = app.post("/categories/").bearer(&access).body(b"x=1".to_vec(), "text/plain");
    call.send().await.expect(415);
    app.finish().await;
}

#[tokio::test]
async fn activation_links_media_uploads_health_docs_and_keys_are_exempt() {
    let app = TestApp::start_with(&REQUIRED).await;
    let client = Client::of(&app).await;
    for path in ["/healthz", "/readyz", "/metrics", "/docs/", "/openapi.json", "/docs/problems/"] {
        app.get(path).send().await.expect(200);
    }
    app.get("/.well-known/jwks.json").send().await.expect(200);
    let account = json!({ "email": "ada@example.com", "password": "a lamp in each room" });
    let body = client.seal("POST", "/register/", &account);
    app.post("/register/").json(body).send().await.expect(201);
    let link = link_in(&app.mail_to("ada@example.com").await);
    app.get(&link).send().await.expect(200);

    let (staff, _) = sign_in(&app, &client, Role::Staff.as_str()).await;
    let (seller, _) = sign_in(&app, &client, Role::EndUser.as_str()).await;
    let body = client.seal("POST", "/categories/", &category());
    let shelf = app.post("/categories/").bearer(&staff).json(body).send().await.expect(201);
    let form = video_form(shelf.json["id"].as_str().unwrap(), video::mp4());
    let call = app.post("/products/").bearer(&seller).header("Encryption-Key", &client.key());
    let made = client.open(call.multipart(form).send().await).expect(201);

    let path = format!("/products/{}/", made.json["id"].as_str().unwrap());
    crate::support::eventually("the video is finished", async || {
        let seen = app.get(&path).bearer(&seller).send().await.expect(200).json;
        (seen["processing_status"] == "READY").then_some(())
    })
    .await;
    app.get(&format!("{path}video/")).bearer(&seller).send().await.expect(200);
    app.get(&format!("{path}poster/")).bearer(&seller).send().await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn without_it_plain_and_encrypted_bodies_are_both_taken() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let client = Client::of(&app).await;

    posted(&app, &staff, category()).send().await.expect(201);
    posted(&app, &staff, client.seal("POST", "/categories/", &category())).send().await.expect(201);

    app.finish().await;
}
