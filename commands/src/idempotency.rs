//! `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header): an act is done once, and
//! its first answer is given again.

use std::convert::Infallible;
use std::time::Duration;

use domain::{Refusal, RefusalKind, Role, StreamType, UserId};
use pool::{Limits, PgPool, Statement, UNFLUSHED, interval};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::store::{Condition, Unmet};
use crate::{CommandError, IdempotencyClaim, PATIENCE};

/// How long a claim is good for: another process may take over soon where one was killed.
const CLAIM: Duration = Duration::from_secs(5);
const CLAIMS: Limits = Limits { connections: 4, patience: PATIENCE };

/// What POSTs with an `Idempotency-Key` led to. Keys live 24 h.
#[derive(Clone)]
pub struct Idempotency {
    pool: PgPool,
    /// For claims: the append's own transaction confirms one, so one that a crash loses was of no use yet.
    claims: PgPool,
}

/// The first answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers worth giving again.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// What the act led to, stored in the transaction of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of what.
    pub kind: StreamType,
    /// Which.
    pub id: Uuid,
    /// Whether it was made by this act.
    pub created: bool,
}

/// An answer that was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub answer: StoredAnswer,
    /// Tells whether the same body led to it.
    pub fingerprint: Option<Vec<u8>>,
    /// The role that it was made for.
    pub role: Option<Role>,
    /// What the act led to, if it changed anything.
    pub outcome: Option<Outcome>,
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Never seen: the request is to be carried out.
    First,
    /// Answered before.
    Answered(Answered),
    /// The act is done, but its answer was lost: render it again.
    Outcome(Outcome),
    /// The first request is still running.
    Running,
}

impl Idempotency {
    pub(crate) fn new(of: &PgPool, pool: PgPool) -> Self {
        Self { claims: of.with(&[UNFLUSHED], CLAIMS), pool }
    }

    /// Claims a key, or tells where it stands. A claim lapses unless it is [kept](Self::keeping).
    pub async fn begin(&self, claim: &IdempotencyClaim) -> Result<Begun, CommandError> {
        let claimed = sqlx::query(
            "INSERT INTO idempotency_keys AS had (scope, key, role, claim, locked_until)
             VALUES ($1, $2, $3, $4, now() + $5)
             ON CONFLICT (scope, key) DO UPDATE
                SET locked_until = excluded.locked_until, role = excluded.role,
                    claim = excluded.claim, created_at = now(), fingerprint = NULL,
                    outcome = NULL, status = NULL, headers = NULL, body = NULL
                WHERE had.created_at < now() - interval '24 hours'
                   OR had.status IS NULL AND had.outcome IS NULL AND had.locked_until < now()",
        )
        .bind(claim.scope)
        .bind(&claim.key)
        .bind(claim.role.map(Role::as_str))
        .bind(claim.id)
        .bind(interval(CLAIM))
        .execute(&self.claims)
        .await?;
        if claimed.rows_affected() == 1 {
            return Ok(Begun::First);
        }
        self.state(claim).await
    }

    /// Carries out the request, and keeps its claim meanwhile.
    pub async fn keeping<T>(
        &self,
        claim: &IdempotencyClaim,
        request: impl Future<Output = T>,
    ) -> T {
        tokio::select! {
            done = request => done,
            never = self.keep(claim) => match never {},
        }
    }

    /// Goes on where the claim was lost: the act's own transaction finds out.
    async fn keep(&self, claim: &IdempotencyClaim) -> Infallible {
        loop {
            pool::keep(CLAIM, || self.renew(claim)).await;
        }
    }

    /// Whether it could be kept.
    async fn renew(&self, claim: &IdempotencyClaim) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE idempotency_keys SET locked_until = now() + $4
             WHERE scope = $1 AND key = $2 AND claim = $3",
        )
        .bind(claim.scope)
        .bind(&claim.key)
        .bind(claim.id)
        .bind(interval(CLAIM))
        .execute(&self.claims);
        Ok(renewed.await?.rows_affected() == 1)
    }

    async fn state(&self, claim: &IdempotencyClaim) -> Result<Begun, CommandError> {
        let row = sqlx::query(
            "SELECT fingerprint, outcome, status, headers, body, role
             FROM idempotency_keys WHERE scope = $1 AND key = $2",
        )
        .bind(claim.scope)
        .bind(&claim.key)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(Begun::Running) };
        let outcome: Option<Json<Outcome>> = row.try_get("outcome")?;
        let outcome = outcome.map(|outcome| outcome.0);
        if let Some(status) = row.try_get::<Option<i16>, _>("status")? {
            return Ok(Begun::Answered(answered(&row, status, outcome)?));
        }
        Ok(outcome.map_or(Begun::Running, Begun::Outcome))
    }

    /// Keeps an answer that was made for the claim's role.
    pub async fn finish(
        &self,
        claim: &IdempotencyClaim,
        fingerprint: Option<&[u8]>,
        answer: &StoredAnswer,
    ) -> Result<(), CommandError> {
        sqlx::query(
            "UPDATE idempotency_keys
             SET fingerprint = $3, status = $4, headers = $5, body = $6, role = $7
             WHERE scope = $1 AND key = $2 AND (claim = $8 OR outcome IS NOT NULL)",
        )
        .bind(claim.scope)
        .bind(&claim.key)
        .bind(fingerprint)
        .bind(i16::try_from(answer.status).map_err(CommandError::fault)?)
        .bind(Json(&answer.headers))
        .bind(&answer.body)
        .bind(claim.role.map(Role::as_str))
        .bind(claim.id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Frees a key whose request did nothing; one whose act is done stays.
    pub async fn abandon(&self, claim: &IdempotencyClaim) -> Result<(), CommandError> {
        sqlx::query(
            "DELETE FROM idempotency_keys
             WHERE scope = $1 AND key = $2 AND claim = $3 AND outcome IS NULL AND status IS NULL",
        )
        .bind(claim.scope)
        .bind(&claim.key)
        .bind(claim.id)
        .execute(&self.claims)
        .await?;
        Ok(())
    }

    /// Forgets keys older than 24 h.
    pub(crate) async fn clear_expired(&self) -> Result<(), CommandError> {
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Writes down what an act led to, in its own transaction, unless the claim has lapsed and is somebody else's by now.
pub(crate) fn keep_outcome(claim: &IdempotencyClaim, outcome: Outcome) -> Condition {
    let statement = Statement::new(
        "UPDATE idempotency_keys SET outcome = $4 WHERE scope = $1 AND key = $2 AND claim = $3",
    )
    .bind(claim.scope)
    .bind(claim.key.as_str())
    .bind(claim.id)
    .bind(Json(outcome));
    Condition { statement, unmet: Unmet::Refused(lapsed()) }
}

/// Forgets what an erased person's keys led to.
pub(crate) fn forget(person: UserId) -> Statement {
    Statement::new("DELETE FROM idempotency_keys WHERE scope = $1").bind(person.uuid())
}

/// The act is another request's by now.
fn lapsed() -> Refusal {
    Refusal {
        kind: RefusalKind::Conflict,
        code: "idempotency_in_progress",
        detail: "Another request with this Idempotency-Key is running: ask again in a moment."
            .to_owned(),
    }
}

fn answered(row: &PgRow, status: i16, outcome: Option<Outcome>) -> Result<Answered, CommandError> {
    let headers: Json<Vec<(String, String)>> = row.try_get("headers")?;
    let status = u16::try_from(status).map_err(CommandError::fault)?;
    let answer = StoredAnswer { status, headers: headers.0, body: row.try_get("body")? };
    let role: Option<String> = row.try_get("role")?;
    // A role that this program does not know is not the caller's.
    let role = role.and_then(|role| role.parse().ok());
    Ok(Answered { answer, fingerprint: row.try_get("fingerprint")?, role, outcome })
}
