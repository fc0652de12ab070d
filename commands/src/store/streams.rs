//! Reading streams: alone while little is going on, else all that are waited for with one query.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::StreamId;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;

use super::connections::{Connection, Connections};
use super::log::COLUMNS;
use super::{StoreError, log, write};

/// The rows of one stream, in its order.
pub(super) type Rows = Arc<Vec<PgRow>>;

/// Reads streams. The task that gets a connection reads for all that wait for one.
#[derive(Clone)]
pub(super) struct Streams {
    connections: Connections,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

struct Waiting {
    stream: StreamId,
    reply: oneshot::Sender<Result<Rows, StoreError>>,
}

impl Streams {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, waiting: Arc::default() }
    }

    /// One stream from its beginning.
    pub(super) async fn read(&self, stream: StreamId) -> Result<Rows, StoreError> {
        loop {
            let (reply, mut answer) = oneshot::channel();
            self.lock().push(Waiting { stream, reply });
            let answered = tokio::select! {
                biased;
                answered = &mut answer => answered,
                connection = self.connections.take() => {
                    self.read_all(connection?).await;
                    answer.await
                }
            };
            // The task that read for this one may have been cancelled: then again.
            if let Ok(answered) = answered {
                return answered;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for all who wait.
    async fn read_all(&self, mut connection: Connection) {
        let waiting = std::mem::take(&mut *self.lock());
        let streams: Vec<_> = waiting.iter().map(|waiting| waiting.stream).collect();
        let rows = match streams.as_slice() {
            [] => Ok(HashMap::new()),
            [stream] => one(&mut connection, *stream).await,
            streams => many(&mut connection, streams).await,
        };
        for Waiting { stream, reply } in waiting {
            let rows = rows.as_ref().map(|rows| rows.get(&stream).cloned().unwrap_or_default());
            // A caller that is gone needs no answer.
            let _gone = reply.send(rows.map_err(|error| StoreError::shared(error)));
        }
        if rows.is_ok() {
            self.connections.keep(connection);
        }
    }
}

async fn one(
    conn: &mut PgConnection,
    stream: StreamId,
) -> Result<HashMap<StreamId, Rows>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2
         ORDER BY sequence"
    );
    let query = sqlx::query(&sql).bind(stream.kind.as_str()).bind(stream.id.to_string());
    Ok(HashMap::from([(stream, Arc::new(query.fetch_all(conn).await?))]))
}

async fn many(
    conn: &mut PgConnection,
    streams: &[StreamId],
) -> Result<HashMap<StreamId, Rows>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events JOIN
             (SELECT DISTINCT kind, id FROM unnest($1::text[], $2::text[]) AS asked (kind, id)) asked
             ON aggregate_type = kind AND aggregate_id = id
         ORDER BY aggregate_type, aggregate_id, sequence"
    );
    let (kinds, ids) = write::names(streams.iter().copied());
    let rows = sqlx::query(&sql).bind(kinds).bind(ids).fetch_all(conn).await?;
    let mut found: HashMap<StreamId, Vec<PgRow>> = HashMap::with_capacity(streams.len());
    for row in rows {
        found.entry(log::stream(&row)?).or_default().push(row);
    }
    Ok(found.into_iter().map(|(stream, rows)| (stream, Arc::new(rows))).collect())
}
