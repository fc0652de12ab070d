//! Timelines as the outside reads them.

use std::collections::HashMap;

use domain::order::OrderEvent;
use domain::product::ProductEvent;
use domain::{
    Actor, Event, ProductId, Recorded, Role, StreamId, StreamType, SystemActor, UserId, choice,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{PgPool, QueryBuilder};
use time::OffsetDateTime;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::FieldChange;
use super::entry::entry;
use crate::{OpenPersonal, ReadError, Visibility, log};

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// The version of the product or order after it.
    pub sequence: i64,
    /// What happened: the event's type.
    #[serde(rename = "type")]
    #[schema(value_type = TimelineEntryType)]
    pub kind: &'static str,
    /// When it happened.
    #[serde(with = "crate::timestamp")]
    pub at: OffsetDateTime,
    /// Who did it.
    pub actor: TimelineActor,
    /// The reason; `null` where there is none.
    pub reason: Option<String>,
    /// The version that a decision judged; `null` where this is no decision.
    pub judged: Option<i64>,
    /// The members that changed; in the first entry, their initial values.
    pub changes: Vec<FieldChange>,
}

/// Types of entries, for the OpenAPI document: the events of products and of orders.
pub struct TimelineEntryType;

impl PartialSchema for TimelineEntryType {
    fn schema() -> RefOr<Schema> {
        let names = ProductEvent::NAMES.iter().chain(OrderEvent::NAMES).copied();
        choice("What happened to a product or an order.", names)
    }
}

impl ToSchema for TimelineEntryType {}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TimelineActor {
    /// A person.
    User {
        /// The account's id.
        id: UserId,
        /// Its role at that time.
        role: Role,
    },
    /// The program itself.
    System {
        /// Which part of it.
        system: SystemActor,
    },
    /// Somebody who was not signed in.
    Anonymous {
        /// `true`.
        anonymous: bool,
    },
}

impl From<Actor> for TimelineActor {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User { id, role } => Self::User { id, role },
            Actor::System(system) => Self::System { system },
            Actor::Anonymous => Self::Anonymous { anonymous: true },
        }
    }
}

/// The timeline that a product's or an order's events make, as [`Timeline`] shows it.
pub fn timeline_of(recorded: &[Recorded]) -> Vec<TimelineEntry> {
    let mut entries: Vec<_> = recorded.iter().filter_map(entry).collect();
    connect(&mut entries);
    entries
}

/// An event of a video doesn't say what was before it; the entries before do.
fn connect(entries: &mut [TimelineEntry]) {
    let mut known = HashMap::from([("processing_status", json!("READY")), ("video", Value::Null)]);
    for change in entries.iter_mut().flat_map(|entry| &mut entry.changes) {
        if let Some(before) = known.get_mut(change.field) {
            change.from = std::mem::replace(before, change.to.clone());
        }
    }
}

/// Timelines of products and orders, those of deleted ones too: the log in other words, so they
/// are folded from it when they are read.
#[derive(Clone, Copy)]
pub struct Timeline<'a> {
    /// Where the log is.
    pub pool: &'a PgPool,
    /// Opens reasons.
    pub personal: &'a dyn OpenPersonal,
}

impl Timeline<'_> {
    /// All that happened to one thing, oldest first; empty where it is not the actor's own and
    /// they may not see everything (listed or not).
    pub async fn of(
        &self,
        visibility: Visibility,
        stream: StreamId,
    ) -> Result<Vec<TimelineEntry>, ReadError> {
        if !self.may_see(visibility, stream).await? {
            return Ok(vec![]);
        }
        Ok(timeline_of(&self.read(stream.kind, &[stream.id]).await?))
    }

    /// The timelines of products that the caller has found to be in sight, such as the
    /// actor's own uploads.
    pub async fn of_products(
        &self,
        products: &[ProductId],
    ) -> Result<HashMap<ProductId, Vec<TimelineEntry>>, ReadError> {
        let ids: Vec<Uuid> = products.iter().map(|id| id.uuid()).collect();
        let recorded = self.read(StreamType::Product, &ids).await?;
        let streams = recorded.chunk_by(|one, next| one.stream == next.stream);
        let timeline = |events: &[Recorded]| {
            let id = events.first()?.stream.id;
            Some((ProductId::from_uuid(id), timeline_of(events)))
        };
        Ok(streams.filter_map(timeline).collect())
    }

    /// The entry that each of these events of products makes.
    pub(crate) async fn entries(
        &self,
        recorded: &[Recorded],
    ) -> Result<Vec<TimelineEntry>, ReadError> {
        // Only the entries of videos say what earlier ones say.
        let is_of_video = |event: &&Recorded| {
            matches!(
                &event.event,
                Event::Product(
                    ProductEvent::VideoUploaded { .. }
                        | ProductEvent::VideoFinalized { .. }
                        | ProductEvent::VideoFailed { .. }
                )
            )
        };
        let mut connected: Vec<Uuid> =
            recorded.iter().filter(is_of_video).map(|event| event.stream.id).collect();
        connected.sort_unstable();
        connected.dedup();
        let streams = self.read(StreamType::Product, &connected).await?;
        let connected: HashMap<_, _> = streams
            .chunk_by(|one, next| one.stream == next.stream)
            .flat_map(|events| {
                let sequences = events.iter().map(|event| (event.stream, event.sequence));
                sequences.zip(timeline_of(events)).collect::<Vec<_>>()
            })
            .collect();
        let entry_of = |event: &Recorded| {
            connected.get(&(event.stream, event.sequence)).cloned().or_else(|| entry(event))
        };
        Ok(recorded.iter().filter_map(entry_of).collect())
    }

    async fn may_see(&self, visibility: Visibility, stream: StreamId) -> Result<bool, ReadError> {
        let (table, owner) = match stream.kind {
            StreamType::Product => ("products", "owner_id"),
            StreamType::Order => ("orders", "user_id"),
            StreamType::User | StreamType::Category => return Ok(false),
        };
        if visibility == Visibility::Everything {
            return Ok(true);
        }
        let mut sql = QueryBuilder::new(format!("SELECT EXISTS (SELECT FROM {table} WHERE id = "));
        sql.push_bind(stream.id);
        visibility.push(&mut sql, owner);
        sql.push(")");
        Ok(sql.build_query_scalar().fetch_one(self.pool).await?)
    }

    async fn read(&self, kind: StreamType, ids: &[Uuid]) -> Result<Vec<Recorded>, ReadError> {
        let mut conn = self.pool.acquire().await?;
        let mut recorded = log::streams(&mut conn, kind, ids).await?;
        drop(conn);
        self.personal.open(&mut recorded).await.map_err(ReadError::Personal)?;
        Ok(recorded)
    }
}
