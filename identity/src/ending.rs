//! What ends together with an event of an account, in its transaction.

use domain::user::{AccessEnd, UserEvent};
use domain::{Event, Metadata, SessionId, StreamEvent, StreamId, UserId};
use pool::Statement;

use crate::revocations::spared_by;

/// For an event that ends access, whichever command it came of: raises the account's access generation to the
/// event's sequence, and ends its sessions. In this order, in statements of their own: whatever issues tokens
/// holds the account's row until these are written down, so sessions that were being opened are found and ended too.
pub fn with(event: &Event, stream: StreamId, sequence: i64, metadata: &Metadata) -> Vec<Statement> {
    let Some(end) = UserEvent::of(event).and_then(UserEvent::ends_access) else { return vec![] };
    let user = UserId::from_uuid(stream.id);
    let raised = raise_generation(user, sequence);
    match end {
        AccessEnd::Tokens => vec![raised],
        AccessEnd::Sessions | AccessEnd::OtherSessions => {
            vec![raised, end_sessions(user, spared_by(end, metadata))]
        }
    }
}

fn raise_generation(user: UserId, generation: i64) -> Statement {
    Statement::new("UPDATE credentials SET access_generation = $2 WHERE user_id = $1")
        .bind(user.uuid())
        .bind(generation)
}

fn end_sessions(user: UserId, spared: Option<SessionId>) -> Statement {
    Statement::new(
        "UPDATE sessions SET ended_at = now()
         WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2",
    )
    .bind(user.uuid())
    .bind(spared.map(SessionId::uuid))
}

/// Destroys the password and second factor of a person who asked to be forgotten, and forgets what is known of
/// their sign-ins. Nothing is taken from them any more (`NotErased` in the crate `commands`).
pub fn forget(person: UserId) -> Statement {
    Statement::new(
        "WITH password AS (DELETE FROM credentials WHERE user_id = $1),
         factor AS (DELETE FROM second_factors WHERE user_id = $1),
         codes AS (DELETE FROM recovery_codes WHERE user_id = $1),
         sign_ins AS (DELETE FROM sign_ins WHERE user_id = $1)
         UPDATE person_keys SET erasure_requested_at = coalesce(erasure_requested_at, now())
         WHERE user_id = $1",
    )
    .bind(person.uuid())
}

/// Destroys a person's key, and with it all that the log says about them.
pub fn destroy_key(person: UserId) -> Statement {
    Statement::new("UPDATE person_keys SET wrapped = NULL, erased_at = now() WHERE user_id = $1")
        .bind(person.uuid())
}
