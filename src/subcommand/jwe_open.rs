//! `vetted jwe-open`: decrypts one JWE as the API does, for tests of other implementations.

use std::io::{BufRead, Read, stdin};

use api::payload::{PrivateJwk, open, parse_strictly};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::error::Error;
use crate::output;

/// Bytes of the line: more than the API takes.
const LONGEST: u64 = 4 << 20;

/// Reads `{"jwk": <private JWK>, "jwe": "…"}` from standard input, one line, and prints the
/// plaintext in base64url. Where, when and for what it was made is not asked.
pub fn run() -> Result<(), Error> {
    let mut line = vec![];
    let read = stdin().lock().take(LONGEST + 1).read_until(b'\n', &mut line);
    let length = read.map_err(|source| Error::Io { what: "reading standard input", source })?;
    if length as u64 > LONGEST {
        return Err(Error::Usage(format!("standard input has a line of over {LONGEST} bytes")));
    }
    Ok(output::line(&BASE64.encode(opened(&line).map_err(Error::Usage)?))?)
}

fn opened(line: &[u8]) -> Result<Vec<u8>, String> {
    let input = parse_strictly(line).map_err(|_| {
        r#"standard input has to be one line: {"jwk": <private JWK>, "jwe": "…"}"#.to_owned()
    })?;
    let jwk = PrivateJwk::from_json(&input["jwk"]);
    let jwk = jwk.map_err(|error| format!("jwk cannot be used: {error}"))?;
    let jwe = input["jwe"].as_str().ok_or("jwe has to be a text")?;
    let opened = open(jwe, jwk.agreement(), jwk.kid());
    Ok(opened.map_err(|error| format!("jwe was not opened: {error}"))?.plaintext)
}
