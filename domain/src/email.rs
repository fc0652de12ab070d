//! E-mail addresses: which are accepted, which are one mailbox, and where mail to them goes.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::hidden::is_hidden;
use crate::input::read_parsed;
use crate::text::{Text, TextError};

/// An e-mail address (RFC 5321), as typed.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which two addresses are one account: without regard to case and compatibility
    /// forms, and with `xn--` labels of the domain read as the Unicode labels that they stand for
    /// (UTS 46; RFC 5890: a U-label and its A-label are the same label).
    pub fn folded(&self) -> String {
        let (local, domain) = self.parts();
        let local = local.nfkc().collect::<String>().to_lowercase();
        let unicode = Uts46::new().to_unicode(
            domain.as_bytes(),
            AsciiDenyList::EMPTY,
            Hyphens::CheckFirstLast,
        );
        match unicode {
            (domain, Ok(())) => format!("{local}@{domain}"),
            // No such domain exists, and accounts of before that rule are still found by theirs.
            (_, Err(_)) => format!("{local}@{}", domain.nfkc().collect::<String>().to_lowercase()),
        }
    }

    /// The address as mail servers know it: a domain beyond ASCII in A-labels (RFC 5321, 2.3.5).
    pub fn mailbox(&self) -> String {
        let (local, domain) = self.parts();
        match to_a_labels(domain).filter(|_| !domain.is_ascii()) {
            Some(domain) => format!("{local}@{domain}"),
            None => self.0.clone(),
        }
    }

    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }
}

/// The name that the DNS knows a domain by; `None` where it can know none.
fn to_a_labels(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let ascii = ascii.ok()?.into_owned();
    // A name that ends in a number is an IPv4 address, not a domain (RFC 1123, 2.1).
    let last = ascii.rsplit('.').next().unwrap_or_default();
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then_some(ascii)
}

impl FromStr for EmailAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = Text::<1, 254>::try_new(text)?;
        let options = email_address::Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        // The parser knows no combining marks.
        let composed: String = text.as_str().nfc().collect();
        let parsed = email_address::EmailAddress::parse_with_options(&composed, options)
            .map_err(|_| TextError::NotAnEmail)?;
        // A quoted local part may have any character, which no mail can be composed to.
        let is_quoted = parsed.local_part().starts_with('"');
        if !is_quoted && parsed.domain().chars().all(is_of_hostname) {
            Ok(Self(text.as_str().to_owned()))
        } else {
            Err(TextError::NotAnEmail)
        }
    }
}

/// Letters, digits and hyphens (RFC 5321, 4.1.2), of any script (RFC 6531); the parser takes more.
fn is_of_hostname(character: char) -> bool {
    !character.is_ascii() || character.is_ascii_alphanumeric() || matches!(character, '-' | '.')
}

/// An e-mail address that an account may be given: a mail can be sent to it, and its folded form
/// stands for no other mailbox. So NFKC leaves the local part unchanged, all of it can be seen, and
/// the domain has A-labels, to which mail goes. Older accounts keep their address, and sign in with
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewEmailAddress(EmailAddress);

impl Deref for NewEmailAddress {
    type Target = EmailAddress;

    fn deref(&self) -> &EmailAddress {
        &self.0
    }
}

impl FromStr for NewEmailAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: EmailAddress = text.parse()?;
        let (local, domain) = address.parts();
        if !local.nfkc().eq(local.chars()) || address.as_str().chars().any(is_hidden) {
            return Err(TextError::Lookalike);
        }
        let ascii = to_a_labels(domain).ok_or(TextError::NotAnEmail)?;
        // Mail servers take no more (RFC 5321, 4.5.3.1).
        if local.len() + 1 + ascii.len() > 254 {
            return Err(TextError::NotAnEmail);
        }
        Ok(Self(address))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl<E: DeserializeError> Deserr<E> for EmailAddress {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}

impl<E: DeserializeError> Deserr<E> for NewEmailAddress {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}
