//! What happens to products, in the order of the log.

use std::collections::HashMap;

use domain::{ProductId, Recorded, StreamId, StreamType, UserId};
use log::LogError;
use pool::PgConnection;
use sqlx::QueryBuilder;

use super::{ProductView, Products};
use crate::{ReadError, Timeline, TimelineEntry, snapshot};

/// Something happened to a product.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Where in the log it stands.
    pub position: i64,
    /// What happened.
    pub entry: TimelineEntry,
    /// The current product, which may be of a later version; deleted ones too.
    pub view: ProductView,
}

/// Of which products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One.
    One(ProductId),
    /// Those that are an account's own.
    OwnedBy(UserId),
    /// All there are.
    All,
}

impl Timeline<'_> {
    /// What happened after one position and up to another, inclusive, in order; no more than
    /// `limit`. The caller has checked that the scope is visible.
    pub async fn news(
        &self,
        scope: Scope,
        between: (i64, i64),
        limit: i64,
    ) -> Result<Vec<News>, ReadError> {
        let mut conn = self.pool.acquire().await?;
        let recorded = events_of(&mut conn, scope, between, limit).await?;
        let places: Vec<_> =
            recorded.iter().map(|event| (event.stream.id, event.position)).collect();
        let entries = self.entries(conn, recorded).await?;
        let mut ids: Vec<_> = places.iter().map(|(id, _)| ProductId::from_uuid(*id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let views = Products(self.pool.clone()).all_of(&ids).await?;
        let views: HashMap<_, _> =
            views.into_iter().map(|view| (view.row.id.uuid(), view)).collect();
        let news = places.iter().zip(entries).filter_map(|((id, position), entry)| {
            let view = views.get(id)?.clone();
            Some(News { position: *position, entry, view })
        });
        Ok(news.collect())
    }
}

/// The events of a scope after one position and up to another, inclusive, but no more than `limit`.
/// Of one product they are found by stream, otherwise by position.
async fn events_of(
    conn: &mut PgConnection,
    scope: Scope,
    (after, up_to): (i64, i64),
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let mut sql =
        QueryBuilder::new(format!("SELECT {} FROM events WHERE position > ", log::COLUMNS));
    sql.push_bind(after).push(" AND position <= ").push_bind(up_to);
    sql.push(" AND aggregate_type = ").push_bind(StreamType::Product.as_str());
    match scope {
        Scope::One(id) => {
            sql.push(" AND aggregate_id = ").push_bind(id.uuid().to_string());
            sql.push(" AND sequence > ");
            let stream = StreamId { kind: StreamType::Product, id: id.uuid() };
            snapshot::push_reached(&mut sql, stream, after);
            sql.push(" ORDER BY sequence");
        }
        Scope::OwnedBy(owner) => {
            sql.push(" AND aggregate_id IN (SELECT id::text FROM products WHERE owner_id = ");
            // The index of an owner's rows has this condition; it always holds.
            sql.push_bind(owner.uuid());
            sql.push(" AND created_at >= '-infinity') ORDER BY position");
        }
        Scope::All => {
            sql.push(" ORDER BY position");
        }
    }
    sql.push(" LIMIT ").push_bind(limit);
    log::decode_all(&sql.build().fetch_all(conn).await?)
}
