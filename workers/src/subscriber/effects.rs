//! The rows that say what a subscriber has to do and has done.

use std::collections::HashMap;
use std::time::Duration;

use domain::EventType;
use pool::{PgConnection, PgPool, interval};
use uuid::Uuid;

/// Positions searched in one transaction.
const STRIDE: i64 = 10_000;
/// How long it is remembered that an event was handled, for operators to see.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct EventRef {
    pub(super) position: i64,
    pub(super) event_id: Uuid,
}

/// The right to try; a later one has a higher fence.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(super) struct Claim {
    /// This one included.
    pub(super) attempts: i32,
    fence: i64,
}

/// Whether a try may begin.
pub(super) enum Claimed {
    /// It may.
    Granted(Claim),
    /// Done, or given up.
    Handled,
    /// Another worker has it, or the last failure is too recent.
    NotYet(Duration),
}

#[derive(Clone)]
pub(super) struct Effects {
    pool: PgPool,
    subscriber: &'static str,
    lease: Duration,
}

impl Effects {
    pub(super) fn new(pool: PgPool, subscriber: &'static str, lease: Duration) -> Self {
        Self { pool, subscriber, lease }
    }

    /// Claims events that messages or a search told of; the answers are in the same order.
    pub(super) async fn claim(&self, event_refs: &[EventRef]) -> Result<Vec<Claimed>, sqlx::Error> {
        #[derive(sqlx::FromRow)]
        struct Granted {
            event_id: Uuid,
            #[sqlx(flatten)]
            claim: Claim,
        }
        // Up to the checkpoint an event without a row has been handled.
        let granted: Vec<Granted> = sqlx::query_as(
            "INSERT INTO effects AS known \
             (subscriber, event_id, position, attempts, fence, due_at) \
             SELECT $1, event_id, position, 1, 1, now() + $4 \
             FROM unnest($2::uuid[], $3::bigint[]) AS asked (event_id, position) WHERE EXISTS \
             (SELECT FROM effects WHERE subscriber = $1 AND event_id = asked.event_id) \
             OR position > coalesce((SELECT position FROM checkpoints WHERE subscriber = $1), 0) \
             ON CONFLICT (subscriber, event_id) DO UPDATE SET \
             attempts = known.attempts + 1, fence = known.fence + 1, due_at = excluded.due_at \
             WHERE known.handled_at IS NULL AND known.due_at <= now() \
             RETURNING event_id, attempts, fence",
        )
        .bind(self.subscriber)
        .bind(event_refs.iter().map(|event_ref| event_ref.event_id).collect::<Vec<_>>())
        .bind(event_refs.iter().map(|event_ref| event_ref.position).collect::<Vec<_>>())
        .bind(interval(self.lease))
        .fetch_all(&self.pool)
        .await?;
        let granted: HashMap<_, _> =
            granted.into_iter().map(|granted| (granted.event_id, granted.claim)).collect();
        let mut claimed = Vec::with_capacity(event_refs.len());
        for event_ref in event_refs {
            claimed.push(match granted.get(&event_ref.event_id) {
                Some(claim) => Claimed::Granted(*claim),
                None => self.time_until_due(*event_ref).await?,
            });
        }
        Ok(claimed)
    }

    async fn time_until_due(&self, event_ref: EventRef) -> Result<Claimed, sqlx::Error> {
        let wait: Option<f64> = sqlx::query_scalar(
            "SELECT greatest(extract(epoch FROM due_at - now()), 0)::float8 FROM effects \
             WHERE subscriber = $1 AND event_id = $2 AND handled_at IS NULL",
        )
        .bind(self.subscriber)
        .bind(event_ref.event_id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(wait.map_or(Claimed::Handled, |wait| {
            let wait = Duration::try_from_secs_f64(wait).unwrap_or_default();
            Claimed::NotYet(wait + Duration::from_millis(50))
        }))
    }

    /// Keeps claims for another lease; `false` when somebody else has taken one over.
    pub(super) async fn renew(&self, claims: &[(EventRef, Claim)]) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE effects AS known SET due_at = now() + $4 \
             FROM unnest($2::uuid[], $3::bigint[]) AS held (event_id, fence) \
             WHERE subscriber = $1 AND known.event_id = held.event_id \
             AND known.fence = held.fence",
        )
        .bind(self.subscriber)
        .bind(claims.iter().map(|(event_ref, _)| event_ref.event_id).collect::<Vec<_>>())
        .bind(claims.iter().map(|(_, claim)| claim.fence).collect::<Vec<_>>())
        .bind(interval(self.lease))
        .execute(&self.pool)
        .await?;
        Ok(usize::try_from(renewed.rows_affected()) == Ok(claims.len()))
    }

    /// Lets the next try begin after `delay`.
    pub(super) async fn put_off(
        &self,
        event_ref: EventRef,
        claim: Claim,
        delay: Duration,
    ) -> Result<bool, sqlx::Error> {
        self.set(event_ref, claim, "due_at = now() + $4", delay).await
    }

    /// Takes a try back that the end of the program cut short.
    pub(super) async fn give_back(
        &self,
        event_ref: EventRef,
        claim: Claim,
    ) -> Result<bool, sqlx::Error> {
        self.put_off_uncounted(event_ref, claim, Duration::ZERO).await
    }

    /// Lets the next try begin after `delay`, as if there had not been this one.
    pub(super) async fn put_off_uncounted(
        &self,
        event_ref: EventRef,
        claim: Claim,
        delay: Duration,
    ) -> Result<bool, sqlx::Error> {
        let change = "due_at = now() + $4, attempts = attempts - 1";
        self.set(event_ref, claim, change, delay).await
    }

    /// Done with these. To ask for `handled_at IS NULL` would have the planner look for each among
    /// all that wait, where it believes them to be few.
    pub(super) async fn handled(&self, done: &[(EventRef, Claim)]) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE effects AS known SET handled_at = coalesce(handled_at, now()) \
             FROM unnest($2::uuid[], $3::bigint[]) AS done (event_id, fence) \
             WHERE subscriber = $1 AND known.event_id = done.event_id \
             AND known.fence = done.fence",
        )
        .bind(self.subscriber)
        .bind(done.iter().map(|(event_ref, _)| event_ref.event_id).collect::<Vec<_>>())
        .bind(done.iter().map(|(_, claim)| claim.fence).collect::<Vec<_>>())
        .execute(&self.pool)
        .await
        .map(drop)
    }

    async fn set(
        &self,
        event_ref: EventRef,
        claim: Claim,
        change: &str,
        time: Duration,
    ) -> Result<bool, sqlx::Error> {
        let sql = format!(
            "UPDATE effects SET {change} WHERE subscriber = $1 AND event_id = $2 AND fence = $3 \
             AND handled_at IS NULL"
        );
        let update = sqlx::query(&sql).bind(self.subscriber).bind(event_ref.event_id);
        let update = update.bind(claim.fence).bind(interval(time));
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Gives up: the event is laid before an operator.
    pub(super) async fn bury(
        &self,
        event_ref: EventRef,
        claim: Claim,
        event_type: &str,
        error: &str,
    ) -> Result<bool, sqlx::Error> {
        let buried = sqlx::query(
            "WITH ended AS (UPDATE effects SET handled_at = now() WHERE subscriber = $2 \
             AND event_id = $4 AND fence = $8 AND handled_at IS NULL RETURNING attempts) \
             INSERT INTO dead_letters \
             (id, subscriber, position, event_id, event_type, attempts, last_error) \
             SELECT $1, $2, $3, $4, $5, $6, $7 FROM ended",
        )
        .bind(Uuid::now_v7())
        .bind(self.subscriber)
        .bind(event_ref.position)
        .bind(event_ref.event_id)
        .bind(event_type)
        .bind(claim.attempts)
        .bind(error)
        .bind(claim.fence);
        Ok(buried.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Tries that may begin.
    pub(super) async fn due(&self, limit: usize) -> Result<Vec<EventRef>, sqlx::Error> {
        sqlx::query_as(
            "SELECT position, event_id FROM effects WHERE subscriber = $1 \
             AND handled_at IS NULL AND due_at <= now() ORDER BY due_at LIMIT $2",
        )
        .bind(self.subscriber)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
    }

    /// Writes down every event of these types up to the head of the log.
    pub(super) async fn catch_up(&self, events: &[EventType]) -> Result<(), sqlx::Error> {
        let types: Vec<&str> = events.iter().map(|event| event.name()).collect();
        sqlx::query(
            "INSERT INTO checkpoints (subscriber, position) VALUES ($1, 0) ON CONFLICT DO NOTHING",
        )
        .bind(self.subscriber)
        .execute(&self.pool)
        .await?;
        while self.stride(&types).await? {}
        Ok(())
    }

    /// Whether there is more.
    async fn stride(&self, types: &[&str]) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Some((from, head)) = self.lock(&mut transaction).await? else { return Ok(false) };
        let to = head.min(from + STRIDE);
        if to > from {
            sqlx::query(
                "WITH moved AS (UPDATE checkpoints SET position = $3, updated_at = now() \
                 WHERE subscriber = $1) \
                 INSERT INTO effects (subscriber, event_id, position) \
                 SELECT $1, event_id, position FROM events \
                 WHERE position > $2 AND position <= $3 AND event_type = ANY($4) \
                 ON CONFLICT (subscriber, event_id) DO NOTHING",
            )
            .bind(self.subscriber)
            .bind(from)
            .bind(to)
            .bind(types)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
        }
        Ok(to < head)
    }

    /// The checkpoint and the head; `None` when another replica is doing it.
    async fn lock(&self, conn: &mut PgConnection) -> Result<Option<(i64, i64)>, sqlx::Error> {
        let sql = format!(
            "SELECT position, {} FROM checkpoints WHERE subscriber = $1 FOR UPDATE SKIP LOCKED",
            log::HEAD
        );
        sqlx::query_as(&sql).bind(self.subscriber).fetch_optional(conn).await
    }

    /// Clears away what was handled long ago.
    pub(super) async fn clear(&self) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM effects WHERE subscriber = $1 AND handled_at < now() - $2 AND position \
             <= (SELECT position FROM checkpoints WHERE subscriber = $1)",
        )
        .bind(self.subscriber)
        .bind(interval(KEPT))
        .execute(&self.pool)
        .await
        .map(drop)
    }
}
