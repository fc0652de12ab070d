//! Compares snapshots with what the log makes of their streams.

use domain::{Aggregate, Recorded, StreamId, StreamType, replay};
use log::LogError;
use pool::PgConnection;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Snapshot, format_of};
use crate::drift::{Difference, Drift};
use crate::{Fold, RebuildError, models};

/// The version of a snapshot that is wrong, and what is wrong in it; nothing where the stream has no such version.
pub(super) type WrongSnapshot = (i64, Vec<String>);

/// Snapshots of this program's formats that are not what the log says, the first of them by name. What they
/// say about people is sealed, and not compared.
pub(crate) async fn verify(
    conn: &mut PgConnection,
    named: usize,
) -> Result<Option<Drift>, RebuildError> {
    let mut wrong = vec![];
    for kind in StreamType::ALL {
        let sql = "SELECT DISTINCT aggregate_id FROM snapshots WHERE aggregate_type = $1 AND format = $2 \
                   ORDER BY aggregate_id";
        let ids: Vec<String> = sqlx::query_scalar(sql)
            .bind(kind.as_str())
            .bind(format_of(kind))
            .fetch_all(&mut *conn)
            .await?;
        for id in ids {
            let of_stream = wrong_of(conn, kind, &id).await?;
            wrong.extend(of_stream.into_iter().map(|(sequence, columns)| Difference {
                key: format!("{kind} {id} {sequence}"),
                missing: false,
                extra: columns.is_empty(),
                columns,
            }));
        }
    }
    let rows = i64::try_from(wrong.len()).unwrap_or(i64::MAX);
    wrong.truncate(named);
    Ok((rows > 0).then_some(Drift { table: "snapshots", rows, first: wrong }))
}

/// The sequences of those snapshots of a stream that are wrong, with what is wrong in them.
async fn wrong_of(
    conn: &mut PgConnection,
    kind: StreamType,
    id: &str,
) -> Result<Vec<WrongSnapshot>, RebuildError> {
    let snapshots: Vec<Snapshot> = sqlx::query_as(
        "SELECT aggregate_id, sequence, state::text AS state, read_model::text AS read_model \
         FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = $2 AND format = $3 ORDER BY sequence",
    )
    .bind(kind.as_str())
    .bind(id)
    .bind(format_of(kind))
    .fetch_all(&mut *conn)
    .await?;
    let stream_id =
        Uuid::try_parse(id).map_err(|_| LogError::StreamId { position: 0, id: id.to_owned() })?;
    let events = log::stream(conn, StreamId { kind, id: stream_id }, None).await?;
    Ok(models::stream(kind).map(|stream| stream.wrong(&snapshots, &events)).unwrap_or_default())
}

/// Compares aggregates and rows.
pub(super) fn compare<A: Aggregate, F: Fold>(
    snapshots: &[Snapshot],
    events: &[Recorded],
) -> Vec<WrongSnapshot> {
    let mut row = None::<F>;
    compare_with::<A>(snapshots, events, |recorded, json| {
        row = F::follow(row.take(), recorded);
        json.is_none_or(|json| is(json, &row))
    })
}

/// Compares aggregates, which have no rows beside them.
pub(super) fn compare_states<A: Aggregate>(
    snapshots: &[Snapshot],
    events: &[Recorded],
) -> Vec<WrongSnapshot> {
    compare_with::<A>(snapshots, events, |_, json| json.is_none())
}

/// `row_is` gets each event, and the row that was stored after it, and says whether that is right.
fn compare_with<A: Aggregate>(
    snapshots: &[Snapshot],
    events: &[Recorded],
    mut row_is: impl FnMut(&Recorded, Option<&String>) -> bool,
) -> Vec<WrongSnapshot> {
    let (mut state, mut wrong) = (A::default(), vec![]);
    let mut left = snapshots.iter().peekable();
    for recorded in events {
        state = replay(state, [recorded.event.clone()]).unwrap_or_default();
        let snapshot = left.next_if(|next| next.sequence == recorded.sequence);
        let row_is = row_is(recorded, snapshot.and_then(|found| found.read_model.as_ref()));
        let Some(snapshot) = snapshot else { continue };
        let parts = [("state", is(&snapshot.state, &bare(&state))), ("read_model", row_is)];
        let differ = parts.into_iter().filter(|(_, is)| !is).map(|(name, _)| name.to_owned());
        let differ: Vec<_> = differ.collect();
        if !differ.is_empty() {
            wrong.push((snapshot.sequence, differ));
        }
    }
    // Those of versions that the stream does not have.
    wrong.extend(left.map(|snapshot| (snapshot.sequence, vec![])));
    wrong
}

/// Without what it says about people.
fn bare<A: Aggregate>(state: &A) -> A {
    let mut bare = state.clone();
    for (_, personal) in bare.personal() {
        (personal.text, personal.sealed) = (None, None);
    }
    bare
}

fn is(json: &str, value: &impl Serialize) -> bool {
    let stored: Option<Value> = serde_json::from_str(json).ok();
    stored.is_some() && stored == serde_json::to_value(value).ok()
}
