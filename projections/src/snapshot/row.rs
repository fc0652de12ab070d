//! What the streams of one kind leave behind, as snapshots keep it: the aggregate, and beside it the row of a
//! read model, where the stream makes that alone.

use std::marker::PhantomData;
use std::sync::Arc;

use domain::{Aggregate, Recorded, StreamEvent, StreamType};
use log::AnyRow;
use serde::de::DeserializeOwned;

use super::Snapshot;
use super::verify::{WrongSnapshot, compare, compare_states};
use crate::{Fold, machine};

/// The streams of one kind.
pub(crate) trait StreamRow: Send + Sync {
    /// The kind.
    fn kind(&self) -> StreamType;

    /// The row that events of one stream make of the one before them; `None` where other streams take part in it.
    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow>;

    /// The version of the fold that makes the row.
    fn version(&self) -> i32;

    /// A row as JSON.
    fn write(&self, row: &AnyRow) -> Option<String>;

    /// What [`StreamRow::write`] has written; `None` where it cannot be read.
    fn read(&self, json: &str) -> Option<AnyRow>;

    /// Those of a stream's snapshots that are not what its events make.
    fn wrong(&self, snapshots: &[Snapshot], events: &[Recorded]) -> Vec<WrongSnapshot>;
}

/// Streams that make their rows alone.
pub(crate) struct Alone<A, F>(PhantomData<(A, F)>);

/// Streams whose rows others change too.
pub(crate) struct Shared<A>(PhantomData<A>);

impl<A, F> Alone<A, F> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<A> Shared<A> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<A: Aggregate + Sync, F: Fold + DeserializeOwned> StreamRow for Alone<A, F> {
    fn kind(&self) -> StreamType {
        F::Event::STREAM
    }

    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        let before = before.and_then(|row| row.downcast_ref::<F>()).cloned();
        machine::row::<F>(before, part).map(|row| Arc::new(row) as AnyRow)
    }

    fn version(&self) -> i32 {
        F::TABLE.version
    }

    fn write(&self, row: &AnyRow) -> Option<String> {
        serde_json::to_string(row.downcast_ref::<F>()?).ok()
    }

    fn read(&self, json: &str) -> Option<AnyRow> {
        serde_json::from_str::<F>(json).ok().map(|row| Arc::new(row) as AnyRow)
    }

    fn wrong(&self, snapshots: &[Snapshot], events: &[Recorded]) -> Vec<WrongSnapshot> {
        compare::<A, F>(snapshots, events)
    }
}

impl<A: Aggregate + Sync> StreamRow for Shared<A> {
    fn kind(&self) -> StreamType {
        A::STREAM
    }

    fn row(&self, _: Option<&AnyRow>, _: &[Recorded]) -> Option<AnyRow> {
        None
    }

    fn version(&self) -> i32 {
        0
    }

    fn write(&self, _: &AnyRow) -> Option<String> {
        None
    }

    fn read(&self, _: &str) -> Option<AnyRow> {
        None
    }

    fn wrong(&self, snapshots: &[Snapshot], events: &[Recorded]) -> Vec<WrongSnapshot> {
        compare_states::<A>(snapshots, events)
    }
}
