//! Encrypted payloads, as a client has them that was written apart from the program's own code.

mod answers;
mod command;
mod interop;
mod keys;
mod refusals;
mod repeated;
mod required;
mod sealer;
mod secrecy;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::{PublicKey, SecretKey};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::{Answer, Call, Person, TestApp};

/// Somebody who encrypts to the program and whom it encrypts to.
pub struct Client {
    /// What the program is encrypted to.
    server: PublicKey,
    kid: String,
    secret: SecretKey,
}

impl Client {
    /// With a new key of its own.
    pub async fn of(app: &TestApp) -> Self {
        let jwks = app.get("/.well-known/jwks.json").send().await.expect(200).json;
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["use"] == "enc").unwrap();
        let kid = jwk["kid"].as_str().unwrap().to_owned();
        Self { server: sealer::public(jwk), kid, secret: sealer::random() }
    }

    /// For the header `Encryption-Key`.
    pub fn key(&self) -> String {
        BASE64.encode(sealer::jwk(&self.secret.public_key()).to_string())
    }

    /// What the protected header has to have.
    fn claims(&self, method: &str, path: &str) -> Value {
        let (iat, jti) = (time::OffsetDateTime::now_utc().unix_timestamp(), Uuid::now_v7());
        json!({
            "alg": "ECDH-ES", "enc": "A256GCM", "kid": self.kid,
            "htm": method, "htu": path.split('?').next(), "iat": iat, "jti": jti,
        })
    }

    /// A body for that method and path, encrypted.
    pub fn seal(&self, method: &str, path: &str, body: &Value) -> Value {
        self.seal_with(&self.claims(method, path), body.to_string().as_bytes())
    }

    /// The same with another header.
    fn seal_with(&self, header: &Value, plaintext: &[u8]) -> Value {
        json!({ "data": sealer::seal(&self.server, header, plaintext) })
    }

    /// What is in an answer; fails where it holds JSON that is not encrypted.
    #[track_caller]
    pub fn open(&self, mut answer: Answer) -> Answer {
        if answer.bytes.is_empty() || !answer.header("content-type").contains("json") {
            return answer;
        }
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        assert!(
            answer.headers.get_all("vary").iter().any(|by| by == "encryption-key"),
            "{answer:?}"
        );
        let members: Vec<_> = answer.json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["data"], "it is not encrypted: {answer:?}");
        let jwe = answer.json["data"].as_str().unwrap();
        let (header, plaintext) = sealer::open(&self.secret, jwe);
        let kind = format!("application/{}", header["cty"].as_str().unwrap());
        answer.headers.insert("content-type", kind.parse().unwrap());
        answer.json = serde_json::from_slice(&plaintext).unwrap();
        answer.bytes = plaintext;
        answer
    }

    /// The JSON in a JWE.
    pub fn open_text(&self, jwe: &str) -> Value {
        serde_json::from_slice(&sealer::open(&self.secret, jwe).1).unwrap()
    }

    /// Sends a body encrypted, and opens the answer.
    async fn post(&self, app: &TestApp, by: &Person, path: &str, body: &Value) -> Answer {
        let call = app.post(path).by(by).header("Encryption-Key", &self.key());
        self.open(call.json(self.seal("POST", path, body)).send().await)
    }
}

/// A new category, which shows whether a request was carried out.
fn category() -> Value {
    json!({ "name": format!("Shelf {}", Uuid::now_v7().simple()), "description": "" })
}

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members
}

fn posted(app: &TestApp, by: &Person, body: Value) -> Call {
    app.post("/categories/").by(by).json(body)
}
