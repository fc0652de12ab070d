//! Requests, made of the document, the world and chance.

use std::fmt::Write;

use reqwest::header::{HeaderName, HeaderValue};

use super::chance::Chance;
use super::document::{Document, Operation, Parameter};
use super::json::Writer;
use super::world::World;
use super::{forms, text, values};
use crate::support::Person;

/// What ends the caller's tokens, or takes long to answer: asked for less often.
const RARE: [(&str, usize); 9] = [
    ("DELETE /me/", 60),
    ("POST /logout/", 60),
    ("DELETE /me/sessions/{id}/", 20),
    ("POST /password/change/", 4),
    ("POST /register/", 4),
    ("POST /login/", 4),
    ("POST /password/reset/", 4),
    ("POST /activate/resend/", 4),
    ("PATCH /me/", 4),
];

/// Bytes of a body: more than is taken, yet so few that all of them are read.
const LARGEST_BODY: usize = 1_500_000;

/// Bytes of a header: more than is taken, yet less than what the protocol library refuses by itself.
const LARGEST_HEADER: usize = 40_000;

/// A request in the making.
#[derive(Clone)]
pub struct Request {
    pub operation: String,
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Vec<u8>,
}

/// Some operation, with good and hostile values.
pub fn make(chance: &mut Chance, document: &Document, world: &World) -> Request {
    let operation = choose(chance, document, world);
    let mut request = Request {
        operation: format!("{} {}", operation.method, operation.path),
        method: operation.method.clone(),
        path: operation.path.clone(),
        headers: vec![],
        body: vec![],
    };
    let mut query = vec![];
    for parameter in &operation.parameters {
        place(chance, document, world, parameter, &mut request, &mut query);
    }
    odd_query(chance, &mut query);
    if !query.is_empty() {
        request.path.push('?');
        request.path += &query.join("&");
    }
    fill(chance, document, world, operation, &mut request);
    request.body.truncate(LARGEST_BODY);
    authorize(chance, world, &mut request);
    odd_headers(chance, world, &mut request);
    if chance.is_odd() && chance.one_in(10) {
        request.method = chance.pick(&["GET", "POST", "PUT", "DELETE", "TRACE", "FOO"]).to_owned();
    }
    request
}

/// Somebody who is not signed in mostly asks for what is open to them.
fn choose<'a>(chance: &mut Chance, document: &'a Document, world: &World) -> &'a Operation {
    loop {
        let operation = &document.operations[chance.below(document.operations.len())];
        let name = format!("{} {}", operation.method, operation.path);
        let rarity = RARE.iter().find(|(rare, _)| *rare == name).map_or(1, |(_, rarity)| *rarity);
        let is_of_interest = operation.is_open || world.person.is_some() || chance.one_in(4);
        if is_of_interest && chance.one_in(rarity) {
            return operation;
        }
    }
}

fn place(
    chance: &mut Chance,
    document: &Document,
    world: &World,
    parameter: &Parameter,
    request: &mut Request,
    query: &mut Vec<String>,
) {
    let Parameter { name, place, schema, required } = parameter;
    let is_left_out = (!*required || chance.is_odd()) && !chance.one_in(3);
    if is_left_out && place != "path" {
        return;
    }
    let text = if schema["pattern"].is_string() && name.starts_with(['T', 'U', 'I']) {
        patterned(chance, document, world, parameter)
    } else {
        values::value(chance, &document.kind(name, schema), world)
    };
    match place.as_str() {
        "path" => {
            request.path = request.path.replace(&format!("{{{name}}}"), &encoded(chance, &text));
        }
        "query" => query.push(format!("{name}={}", encoded(chance, &text))),
        _ => header(request, name, text.as_bytes()),
    }
}

/// Headers of a fixed form, of which chance would make none.
fn patterned(
    chance: &mut Chance,
    document: &Document,
    world: &World,
    parameter: &Parameter,
) -> String {
    match parameter.name.as_str() {
        "Tus-Resumable" if !chance.is_odd() => "1.0.0".to_owned(),
        "Upload-Defer-Length" if !chance.is_odd() => "1".to_owned(),
        "Idempotency-Key" if !chance.is_odd() => format!("key {}", chance.below(10_000)),
        name => values::value(chance, &document.kind(name, &parameter.schema), world),
    }
}

/// Percent-encoded; what is hostile may be encoded wrongly.
fn encoded(chance: &mut Chance, text: &str) -> String {
    if chance.is_odd() && chance.one_in(3) {
        let odd =
            ["%", "%zz", "%ff%fe", "%c0%80", "%00", "%ed%a0%80", "+", "%25%00", ";", "%2e%2e"];
        return chance.pick(&odd).to_owned();
    }
    let mut encoded = String::new();
    // The address of a request has room for so much.
    for byte in text.bytes().take(9_000) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all"),
        }
    }
    encoded
}

fn odd_query(chance: &mut Chance, query: &mut Vec<String>) {
    if !chance.is_odd() {
        return;
    }
    match chance.below(4) {
        0 if !query.is_empty() => query.extend_from_within(..1),
        1 => {
            let many = chance.pick(&[1, 51, 1_000]);
            query.extend((0..many).map(|number| format!("u{number}=1")));
        }
        2 => {
            let name = text::hostile(chance, 100);
            query.push(encoded(chance, &name));
        }
        _ => query.push("&&=&=1".to_owned()),
    }
}

fn fill(
    chance: &mut Chance,
    document: &Document,
    world: &World,
    operation: &Operation,
    request: &mut Request,
) {
    if operation.bodies.is_empty() {
        if chance.is_odd() {
            request.body = b"{\"a\": 1}".to_vec();
        }
        return;
    }
    let (kind, schema) = &operation.bodies[chance.below(operation.bodies.len())];
    let (kind, body) = match kind.as_str() {
        "multipart/form-data" => forms::form(chance, document, world, schema),
        "application/json" if chance.is_odd() && chance.one_in(4) => {
            (kind.clone(), sealed(chance, world))
        }
        "application/json" => (kind.clone(), Writer { chance, document, world }.body(schema)),
        _ => (kind.clone(), text::hostile(chance, 100).into_bytes()),
    };
    let kind = if chance.is_odd() { content_type(chance, kind) } else { kind };
    header(request, "content-type", kind.as_bytes());
    request.body = body;
}

/// Almost an encrypted body.
fn sealed(chance: &mut Chance, world: &World) -> Vec<u8> {
    let parts: Vec<_> = (0..chance.pick(&[5, 5, 5, 1, 3, 6]))
        .map(|_| {
            let real = world.token(chance).replace('.', "");
            super::scalars::token(chance, &real)
        })
        .collect();
    serde_json::json!({"data": parts.join(".")}).to_string().into_bytes()
}

fn content_type(chance: &mut Chance, kind: String) -> String {
    match chance.below(4) {
        0 => format!("{kind}; charset=utf-16"),
        1 => format!("{kind}; charset=\""),
        2 => kind.to_uppercase(),
        _ => chance.pick(&["", "text/plain", "*/*", "application/json", "a/b+json"]).to_owned(),
    }
}

fn authorize(chance: &mut Chance, world: &World, request: &mut Request) {
    if let Some(person) = &world.person {
        let token = if chance.is_odd() && chance.one_in(5) {
            super::scalars::token(chance, &person.access)
        } else {
            person.access.clone()
        };
        header(request, "authorization", format!("Bearer {token}").as_bytes());
    }
    // Failed sign-ins count against an address: each request has its own.
    let address = chance.any_u64().to_be_bytes();
    let address = format!("10.{}.{}.{}", address[0], address[1], address[2]);
    header(request, "x-forwarded-for", address.as_bytes());
}

fn odd_headers(chance: &mut Chance, world: &World, request: &mut Request) {
    if !chance.is_odd() {
        return;
    }
    let name = chance.pick(&[
        "accept",
        "accept-encoding",
        "content-encoding",
        "cookie",
        "encryption-key",
        "forwarded",
        "host",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "if-range",
        "last-event-id",
        "origin",
        "range",
        "traceparent",
        "upload-checksum",
        "upload-metadata",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-http-method-override",
        "x-request-id",
    ]);
    let value = match chance.below(5) {
        0 => world.token(chance),
        1 => super::scalars::digits(chance),
        2 => chance
            .pick(&["*", "\"\"", "W/\"1\"", "sha1 AAAA", "for=\"[::1\"", "gzip;q=x"])
            .to_owned(),
        3 => "eyJrdHkiOiJFQyIsImNydiI6IlAtMjU2IiwieCI6IkEiLCJ5IjoiQSJ9".to_owned(),
        _ => text::hostile(chance, 1_000).chars().take(6_000).collect(),
    };
    header(request, name, value.as_bytes());
}

/// Unless HTTP has no way to send it.
fn header(request: &mut Request, name: &str, value: &[u8]) {
    let name = HeaderName::from_bytes(name.to_lowercase().as_bytes());
    if let (Ok(name), Ok(value)) =
        (name, HeaderValue::from_bytes(&value[..value.len().min(LARGEST_HEADER)]))
    {
        request.headers.retain(|(other, _)| *other != name);
        request.headers.push((name, value));
    }
}

impl Request {
    /// Whether it carries that person's token, unchanged.
    pub fn is_by(&self, person: &Person) -> bool {
        let token = format!("Bearer {}", person.access);
        self.headers.iter().any(|(name, value)| name == "authorization" && *value == token)
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |text: &str| text.chars().take(600).collect::<String>();
        writeln!(f, "{} {}", self.method, short(&self.path))?;
        for (name, value) in &self.headers {
            if name != "authorization" {
                writeln!(f, "{name}: {}", short(&String::from_utf8_lossy(value.as_bytes())))?;
            }
        }
        write!(f, "({} bytes) {}", self.body.len(), short(&String::from_utf8_lossy(&self.body)))
    }
}
