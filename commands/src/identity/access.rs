//! Access tokens: JWT (RFC 9068 profile), EdDSA, five minutes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::user::Account;
use domain::{Role, SessionId, UserId};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use url::Url;

use super::keyring::{Keyring, Keys};
use super::secrets::{Secrets, SecretsError};
use crate::{CommandError, clock};

/// Seconds that an access token lives.
pub(super) const LIFETIME: u64 = 300;
const TYPE: &str = "at+jwt";
const AUDIENCE: &str = "vetted-api";

/// Who a bearer token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The account.
    pub user: UserId,
    /// Its role when the token was issued; a change ends the token.
    pub role: Role,
    /// The session.
    pub session: SessionId,
    /// What has to be done before anything else is.
    pub limit: Option<Limit>,
}

/// What an account has to do before it may do anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Change its password.
    PasswordChange,
    /// Set up a second factor.
    SecondFactor,
}

impl Limit {
    /// What this account has to do, if there is anything.
    pub(crate) fn of(account: &Account, needs_second_factor: bool) -> Option<Self> {
        if account.must_change_password {
            return Some(Self::PasswordChange);
        }
        (needs_second_factor && !account.has_second_factor).then_some(Self::SecondFactor)
    }
}

/// A bearer token that was valid when it came: a longer request checks again.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Who it speaks for.
    pub who: Authenticated,
    /// The account's access generation when it was issued.
    pub(super) generation: i64,
    /// Unix seconds.
    expires: i64,
}

impl Standing {
    /// For somebody who came without a token of their own, until that Unix second.
    pub(super) const fn new(who: Authenticated, generation: i64, expires: i64) -> Self {
        Self { who, generation, expires }
    }

    /// How long it lives yet.
    pub fn left(&self) -> Duration {
        let now = clock::now();
        let end = OffsetDateTime::from_unix_timestamp(self.expires).unwrap_or(now);
        (end - now).try_into().unwrap_or_default()
    }

    pub(super) fn is_over(&self) -> bool {
        self.expires <= clock::unix_now()
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    #[serde(default, rename = "lim", skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    iat: i64,
    exp: i64,
    /// The account's access generation when it was issued: a later act ends it, whatever clocks say.
    #[serde(rename = "gen")]
    generation: i64,
}

/// One state of the keys that sign and verify.
pub(crate) struct SigningKeys {
    header: Header,
    signing: EncodingKey,
    /// When a newer key is to sign, in Unix seconds.
    until: Option<i64>,
    accepted: HashMap<String, DecodingKey>,
    jwks: Vec<Value>,
}

pub(crate) struct AccessTokens {
    keyring: Arc<Keyring>,
    validation: Validation,
    issuer: String,
    read: moka::sync::Cache<[u8; 32], Standing>,
}

impl SigningKeys {
    pub(super) fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        let none = || SecretsError::Key("there is none".to_owned());
        let (first, until) = secrets.signing_key().ok_or_else(none)?;
        let der = first.to_pkcs8_der().map_err(|error| SecretsError::Key(error.to_string()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid(first));
        let accepted = secrets
            .signing
            .iter()
            .map(|key| Ok((kid(key), DecodingKey::from_ed_components(&x(key))?)))
            .collect::<Result<_, jsonwebtoken::errors::Error>>()
            .map_err(|error| SecretsError::Key(error.to_string()))?;
        Ok(Self {
            header,
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            until,
            accepted,
            jwks: secrets.signing.iter().map(jwk).collect(),
        })
    }

    /// The public halves.
    pub(super) fn jwks(&self) -> &[Value] {
        &self.jwks
    }

    /// Whether another key should sign by now.
    pub(super) fn is_outdated(&self) -> bool {
        self.until.is_some_and(|until| until <= clock::unix_now())
    }
}

impl AccessTokens {
    pub(super) fn new(keyring: Arc<Keyring>, public_url: &Url) -> Self {
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By the database's clock instead, see `Standing::is_over`.
        validation.validate_exp = false;
        let read = moka::sync::Cache::builder().max_capacity(20_000).build();
        Self { keyring, validation, issuer, read }
    }

    pub(super) fn issue(&self, of: Authenticated, generation: i64) -> Result<String, CommandError> {
        let iat = clock::unix_now();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: of.user,
            sid: of.session,
            role: of.role,
            limit: of.limit,
            iat,
            exp: iat + i64::try_from(LIFETIME).map_err(CommandError::fault)?,
            generation,
        };
        let keys = self.keyring.keys();
        let keys = keys.signing();
        jsonwebtoken::encode(&keys.header, &claims, &keys.signing).map_err(CommandError::fault)
    }

    /// Whom a token speaks for. A signature is checked once: after that, only the expiry.
    pub(super) fn read(&self, token: &str) -> Result<Standing, CommandError> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let standing = if let Some(known) = self.read.get(&digest) {
            known
        } else {
            let verified = self.verify(token).ok_or_else(invalid_token)?;
            self.read.insert(digest, verified);
            verified
        };
        if standing.is_over() { Err(invalid_token()) } else { Ok(standing) }
    }

    fn verify(&self, token: &str) -> Option<Standing> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = header.kid.as_ref()?;
        let find = |keys: Arc<Keys>| keys.signing().accepted.get(kid).cloned();
        let key = find(self.keyring.keys()).or_else(|| find(self.keyring.reloaded()))?;
        let foreign = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some();
        if header.typ.as_deref() != Some(TYPE) || foreign {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation).ok()?.claims;
        if claims.iat > clock::unix_now() + 60 {
            return None;
        }
        let Claims { sub: user, role, sid: session, limit, .. } = claims;
        let who = Authenticated { user, role, session, limit };
        Some(Standing { who, generation: claims.generation, expires: claims.exp })
    }
}

pub(crate) const fn invalid_token() -> CommandError {
    CommandError::Unauthorized {
        code: "invalid_token",
        detail: "The token is invalid or has expired: sign in again, or refresh it.",
    }
}

/// The public key's coordinate (RFC 8037).
fn x(key: &SigningKey) -> String {
    BASE64.encode(key.verifying_key().as_bytes())
}

/// The key's thumbprint (RFC 7638).
fn kid(key: &SigningKey) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, x(key));
    BASE64.encode(Sha256::digest(canonical.as_bytes()))
}

fn jwk(key: &SigningKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x(key), "kid": kid(key), "use": "sig", "alg": "EdDSA" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutated_tokens_never_panic_and_never_speak_for_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load_or_create(&folder.path().join("secrets.json")).unwrap();
        let keyring = Arc::new(Keyring::try_new(&secrets).unwrap());
        let url = "http://vetted.example/".parse().unwrap();
        let tokens = AccessTokens::new(keyring, &url);
        let (user, session) = (UserId::from_uuid(uuid::Uuid::now_v7()), uuid::Uuid::now_v7());
        let session = SessionId::from_uuid(session);
        let good = [Role::EndUser, Role::Admin].map(|role| {
            tokens
                .issue(Authenticated { user, role, session, limit: None }, 7)
                .unwrap()
                .into_bytes()
        });

        crate::mutated::feed("JWT", &good, |input| {
            let is_taken = std::str::from_utf8(input).is_ok_and(|token| tokens.read(token).is_ok());
            assert_eq!(is_taken, good.iter().any(|token| token == input), "{input:?}");
        });
    }
}
