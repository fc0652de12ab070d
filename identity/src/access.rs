//! Access tokens: JWT (RFC 9068 profile), EdDSA, five minutes.

use std::sync::Arc;
use std::time::Duration;

use domain::user::Account;
use domain::{Role, SessionId, UserId};
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use url::Url;

use crate::clock;
use crate::error::IdentityError;
use crate::keyring::{Keyring, Keys};
use crate::signing::TYPE;

/// How long an access token lives.
pub const ACCESS_LIFETIME: Duration = Duration::from_mins(5);
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
    pub fn of(account: &Account, needs_second_factor: bool) -> Option<Self> {
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
    pub(crate) generation: i64,
    /// Unix seconds.
    expires: i64,
}

impl Standing {
    /// For somebody who came without a token of their own, until that Unix second.
    pub const fn new(who: Authenticated, generation: i64, expires: i64) -> Self {
        Self { who, generation, expires }
    }

    /// How long it lives yet.
    pub fn left(&self) -> Duration {
        let now = clock::now();
        let end = OffsetDateTime::from_unix_timestamp(self.expires).unwrap_or(now);
        (end - now).try_into().unwrap_or_default()
    }

    pub(crate) fn is_over(&self) -> bool {
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

pub(crate) struct AccessTokens {
    keyring: Arc<Keyring>,
    validation: Validation,
    issuer: String,
    read: moka::sync::Cache<[u8; 32], Standing>,
}

impl AccessTokens {
    pub(crate) fn new(keyring: Arc<Keyring>, public_url: &Url) -> Self {
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

    pub(crate) fn issue(
        &self,
        of: Authenticated,
        generation: i64,
    ) -> Result<String, IdentityError> {
        let now = clock::now();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: of.user,
            sid: of.session,
            role: of.role,
            limit: of.limit,
            iat: now.unix_timestamp(),
            exp: (now + ACCESS_LIFETIME).unix_timestamp(),
            generation,
        };
        self.keyring.keys().signing().sign(&claims).map_err(IdentityError::fault)
    }

    /// Whom a token speaks for, if it is genuine and not over. A signature is checked once: after that,
    /// only the expiry.
    pub(crate) fn read(&self, token: &str) -> Option<Standing> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let standing = if let Some(known) = self.read.get(&digest) {
            known
        } else {
            let verified = self.verify(token)?;
            self.read.insert(digest, verified);
            verified
        };
        (!standing.is_over()).then_some(standing)
    }

    fn verify(&self, token: &str) -> Option<Standing> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = header.kid.as_ref()?;
        let find = |keys: Arc<Keys>| keys.signing().accepted(kid);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

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
            let is_taken =
                std::str::from_utf8(input).is_ok_and(|token| tokens.read(token).is_some());
            assert_eq!(is_taken, good.iter().any(|token| token == input), "{input:?}");
        });
    }
}
