//! What ended access tokens before their time: kept in memory, fed by the log.

use std::time::Duration;

use domain::user::UserEvent;
use domain::{Event, Recorded, SessionId, UserId};
use moka::sync::Cache;
use tokio::sync::broadcast;

use super::access::{Authenticated, LIFETIME};

/// Entries outlive every token that they concern.
const KEPT: Duration = Duration::from_secs(LIFETIME + 60);

pub(crate) struct Revocations {
    sessions: Cache<SessionId, ()>,
    /// Tokens of a user issued before a position, but for those of one session.
    users: Cache<UserId, (i64, Option<SessionId>)>,
    /// Whose tokens were ended just now.
    ended: broadcast::Sender<UserId>,
}

/// Whoever listens and is further behind than that has to ask for everybody.
const HEARD: usize = 1_024;

impl Default for Revocations {
    fn default() -> Self {
        Self {
            sessions: Cache::builder().time_to_live(KEPT).build(),
            users: Cache::builder().time_to_live(KEPT).build(),
            ended: broadcast::Sender::new(HEARD),
        }
    }
}

impl Revocations {
    pub(crate) fn covers(&self, who: &Authenticated, issued: i64) -> bool {
        self.sessions.contains_key(&who.session)
            || self
                .users
                .get(&who.user)
                .is_some_and(|(position, but)| issued < position && but != Some(who.session))
    }

    /// Whose tokens end, from now on: all of them, or some.
    pub(crate) fn ended(&self) -> broadcast::Receiver<UserId> {
        self.ended.subscribe()
    }

    /// Takes in what was committed, here or elsewhere; twice does no harm.
    pub(crate) fn note(&self, recorded: &[Recorded]) {
        for recorded in recorded {
            let Event::User(event) = &recorded.event else { continue };
            let user = UserId::from_uuid(recorded.stream.id);
            match event {
                UserEvent::SessionEnded { session } => {
                    self.sessions.insert(*session, ());
                    self.tell(user);
                }
                UserEvent::PasswordChanged => {
                    self.end(user, recorded.position, recorded.metadata.session_id);
                }
                UserEvent::PasswordReset
                | UserEvent::RoleChanged { .. }
                | UserEvent::UserDeactivated
                | UserEvent::PersonErased => self.end(user, recorded.position, None),
                UserEvent::UserRegistered { .. }
                | UserEvent::RegistrationRepeated
                | UserEvent::ActivationRequested
                | UserEvent::UserActivated
                | UserEvent::EmailChangeRequested { .. }
                | UserEvent::EmailChanged { .. }
                | UserEvent::PasswordResetRequested { .. }
                | UserEvent::UserReactivated => {}
            }
        }
    }

    /// An earlier cut without an exception stays in force for the excepted session.
    fn end(&self, user: UserId, position: i64, but: Option<SessionId>) {
        let earlier = self.users.get(&user);
        if earlier.is_some_and(|(at, _)| at >= position) {
            return;
        }
        self.users.insert(user, (position, but));
        self.tell(user);
    }

    fn tell(&self, user: UserId) {
        // Mostly nobody listens.
        let _ = self.ended.send(user);
    }
}
