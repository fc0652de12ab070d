//! What happens to products, in the order of the log.

use std::collections::HashMap;

use domain::{ProductId, StreamId, StreamType, UserId};

use super::{ProductView, Products};
use crate::log::{Part, read_part};
use crate::{ReadError, Timeline, TimelineEntry};

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
        let part = match scope {
            Scope::One(id) => Part::Stream(StreamId { kind: StreamType::Product, id: id.uuid() }),
            Scope::OwnedBy(user) => Part::ProductsOf(user),
            Scope::All => Part::Kind(StreamType::Product),
        };
        let mut conn = self.pool.acquire().await?;
        let recorded = read_part(&mut conn, part, between, limit).await?;
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
