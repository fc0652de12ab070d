//! A text for each kind: one that may well be taken, or one that should not be.

use super::chance::Chance;
use super::document::Kind;
use super::world::{World, forged_cursor};
use super::{scalars, text};

/// Good or hostile, as chance has it.
pub fn value(chance: &mut Chance, kind: &Kind, world: &World) -> String {
    if !chance.is_hostile() {
        return good(chance, kind, world);
    }
    if chance.one_in(4) { text::hostile(chance, 200) } else { bad(chance, kind, world) }
}

fn good(chance: &mut Chance, kind: &Kind, world: &World) -> String {
    match kind {
        Kind::Text { .. } => format!("Lamp {}", chance.below(1_000_000)),
        Kind::Search => chance.pick(&["lamp", "lamp -desk", "\"own lamp\" or pending"]).to_owned(),
        Kind::Id(kind) => world.id(kind, chance),
        Kind::Time => {
            chance.pick(&["2026-11-23T09:00:00Z", "2999-01-01T00:00:00+02:00"]).to_owned()
        }
        Kind::Email => format!("{:x}@example.com", chance.any_u64()),
        Kind::Password => "three green lamps".to_owned(),
        Kind::Choice(choices) => choices[chance.below(choices.len())].clone(),
        Kind::Amount => format!("{}.50", chance.below(1_000)),
        Kind::Currency => "EUR".to_owned(),
        Kind::Cursor => world.cursor(chance),
        Kind::Token => world.token(chance),
        Kind::Digits => chance.pick(&["0", "1", "5", "20"]).to_owned(),
        Kind::Tag => format!("\"{}\"", 1 + chance.below(3)),
        Kind::Range => format!("bytes={}-{}", chance.below(9), 9 + chance.below(9_000)),
    }
}

fn bad(chance: &mut Chance, kind: &Kind, world: &World) -> String {
    match kind {
        Kind::Text { longest } => text::hostile(chance, *longest),
        Kind::Search => text::operators(chance),
        Kind::Id(kind) => {
            let real = world.id(kind, chance);
            scalars::uuid(chance, &real)
        }
        Kind::Time => scalars::time(chance),
        Kind::Email => scalars::email(chance),
        Kind::Password => text::hostile(chance, 128),
        Kind::Choice(choices) => {
            let real = choices[chance.below(choices.len())].clone();
            scalars::choice(chance, &real)
        }
        Kind::Amount => scalars::amount(chance),
        Kind::Currency => {
            chance.pick(&["eur", "XXX", "XTS", "EU", "EURO", "\u{20ac}", "\u{130}SK"]).to_owned()
        }
        Kind::Cursor => {
            let real = world.cursor(chance);
            let forged = forged_cursor(chance, &real);
            if chance.one_in(3) { scalars::token(chance, &forged) } else { forged }
        }
        Kind::Token => {
            let real = world.token(chance);
            scalars::token(chance, &real)
        }
        Kind::Digits => scalars::digits(chance),
        Kind::Tag => tag(chance),
        Kind::Range => range(chance),
    }
}

fn tag(chance: &mut Chance) -> String {
    let (start, end) = (chance.pick(&["", "W/", "w/"]), chance.pick(&["", "\"", ", \"1\"", ","]));
    format!("{start}\"{}\"{end}", scalars::digits(chance))
}

fn range(chance: &mut Chance) -> String {
    let unit = chance.pick(&["bytes", "BYTES", "lines", "", "bytes=0-1,"]);
    let (first, last) = (scalars::digits(chance), scalars::digits(chance));
    format!("{unit}={first}-{last}")
}
