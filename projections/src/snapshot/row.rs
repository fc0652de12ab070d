//! Rows that one stream makes alone, as snapshots of streams keep them: a [`ProductRow`], [`OrderRow`] or
//! [`UserRow`].

use std::sync::Arc;

use domain::{Recorded, StreamType};
use log::AnyRow;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Fold, OrderRow, ProductRow, UserRow, machine};

/// The row that events of one stream make of the one before them.
pub(crate) fn fold(before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
    fn row<F: Fold>(before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        let before = before.and_then(|row| row.downcast_ref::<F>()).cloned();
        machine::row::<F>(before, part).map(|row| Arc::new(row) as AnyRow)
    }
    match part.first()?.stream.kind {
        StreamType::Product => row::<ProductRow>(before, part),
        StreamType::Order => row::<OrderRow>(before, part),
        StreamType::User => row::<UserRow>(before, part),
        StreamType::Category => None,
    }
}

/// Of the fold that makes the row.
pub(crate) const fn version(kind: StreamType) -> i32 {
    match kind {
        StreamType::Product => ProductRow::TABLE.version,
        StreamType::Order => OrderRow::TABLE.version,
        StreamType::User => UserRow::TABLE.version,
        StreamType::Category => 0,
    }
}

/// A row as JSON.
pub(crate) fn write(kind: StreamType, row: &AnyRow) -> Option<String> {
    fn as_json<F: Serialize + 'static>(row: &AnyRow) -> Option<String> {
        serde_json::to_string(row.downcast_ref::<F>()?).ok()
    }
    match kind {
        StreamType::Product => as_json::<ProductRow>(row),
        StreamType::Order => as_json::<OrderRow>(row),
        StreamType::User => as_json::<UserRow>(row),
        StreamType::Category => None,
    }
}

/// What [`write`] has written; `None` where it cannot be read.
pub(crate) fn read(kind: StreamType, json: &str) -> Option<AnyRow> {
    fn from_json<F: DeserializeOwned + Send + Sync + 'static>(json: &str) -> Option<AnyRow> {
        serde_json::from_str::<F>(json).ok().map(|row| Arc::new(row) as AnyRow)
    }
    match kind {
        StreamType::Product => from_json::<ProductRow>(json),
        StreamType::Order => from_json::<OrderRow>(json),
        StreamType::User => from_json::<UserRow>(json),
        StreamType::Category => None,
    }
}
