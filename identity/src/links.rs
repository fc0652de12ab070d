//! Links in mails. A token is an HMAC over purpose, person, address, a generation and expiry: nothing
//! is stored, so a worker derives it from the event, and a used one goes stale with the generation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::UserId;
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use url::Url;
use uuid::Uuid;

use crate::clock;
use crate::keyed::keyed;

/// How long a link works that confirms an address.
const CONFIRMATION: Duration = Duration::days(3);
/// How long a reset link works.
const RESET: Duration = Duration::hours(1);
/// How long a change of address can be undone.
const UNDO: Duration = Duration::days(7);

/// What a link is for; a token of one purpose is none of another.
#[derive(Clone, Copy)]
enum Purpose {
    Activation,
    EmailChange,
    PasswordReset,
    UndoEmailChange,
}

/// What a token is signed for besides purpose and expiry.
#[derive(Clone, Copy)]
pub struct LinkHolder<'a> {
    /// The account.
    pub user: UserId,
    /// The address that the mail goes to.
    pub email: &'a str,
    /// A number that goes on when the link is to stop working: the account's access generation, or
    /// the sequence of the change of address that is to be undone.
    pub generation: i64,
}

/// Makes and checks links.
pub struct Links {
    key: [u8; 32],
    public_url: Url,
}

impl Links {
    pub(crate) const fn new(key: [u8; 32], public_url: Url) -> Self {
        Self { key, public_url }
    }

    /// What links start with.
    pub const fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// Confirms the address of an account. Works for 3 days.
    pub fn activation(&self, holder: LinkHolder<'_>, issued: OffsetDateTime) -> Url {
        self.confirmation(Purpose::Activation, holder, issued)
    }

    /// Confirms a new address of an account. Works for 3 days.
    pub fn email_change(&self, holder: LinkHolder<'_>, issued: OffsetDateTime) -> Url {
        self.confirmation(Purpose::EmailChange, holder, issued)
    }

    /// Sets a new password. Works once, for an hour.
    pub fn password_reset(&self, holder: LinkHolder<'_>, issued: OffsetDateTime) -> Url {
        let token = self.token(Purpose::PasswordReset, holder, issued + RESET);
        self.url(&format!("app/password/reset/?uid={}&token={token}", uid(holder.user)))
    }

    /// Restores the address that an account had before a change, in a mail to that address. Works
    /// for 7 days, whatever else is done to the account meanwhile.
    pub fn undo_email_change(&self, holder: LinkHolder<'_>, issued: OffsetDateTime) -> Url {
        let token = self.token(Purpose::UndoEmailChange, holder, issued + UNDO);
        self.url(&format!("app/email/undo/?uid={}&token={token}", uid(holder.user)))
    }

    /// Whether a token confirms the address of an account.
    pub fn activates(&self, holder: LinkHolder<'_>, token: &str) -> bool {
        self.is_good(Purpose::Activation, holder, token)
    }

    /// Whether a token confirms a new address.
    pub fn changes_email(&self, holder: LinkHolder<'_>, token: &str) -> bool {
        self.is_good(Purpose::EmailChange, holder, token)
    }

    /// Whether a token allows a new password to be set.
    pub fn resets_password(&self, holder: LinkHolder<'_>, token: &str) -> bool {
        self.is_good(Purpose::PasswordReset, holder, token)
    }

    /// Whether a token restores the address.
    pub fn undoes_email_change(&self, holder: LinkHolder<'_>, token: &str) -> bool {
        self.is_good(Purpose::UndoEmailChange, holder, token)
    }

    fn confirmation(
        &self,
        purpose: Purpose,
        holder: LinkHolder<'_>,
        issued: OffsetDateTime,
    ) -> Url {
        let token = self.token(purpose, holder, issued + CONFIRMATION);
        self.url(&format!("activate/{}/{token}/", uid(holder.user)))
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

    fn token(&self, purpose: Purpose, holder: LinkHolder<'_>, expiry: OffsetDateTime) -> String {
        let expiry = expiry.unix_timestamp().to_be_bytes();
        let mac = self.mac(purpose, holder, expiry);
        BASE64.encode([expiry.as_slice(), &mac].concat())
    }

    fn is_good(&self, purpose: Purpose, holder: LinkHolder<'_>, token: &str) -> bool {
        let Ok(bytes) = BASE64.decode(token) else { return false };
        let Some((expiry, mac)) = bytes.split_first_chunk::<8>() else { return false };
        let expected = self.mac(purpose, holder, *expiry);
        let genuine: bool = expected.as_slice().ct_eq(mac).into();
        genuine && i64::from_be_bytes(*expiry) > clock::unix_now()
    }

    fn mac(&self, purpose: Purpose, holder: LinkHolder<'_>, expiry: [u8; 8]) -> [u8; 32] {
        let (user, generation) = (holder.user.uuid(), holder.generation.to_be_bytes());
        let parts: [&[u8]; 5] =
            [purpose.name(), user.as_bytes(), holder.email.as_bytes(), &generation, &expiry];
        keyed(&self.key, &parts)
    }
}

impl Purpose {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Activation => b"activate",
            Self::EmailChange => b"change email",
            Self::PasswordReset => b"reset",
            Self::UndoEmailChange => b"undo email change",
        }
    }
}

fn uid(user: UserId) -> String {
    BASE64.encode(user.uuid().as_bytes())
}

/// The account that a link names.
pub fn read_uid(uid: &str) -> Option<UserId> {
    let bytes = BASE64.decode(uid).ok()?;
    Uuid::from_slice(&bytes).ok().map(UserId::from_uuid)
}
