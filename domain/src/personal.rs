//! Data about a person, inside an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// A text about a person. It names that person, so that it can be sealed under their key and be
/// gone once they are erased, while the event around it stays.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Personal {
    /// Whom the text is about; not always who wrote it.
    pub about: UserId,
    /// The text; `None` once that person has been erased.
    pub text: Option<String>,
}

impl Personal {
    /// A text about somebody.
    pub fn new(about: UserId, text: impl Into<String>) -> Self {
        Self { about, text: Some(text.into()) }
    }

    /// The text, if it still can be read.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({}, …)", self.about)
    }
}
