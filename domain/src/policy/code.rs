use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};

use crate::input::read_parsed;

/// Characters of a code.
const LONGEST_CODE: usize = 32;
/// Characters of a language tag.
const LONGEST_TAG: usize = 35;

/// What people name a policy by: `[A-Z0-9][A-Z0-9._-]{0,31}`, so that no two codes can be taken for one
/// another. It is unique, and never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyCode(String);

/// The language of a text: a tag of the form of RFC 5646, such as `en` or `pt-BR`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LanguageTag(String);

/// A code that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "1 to 32 capital letters A to Z, digits, dots, hyphens and underscores are expected, the first a letter \
     or a digit."
)]
pub struct CodeError;

/// A tag that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A language tag is expected, such as en or pt-BR.")]
pub struct LanguageTagError;

impl PolicyCode {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LanguageTag {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(is_letter);
        let all = text.bytes().all(|byte| is_letter(byte) || matches!(byte, b'.' | b'_' | b'-'));
        if begins && all && text.len() <= LONGEST_CODE {
            Ok(Self(text.to_owned()))
        } else {
            Err(CodeError)
        }
    }
}

impl FromStr for LanguageTag {
    type Err = LanguageTagError;

    fn from_str(text: &str) -> Result<Self, LanguageTagError> {
        let mut subtags = text.split('-');
        let is_language = |tag: &str| {
            (2..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        let is_subtag = |tag: &str| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let is_tag = subtags.next().is_some_and(is_language) && subtags.all(is_subtag);
        if is_tag && text.len() <= LONGEST_TAG {
            Ok(Self(text.to_owned()))
        } else {
            Err(LanguageTagError)
        }
    }
}

impl fmt::Display for PolicyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: DeserializeError> Deserr<E> for PolicyCode {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}

impl<E: DeserializeError> Deserr<E> for LanguageTag {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        read_parsed(value, location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_capital_letters_and_digits() {
        for code in ["A", "7", "WEAPONS", "DSA-34.2_B", &"X".repeat(32)] {
            assert_eq!(code.parse::<PolicyCode>().unwrap().as_str(), code);
        }
        for wrong in ["", "a", "-A", ".A", "A B", " A", "A\n", "Ä", "А", &"X".repeat(33)] {
            assert_eq!(wrong.parse::<PolicyCode>(), Err(CodeError), "{wrong:?}");
        }
    }

    #[test]
    fn a_language_tag_has_the_form_of_one() {
        for tag in ["en", "pt-BR", "zh-Hant-TW", "de-1996"] {
            assert_eq!(tag.parse::<LanguageTag>().unwrap().as_str(), tag);
        }
        for wrong in
            ["", "e", "en_GB", "en-", "-en", "english-language-tag-that-is-too-long", "日本"]
        {
            assert_eq!(wrong.parse::<LanguageTag>(), Err(LanguageTagError), "{wrong:?}");
        }
    }
}
