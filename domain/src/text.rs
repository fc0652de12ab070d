//! Text that a person typed, checked at the door.

use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::input::read_string;

/// Why a text is refused; the message is for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Shorter than it may be.
    #[error("{}", if *.min == 1 { "This field may not be blank.".to_owned() } else { format!("At least {min} characters are needed.") })]
    TooShort {
        /// Characters needed.
        min: usize,
    },
    /// Longer than it may be.
    #[error("At most {max} characters are allowed.")]
    TooLong {
        /// Characters allowed.
        max: usize,
    },
    /// Has a NUL, which PostgreSQL's text can't hold.
    #[error("Null characters are not allowed.")]
    Nul,
    /// Not an e-mail address (RFC 5321).
    #[error("Enter a valid e-mail address.")]
    NotAnEmail,
}

/// Text of `MIN` to `MAX` characters (Unicode scalar values) after trimming.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Trims and checks.
    pub fn try_new(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        let length = text.chars().count();
        if text.contains('\0') {
            Err(TextError::Nul)
        } else if length < MIN {
            Err(TextError::TooShort { min: MIN })
        } else if length > MAX {
            Err(TextError::TooLong { max: MAX })
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which two texts count as the same: compatibility-composed, lower case.
    pub fn folded(&self) -> String {
        self.0.nfkc().collect::<String>().to_lowercase()
    }
}

impl<const MAX: usize> Default for Text<0, MAX> {
    fn default() -> Self {
        Self(String::new())
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize, E: DeserializeError> Deserr<E> for Text<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_string(value, location, |text| Self::try_new(&text).map_err(|error| error.to_string()))
    }
}

/// An e-mail address (RFC 5321), as typed.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which two addresses are one account.
    pub fn folded(&self) -> String {
        self.0.nfkc().collect::<String>().to_lowercase()
    }
}

impl FromStr for EmailAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = Text::<1, 254>::try_new(text)?;
        let options = email_address::Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = email_address::EmailAddress::parse_with_options(text.as_str(), options)
            .map_err(|_| TextError::NotAnEmail)?;
        // A quoted local part may have any character, which no mail can be composed to.
        let is_quoted = parsed.local_part().starts_with('"');
        if !is_quoted && parsed.domain().chars().all(is_of_hostname) {
            Ok(Self(text.0))
        } else {
            Err(TextError::NotAnEmail)
        }
    }
}

/// Letters, digits and hyphens (RFC 5321, 4.1.2), of any script (RFC 6531); the parser takes more.
fn is_of_hostname(character: char) -> bool {
    !character.is_ascii() || character.is_ascii_alphanumeric() || matches!(character, '-' | '.')
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
        read_string(value, location, |text| {
            text.parse().map_err(|error: TextError| error.to_string())
        })
    }
}
