//! Reading streams, each from its newest snapshot on: alone while little is going on, else all that are
//! waited for with one query.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::StreamId;
use log::COLUMNS;
use pool::PgConnection;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;

use super::connections::{Connection, Connections};
use super::snapshots::Snapshot;
use super::{StoreError, write};

/// What a snapshot never has as its format.
const NO_FORMAT: i32 = -1;

/// One stream from its newest snapshot on.
#[derive(Default)]
pub(super) struct StreamRows {
    pub(super) snapshot: Option<Snapshot>,
    /// The events after it, in any order: the database need not sort what an index hands it in order.
    pub(super) rows: Vec<PgRow>,
}

/// Reads streams. The task that gets a connection reads for all that wait for one.
#[derive(Clone)]
pub(super) struct Streams {
    connections: Connections,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

struct Waiting {
    stream: StreamId,
    /// Of its snapshots; one kind of stream has one.
    format: i32,
    reply: oneshot::Sender<Result<Arc<StreamRows>, StoreError>>,
}

impl Streams {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, waiting: Arc::default() }
    }

    /// A connection of those that read.
    pub(super) async fn connection(&self) -> Result<Connection, sqlx::Error> {
        self.connections.take().await
    }

    /// It did what it was asked.
    pub(super) fn keep(&self, connection: Connection) {
        self.connections.keep(connection);
    }

    /// One stream from its beginning, whatever snapshots there are.
    pub(super) async fn read_whole(&self, stream: StreamId) -> Result<StreamRows, StoreError> {
        let mut connection = self.connections.take().await?;
        let found = one(&mut connection, stream, NO_FORMAT).await?;
        self.connections.keep(connection);
        Ok(found)
    }

    /// One stream from its newest snapshot of that format on.
    pub(super) async fn read(
        &self,
        stream: StreamId,
        format: i32,
    ) -> Result<Arc<StreamRows>, StoreError> {
        loop {
            let (reply, mut answer) = oneshot::channel();
            self.lock().push(Waiting { stream, format, reply });
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
        let streams: Vec<_> =
            waiting.iter().map(|waiting| (waiting.stream, waiting.format)).collect();
        let found = match streams.as_slice() {
            [] => Ok(HashMap::new()),
            [(stream, format)] => one(&mut connection, *stream, *format)
                .await
                .map(|found| HashMap::from([(*stream, Arc::new(found))])),
            streams => many(&mut connection, streams).await,
        };
        for Waiting { stream, reply, .. } in waiting {
            let found = found.as_ref().map(|found| found.get(&stream).cloned().unwrap_or_default());
            // A caller that is gone needs no answer.
            let _gone = reply.send(found.map_err(|error| StoreError::shared(error)));
        }
        if found.is_ok() {
            self.connections.keep(connection);
        }
    }
}

/// Columns of an event beside those of a snapshot.
const NO_SNAPSHOT: &str = "NULL::text AS state, NULL::text AS read_model, NULL::bytea AS sealed";

/// Columns of a snapshot beside those of an event.
const NO_EVENT: &str = "'', '', '', '', 0, '00000000-0000-0000-0000-000000000000', 'epoch'";

async fn one(
    conn: &mut PgConnection,
    stream: StreamId,
    format: i32,
) -> Result<StreamRows, sqlx::Error> {
    let newest = "FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = $2 AND format = $3
                  ORDER BY sequence DESC LIMIT 1";
    let sql = format!(
        "SELECT {COLUMNS}, {NO_SNAPSHOT} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2
             AND sequence > coalesce((SELECT sequence {newest}), 0)
         UNION ALL
         (SELECT aggregate_type, aggregate_id, sequence, {NO_EVENT}, state::text, read_model::text, sealed
          {newest})"
    );
    let query = sqlx::query(&sql).bind(stream.kind.as_str()).bind(stream.id.to_string());
    let rows = query.bind(format).fetch_all(conn).await?;
    let mut found = StreamRows::default();
    rows.into_iter().try_for_each(|row| found.add(row))?;
    Ok(found)
}

async fn many(
    conn: &mut PgConnection,
    streams: &[(StreamId, i32)],
) -> Result<HashMap<StreamId, Arc<StreamRows>>, sqlx::Error> {
    let sql = format!(
        "WITH asked AS MATERIALIZED (
             SELECT kind, id, newest.*
             FROM (SELECT DISTINCT kind, id, format
                   FROM unnest($1::text[], $2::text[], $3::integer[]) AS streams (kind, id, format)) streams
             LEFT JOIN LATERAL
                 (SELECT sequence AS reached, state, read_model, sealed FROM snapshots
                  WHERE aggregate_type = kind AND aggregate_id = id AND snapshots.format = streams.format
                  ORDER BY sequence DESC LIMIT 1) AS newest ON true)
         SELECT {COLUMNS}, {NO_SNAPSHOT} FROM asked CROSS JOIN LATERAL
             (SELECT * FROM events WHERE aggregate_type = asked.kind AND aggregate_id = asked.id
                  AND sequence > coalesce(asked.reached, 0)) AS event
         UNION ALL
         SELECT kind, id, reached, {NO_EVENT}, state::text, read_model::text, sealed
         FROM asked WHERE reached IS NOT NULL"
    );
    let (kinds, ids) = write::names(streams.iter().map(|(stream, _)| *stream));
    let formats: Vec<_> = streams.iter().map(|(_, format)| *format).collect();
    let rows = sqlx::query(&sql).bind(kinds).bind(ids).bind(formats).fetch_all(conn).await?;
    let mut found: HashMap<StreamId, StreamRows> = HashMap::with_capacity(streams.len());
    for row in rows {
        found.entry(log::stream_of(&row)?).or_default().add(row)?;
    }
    Ok(found.into_iter().map(|(stream, found)| (stream, Arc::new(found))).collect())
}

impl StreamRows {
    fn add(&mut self, row: PgRow) -> Result<(), sqlx::Error> {
        match Snapshot::decode(&row)? {
            Some(snapshot) => self.snapshot = Some(snapshot),
            None => self.rows.push(row),
        }
        Ok(())
    }
}
