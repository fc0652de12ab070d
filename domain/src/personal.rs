//! Data about a person, inside an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// A text about a person. It names that person, so that it can be sealed under their key and be
/// gone once they are erased, while the event around it stays.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Personal {
    /// Whom the text is about; not always who wrote it.
    pub about: UserId,
    /// The text; `None` once that person has been erased, or while it is sealed.
    pub text: Option<String>,
    /// The text as the log holds it.
    pub sealed: Option<Sealed>,
}

/// A text under a person's key.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// Which of that person's keys.
    pub key: i32,
    /// AES-256-GCM: nonce, ciphertext and tag, base64url.
    pub data: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Sealed { about: UserId, sealed: Sealed },
    Plain { about: UserId, text: Option<String> },
}

impl From<Stored> for Personal {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Sealed { about, sealed } => Self { about, text: None, sealed: Some(sealed) },
            Stored::Plain { about, text } => Self { about, text, sealed: None },
        }
    }
}

impl From<Personal> for Stored {
    fn from(Personal { about, text, sealed }: Personal) -> Self {
        match sealed {
            Some(sealed) => Self::Sealed { about, sealed },
            None => Self::Plain { about, text },
        }
    }
}

impl Personal {
    /// A text about somebody.
    pub fn new(about: UserId, text: impl Into<String>) -> Self {
        Self { about, text: Some(text.into()), sealed: None }
    }

    /// The text, if it can be read.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({}, …)", self.about)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, …)", self.key)
    }
}

/// An event, or an aggregate, that may hold texts about people.
pub trait HoldsPersonal {
    /// Each such text with the name of its field.
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)>;
}
