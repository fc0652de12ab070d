//! Names that may be held once: claimed, freed, and kept for their former owner, all in the
//! append's own transaction.

use std::collections::HashSet;

use pool::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::append::{Append, Claim};
use super::transaction::Verdict;

/// Claims names; a command that comes second fails alone.
pub(super) async fn claim(
    conn: &mut PgConnection,
    appends: &[&Append],
    verdicts: &mut [Verdict],
) -> Result<(), sqlx::Error> {
    let mut claimed: HashSet<&Claim> = HashSet::new();
    for (append, verdict) in appends.iter().zip(verdicts) {
        let Some(claim) = append.side.claim.as_ref().filter(|_| verdict.is_ok()) else { continue };
        let is_first = claimed.insert(claim);
        if !is_first || owner_of(conn, claim, append.stream.id).await? != append.stream.id {
            *verdict = Err(StoreError::Taken(claim.reservation));
        }
    }
    Ok(())
}

/// Who owns the name once somebody has claimed it. The update has the present owner come back, and
/// takes over a name whose time of being kept is over; nobody else can be inserting, as the head is
/// locked.
async fn owner_of(
    conn: &mut PgConnection,
    claim: &Claim,
    claimant: Uuid,
) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO reservations AS had (kind, name, owner) VALUES ($1, $2, $3)
         ON CONFLICT (kind, name) DO UPDATE
         SET owner = CASE WHEN had.held_until < now() THEN excluded.owner ELSE had.owner END,
             held_until = CASE WHEN had.held_until < now() OR had.owner = excluded.owner
                               THEN NULL ELSE had.held_until END
         RETURNING owner",
    )
    .bind(claim.kind())
    .bind(&claim.name)
    .bind(claimant)
    .fetch_one(conn)
    .await
}

/// Frees the names that these commands give up, or keeps them for their owners for 7 days.
pub(super) async fn release(
    conn: &mut PgConnection,
    winners: &[&Append],
) -> Result<(), sqlx::Error> {
    const FREE: &str = "DELETE FROM reservations WHERE kind = $1 AND name = $2 AND owner = $3";
    const HOLD: &str = "UPDATE reservations SET held_until = now() + interval '7 days'
                        WHERE kind = $1 AND name = $2 AND owner = $3";
    for append in winners {
        for (statement, claim) in [(FREE, &append.side.release), (HOLD, &append.side.hold)] {
            let Some(claim) = claim else { continue };
            sqlx::query(statement)
                .bind(claim.kind())
                .bind(&claim.name)
                .bind(append.stream.id)
                .execute(&mut *conn)
                .await?;
        }
    }
    Ok(())
}
