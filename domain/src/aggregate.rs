//! What every aggregate has in common, on top of cqrs-es.

use std::fmt;

use uuid::Uuid;

use crate::{FieldErrors, HoldsPersonal, StreamEvent, StreamType};

/// How a refusal answers over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The actor may not know of it, or it is gone: 404.
    NotFound,
    /// The actor may not do that: 403.
    Forbidden,
    /// The state does not allow it: 409.
    Conflict,
    /// The input is wrong, by field: 400.
    Invalid(FieldErrors),
}

/// A rule said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// Its category.
    pub kind: RefusalKind,
    /// Stable, snake_case.
    pub code: &'static str,
    /// One sentence that a person can act on.
    pub detail: String,
}

impl From<FieldErrors> for Refusal {
    /// Input that is wrong, field by field.
    fn from(errors: FieldErrors) -> Self {
        Self {
            kind: RefusalKind::Invalid(errors),
            code: "invalid_input",
            detail: "Some fields are invalid: see errors.".to_owned(),
        }
    }
}

/// Errors of aggregates are refusals.
pub trait Refuse: std::error::Error + PartialEq + Send + Sync + 'static {
    /// Its category and its stable code.
    fn kind(&self) -> (RefusalKind, &'static str);

    /// As the outside is told.
    fn refusal(&self) -> Refusal {
        let (kind, code) = self.kind();
        Refusal { kind, code, detail: self.to_string() }
    }
}

/// An aggregate that decides purely.
pub trait Aggregate:
    cqrs_es::Aggregate<
        Services = (),
        Command: Send,
        Event: StreamEvent + Into<crate::Event> + TryFrom<crate::Event> + HoldsPersonal,
        Error: Refuse,
    > + HoldsPersonal
    + Clone
    + 'static
{
    /// Its streams.
    const STREAM: StreamType = <Self::Event as StreamEvent>::STREAM;

    /// Of its state where that is kept as JSON, and of what events make of it: a new number has earlier
    /// states made again from the log.
    const FORMAT: i32;

    /// Its ids.
    type Id: Copy + Into<Uuid> + From<Uuid> + Send + Sync + fmt::Display;

    /// What a command leads to. An empty vec means "already so", which is success.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// Events applied so far: the sequence of the last one; 0 where there is no stream.
    fn version(&self) -> i64;
}

/// A state as the events of its stream that follow it leave it; `None` where one is of another kind of stream.
pub fn replay<A: Aggregate>(
    mut state: A,
    events: impl IntoIterator<Item = crate::Event>,
) -> Option<A> {
    for event in events {
        state.apply(event.try_into().ok()?);
    }
    Some(state)
}

/// The format of a snapshot: of the aggregate's state in it, and of the read model's row beside that.
pub const fn snapshot_format(state: i32, row: i32) -> i32 {
    state * 1_000 + row
}

/// Gives an aggregate with inherent `decide` and `evolve` its place in cqrs-es.
macro_rules! aggregate {
    ($aggregate:ident, $format:literal, $id:ident, $command:ident, $event:ident, $error:ident) => {
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = <Self as crate::Aggregate>::STREAM.as_str();
            type Command = $command;
            type Event = $event;
            type Error = $error;
            type Services = ();

            async fn handle(
                &mut self,
                command: $command,
                (): &(),
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), $error> {
                for event in self.decide(command)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: $event) {
                self.version += 1;
                self.evolve(event);
            }
        }

        impl crate::Aggregate for $aggregate {
            const FORMAT: i32 = $format;
            type Id = crate::$id;

            fn decide(&self, command: $command) -> Result<Vec<$event>, $error> {
                Self::decide(self, command)
            }

            fn version(&self) -> i64 {
                self.version
            }
        }
    };
}
pub(crate) use aggregate;
