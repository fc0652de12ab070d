//! The form under which texts are compared, whatever their case and Unicode form: for names that are
//! unique, for the order of lists, and for words that are searched for, in the texts as in the query.
//! What is shown stays as it was typed.

use unicode_normalization::UnicodeNormalization;

use crate::hidden::is_hidden;

/// A text in lower case and compatibility-composed (NFKC, Unicode Standard Annex 15), without
/// characters that cannot be seen, and with single spaces between words.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return squeezed(text.chars()).to_ascii_lowercase();
    }
    // Decomposed first: an invisible character may stand between a letter and its accent.
    let composed: String = squeezed(text.nfkd()).nfkc().collect();
    composed.to_lowercase().nfkc().collect()
}

/// The visible characters, with white space as single spaces and none around them.
fn squeezed(characters: impl Iterator<Item = char>) -> String {
    let mut line = String::new();
    let mut pending_space = false;
    for character in characters {
        if character.is_whitespace() {
            pending_space = !line.is_empty();
        } else if !is_hidden(character) {
            if std::mem::take(&mut pending_space) {
                line.push(' ');
            }
            line.push(character);
        }
    }
    line
}

/// Whether a text has anything to see.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace() && !is_hidden(character))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_look_the_same_fold_to_the_same() {
        for (one, other) in [
            ("Lamps", "LAMPS"),
            ("Cr\u{e8}me", "Cre\u{300}me"),
            ("Cre\u{34f}\u{300}me", "crème"),
            ("\u{212b}ngstr\u{f6}m", "ångström"),
            ("ﬁne", "FINE"),
            ("Ｌａｍｐｓ", "lamps"),
            ("Lam\u{200b}ps\u{ad}\u{fe0f}\u{e0101}", "lamps"),
            ("\u{3164}Lamps\u{2800}\u{7}", "lamps"),
            (" Desk \u{a0}\tlamps\n", "desk lamps"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?}");
        }
        assert_ne!(folded("Crème"), folded("Creme"));
        assert_ne!(folded("desk lamps"), folded("desklamps"));
    }

    #[test]
    fn a_text_of_nothing_visible_is_found_out() {
        for text in ["", " \u{a0}", "\u{200b}", "\u{3164}\u{2800} \u{ad}", "\u{feff}\u{e0020}"] {
            assert!(!is_visible(text), "{text:?}");
            assert_eq!(folded(text), "");
        }
        assert!(is_visible("\u{200b}a") && is_visible("\u{301}"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
