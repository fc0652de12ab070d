//! Where the stream ends, and whether it still is the stream that we know.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, Info, LastRawMessageErrorKind, Stream};
use sqlx::Row;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{NAME, Relay};
use crate::nats::POSITION;
use crate::supervise::Fault;

/// How long a publication is recognised as a repetition of another.
const DUPLICATES: Duration = Duration::from_mins(2);
/// Workers that were away for longer find their events in the log.
const MAX_AGE: Duration = Duration::from_hours(7 * 24);

/// The end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Of the last event that is in the stream, in the log.
    pub(super) position: i64,
    /// Of the last message, in the stream.
    pub(super) sequence: u64,
    /// When the stream was made: another time means another stream.
    pub(super) created: OffsetDateTime,
}

/// The last message of the stream, as it names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// One of ours: position and event id.
    Event(i64, Uuid),
    /// Somebody else's.
    Foreign,
    /// None is there: new, or all of them have aged away.
    Nothing,
}

impl Relay {
    /// Makes the stream if need be, and finds where publishing has to go on.
    pub(super) async fn find_tail(&self, fence: i64) -> Result<Tail, Fault> {
        let mut stream = self.open().await?;
        let mut info = stream.info().await.map_err(Fault::passing)?.clone();
        let known = self.known().await?;
        let position = match last(&stream, &info).await? {
            Last::Event(position, id) if log::contains(&self.pool, position, id).await? => position,
            Last::Event(..) | Last::Foreign => {
                tracing::error!(
                    stream = info.config.name,
                    "does not belong to this log: created again"
                );
                self.delete(&info.config.name).await?;
                info = self.open().await?.info().await.map_err(Fault::passing)?.clone();
                0
            }
            Last::Nothing => known.filter(|known| known.is_within(&info)).map_or(0, |t| t.position),
        };
        if let Some(known) = known.filter(|known| known.position > position) {
            let (from, to) = (position, known.position);
            tracing::warn!(from, to, "the stream vanished or went back: publishing again");
            metrics::counter!("vetted_relay_stream_losses_total").increment(1);
        }
        let tail = Tail { position, sequence: info.state.last_sequence, created: info.created };
        self.remember(&tail, fence).await?;
        Ok(tail)
    }

    /// Whether the stream still is there and ends where we left it.
    pub(super) async fn is_intact(&self, tail: &Tail) -> Result<bool, Fault> {
        match self.jetstream.get_stream(self.names.stream()).await {
            Ok(stream) => {
                let info = stream.cached_info();
                Ok(tail.is_within(info) && info.state.last_sequence == tail.sequence)
            }
            Err(error) if is_missing(&error.kind()) => Ok(false),
            Err(error) => Err(Fault::passing(error)),
        }
    }

    async fn open(&self) -> Result<Stream, Fault> {
        let config = Config {
            name: self.names.stream(),
            subjects: vec![self.names.all_subjects()],
            description: Some("A copy of the log's envelopes; PostgreSQL has the log.".to_owned()),
            max_age: MAX_AGE,
            duplicate_window: DUPLICATES,
            num_replicas: self.replicas,
            ..Config::default()
        };
        let found = self.jetstream.get_or_create_stream(config).await.map_err(Fault::passing)?;
        let mut config = found.cached_info().config.clone();
        if config.num_replicas == self.replicas {
            return Ok(found);
        }
        config.num_replicas = self.replicas;
        self.jetstream.update_stream(config).await.map_err(Fault::passing)?;
        self.jetstream.get_stream(self.names.stream()).await.map_err(Fault::passing)
    }

    async fn delete(&self, name: &str) -> Result<(), Fault> {
        self.jetstream.delete_stream(name).await.map(drop).map_err(Fault::passing)
    }

    async fn known(&self) -> Result<Option<Tail>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT position, stream_sequence, stream_created FROM checkpoints \
             WHERE subscriber = $1 AND stream_created IS NOT NULL",
        );
        let Some(row) = row.bind(NAME).fetch_optional(&self.pool).await? else { return Ok(None) };
        let sequence: i64 = row.try_get("stream_sequence")?;
        Ok(Some(Tail {
            position: row.try_get("position")?,
            sequence: u64::try_from(sequence).unwrap_or_default(),
            created: row.try_get("stream_created")?,
        }))
    }
}

impl Tail {
    /// Whether it is that stream, which has not gone back since.
    fn is_within(&self, info: &Info) -> bool {
        // PostgreSQL keeps microseconds.
        let micros = |time: OffsetDateTime| time.unix_timestamp_nanos() / 1_000;
        micros(self.created) == micros(info.created) && self.sequence <= info.state.last_sequence
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn last(stream: &Stream, info: &Info) -> Result<Last, Fault> {
    if info.state.messages == 0 {
        return Ok(Last::Nothing);
    }
    match stream.get_raw_message(info.state.last_sequence).await {
        Ok(message) => Ok(read(&message.headers)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(Last::Nothing),
        Err(error) => Err(Fault::passing(error)),
    }
}

fn read(headers: &async_nats::HeaderMap) -> Last {
    let header = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    let position = header(POSITION).and_then(|text| text.parse().ok());
    let id = header("Nats-Msg-Id").and_then(|text| Uuid::try_parse(text).ok());
    position.zip(id).map_or(Last::Foreign, |(position, id)| Last::Event(position, id))
}
