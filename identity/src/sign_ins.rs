//! Sign-ins and failures: told to the journal, and kept for the person concerned.

use std::net::IpAddr;

use domain::{EmailAddress, SecurityEvent, SessionId, UserId};
use pool::{PgConnection, PgPool};

use crate::identity::Identity;
use crate::journal::JournalEntry;

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
pub struct SignIn {
    /// Whose account.
    pub user: UserId,
    /// What happened.
    pub event: SecurityEvent,
    /// The session that came of it.
    pub session: Option<SessionId>,
    /// By which proof, or why not.
    pub detail: Option<&'static str>,
}

impl SignIn {
    /// One that failed.
    pub const fn failed(user: UserId, event: SecurityEvent, detail: Option<&'static str>) -> Self {
        Self { user, event, session: None, detail }
    }

    /// Writes the line of the journal.
    pub fn tell(self, origin: &Origin) {
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
    pub async fn keep(
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

    /// Keeps a failure; where that can't be done, it changes nothing for the person who failed.
    async fn keep_failure(self, pool: &PgPool, origin: &Origin) {
        let kept = async {
            let mut conn = pool.acquire().await?;
            self.keep(&mut conn, Some(&origin.region)).await
        };
        if let Err(error) = kept.await {
            tracing::warn!("a failed sign-in could not be kept: {error}");
        }
    }

    /// Tells the journal of a failure, and keeps it for the person.
    pub async fn note_failure(self, pool: &PgPool, origin: &Origin) {
        self.tell(origin);
        self.keep_failure(pool, origin).await;
    }

    /// Notes that a refresh token of that session was used twice.
    pub async fn note_reuse(
        pool: &PgPool,
        request_id: &str,
        user: UserId,
        session: SessionId,
    ) -> Result<(), sqlx::Error> {
        let (event, session) = (SecurityEvent::RefreshTokenReused, Some(session));
        let entry = JournalEntry::new(event, request_id);
        JournalEntry { user: Some(user), session, ..entry }.write();
        let mut conn = pool.acquire().await?;
        Self { user, event, session, detail: None }.keep(&mut conn, None).await
    }
}

impl Identity {
    /// Tells the journal of an address or a password that was wrong; where there is such an account,
    /// keeps it for the person.
    pub async fn note_wrong_password(
        &self,
        pool: &PgPool,
        email: &str,
        user: Option<UserId>,
        origin: &Origin,
    ) {
        let event = SecurityEvent::SignInFailed;
        let address = self.address_name(email);
        JournalEntry {
            user,
            client: Some(&origin.region),
            address: Some(&address),
            detail: Some("password"),
            ..JournalEntry::new(event, &origin.request_id)
        }
        .write();
        if let Some(user) = user {
            SignIn::failed(user, event, Some("password")).keep_failure(pool, origin).await;
        }
    }

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
