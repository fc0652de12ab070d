//! What every answer has to be, whatever was asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::requests::Request;
use crate::support::Answer;

/// Nothing takes longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a problem: 16 KiB of errors, and what is around them.
const LARGEST_PROBLEM: usize = 20 * 1024;
/// Bytes of any answer: a hundred products with the longest descriptions, escaped.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The codes that are documented, with their status.
pub struct Codes(BTreeMap<String, u16>);

impl Codes {
    pub fn documented() -> Self {
        let rows = include_str!("../../docs/problems.md").lines().filter_map(|line| {
            let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((code.to_owned(), rest.split_once(" |")?.0.parse().ok()?))
        });
        Self(rows.collect())
    }

    /// What is wrong with an answer.
    pub fn judge(&self, request: &Request, answer: &Answer) -> Result<(), String> {
        if answer.status >= 500 {
            return Err("the program failed".to_owned());
        }
        if answer.bytes.len() > LARGEST_ANSWER {
            return Err(format!("{} bytes are too many", answer.bytes.len()));
        }
        // HEAD has no body.
        if answer.status < 400 || request.method == "HEAD" {
            return Ok(());
        }
        self.judge_problem(request, answer)
    }

    fn judge_problem(&self, request: &Request, answer: &Answer) -> Result<(), String> {
        // The path comes back in `instance`, where JSON may have to escape it.
        if answer.bytes.len() > LARGEST_PROBLEM + 2 * request.path.len() {
            return Err(format!("{} bytes are too many for a problem", answer.bytes.len()));
        }
        if answer.json["data"].is_string() {
            return Ok(());
        }
        let is_problem = answer.header("content-type") == "application/problem+json";
        let known = self.0.get(answer.code()) == Some(&answer.status);
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        match (is_problem && answer.json["status"] == answer.status, known, detail.is_empty()) {
            (false, ..) => Err("it is no problem".to_owned()),
            (_, false, _) => Err(format!("{} is not documented", answer.code())),
            (.., true) => Err("it says nothing".to_owned()),
            _ => Ok(()),
        }
    }
}

#[test]
fn codes_are_read_from_the_documentation() {
    let Codes(codes) = Codes::documented();

    assert_eq!(codes["invalid_input"], 400);
    assert_eq!(codes["checksum_mismatch"], 460);
}
