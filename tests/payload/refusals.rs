//! What is not taken: nothing that was meant for elsewhere, another time or another key, nothing
//! twice, and nothing that was changed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use serde_json::{Value, json};

use super::{Client, category, members, posted, sealer};
use crate::support::{Person, TestApp};

struct Scene {
    app: TestApp,
    staff: Person,
    client: Client,
}

impl Scene {
    async fn set() -> Self {
        let app = TestApp::start().await;
        let staff = app.user(Role::Staff).await;
        let client = Client::of(&app).await;
        Self { app, staff, client }
    }

    fn header(&self) -> Value {
        self.client.claims("POST", "/categories/")
    }

    fn sealed(&self, header: &Value) -> Value {
        self.client.seal_with(header, category().to_string().as_bytes())
    }

    async fn refused(&self, what: &str, body: Value) {
        let answer = posted(&self.app, &self.staff, body).send().await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_encrypted_payload"), "{what}");
        answer.expect(400);
    }

    async fn taken(&self, body: Value) {
        posted(&self.app, &self.staff, body).send().await.expect(201);
    }

    /// Nothing of what was refused was carried out.
    async fn finish(self, made: usize) {
        let list = self.app.get("/categories/").by(&self.staff).send().await.expect(200);
        assert_eq!(list.ids().len(), made);
        self.app.finish().await;
    }
}

#[tokio::test]
async fn what_was_meant_for_elsewhere_or_another_time_is_refused() {
    let scene = Scene::set().await;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();

    scene.taken(scene.sealed(&scene.header())).await;
    let mut without_slash = scene.header();
    without_slash["htu"] = json!("/categories");
    scene.taken(scene.sealed(&without_slash)).await;
    for (name, value) in [
        ("htm", json!("PUT")),
        ("htm", json!("post")),
        ("htu", json!("/products/")),
        ("htu", json!("/categories/?limit=1")),
        ("htu", json!("http://vetted.example/categories/")),
        ("iat", json!(now - 65)),
        ("iat", json!(now + 90)),
        ("iat", json!(now.to_string())),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(300))),
    ] {
        let mut header = scene.header();
        header[name] = value.clone();
        scene.refused(&format!("{name}: {value}"), scene.sealed(&header)).await;
    }
    for name in ["htm", "htu", "iat", "jti"] {
        let mut header = members(scene.header());
        header.remove(name);
        scene.refused(&format!("without {name}"), scene.sealed(&json!(header))).await;
    }
    scene.finish(2).await;
}

#[tokio::test]
async fn what_came_before_is_refused_by_every_replica_and_after_a_restart() {
    let mut scene = Scene::set().await;
    let replica = scene.app.replica().await;
    let header = scene.header();
    let first = scene.sealed(&header);
    scene.taken(first.clone()).await;

    scene.refused("the same again", first.clone()).await;
    scene.refused("another with the same jti", scene.sealed(&header)).await;
    let there = scene.app.request_to(&replica, "POST", "/categories/").by(&scene.staff);
    let there = there.json(first.clone()).send().await.expect(400);
    assert_eq!(there.code(), "invalid_encrypted_payload");
    scene.app.restart().await;
    scene.refused("after a restart", first).await;
    scene.finish(1).await;
}

#[tokio::test]
async fn of_twenty_that_are_the_same_at_once_one_is_taken() {
    let scene = Scene::set().await;
    let body = scene.sealed(&scene.header());

    let calls = (0..20).map(|_| posted(&scene.app, &scene.staff, body.clone()).send());
    let answers = futures::future::join_all(calls).await;

    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![400; 19]].concat());
    scene.finish(1).await;
}

#[tokio::test]
async fn what_was_changed_is_refused() {
    let scene = Scene::set().await;
    let jwe = scene.sealed(&scene.header())["data"].as_str().unwrap().to_owned();
    let parts: Vec<String> = jwe.split('.').map(str::to_owned).collect();

    for (index, part) in [(0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")] {
        let mut changed = parts.clone();
        let mut bytes = BASE64.decode(&parts[index]).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        changed[index] = BASE64.encode(bytes);
        scene.refused(part, json!({ "data": changed.join(".") })).await;
        let mut cut = parts.clone();
        cut[index].truncate(parts[index].len() - 4);
        scene.refused(&format!("{part}, cut"), json!({ "data": cut.join(".") })).await;
    }
    let mut header: Value = serde_json::from_slice(&BASE64.decode(&parts[0]).unwrap()).unwrap();
    header["epk"] = sealer::jwk(&sealer::random().public_key());
    let mut other_epk = parts.clone();
    other_epk[0] = BASE64.encode(header.to_string());
    scene.refused("epk", json!({ "data": other_epk.join(".") })).await;
    let mut with_key = parts.clone();
    with_key[1] = "AAAA".to_owned();
    scene.refused("an encrypted key", json!({ "data": with_key.join(".") })).await;

    // The original was never taken, for all that was tried.
    scene.taken(json!({ "data": jwe })).await;
    scene.finish(1).await;
}

#[tokio::test]
async fn a_header_that_means_something_else_is_refused() {
    let scene = Scene::set().await;
    let point = sealer::jwk(&sealer::random().public_key());
    let epk = |name: &str, value: Value| {
        let mut epk = point.clone();
        epk[name] = value;
        epk
    };

    for (name, value) in [
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("alg", json!("ECDH-ES+A256KW")),
        ("alg", json!("dir")),
        ("alg", json!("RSA-OAEP-256")),
        ("alg", json!("none")),
        ("enc", json!("A128GCM")),
        ("enc", json!("A256CBC-HS512")),
        ("kid", json!("another")),
        ("kid", json!(7)),
        ("apu", json!(7)),
        ("epk", epk("x", json!(BASE64.encode([7; 32])))),
        ("epk", epk("y", json!(BASE64.encode([0; 32])))),
        ("epk", epk("crv", json!("P-384"))),
        ("epk", epk("crv", json!("secp256k1"))),
        ("epk", epk("kty", json!("OKP"))),
        ("epk", epk("d", json!(BASE64.encode([7; 32])))),
        ("epk", json!("none")),
        ("pad", json!("x".repeat(5_000))),
    ] {
        let mut header = scene.header();
        header[name] = value.clone();
        scene.refused(&format!("{name}: {value}"), scene.sealed(&header)).await;
    }
    let mine = sealer::random();
    let mut header = scene.header();
    header["epk"] = sealer::jwk(&mine.public_key());
    let twice = header.to_string().replacen('{', r#"{"alg":"ECDH-ES","#, 1);
    let body = category().to_string();
    let jwe = sealer::seal_text(&scene.client.server, &mine, &twice, body.as_bytes());
    scene.refused("a member twice", json!({ "data": jwe })).await;
    let other = sealer::random().public_key();
    let jwe = sealer::seal(&other, &scene.header(), body.as_bytes());
    scene.refused("to another key", json!({ "data": jwe })).await;
    scene.finish(0).await;
}

#[tokio::test]
async fn the_parties_count_and_a_kid_may_be_left_out() {
    let scene = Scene::set().await;
    let mut named = scene.header();
    named["apu"] = json!(BASE64.encode("Alice"));
    named["apv"] = json!(BASE64.encode("Bob"));
    let mut nameless = members(scene.header());
    nameless.remove("kid");

    scene.taken(scene.sealed(&named)).await;
    scene.taken(scene.sealed(&json!(nameless))).await;

    scene.finish(2).await;
}

#[tokio::test]
async fn a_body_that_is_not_data_alone_or_not_a_text_is_refused() {
    let scene = Scene::set().await;
    let data = || scene.sealed(&scene.header())["data"].clone();

    scene.refused("another member", json!({ "data": data(), "name": "Lamps" })).await;
    for wrong in [json!(7), Value::Null, json!([data()]), json!({}), json!(""), json!("a.b.c")] {
        scene.refused(&wrong.to_string(), json!({ "data": wrong })).await;
    }
    let (one, other) = (data(), data());
    let twice = format!(r#"{{"data":{one},"data":{other}}}"#);
    let call = scene.app.post("/categories/").by(&scene.staff);
    let answer = call.body(twice.into_bytes(), "application/json").send().await.expect(400);
    assert_eq!(answer.code(), "invalid_encrypted_payload");
    // One that does not begin with it is a body as any other.
    let last = format!(r#"{{"name":"Lamps","data":{one}}}"#);
    let call = scene.app.post("/categories/").by(&scene.staff);
    let answer = call.body(last.into_bytes(), "application/json").send().await.expect(400);
    assert_eq!((answer.code(), answer.wrong()), ("invalid_input", vec!["data"]));
    scene.finish(0).await;
}

#[tokio::test]
async fn what_was_encrypted_is_judged_as_any_other_body() {
    let scene = Scene::set().await;
    let send = async |plaintext: &[u8]| {
        let body = scene.client.seal_with(&scene.header(), plaintext);
        posted(&scene.app, &scene.staff, body).send().await
    };

    for (plaintext, code) in [
        (&b"no json"[..], "malformed_json"),
        (b"", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[]", "invalid_input"),
        (br#"{"name": 7}"#, "invalid_input"),
        (br#"{"name": "Lamps", "colour": "green"}"#, "invalid_input"),
        (br#"{"data": "again.."}"#, "invalid_input"),
    ] {
        assert_eq!(send(plaintext).await.expect(400).code(), code, "{plaintext:?}");
    }
    // Under its own limit, though in base64url it is over that of plain bodies.
    let long = |length: usize| format!("{{\"name\": \"{}\"}}", "x".repeat(length)).into_bytes();
    assert_eq!(send(&long(900_000)).await.expect(400).wrong(), ["name"]);
    assert_eq!(send(&long(1_000_000)).await.expect(413).code(), "body_too_large");
    assert_eq!(send(&long(2_000_000)).await.expect(413).code(), "body_too_large");
    scene.finish(0).await;
}
