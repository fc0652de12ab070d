//! Log lines, to standard error. They quote what others say: requests, files, tools, servers. So
//! whatever a field holds, an event stays one line, and all of it can be seen.

use std::any::Any;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::panic;

use domain::{is_hidden, one_line};
use tracing::Level;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::fmt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

/// Starts logging as configured; a second call changes nothing.
pub fn init(config: &Config) {
    let lines = fmt()
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(EnvFilter::new(&config.log_filter));
    let started = match config.log_format {
        LogFormat::Text => {
            let lines = lines.with_writer(io::stderr);
            lines.fmt_fields(debug_fn(write_field).delimited(" ")).finish().try_init()
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).with_writer(|| JsonLines).finish().try_init()
        }
    };
    // It fails only when a subscriber is there already.
    if started.is_ok() {
        log_panics();
    }
}

/// A panic is an event like any other: its message may quote what others sent.
fn log_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if tracing::enabled!(Level::ERROR) {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panicked: {}", message(info.payload()));
        } else {
            before(info);
        }
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// `name=value`, or the message alone.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => {}
        // What the crate log tells of the event's place, which stands in the line already.
        name if name.starts_with("log.") => return Ok(()),
        name => write!(writer, "{name}=")?,
    }
    write!(OneLine(writer), "{value:?}")
}

/// Writes what can't be seen as an escape.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&one_line(text))
    }
}

/// Lines of JSON, in whose strings what can't be seen is escaped as JSON escapes it.
struct JsonLines;

impl io::Write for JsonLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(visible_json(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Outside of strings there is nothing hidden but the end of the line.
fn visible_json(line: &str) -> String {
    let mut visible = String::with_capacity(line.len());
    for character in line.chars() {
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
    fn json_stays_the_same_json_in_which_all_can_be_seen() {
        let text = "name \u{202e}\u{7f}\u{9b}1m \u{e0041} ü";
        let line = serde_json::json!({ "name": text }).to_string() + "\n";

        let visible = visible_json(&line);

        assert_eq!(visible, "{\"name\":\"name \\u202e\\u007f\\u009b1m \\udb40\\udc41 ü\"}\n");
        let read: serde_json::Value = serde_json::from_str(&visible).unwrap();
        assert_eq!(read["name"], text);
    }
}
