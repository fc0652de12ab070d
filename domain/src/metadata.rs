//! What is recorded with an event besides its content.

use serde::{Deserialize, Serialize};

use crate::{Actor, RequestId, SessionId};

/// Who caused an event, and in which request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Who gave the command.
    pub actor: Actor,
    /// The request that carried it: a name of up to 64 of `[A-Za-z0-9._-]` that the client gave, or
    /// one made at the edge.
    pub request_id: String,
    /// The session that it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// A keyed digest, in hexadecimal, of the idempotency key that it came with and its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Metadata {
    /// The metadata of an act of the program itself, within one run of it.
    pub fn of(actor: Actor, request: RequestId) -> Self {
        Self { actor, request_id: request.to_string(), session_id: None, idempotency_key: None }
    }
}
