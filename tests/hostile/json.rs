//! Bodies as text, since many of what is hostile is no JSON value: members that come twice,
//! numbers that no type holds, halves of surrogate pairs.

use serde_json::Value;

use super::chance::Chance;
use super::document::Document;
use super::world::World;
use super::{scalars, text, values};

/// Makes bodies of a schema.
pub struct Writer<'a> {
    pub chance: &'a mut Chance,
    pub document: &'a Document,
    pub world: &'a World,
}

impl Writer<'_> {
    /// A whole body, which may be cut or broken.
    pub fn body(&mut self, schema: &Value) -> Vec<u8> {
        let mut bytes = self.value("", schema, 0).into_bytes();
        if self.chance.is_odd() && !bytes.is_empty() {
            let place = self.chance.below(bytes.len());
            match self.chance.below(4) {
                0 => bytes.truncate(place),
                1 => bytes[place] = self.chance.pick(&[0, 0xff, b'"', b'{', b'\\', b'-']),
                2 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
                _ => bytes.extend_from_slice(b"{}"),
            }
        }
        bytes
    }

    fn value(&mut self, name: &str, schema: &Value, depth: usize) -> String {
        if self.chance.is_odd() {
            return wrong(self.chance);
        }
        if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let choice = self.chance.below(choices.len());
            return self.value(name, &choices[choice], depth);
        }
        let document = self.document;
        let (_, resolved) = document.resolve(schema);
        match type_of(resolved) {
            "object" if depth < 6 => self.object(resolved, depth),
            "array" => self.array(resolved, depth),
            "integer" | "number" => self.number(resolved),
            "boolean" => self.chance.pick(&["true", "false"]).to_owned(),
            "string" => self.text(name, schema),
            _ => "null".to_owned(),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> String {
        let mut members = vec![];
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array();
            let required = required.is_some_and(|all| all.contains(&Value::from(name.as_str())));
            if (required && !self.chance.is_odd()) || self.chance.below(3) == 0 {
                members.push(format!("{}:{}", quoted(name), self.value(name, member, depth + 1)));
            }
        }
        if self.chance.is_odd() {
            self.spoil(&mut members);
        }
        format!("{{{}}}", members.join(","))
    }

    /// Members that nobody asked for, or that come twice.
    fn spoil(&mut self, members: &mut Vec<String>) {
        match self.chance.below(4) {
            0 if !members.is_empty() => members.extend_from_within(..1),
            1 => {
                let many = self.chance.pick(&[2, 60, 5_000]);
                let value = wrong(self.chance);
                let value = if value.len() < 100 { value } else { "0".to_owned() };
                members.extend((0..many).map(|number| format!("\"m{number}\":{value}")));
            }
            2 => members.push(format!("{}:0", quoted(&text::hostile(self.chance, 200)))),
            _ => members.push(format!("\"id\":{}", wrong(self.chance))),
        }
    }

    fn array(&mut self, schema: &Value, depth: usize) -> String {
        let length = if self.chance.is_hostile() {
            self.chance.pick(&[0, 2, 100, 101, 1_000])
        } else {
            1 + self.chance.below(2)
        };
        let items: Vec<_> =
            (0..length).map(|_| self.value("", &schema["items"], depth + 1)).collect();
        format!("[{}]", items.join(","))
    }

    fn number(&mut self, schema: &Value) -> String {
        if self.chance.is_hostile() {
            return scalars::number(self.chance);
        }
        let least = schema["minimum"].as_i64().unwrap_or(0);
        (least + i64::try_from(self.chance.below(3)).unwrap()).to_string()
    }

    fn text(&mut self, name: &str, schema: &Value) -> String {
        if self.chance.is_odd() && self.chance.one_in(3) {
            return surrogates(self.chance);
        }
        let kind = self.document.kind(name, schema);
        quoted(&values::value(self.chance, &kind, self.world))
    }
}

/// `type`, or the first one where there are several.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types.first().and_then(Value::as_str).unwrap_or("null"),
        Value::String(name) => name,
        _ if schema["properties"].is_object() => "object",
        _ if schema["enum"].is_array() => "string",
        _ => "null",
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Escapes that stand for no character, or for one that is no text.
fn surrogates(chance: &mut Chance) -> String {
    chance
        .pick(&[
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""a\ud83d""#,
            r#""\ud83d\u0041""#,
            r#""\u0000""#,
            "\"\u{1}\"",
            r#""\x""#,
            r#""\u00""#,
            r#""\ud83d\ude00""#,
            r#""\uffff\ufffe""#,
        ])
        .to_owned()
}

/// A value of another type, whatever the type is.
fn wrong(chance: &mut Chance) -> String {
    match chance.below(9) {
        0 => chance.pick(&["null", "true", "false", "[]", "{}", "[null]", "\"\""]).to_owned(),
        1 | 2 => scalars::number(chance),
        3 => quoted(&text::hostile(chance, 200)),
        4 => surrogates(chance),
        5 => deep(chance, "[", "]"),
        6 => deep(chance, "{\"a\":", "}"),
        7 => format!("[{}0]", "0,".repeat(chance.pick(&[3, 101, 3_000]))),
        _ => chance.pick(&["", "nul", "undefined", "'a'", "[1,]", "{\"a\"}", "/**/1"]).to_owned(),
    }
}

fn deep(chance: &mut Chance, open: &str, close: &str) -> String {
    let depth = chance.pick(&[2, 5, 126, 127, 128, 129, 4_000]);
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}
