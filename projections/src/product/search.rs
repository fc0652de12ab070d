//! Words that are searched for, in the syntax of PostgreSQL's `websearch_to_tsquery`.

use std::str::FromStr;

use domain::folded;

/// Characters of a search.
const LONGEST: usize = 500;
/// Hyphens with nothing to search for between them: each negates the next, and PostgreSQL's parser
/// has room for 32.
const MOST_NEGATIONS: usize = 20;

/// A search that PostgreSQL can read, folded as the texts are that it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

/// Not a search; the message is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Longer than it may be.
    #[error("At most {LONGEST} characters are allowed.")]
    TooLong,
    /// Has a NUL, which PostgreSQL's text can't hold.
    #[error("Null characters are not allowed.")]
    Nul,
    /// Negations of negations without end.
    #[error("At most {MOST_NEGATIONS} hyphens without a word between them are allowed.")]
    Negations,
}

impl Search {
    /// What PostgreSQL reads.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Search {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Self, SearchError> {
        let negations = |between: &str| between.matches('-').count();
        if text.contains('\0') {
            return Err(SearchError::Nul);
        }
        // Folding can make a text longer, and hyphens of other kinds to plain ones.
        let folded = folded(text);
        if text.chars().count() > LONGEST || folded.chars().count() > LONGEST {
            Err(SearchError::TooLong)
        } else if folded
            .split(char::is_alphanumeric)
            .map(negations)
            .any(|most| most > MOST_NEGATIONS)
        {
            Err(SearchError::Negations)
        } else {
            Ok(Self(folded))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_has_its_bounds() {
        let search = |text: &str| text.parse::<Search>().map(|_| ());
        assert_eq!(search("lamp -desk \"new lamp\" or 10-20"), Ok(()));
        assert_eq!(search(&"-".repeat(20)), Ok(()));
        assert_eq!(search(&"-".repeat(21)), Err(SearchError::Negations));
        assert_eq!(search(&format!("lamp{}", " - \t".repeat(21))), Err(SearchError::Negations));
        assert_eq!(search(&"-a".repeat(250)), Ok(()));
        assert_eq!(search(&"é".repeat(501)), Err(SearchError::TooLong));
        assert_eq!(search("a\0"), Err(SearchError::Nul));
        assert_eq!(search(&"\u{ff0d}".repeat(21)), Err(SearchError::Negations));
        assert_eq!(search(&"\u{fdfa}".repeat(100)), Err(SearchError::TooLong));
    }
}
