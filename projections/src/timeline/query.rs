//! Timelines as the outside reads them.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::{Actor, ProductId, Recorded, Role, StreamId, StreamType, SystemActor, UserId};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{PgPool, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FieldChange, TimelineRow};
use crate::{Entry, ReadError, Visibility};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// The thing's version after it.
    pub sequence: i64,
    /// What happened: the event's type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// When.
    #[serde(with = "crate::timestamp")]
    pub at: OffsetDateTime,
    /// Who did it.
    pub actor: TimelineActor,
    /// Why.
    pub reason: Option<String>,
    /// The version that a decision judged.
    pub judged: Option<i64>,
    /// What changed from what to what.
    pub changes: Vec<FieldChange>,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TimelineActor {
    /// Somebody signed in.
    User {
        /// The account.
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
    connected(recorded.iter().filter_map(TimelineRow::entry).collect())
}

impl From<TimelineRow> for TimelineEntry {
    fn from(row: TimelineRow) -> Self {
        Self {
            sequence: row.sequence,
            kind: row.kind,
            at: row.at,
            actor: row.actor.0.into(),
            reason: row.reason,
            judged: row.judged,
            changes: row.changes.0,
        }
    }
}

/// Timelines of products and orders, those of deleted ones too.
#[derive(Clone, Debug)]
pub struct Timeline(pub PgPool);

impl Timeline {
    /// All that happened to one thing, oldest first; empty where it is not the actor's own and
    /// they may not see everything (listed or not).
    pub async fn of(
        &self,
        visibility: Visibility,
        stream: StreamId,
    ) -> Result<Vec<TimelineEntry>, ReadError> {
        let (table, owner) = match stream.kind {
            StreamType::Product => ("products", "owner_id"),
            StreamType::Order => ("orders", "user_id"),
            StreamType::User | StreamType::Category => return Ok(vec![]),
        };
        let mut sql = select();
        sql.push(" WHERE stream_type = ").push_bind(stream.kind.as_str());
        sql.push(" AND stream_id = ").push_bind(stream.id);
        if visibility != Visibility::Everything {
            sql.push(format_args!(" AND EXISTS (SELECT FROM {table} WHERE id = stream_id"));
            visibility.push(&mut sql, owner);
            sql.push(")");
        }
        sql.push(" ORDER BY sequence");
        let rows = sql.build_query_as().fetch_all(&self.0).await?;
        Ok(connected(rows))
    }

    /// The timelines of products that the caller has found to be in sight, such as the
    /// actor's own uploads.
    pub async fn of_products(
        &self,
        products: &[ProductId],
    ) -> Result<HashMap<ProductId, Vec<TimelineEntry>>, ReadError> {
        let ids: Vec<Uuid> = products.iter().map(|id| id.uuid()).collect();
        let mut sql = select();
        sql.push(" WHERE stream_type = ").push_bind(StreamType::Product.as_str());
        sql.push(" AND stream_id = ANY(").push_bind(ids);
        sql.push(") ORDER BY stream_id, sequence");
        let rows: Vec<TimelineRow> = sql.build_query_as().fetch_all(&self.0).await?;
        let mut timelines: HashMap<ProductId, Vec<TimelineRow>> = HashMap::new();
        for row in rows {
            timelines.entry(ProductId::from_uuid(row.stream_id)).or_default().push(row);
        }
        Ok(timelines.into_iter().map(|(id, rows)| (id, connected(rows))).collect())
    }
}

fn select() -> QueryBuilder<'static, sqlx::Postgres> {
    let columns = TimelineRow::TABLE.column_list();
    QueryBuilder::new(format!("SELECT {columns} FROM timeline"))
}

/// An event of a video doesn't say what was before it; the entries before do.
fn connected(rows: Vec<TimelineRow>) -> Vec<TimelineEntry> {
    let mut known = HashMap::from([("processing_status", json!("READY")), ("video", Value::Null)]);
    let mut entries: Vec<TimelineEntry> = rows.into_iter().map(TimelineEntry::from).collect();
    for change in entries.iter_mut().flat_map(|entry| &mut entry.changes) {
        if let Some(before) = known.get_mut(change.field.as_ref()) {
            change.from = std::mem::replace(before, change.to.clone());
        }
    }
    entries
}
