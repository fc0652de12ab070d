//! Everything that the program prints besides its log. People type names, reasons and addresses, and
//! operators read them in terminals: whatever is printed here stays one line in which every character
//! can be seen (CWE-117, CWE-150). `tests/guards.rs` finds prints that go around this module.

use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, IsTerminal, Write};

use domain::{is_hidden, one_line};
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::LogFormat;

/// Standard output can't be written to.
#[derive(Debug, thiserror::Error)]
#[error("printing failed: {0}")]
pub struct PrintError(#[from] io::Error);

impl PrintError {
    /// Whether the reader has gone, as `head` does: then nobody needs the rest.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Prints a line for people.
pub fn line(text: &str) -> Result<(), PrintError> {
    write_line(&mut io::stdout().lock(), &one_line(text))
}

/// Prints a JSON value on a line of its own, for programs.
pub fn json(value: &impl Serialize) -> Result<(), PrintError> {
    let text = serde_json::to_string(value).map_err(io::Error::from)?;
    write_line(&mut io::stdout().lock(), &visible_json(&text))
}

/// Prints what an operator has to know of a program that serves: a line, or with `LOG_FORMAT=json`
/// an object with these members besides. A reader that has gone ends no server.
pub fn announce(format: LogFormat, text: &str, members: &[(&str, &str)]) {
    let printed = match format {
        LogFormat::Text => line(text),
        LogFormat::Json => json(&event("INFO", text, members)),
    };
    if let Err(error) = printed {
        // What was to be printed may be a password.
        tracing::warn!("standard output cannot be written to: {error}");
    }
}

/// Tells on standard error why the program ends.
pub fn failure(format: LogFormat, error: impl Display) {
    let text = error.to_string();
    // When standard error is closed there is no other place to tell it.
    let _ = match format {
        LogFormat::Text => log_line(&format!("vetted: {}", one_line(&text))),
        LogFormat::Json => log_line(&visible_json(&event("ERROR", &text, &[]).to_string())),
    };
}

/// Prints help, or what is wrong with the arguments, which it quotes.
pub fn usage(error: &clap::Error) {
    let mut arguments = std::env::args_os();
    if arguments.any(|argument| argument.to_string_lossy().contains(is_hidden)) {
        failure(LogFormat::Text, error);
    } else {
        // When its reader has gone nobody needs the rest.
        let _ = error.print();
    }
}

/// Writes a finished line to standard error.
fn log_line(text: &str) -> Result<(), PrintError> {
    write_line(&mut io::stderr().lock(), text)
}

/// Whether people watch standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

fn write_line(out: &mut impl Write, line: &str) -> Result<(), PrintError> {
    out.write_all(format!("{line}\n").as_bytes())?;
    Ok(out.flush()?)
}

/// An object like those of the log.
fn event(level: &str, message: &str, members: &[(&str, &str)]) -> Value {
    let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let mut event = Map::new();
    for (name, value) in [("timestamp", at.as_str()), ("level", level), ("message", message)] {
        event.insert(name.to_owned(), json!(value));
    }
    let members = members.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    event.extend(members);
    event.insert("target".to_owned(), json!("vetted"));
    Value::Object(event)
}

/// Lines of JSON on standard error, in whose strings hidden characters are escaped.
pub struct JsonLog;

impl Write for JsonLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(visible_json(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// JSON with its hidden characters escaped as JSON escapes them. Outside of strings only line
/// ends are hidden characters.
fn visible_json(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || !is_hidden(character) {
            visible.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string can't fail.
            let _ = write!(visible, "\\u{unit:04x}");
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_shows_every_character() {
        let text = "name \u{202e}\u{7f}\u{9b}1m \u{e0041} ü";
        let line = json!({ "name": text }).to_string() + "\n";

        let visible = visible_json(&line);

        assert_eq!(visible, "{\"name\":\"name \\u202e\\u007f\\u009b1m \\udb40\\udc41 ü\"}\n");
        let read: Value = serde_json::from_str(&visible).unwrap();
        assert_eq!(read["name"], text);
    }

    #[test]
    fn an_event_is_shaped_like_those_of_the_log() {
        let event = event("INFO", "Vetted is at http://x/", &[("url", "http://x/")]);

        assert_eq!((&event["level"], &event["url"]), (&json!("INFO"), &json!("http://x/")));
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "{event}");
    }
}
