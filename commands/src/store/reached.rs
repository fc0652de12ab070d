use log::AnyRow;

/// How far a stream has been folded.
#[derive(Default)]
pub(super) struct Reached<A> {
    pub aggregate: A,
    /// Its row at the same version, where the stream alone makes it.
    pub row: Option<AnyRow>,
    /// Bytes of its events' payloads, or of the snapshot that stands for them.
    pub payloads: usize,
    /// The version that its newest snapshot is of; 0 where it has none.
    pub snapshot: i64,
}
