//! One stream's events as a list that is sorted by sequence.

use domain::{Recorded, StreamId};
use log::LogError;
use pool::PgConnection;
use sqlx::QueryBuilder;

use crate::page::{Key, SortBy};
use crate::scan::{Keyed, Scan, Section};

/// The events of one page.
pub(super) async fn page(
    conn: &mut PgConnection,
    stream: StreamId,
    scan: &Scan<'_>,
) -> Result<Vec<Recorded>, LogError> {
    let mut sql = QueryBuilder::new(format!(
        "SELECT * FROM (SELECT {}, sequence AS created_position FROM events WHERE aggregate_type = ",
        log::COLUMNS
    ));
    sql.push_bind(stream.kind.as_str()).push(" AND aggregate_id = ");
    sql.push_bind(stream.id.to_string()).push(") events WHERE true");
    scan.push_section(&mut sql, Section::Whole);
    scan.push_order(&mut sql, Section::Whole, scan.rows());
    log::decode_all(&sql.build().fetch_all(conn).await?)
}

impl Keyed for Recorded {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.sequence)
    }
}
