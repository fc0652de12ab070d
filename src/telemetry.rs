//! Log lines, to standard error. They quote what others say: requests, files, tools, servers. So
//! whatever a field holds, an event stays one line, and all of it can be seen.

use std::any::Any;
use std::fmt::{self, Write as _};
use std::io;
use std::panic;

use domain::one_line;
use tracing::Level;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::fmt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};
use crate::output::{self, JsonLog};

/// Starts logging as configured; a second call changes nothing.
pub fn init(config: &Config) {
    let lines =
        fmt().with_ansi(output::is_watched()).with_env_filter(EnvFilter::new(&config.log_filter));
    let started = match config.log_format {
        LogFormat::Text => {
            let lines = lines.with_writer(io::stderr);
            lines.fmt_fields(debug_fn(write_field).delimited(" ")).finish().try_init()
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).with_writer(|| JsonLog).finish().try_init()
        }
    };
    // It fails only when a subscriber is there already.
    if started.is_ok() {
        log_panics(config.log_format);
    }
}

/// Logs panics as events: their messages may quote what others sent.
fn log_panics(format: LogFormat) {
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = message(info.payload());
        if tracing::enabled!(Level::ERROR) {
            tracing::error!(place, "panicked: {message}");
        } else {
            output::failure(format, format_args!("panicked at {place}: {message}"));
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
