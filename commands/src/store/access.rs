//! Ends access in the transaction of the event that says so, whichever command it came of.

use domain::user::{AccessEnd, UserEvent};
use domain::{Event, Recorded, SessionId, StreamEvent};
use identity::spared_by;
use pool::PgConnection;
use uuid::Uuid;

/// Whether an event ends access, so that its append is more than rows of the log.
pub(super) fn is_ended_by(event: &Event) -> bool {
    end_of(event).is_some()
}

fn end_of(event: &Event) -> Option<AccessEnd> {
    UserEvent::of(event)?.ends_access()
}

/// Raises the access generation of each account that an event ends access to, and ends its
/// sessions. The account's row is locked first: whatever issues tokens holds it until these are
/// written down, so sessions that were being opened are found and ended too.
pub(super) async fn end(conn: &mut PgConnection, recorded: &[Recorded]) -> Result<(), sqlx::Error> {
    for recorded in recorded {
        let Some(end) = end_of(&recorded.event) else { continue };
        sqlx::query("UPDATE credentials SET access_generation = $2 WHERE user_id = $1")
            .bind(recorded.stream.id)
            .bind(recorded.sequence)
            .execute(&mut *conn)
            .await?;
        match end {
            AccessEnd::Tokens => {}
            AccessEnd::Sessions | AccessEnd::OtherSessions => {
                end_sessions(conn, recorded.stream.id, spared_by(end, recorded)).await?;
            }
        }
    }
    Ok(())
}

async fn end_sessions(
    conn: &mut PgConnection,
    user: Uuid,
    spared: Option<SessionId>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sessions SET ended_at = now()
         WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2",
    )
    .bind(user)
    .bind(spared.map(SessionId::uuid))
    .execute(conn)
    .await
    .map(drop)
}
