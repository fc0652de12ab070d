//! Forms (RFC 7578), part by part.

use serde_json::Value;

use super::chance::Chance;
use super::document::Document;
use super::world::World;
use super::{text, values};

/// A form, and the content type that goes with it.
pub fn form(
    chance: &mut Chance,
    document: &Document,
    world: &World,
    schema: &Value,
) -> (String, Vec<u8>) {
    let boundary = boundary(chance);
    let mut body = vec![];
    for (name, member) in document.resolve(schema).1["properties"].as_object().into_iter().flatten()
    {
        if chance.one_in(3) && chance.is_hostile() {
            continue;
        }
        let content = match member["format"].as_str() {
            // Most requests need no film, which would keep the machine busy.
            Some("binary") if !chance.one_in(20) => continue,
            Some("binary") => text::hostile(chance, 1_000),
            _ => values::value(chance, &document.kind(name, member), world),
        };
        let is_file = (member["format"] == "binary") != chance.is_odd();
        part(chance, &mut body, &boundary, name, is_file, &content);
    }
    if chance.is_odd() {
        let name = text::hostile(chance, 40);
        for _ in 0..chance.pick(&[1, 2, 13, 21, 400]) {
            part(chance, &mut body, &boundary, &name, false, "");
        }
    }
    body.extend_from_slice(format!("--{boundary}{}", ending(chance)).as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

fn boundary(chance: &mut Chance) -> String {
    if chance.is_odd() {
        return chance.pick(&["", "-", "--", "\"a b\"", "a;b", "=", "70chars"]).to_owned()
            + &"b".repeat(chance.pick(&[0, 63, 200]));
    }
    "a-boundary".to_owned()
}

fn ending(chance: &mut Chance) -> &'static str {
    if chance.is_odd() { chance.pick(&["", "-", "\r\n", "--\r\n--a-boundary--"]) } else { "--\r\n" }
}

fn part(
    chance: &mut Chance,
    body: &mut Vec<u8>,
    boundary: &str,
    name: &str,
    is_file: bool,
    content: &str,
) {
    let name = name.replace(['"', '\r', '\n'], "_");
    let file = if is_file { "; filename=\"film.mp4\"" } else { "" };
    let extra = if chance.is_odd() { odd_header(chance) } else { String::new() };
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n{extra}\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&content.as_bytes()[..content.len().min(150_000)]);
    if chance.is_odd() {
        body.extend_from_slice(b"\xff\xfe\0\r\n--a-bound");
    }
    body.extend_from_slice(b"\r\n");
}

fn odd_header(chance: &mut Chance) -> String {
    match chance.below(4) {
        0 => format!("X-Large: {}\r\n", "x".repeat(chance.pick(&[100, 17_000, 70_000]))),
        1 => "X-Many: 1\r\n".repeat(chance.pick(&[2, 31, 33, 1_000])),
        2 => "Content-Type: text/plain; charset=utf-16\r\n".to_owned(),
        _ => "no header at all\r\n".to_owned(),
    }
}
