//! Text that a person typed, checked at the door.

use std::borrow::Cow;
use std::fmt::{self, Write};

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};

use crate::folding;
use crate::hidden::is_hidden;
use crate::input::read_string;

/// Why a text is refused; the message is for the person who typed it.
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
    /// Is required, and has nothing to see.
    #[error("This field has only characters that cannot be seen: enter some that can.")]
    Invisible,
    /// Not an e-mail address (RFC 5321).
    #[error("Enter a valid e-mail address.")]
    NotAnEmail,
    /// Could be taken for another address.
    #[error(
        "The part before the @ has characters that look like others or cannot be seen: use plain \
         letters and digits."
    )]
    Lookalike,
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
        } else if MIN > 0 && !folding::is_visible(text) {
            Err(TextError::Invisible)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which two texts count as the same.
    pub fn folded(&self) -> String {
        folding::folded(&self.0)
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

/// Text of others as one line in which every character can be seen: hidden ones are escaped as in
/// Rust (`\n`, `\u{202e}`). For logs and terminals.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        // Writing to a string can't fail.
        let _ = match character {
            '\n' | '\r' | '\t' => write!(line, "{}", character.escape_default()),
            hidden if is_hidden(hidden) => write!(line, "{}", hidden.escape_unicode()),
            other => line.write_char(other),
        };
    }
    Cow::Owned(line)
}
