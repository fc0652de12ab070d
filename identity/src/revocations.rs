//! What ended access tokens before their time: kept in memory, fed by the log.

use std::time::Duration;

use domain::user::{AccessEnd, UserEvent};
use domain::{Event, Metadata, Recorded, SessionId, UserId};
use moka::sync::Cache;
use tokio::sync::broadcast;

use crate::access::{ACCESS_LIFETIME, Standing};
use crate::access_ends::AccessEnds;

/// Entries outlive every token that they concern.
const KEPT: Duration = Duration::from_secs(ACCESS_LIFETIME.as_secs() + 60);

/// Which access tokens are over, as far as a process knows.
pub struct Revocations {
    sessions: Cache<SessionId, ()>,
    accounts: Cache<UserId, AccessEnds>,
    /// Whose tokens were ended just now.
    ended: broadcast::Sender<UserId>,
}

/// A listener that is further behind than that has to ask for everybody.
const HEARD: usize = 1_024;

impl Default for Revocations {
    fn default() -> Self {
        Self {
            sessions: Cache::builder().time_to_live(KEPT).build(),
            accounts: Cache::builder().time_to_live(KEPT).build(),
            ended: broadcast::Sender::new(HEARD),
        }
    }
}

impl Revocations {
    /// Whether a token is over before its time.
    pub fn cover(&self, standing: &Standing) -> bool {
        let who = &standing.who;
        let ends = self.accounts.get(&who.user).unwrap_or_default();
        self.sessions.contains_key(&who.session) || ends.cover(standing.generation, who.session)
    }

    /// Whose tokens end, from now on: all of them, or some.
    pub fn ended(&self) -> broadcast::Receiver<UserId> {
        self.ended.subscribe()
    }

    /// Takes in what was committed, by this process or another; twice does no harm.
    pub fn note(&self, recorded: &[Recorded]) {
        for recorded in recorded {
            let Event::User(event) = &recorded.event else { continue };
            let user = UserId::from_uuid(recorded.stream.id);
            if let UserEvent::SessionEnded { session } = event {
                self.sessions.insert(*session, ());
                self.tell(user);
            }
            if let Some(end) = event.ends_access() {
                self.end(user, recorded.sequence, spared_by(end, &recorded.metadata));
            }
        }
    }

    fn end(&self, user: UserId, sequence: i64, spared: Option<SessionId>) {
        // One at a time for each account: the appender and the follower note side by side.
        self.accounts.entry(user).and_upsert_with(|ends| {
            let mut ends = ends.map(moka::Entry::into_value).unwrap_or_default();
            ends.note(sequence, spared);
            ends
        });
        self.tell(user);
    }

    fn tell(&self, user: UserId) {
        // Mostly nobody listens.
        let _ = self.ended.send(user);
    }
}

/// The session that an act leaves alone.
pub(crate) const fn spared_by(end: AccessEnd, metadata: &Metadata) -> Option<SessionId> {
    match end {
        AccessEnd::OtherSessions => metadata.session_id,
        AccessEnd::Tokens | AccessEnd::Sessions => None,
    }
}
