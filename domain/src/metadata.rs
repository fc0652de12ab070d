//! What is recorded with an event besides its content.

use serde::{Deserialize, Serialize};

use crate::{Actor, RequestId, SessionId};

/// Who caused an event, and in which request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Who gave the command.
    pub actor: Actor,
    /// The request that carried it; as given by the client or made at the edge.
    pub request_id: String,
    /// The session that it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The idempotency key that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Metadata {
    /// The metadata of an act of the program itself, within one run of it.
    pub fn of(actor: Actor, request: RequestId) -> Self {
        Self { actor, request_id: request.to_string(), session_id: None, idempotency_key: None }
    }
}
