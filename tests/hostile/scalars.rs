//! Numbers, times, identifiers and the like, at their edges and just beside them.

use super::chance::Chance;

/// A number as JSON writes it, or would if it could.
pub fn number(chance: &mut Chance) -> String {
    let sign = chance.pick(&["", "-"]);
    let power = around_a_power_of_two(chance);
    match chance.below(12) {
        0..=4 => format!("{sign}{power}"),
        5 => format!("{sign}{power}.0"),
        6 => format!("{sign}{power}e0"),
        7 => format!("{sign}1e{}", chance.pick(&[1, 18, 19, 308, 309, 400, 99_999])),
        8 => format!("{sign}1E-{}", chance.pick(&[1, 308, 324, 400])),
        9 => format!("{sign}{}", "9".repeat(chance.pick(&[19, 20, 40, 1_000]))),
        10 => format!("{sign}0.{}", "3".repeat(chance.pick(&[1, 17, 400]))),
        _ => chance.pick(&["-0", "01", "+1", "1.", ".5", "0x10", "NaN", "Infinity"]).to_owned(),
    }
}

/// Digits, as headers and queries have them.
pub fn digits(chance: &mut Chance) -> String {
    match chance.below(4) {
        0 => format!("{}", chance.below(200)),
        1 => {
            chance.pick(&["", "+1", "-1", " 1", "1 ", "\u{661}", "1_000", "0x1", "1e3"]).to_owned()
        }
        _ => around_a_power_of_two(chance).to_string(),
    }
}

fn around_a_power_of_two(chance: &mut Chance) -> i128 {
    (1_i128 << chance.below(67)) + chance.pick(&[-1, 0, 1])
}

/// A time at an edge, with any offset.
pub fn time(chance: &mut Chance) -> String {
    let day = chance.pick(&[
        "0000-01-01",
        "0001-01-01",
        "1582-10-10",
        "1900-02-29",
        "1969-12-31",
        "1970-01-01",
        "2000-02-29",
        "2026-02-30",
        "2038-01-19",
        "2262-04-11",
        "9999-12-31",
        "10000-01-01",
        "-4713-11-24",
        "-9999-01-01",
        "294276-12-31",
        "2026-11-23",
        "2026-00-00",
    ]);
    let time = chance.pick(&[
        "00:00:00",
        "23:59:59",
        "23:59:60",
        "24:00:00",
        "23:59:59.999999999",
        "12:00:00.0000001",
        "12:00",
        "25:61:61",
        "03:14:07",
    ]);
    let odd = ["Z", "z", "", "+00:00", "-00:00", "+24:00", "+99:99", " 01:00"];
    let offset = if chance.one_in(4) {
        chance.pick(&odd).to_owned()
    } else {
        let (sign, hour) = (chance.pick(&["+", "-", "\u{2212}"]), chance.below(25));
        format!("{sign}{hour:02}:{:02}", chance.below(60))
    };
    format!("{day}{}{time}{offset}", chance.pick(&["T", "t", " "]))
}

/// Almost a UUID.
pub fn uuid(chance: &mut Chance, real: &str) -> String {
    match chance.below(9) {
        0 => real.replace('-', ""),
        1 => format!("{{{real}}}"),
        2 => format!("urn:uuid:{real}"),
        3 => real.to_uppercase(),
        4 => real[..real.len() - 1].to_owned(),
        5 => format!("{real}0"),
        6 => real.replacen(|digit: char| digit.is_ascii_digit(), "g", 1),
        7 => chance.pick(&["0", "f"]).repeat(36),
        _ => {
            let digit = chance.pick(&["0", "f"]);
            [8, 4, 4, 4, 12].map(|length| digit.repeat(length)).join("-")
        }
    }
}

/// Almost one of the choices.
pub fn choice(chance: &mut Chance, real: &str) -> String {
    match chance.below(6) {
        0 => real.to_lowercase(),
        1 => format!(" {real} "),
        2 => format!("{real}\0"),
        3 => format!("-{real}"),
        4 => real.replace(['E', 'e'], "\u{415}"),
        _ => format!("{real},{real}"),
    }
}

/// Almost an address.
pub fn email(chance: &mut Chance) -> String {
    let name = chance.pick(&[
        "a",
        "",
        ".a",
        "a..b",
        "\"a b\"",
        "\"a\\\"b\"",
        "a\0b",
        "\u{ff56}ictim",
        "a+b",
        "a@b",
        "\u{202e}a",
        "e\u{301}",
    ]);
    let domain = chance.pick(&[
        "example.com",
        "EXAMPLE.COM",
        "localhost",
        "[127.0.0.1]",
        "[IPv6:::1]",
        "xn--",
        "xn--a.com",
        "xn--zzzzzzzz.com",
        "-a.com",
        "a-.com",
        "a..com",
        "b\u{fc}cher.example",
        "\u{3002}com",
        "",
        "a_b.com",
        "1.2.3.4",
        "example.com.",
        "\u{ad}.com",
        "a\u{200d}b.com",
        "\u{fdfa}.com",
    ]);
    match chance.below(5) {
        0 => format!("{}@{domain}", "a".repeat(chance.pick(&[64, 65, 300]))),
        1 => format!("{name}@{}.com", "b".repeat(chance.pick(&[63, 64, 250]))),
        2 => format!("{name}@{}com", "b.".repeat(chance.pick(&[60, 127, 200]))),
        _ => format!("{name}@{domain}"),
    }
}

/// Almost an amount of money.
pub fn amount(chance: &mut Chance) -> String {
    match chance.below(3) {
        0 => number(chance),
        1 => format!("{}.{}", around_a_power_of_two(chance), "0".repeat(chance.below(6))),
        _ => chance
            .pick(&[
                "",
                ".",
                "1.",
                ".5",
                "1,50",
                "1 000",
                "\u{661}.50",
                "1.005",
                "-0.01",
                "\u{ff11}",
            ])
            .to_owned(),
    }
}

/// Almost base64url, such as tokens and cursors are of: `real` with something changed.
pub fn token(chance: &mut Chance, real: &str) -> String {
    let mut letters: Vec<char> = real.chars().collect();
    let place = chance.below(letters.len().max(1));
    match chance.below(7) {
        0 => letters.truncate(place),
        1 => letters.insert(
            place.min(letters.len()),
            chance.pick(&['+', '/', '=', '.', '-', '\0', '\u{e9}']),
        ),
        2 => letters.push(chance.pick(&['=', 'A', '.'])),
        3 if !letters.is_empty() => letters[place] = chance.pick(&['A', 'B', '_', '-', '0']),
        4 => letters.reverse(),
        5 => return ".".repeat(chance.pick(&[1, 2, 4, 5, 1_000])),
        _ => letters.extend(real.chars()),
    }
    letters.into_iter().collect()
}
