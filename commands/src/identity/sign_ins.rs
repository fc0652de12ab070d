//! Sign-ins and failures: told to the journal, and kept for the person concerned.

use std::net::IpAddr;

use domain::{EmailAddress, SecurityEvent, SessionId, UserId};
use pool::PgConnection;

use super::Identity;
use super::journal::JournalEntry;
use crate::{CommandError, Commands, Context};

/// Rows of one person that are kept of those that failed, and as many of the others: failures, which
/// anybody can cause, push no sign-in out.
const KEPT: i64 = 100;

/// Where a request to sign in comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The network that the caller has to themselves: an IPv4 address, or the first of an IPv6 /64.
    pub network: IpAddr,
    /// As much of it as may be kept.
    pub region: String,
    /// What the request goes by.
    pub request_id: String,
}

/// Somebody has signed in to an account, or has tried to.
#[derive(Clone, Copy)]
pub(super) struct SignIn {
    pub user: UserId,
    pub event: SecurityEvent,
    pub session: Option<SessionId>,
    /// By which proof, or why not.
    pub detail: Option<&'static str>,
}

impl SignIn {
    pub(super) const fn failed(
        user: UserId,
        event: SecurityEvent,
        detail: Option<&'static str>,
    ) -> Self {
        Self { user, event, session: None, detail }
    }

    /// Writes the line of the journal.
    pub(super) fn tell(self, origin: &Origin) {
        JournalEntry {
            user: Some(self.user),
            session: self.session,
            client: Some(&origin.region),
            detail: self.detail,
            ..JournalEntry::new(self.event, &origin.request_id)
        }
        .write();
    }

    /// Keeps it for the person, unless they were erased meanwhile: the row of `credentials`, which an
    /// erasure deletes, is locked.
    pub(super) async fn keep(
        self,
        conn: &mut PgConnection,
        region: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "WITH held AS (SELECT 1 FROM credentials WHERE user_id = $1 FOR SHARE),
             kept AS (INSERT INTO sign_ins (user_id, type, failed, session_id, client, detail)
                      SELECT $1, $2, $3, $4, $5, $6 FROM held)
             DELETE FROM sign_ins WHERE user_id = $1 AND failed = $3
                AND id <= (SELECT id FROM sign_ins WHERE user_id = $1 AND failed = $3
                           ORDER BY id DESC OFFSET $7 LIMIT 1)",
        )
        .bind(self.user.uuid())
        .bind(self.event.as_str())
        .bind(self.event.is_failure())
        .bind(self.session.map(SessionId::uuid))
        .bind(region)
        .bind(self.detail)
        // The new row is not among those that the statement sees.
        .bind(KEPT - 1)
        .execute(conn)
        .await
        .map(drop)
    }
}

impl Commands {
    /// Tells the journal of a failure, and keeps it for the person.
    pub(super) async fn note_failure(&self, failed: SignIn, origin: &Origin) {
        failed.tell(origin);
        self.keep_failure(failed, origin).await;
    }

    /// Tells the journal of an address or a password that was wrong; where there is such an account,
    /// keeps it for the person.
    pub(super) async fn note_wrong_password(
        &self,
        email: &str,
        user: Option<UserId>,
        origin: &Origin,
    ) {
        let event = SecurityEvent::SignInFailed;
        let address = self.parts.identity.address_name(email);
        JournalEntry {
            user,
            client: Some(&origin.region),
            address: Some(&address),
            detail: Some("password"),
            ..JournalEntry::new(event, &origin.request_id)
        }
        .write();
        if let Some(user) = user {
            self.keep_failure(SignIn::failed(user, event, Some("password")), origin).await;
        }
    }

    /// A refresh token of that session was used twice.
    pub(super) async fn note_reuse(
        &self,
        context: &Context,
        user: UserId,
        session: SessionId,
    ) -> Result<(), CommandError> {
        let event = SecurityEvent::RefreshTokenReused;
        let session = Some(session);
        let request_id = &context.metadata.request_id;
        let entry = JournalEntry::new(event, request_id);
        JournalEntry { user: Some(user), session, ..entry }.write();
        let mut conn = self.parts.writes.acquire().await?;
        Ok(SignIn { user, event, session, detail: None }.keep(&mut conn, None).await?)
    }

    /// What can't be kept changes nothing for the person who failed.
    async fn keep_failure(&self, failed: SignIn, origin: &Origin) {
        let kept = async {
            let mut conn = self.parts.writes.acquire().await?;
            failed.keep(&mut conn, Some(&origin.region)).await
        };
        if let Err(error) = kept.await {
            tracing::warn!("a failed sign-in could not be kept: {error}");
        }
    }
}

impl Identity {
    /// The name of an address in the journal: the same each time, and it tells nothing without the
    /// key.
    fn address_name(&self, email: &str) -> String {
        let folded = email.parse::<EmailAddress>().map(|email| email.folded());
        let text = folded.unwrap_or_else(|_| email.to_owned());
        let mut name = self.subject(&[b"journal", text.as_bytes()]);
        name.truncate(16);
        name
    }
}
