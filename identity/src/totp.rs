//! Codes of second factors: time-based ones (TOTP, RFC 6238), and recovery codes.

use domain::UserId;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret, Totp};

use crate::clock;
use crate::error::IdentityError;
use crate::identity::Identity;
use crate::keyed::keyed;

/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
const SECRET: usize = 20;
/// Bytes of a recovery code: 80 bits, so it can't be guessed.
const RECOVERY_CODE: usize = 10;
/// Recovery codes that a person has.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code that stand together.
const GROUP: usize = 4;
/// What authenticator apps show beside the account.
const ISSUER: &str = "Vetted";

/// Codes that stand in for a lost authenticator, each good once; shown once.
pub struct RecoveryCodes(pub Vec<SecretString>);

/// A code that was given, as far as it can be judged without what was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Right in that time step.
    TimeStep(i64),
    /// The keyed hash of what may be a recovery code.
    Recovery([u8; 32]),
}

impl Code {
    /// What the journal calls it.
    pub const fn method(self) -> &'static str {
        match self {
            Self::TimeStep(_) => "second_factor",
            Self::Recovery(_) => "recovery_code",
        }
    }
}

pub(crate) fn new_secret() -> [u8; SECRET] {
    let mut secret = [0; SECRET];
    rand::rng().fill_bytes(&mut secret);
    secret
}

/// The secret as a person types it into an app (base32, RFC 4648).
pub(crate) fn base32(secret: &[u8]) -> SecretString {
    Secret::new(secret.into()).to_base32().into()
}

/// The address that an app reads from a QR code.
pub(crate) fn otpauth_url(secret: &[u8], account: &str) -> Result<SecretString, IdentityError> {
    // The label has a colon between issuer and account.
    let account = account.replace(':', "_");
    let builder = Builder::new().with_secret(Secret::new(secret.into()));
    let totp = builder.with_issuer(Some(ISSUER)).with_account_name(account).build();
    let url = totp.and_then(|totp| totp.to_url()).map_err(IdentityError::fault)?;
    Ok(url.into())
}

/// The time step in which a code of 6 digits is right: the present one, or one beside it, as clocks
/// differ.
pub(crate) fn time_step(secret: &[u8], code: &str) -> Result<Option<i64>, IdentityError> {
    let totp: Totp = Builder::new()
        .with_secret(Secret::new(secret.into()))
        .build()
        .map_err(IdentityError::fault)?;
    let now = u64::try_from(clock::unix_now()).unwrap_or_default();
    totp.check(code, now).map(i64::try_from).transpose().map_err(IdentityError::fault)
}

/// What was typed, without the spaces and hyphens that people put in.
pub(crate) fn typed(code: &str) -> String {
    let letters = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Whether it has the form of a time-based code.
pub(crate) fn is_time_based(typed: &str) -> bool {
    typed.len() == 6 && typed.bytes().all(|byte| byte.is_ascii_digit())
}

impl Identity {
    /// New recovery codes, and what is kept of them.
    pub fn recovery_codes(&self, user: UserId) -> (RecoveryCodes, Vec<[u8; 32]>) {
        let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let hash = |code: &SecretString| self.recovery_hash(user, &typed(code.expose_secret()));
        let hashes = codes.iter().map(hash).collect();
        (RecoveryCodes(codes), hashes)
    }

    /// The code is random, so a keyed hash that takes no time is enough.
    pub(crate) fn recovery_hash(&self, user: UserId, typed: &str) -> [u8; 32] {
        keyed(&self.recovery, &[user.uuid().as_bytes(), typed.as_bytes()])
    }
}

/// `ABCD-EFGH-IJKL-MNOP`.
fn recovery_code() -> SecretString {
    let mut bytes = [0; RECOVERY_CODE];
    rand::rng().fill_bytes(&mut bytes);
    let letters: Vec<char> = base32(&bytes).expose_secret().chars().collect();
    let groups = letters.chunks(GROUP).map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join("-").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_read_with_and_without_spaces() {
        assert_eq!(typed(" abcd-efgh ijkl "), "ABCDEFGHIJKL");
        assert!(is_time_based(&typed("123 456")));
        assert!(!is_time_based("12345"));
        assert!(!is_time_based("12345a"));
    }

    #[test]
    fn a_recovery_code_has_eighty_bits_in_groups_of_four() {
        let (one, other) = (recovery_code(), recovery_code());
        let groups: Vec<_> = one.expose_secret().split('-').map(str::len).collect();
        assert_eq!(groups, [4, 4, 4, 4]);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[test]
    fn a_code_is_right_in_its_step_and_beside_it_only() {
        let secret = new_secret();
        let totp = Builder::new().with_secret(Secret::new(secret.into())).build().unwrap();
        let now = u64::try_from(clock::unix_now()).unwrap();
        let code = |time| totp.generate(time).to_string();
        let step = |code: &str| time_step(&secret, code).unwrap();
        assert!(step(&code(now)).is_some() && step(&code(now - 30)).is_some());
        assert!(step(&code(now - 120)).is_none() || step(&code(now - 150)).is_none());
    }

    #[test]
    fn an_address_with_a_colon_has_a_link_too() {
        let url = otpauth_url(&new_secret(), "\"a:b\"@example.com").unwrap();
        assert!(url.expose_secret().starts_with("otpauth://totp/Vetted:"));
    }
}
