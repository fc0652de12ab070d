use std::any::Any;
use std::sync::Arc;

use domain::{Actor, Metadata, RequestId, Role, SystemActor, UserId};
use uuid::Uuid;

/// What comes with a command besides its content.
#[derive(Clone, Debug)]
pub struct Context {
    /// Recorded with every event that comes of it.
    pub metadata: Metadata,
    /// The version that the client saw (`If-Match`).
    pub expected: Option<i64>,
    /// The key under which the act is done once.
    pub idempotency: Option<IdempotencyClaim>,
}

/// An `Idempotency-Key` that this request has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Whose key: a user id, or what stands for the network of somebody who is not signed in.
    pub scope: Uuid,
    /// The key.
    pub key: String,
    /// The role that the answer is for; `None` where nobody is signed in.
    pub role: Option<Role>,
    /// Of this claim alone: another request may claim the key once this one has lapsed.
    pub id: Uuid,
}

impl IdempotencyClaim {
    /// A new claim on a key.
    pub fn new(scope: Uuid, key: String, role: Option<Role>) -> Self {
        Self { scope, key, role, id: Uuid::now_v7() }
    }
}

/// A command was carried out.
#[derive(Clone, Debug)]
pub struct Done {
    /// The stream's version after it.
    pub version: i64,
    /// What it looks like in the read models then, if the command wrote to it.
    pub row: Option<Row>,
}

/// A row of a read model, of whichever type that has.
#[derive(Clone, Debug)]
pub struct Row(pub(crate) Arc<dyn Any + Send + Sync>);

impl Row {
    /// The row, if it is of that type.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// Something was made.
#[derive(Clone, Debug)]
pub struct Made<Id> {
    /// Which.
    pub id: Id,
    /// As of any command.
    pub done: Done,
}

impl Context {
    /// A command of the program itself.
    pub fn system(actor: SystemActor, request: RequestId) -> Self {
        let metadata = Metadata::of(Actor::System(actor), request);
        Self { metadata, expected: None, idempotency: None }
    }

    /// A command of somebody who is not signed in, in that request.
    pub(crate) const fn anonymous(request_id: String) -> Self {
        let actor = Actor::Anonymous;
        let metadata = Metadata { actor, request_id, session_id: None, idempotency_key: None };
        Self { metadata, expected: None, idempotency: None }
    }

    /// Who commands.
    pub const fn actor(&self) -> Actor {
        self.metadata.actor
    }

    /// Who commands in a session. Nothing is taken any more from somebody who asked to be forgotten,
    /// but for what the erasure itself withdraws in their name, without a session.
    pub(crate) fn person(&self) -> Option<UserId> {
        self.metadata.session_id.and_then(|_| self.actor().user_id())
    }

    /// Context of the same command on a stream that the client did not name: without a version and a key.
    pub(crate) fn for_related_stream(&self) -> Self {
        Self { expected: None, idempotency: None, ..self.clone() }
    }
}
