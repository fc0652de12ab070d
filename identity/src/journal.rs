//! The security journal: a log line of the target `security` for whatever [`SecurityEvent`] names.
//! It has ids, and neither addresses nor passwords, tokens or codes.

use domain::{Actor, Event, Recorded, SecurityEvent, SessionId, UserId};

/// What the log lines are filtered by: `RUST_LOG=warn,security=info` keeps all of them.
pub const TARGET: &str = "security";

/// A line in the making. What is not known is left out.
#[derive(Clone, Copy, Debug)]
pub struct JournalEntry<'a> {
    /// What happened.
    pub event: SecurityEvent,
    /// What the request goes by.
    pub request_id: &'a str,
    /// Whose account.
    pub user: Option<UserId>,
    /// The session that it happened in, or that it happened to.
    pub session: Option<SessionId>,
    /// The region that the request came from.
    pub client: Option<&'a str>,
    /// The keyed hash of an address that was given.
    pub address: Option<&'a str>,
    /// Who did it, where that was not the person themselves.
    pub by: Option<&'a str>,
    /// A word more: by which proof, to which role, which code of a problem.
    pub detail: Option<&'a str>,
}

impl<'a> JournalEntry<'a> {
    /// An entry of which nothing more is known.
    pub const fn new(event: SecurityEvent, request_id: &'a str) -> Self {
        Self {
            event,
            request_id,
            user: None,
            session: None,
            client: None,
            address: None,
            by: None,
            detail: None,
        }
    }

    /// Writes the line: a warning where somebody did not get what they asked for.
    pub fn write(self) {
        use tracing::field::display;
        let Self { event, request_id, user, session, client, address, by, detail } = self;
        let (event, is_failure) = (event.as_str(), event.is_failure());
        let outcome = if is_failure { "failure" } else { "success" };
        let (user, session) = (user.map(display), session.map(display));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    event,
                    outcome,
                    request_id,
                    user,
                    session,
                    client,
                    address,
                    by,
                    detail
                )
            };
        }
        if is_failure { line!(warn) } else { line!(info) }
    }
}

/// Writes a line for each event of an account, in the process that has just committed it.
pub fn note(recorded: &[Recorded]) {
    for recorded in recorded {
        let Event::User(of_user) = &recorded.event else { continue };
        let Some(event) = SecurityEvent::of(of_user) else { continue };
        let user = UserId::from_uuid(recorded.stream.id);
        let by = by(recorded.metadata.actor, user);
        JournalEntry {
            user: Some(user),
            session: SecurityEvent::session_of(of_user).or(recorded.metadata.session_id),
            by: by.as_deref(),
            detail: SecurityEvent::detail_of(of_user),
            ..JournalEntry::new(event, &recorded.metadata.request_id)
        }
        .write();
    }
}

/// An ADMIN's id, or the part of the program that acted.
fn by(actor: Actor, user: UserId) -> Option<String> {
    match actor {
        Actor::User { id, .. } if id != user => Some(id.to_string()),
        Actor::User { .. } | Actor::Anonymous => None,
        Actor::System(system) => Some(format!("{system:?}").to_lowercase()),
    }
}
