//! Who calls, and what comes with every command of theirs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, Request};
use commands::{Context, IdempotencyClaim};
use domain::{Actor, Metadata, Role, SessionId, UserId};
use http::request::Parts;
use identity::{Authenticated, MediaHolder, Origin, Standing};
use ipnet::IpNet;

use crate::App;
use crate::access::bearer::identify;
use crate::http::forwarded::Client;
use crate::http::name::RequestName;
use crate::http::problem::Problem;

/// Who calls, and in which request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub actor: Actor,
    /// The account; nil for somebody who is not signed in.
    pub user: UserId,
    pub session: Option<SessionId>,
    /// Their token, for what goes on after the answer has begun.
    pub standing: Option<Standing>,
    request_id: String,
    claim: Option<ClaimedKey>,
}

/// An `Idempotency-Key` that this request has claimed, and where a route that reads its body
/// piecemeal leaves the body's fingerprint.
#[derive(Clone, Debug)]
pub(crate) struct ClaimedKey {
    pub claim: IdempotencyClaim,
    /// What events may say of the key: they outlive its owner.
    pub recorded: String,
    pub fingerprint: Arc<OnceLock<[u8; 32]>>,
}

impl Caller {
    /// The caller that the bearer token authenticates; a bad token is refused, none is anonymous.
    pub(crate) fn identified(parts: &Parts, app: &App) -> Result<Self, Problem> {
        let anonymous = Self::anonymous(parts);
        Ok(match identify(&parts.extensions, &app.commands)? {
            None => anonymous,
            Some(standing) => {
                let Authenticated { user, role, session, limit: _ } = standing.who;
                let standing = Some(standing);
                Self { standing, ..anonymous.held_by(MediaHolder { user, session }, role) }
            }
        })
    }

    /// This request, made by somebody who was found to be behind it.
    pub(crate) fn held_by(self, MediaHolder { user, session }: MediaHolder, role: Role) -> Self {
        Self { actor: Actor::User { id: user, role }, user, session: Some(session), ..self }
    }

    /// Nobody in particular.
    pub(crate) fn anonymous(parts: &Parts) -> Self {
        let request_id = parts.extensions.get::<RequestName>();
        Self {
            actor: Actor::Anonymous,
            user: UserId::from_uuid(uuid::Uuid::nil()),
            session: None,
            standing: None,
            request_id: request_id.map(|name| name.0.clone()).unwrap_or_default(),
            claim: parts.extensions.get::<ClaimedKey>().cloned(),
        }
    }

    /// What goes with a command on something that has no version yet, or whatever its version.
    pub(crate) fn context(&self) -> Context {
        self.context_at(None)
    }

    /// What goes with a command on something at that version.
    pub(crate) fn context_at(&self, expected: Option<i64>) -> Context {
        let claimed = self.claim.as_ref();
        let metadata = Metadata {
            actor: self.actor,
            request_id: self.request_id.clone(),
            session_id: self.session,
            idempotency_key: claimed.map(|claimed| claimed.recorded.clone()),
        };
        let idempotency = claimed.map(|claimed| claimed.claim.clone());
        Context { metadata, expected, idempotency }
    }

    /// Leaves the body's fingerprint for the layer that stores the answer.
    pub(crate) fn fingerprinted(&self, fingerprint: [u8; 32]) {
        if let Some(claimed) = &self.claim {
            claimed.fingerprint.get_or_init(|| fingerprint);
        }
    }
}

/// A signed-in person, or an address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    User(UserId),
    Network(IpNet),
}

impl Who {
    /// Whose request it is.
    pub(crate) fn asks(request: &Request, app: &App) -> Option<Self> {
        match identify(request.extensions(), &app.commands) {
            Ok(Some(signed_in)) => Some(Self::User(signed_in.who.user)),
            Ok(None) | Err(_) => Self::behind(request),
        }
    }

    /// The network that a request comes from, whatever its token.
    pub(crate) fn behind(request: &Request) -> Option<Self> {
        request.extensions().get::<Client>().map(|client| Self::Network(client.network()))
    }
}

/// Where a request to sign in comes from, as an extractor.
pub(crate) struct CameFrom(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for CameFrom {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let client = parts.extensions.get::<Client>().copied();
        let client = client.unwrap_or(Client(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        let request_id = parts.extensions.get::<RequestName>();
        Ok(Self(Origin {
            network: client.network().addr(),
            region: client.region().to_string(),
            request_id: request_id.map(|name| name.0.clone()).unwrap_or_default(),
        }))
    }
}
