//! Texts that programs stumble over.

use super::chance::Chance;

/// Some of each general category of Unicode, but for surrogates, which no text has.
const CATEGORIES: [&str; 29] = [
    "A\u{c9}\u{130}\u{1e9e}",
    "a\u{df}\u{149}\u{1d4ea}",
    "\u{1c5}\u{1f88}",
    "\u{2b0}\u{1d2c}",
    "\u{aa}\u{5d0}\u{3042}\u{fdfa}\u{fb03}\u{20000}",
    "\u{300}\u{301}\u{489}\u{5b0}\u{e0100}",
    "\u{903}\u{93e}",
    "\u{20dd}\u{488}",
    "0\u{663}\u{1d7d8}",
    "\u{2160}\u{3007}",
    "\u{b2}\u{bd}\u{2460}",
    "_\u{203f}",
    "-\u{ad}\u{2014}\u{2212}",
    "(\u{2045}\u{ff08}",
    ")\u{2046}\u{ff09}",
    "\u{ab}\u{2018}",
    "\u{bb}\u{2019}",
    "!\"'*,./:;?\\\u{bf}\u{3002}",
    "+<=>|~\u{2211}",
    "$\u{20ac}\u{fdfc}",
    "^`\u{a8}\u{1f3fb}",
    "\u{a9}\u{2603}\u{1f600}\u{fffd}",
    " \u{a0}\u{1680}\u{2003}\u{3000}",
    "\u{2028}",
    "\u{2029}",
    "\0\t\n\r\u{7}\u{1b}\u{7f}\u{85}",
    "\u{200b}\u{200d}\u{202e}\u{2066}\u{feff}\u{e0001}",
    "\u{e000}\u{f0000}\u{10fffd}",
    "\u{378}\u{fffe}\u{ffff}\u{1ffff}\u{10ffff}",
];
/// What some reader down the line may take for more than text.
const TRICKS: [&str; 26] = [
    "'; DROP TABLE events; --",
    "\\",
    "\\u0000",
    "\\ud800",
    "%00",
    "%s%n%d",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "../../../etc/passwd",
    "..\\..\\",
    "\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "null",
    "undefined",
    "true",
    "NaN",
    "-0",
    "{}",
    "[]",
    "\"",
    "{\"$gt\": \"\"}",
    "me",
    "*",
    "a\u{202e}b\u{2066}c",
    "Z\u{335}\u{321}\u{32b}\u{332}\u{320}\u{35a}",
];
/// What a search is built of.
const OPERATORS: [&str; 25] = [
    "-", "--", "- ", "\"", "\"\"", "or", " or ", "OR", "and", "not", "|", "&", "!", "(", ")",
    "<->", "<2>", ":*", ":A", "'", "\\", ",", "\t", "\u{3000}", "\u{2010}",
];

/// A text that is not what was hoped for; `longest` is what the document allows.
pub fn hostile(chance: &mut Chance, longest: usize) -> String {
    match chance.below(10) {
        0 => of_one_category(chance),
        1 => CATEGORIES.concat(),
        2 | 3 => long(chance, longest),
        4 => format!("e{}", "\u{301}".repeat(chance.pick(&[1, 40, 1_000]))),
        5 => chance.pick(&TRICKS).to_owned(),
        6 => operators(chance),
        7 => (0..=chance.below(40)).map(|_| chance.any_char()).collect(),
        8 => [" ", "\t\n", "\u{3000}", "\u{feff}", "\0"][chance.below(5)].to_owned(),
        _ => String::new(),
    }
}

/// A search of operators and nothing else, or of hardly anything else.
pub fn operators(chance: &mut Chance) -> String {
    let of = if chance.one_in(2) { 1 + chance.below(3) } else { OPERATORS.len() };
    let first = chance.below(OPERATORS.len());
    let wordy = chance.one_in(3);
    let mut text = String::new();
    for _ in 0..chance.pick(&[1, 5, 30, 33, 70, 250]) {
        text += OPERATORS[(first + chance.below(of)) % OPERATORS.len()];
        if wordy && chance.one_in(4) {
            text += "lamp";
        }
    }
    text.chars().take(500).collect()
}

fn of_one_category(chance: &mut Chance) -> String {
    let characters: Vec<_> = chance.pick(&CATEGORIES).chars().collect();
    let length = chance.pick(&[1, 8, 100]);
    (0..length).map(|_| chance.pick(&characters)).collect()
}

/// About as long as it may be, or far longer, of characters of one byte and of many, some of which
/// become eighteen in their compatible form.
fn long(chance: &mut Chance, longest: usize) -> String {
    let character = chance.pick(&['x', '\u{e9}', '\u{fdfa}', '\u{1f600}', '\u{130}', '"', ' ']);
    let edges = [longest.saturating_sub(1), longest, longest + 1, 2 * longest, 20_001, 200_000];
    let edge = chance.pick(&edges);
    character.to_string().repeat(edge)
}

#[test]
fn operators_come_in_the_runs_that_a_parser_has_no_room_for() {
    let hyphens = |text: &str| text.chars().all(|character| character == '-') && text.len() > 32;

    let found = (0..20_000).any(|index| hyphens(&operators(&mut Chance::of(1, 1, index))));

    assert!(found);
}
