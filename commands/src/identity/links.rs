//! Links in mails. A token is an HMAC over purpose, user, expiry and state: nothing is stored, so
//! a worker derives it from the event, and a used one goes stale with the state.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::UserId;
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use url::Url;
use uuid::Uuid;

use super::keyed;

/// Days that an activation link works.
const ACTIVATION: Duration = Duration::days(3);
/// How long a reset link works.
const RESET: Duration = Duration::hours(1);

/// Makes and checks links.
pub struct Links {
    key: [u8; 32],
    public_url: Url,
}

impl Links {
    pub(super) const fn new(key: [u8; 32], public_url: Url) -> Self {
        Self { key, public_url }
    }

    /// What links start with.
    pub const fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// Confirms the address of an account; also a new address of one. `email` is that address.
    pub fn activation(&self, user: UserId, email: &str, issued: OffsetDateTime) -> Url {
        let token = self.token("activate", user, email, issued + ACTIVATION);
        self.url(&format!("activate/{}/{token}/", uid(user)))
    }

    /// Sets a new password in place of the so-many-eth.
    pub fn password_reset(&self, user: UserId, generation: u32, issued: OffsetDateTime) -> Url {
        let token = self.token("reset", user, &generation.to_string(), issued + RESET);
        self.url(&format!("app/password/reset/?uid={}&token={token}", uid(user)))
    }

    pub(crate) fn confirms_address(&self, user: UserId, email: &str, token: &str) -> bool {
        self.is_good("activate", user, email, token)
    }

    pub(crate) fn resets_password(&self, user: UserId, generation: u32, token: &str) -> bool {
        self.is_good("reset", user, &generation.to_string(), token)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.public_url.clone();
        let (path, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        url.set_query(query);
        url
    }

    fn token(&self, purpose: &str, user: UserId, state: &str, expiry: OffsetDateTime) -> String {
        let expiry = expiry.unix_timestamp().to_be_bytes();
        let mac = self.mac(purpose, user, state, expiry);
        BASE64.encode([expiry.as_slice(), &mac].concat())
    }

    fn is_good(&self, purpose: &str, user: UserId, state: &str, token: &str) -> bool {
        let Ok(bytes) = BASE64.decode(token) else { return false };
        let Some((expiry, mac)) = bytes.split_first_chunk::<8>() else { return false };
        let expected = self.mac(purpose, user, state, *expiry);
        let genuine: bool = expected.as_slice().ct_eq(mac).into();
        genuine && i64::from_be_bytes(*expiry) > OffsetDateTime::now_utc().unix_timestamp()
    }

    fn mac(&self, purpose: &str, user: UserId, state: &str, expiry: [u8; 8]) -> [u8; 32] {
        let user = user.uuid();
        let parts = [purpose.as_bytes(), user.as_bytes().as_slice(), state.as_bytes(), &expiry];
        keyed(&self.key, &parts)
    }
}

fn uid(user: UserId) -> String {
    BASE64.encode(user.uuid().as_bytes())
}

/// The account that a link names.
pub(crate) fn read_uid(uid: &str) -> Option<UserId> {
    let bytes = BASE64.decode(uid).ok()?;
    Uuid::from_slice(&bytes).ok().map(UserId::from_uuid)
}
