//! Timelines as the outside reads them.

use std::collections::HashMap;

use domain::{ProductId, Recorded, StreamEvent, StreamId, StreamType};
use log::OpenPersonal;
use pool::PoolConnection;
use pool::{PgConnection, PgPool};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::video::{VIDEO_EVENTS, connected, is_of_video};
use super::{TimelineEntry, VideoState, page};
use crate::scan::Scan;
use crate::{DecisionPolicies, Ordering, Owned, Page, ReadError, Slice, Visibility, snapshot};

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
    /// A product's newest entries that a list of products shows.
    pub const NEWEST: i64 = 100;

    /// A page of what happened to one thing, oldest first; `None` where there is no such thing, or it
    /// is not the actor's own and they may not see everything (listed or not).
    pub async fn of<F: Owned>(
        &self,
        visibility: Visibility,
        id: Uuid,
        page: &Page,
    ) -> Result<Option<Slice<TimelineEntry>>, ReadError> {
        let scan = Scan::try_new(page, Ordering::OLDEST)?;
        let mut conn = self.pool.acquire().await?;
        if !may_see::<F>(&mut conn, visibility, id).await? {
            return Ok(None);
        }
        let stream = StreamId { kind: F::Event::STREAM, id };
        let recorded = page::page(&mut conn, stream, &scan).await?;
        let Slice { items, next, previous } = scan.slice(recorded.into());
        let items = self.entries(conn, items).await?;
        Ok(Some(Slice { items, next, previous }))
    }

    /// The newest entries of products that the caller has found to be in sight, such as the actor's own
    /// uploads: [`Self::NEWEST`] of each at most, oldest first.
    pub async fn of_products(
        &self,
        products: &[ProductId],
    ) -> Result<HashMap<ProductId, Vec<TimelineEntry>>, ReadError> {
        let places: Vec<_> = products.iter().map(|id| (id.uuid(), 0, i64::MAX)).collect();
        let mut conn = self.pool.acquire().await?;
        let kind = StreamType::Product;
        let recorded = log::last_between(&mut conn, kind, &places, &[], Self::NEWEST).await?;
        let ids: Vec<_> = recorded.iter().map(|event| event.stream.id).collect();
        let mut timelines: HashMap<_, Vec<_>> = HashMap::new();
        for (id, entry) in ids.into_iter().zip(self.entries(conn, recorded).await?) {
            timelines.entry(ProductId::from_uuid(id)).or_default().push(entry);
        }
        Ok(timelines)
    }

    /// The entry that each of these events of products or orders makes. They are parts of streams: of
    /// each stream none is missing between two that are there. The connection is given back before keys are
    /// read, which takes another one.
    pub(crate) async fn entries(
        &self,
        mut conn: PoolConnection,
        mut recorded: Vec<Recorded>,
    ) -> Result<Vec<TimelineEntry>, ReadError> {
        let before = videos_before(&mut conn, &recorded).await?;
        let policies = DecisionPolicies::of(&mut conn, &recorded).await?;
        drop(conn);
        self.personal.open(&mut recorded).await.map_err(ReadError::Personal)?;
        Ok(connected(&recorded, before, &policies))
    }
}

/// What each stream's video was before the first event of it among these, where that is told.
async fn videos_before(
    conn: &mut PgConnection,
    recorded: &[Recorded],
) -> Result<HashMap<StreamId, VideoState>, ReadError> {
    let mut places: HashMap<Uuid, i64> = HashMap::new();
    for event in recorded.iter().filter(|event| is_of_video(&event.event)) {
        places.entry(event.stream.id).or_insert(event.sequence);
    }
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let (kind, mut before) = (StreamType::Product, HashMap::new());
    let places: Vec<_> = places.into_iter().collect();
    let snapshots = snapshot::before(conn, kind, &places).await?;
    let mut between = Vec::with_capacity(places.len());
    for (id, sequence) in places {
        let snapshot = snapshots.get(&id).and_then(|found| Some((found.sequence, found.row()?)));
        if let Some((_, row)) = &snapshot {
            before.insert(StreamId { kind, id }, VideoState::of(row));
        }
        between.push((id, snapshot.map_or(0, |(after, _)| after), sequence));
    }
    // A video that has failed was received by the event before.
    let last = log::last_between(conn, kind, &between, &VIDEO_EVENTS, 2).await?;
    for event in &last {
        before.entry(event.stream).or_insert_with(VideoState::default).follow(event);
    }
    Ok(before)
}

async fn may_see<F: Owned>(
    conn: &mut PgConnection,
    visibility: Visibility,
    id: Uuid,
) -> Result<bool, ReadError> {
    let table = F::TABLE.name;
    let mut sql = QueryBuilder::new(format!("SELECT EXISTS (SELECT FROM {table} WHERE id = "));
    sql.push_bind(id);
    visibility.push(&mut sql, F::OWNER);
    sql.push(")");
    Ok(sql.build_query_scalar().fetch_one(conn).await?)
}
