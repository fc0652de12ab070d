//! What happened around one's own account: sign-ins and failures, and the account's own events, as one
//! list.
//!
//! A page is merged from the newest of both by time, and a cursor says how far each was read: so a page
//! costs the same wherever it is.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Event, Recorded, SecurityEvent, SessionId, StreamId, StreamType, UserId, choice};
use pool::PgPool;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::ReadError;
use crate::page::{CursorError, Direction};

/// An entry of an account's activity.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ActivityEntry {
    /// What happened, in the words of the security journal.
    #[serde(rename = "type")]
    #[schema(value_type = ActivityType)]
    pub kind: String,
    /// When it happened.
    #[serde(with = "crate::timestamp")]
    pub at: OffsetDateTime,
    /// The session in which it happened, or which it ended.
    pub session: Option<SessionId>,
    /// The network that a sign-in came from (a /24, or a /48 of IPv6).
    #[schema(example = "192.0.2.0/24")]
    pub client: Option<String>,
    /// The proof that was given, or the new role.
    #[schema(example = "password")]
    pub detail: Option<String>,
}

/// Types of entries, for the OpenAPI document.
pub struct ActivityType;

impl PartialSchema for ActivityType {
    fn schema() -> RefOr<Schema> {
        let names = SecurityEvent::ALL.map(SecurityEvent::as_str);
        choice("What happened, in the words of the security journal.", names)
    }
}

impl ToSchema for ActivityType {}

/// A page of them, newest first, and where its neighbours start.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityPage {
    /// The entries.
    pub items: Vec<ActivityEntry>,
    /// The page after; `None` on the last.
    pub next: Option<ActivityCursor>,
    /// The page before; `None` on the first.
    pub previous: Option<ActivityCursor>,
}

/// Where a page starts: between what is older and what is newer in either source. Opaque outside:
/// base64url of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityCursor {
    #[serde(rename = "d")]
    direction: Direction,
    #[serde(rename = "p")]
    keyset: Keyset,
}

/// A gap in the merged list: what lies below these numbers is older, the rest newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keyset {
    /// Of the account's events.
    #[serde(rename = "e")]
    sequence: i64,
    /// Of the sign-ins.
    #[serde(rename = "s")]
    sign_in: i64,
}

const NEWEST: Keyset = Keyset { sequence: i64::MAX, sign_in: i64::MAX };

impl fmt::Display for ActivityCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for ActivityCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| CursorError::Malformed)
    }
}

/// An entry with its number in its source.
#[derive(Clone, Debug)]
enum NumberedEntry {
    Event(i64, ActivityEntry),
    SignIn(i64, ActivityEntry),
}

impl NumberedEntry {
    const fn entry(&self) -> &ActivityEntry {
        match self {
            Self::Event(_, entry) | Self::SignIn(_, entry) => entry,
        }
    }

    /// The position behind this entry, seen from newer ones that end at `keyset`.
    const fn moves(&self, keyset: Keyset, direction: Direction) -> Keyset {
        let by = match direction {
            Direction::Next => 0,
            Direction::Previous => 1,
        };
        match self {
            Self::Event(sequence, _) => Keyset { sequence: *sequence + by, ..keyset },
            Self::SignIn(id, _) => Keyset { sign_in: *id + by, ..keyset },
        }
    }
}

#[derive(sqlx::FromRow)]
struct SignInRow {
    id: i64,
    #[sqlx(rename = "type")]
    kind: String,
    at: OffsetDateTime,
    session_id: Option<Uuid>,
    client: Option<String>,
    detail: Option<String>,
}

/// What happened around accounts, each for its own person.
#[derive(Clone, Debug)]
pub struct Activity(pub PgPool);

impl Activity {
    /// A page, newest first.
    pub async fn list(
        &self,
        user: UserId,
        limit: i64,
        cursor: Option<ActivityCursor>,
    ) -> Result<ActivityPage, ReadError> {
        let direction = cursor.map_or(Direction::Next, |cursor| cursor.direction);
        let from = cursor.map_or(NEWEST, |cursor| cursor.keyset);
        // One more than the page has tells whether another follows.
        let mut found = self.events(user, from.sequence, direction, limit + 1).await?;
        found.extend(self.sign_ins(user, from.sign_in, direction, limit + 1).await?);
        sort(&mut found, direction);
        let limit = usize::try_from(limit).unwrap_or(1);
        let more = found.len() > limit;
        found.truncate(limit);
        let to = found.iter().fold(from, |keyset, entry| entry.moves(keyset, direction));
        let at = |direction, keyset| Some(ActivityCursor { direction, keyset });
        let (next, previous) = match direction {
            Direction::Next => (
                at(Direction::Next, to).filter(|_| more),
                at(Direction::Previous, from).filter(|_| cursor.is_some()),
            ),
            Direction::Previous => {
                found.reverse();
                (at(Direction::Next, from), at(Direction::Previous, to).filter(|_| more))
            }
        };
        let items = found.into_iter().map(|found| found.entry().clone()).collect();
        Ok(ActivityPage { items, next, previous })
    }

    async fn events(
        &self,
        user: UserId,
        from: i64,
        direction: Direction,
        limit: i64,
    ) -> Result<Vec<NumberedEntry>, ReadError> {
        let mut conn = self.0.acquire().await?;
        let stream = StreamId { kind: StreamType::User, id: user.uuid() };
        let mut found = vec![];
        let mut from = from;
        // Some events say nothing to their person: on until there are enough of the others.
        loop {
            let missing = limit - i64::try_from(found.len()).unwrap_or(limit);
            let recorded =
                log::beside(&mut conn, stream, from, direction == Direction::Next, missing).await?;
            let Some(last) = recorded.last() else { return Ok(found) };
            from = last.sequence + i64::from(direction == Direction::Previous);
            found.extend(recorded.iter().filter_map(event));
            if found.len() >= usize::try_from(limit).unwrap_or(1) {
                return Ok(found);
            }
        }
    }

    async fn sign_ins(
        &self,
        user: UserId,
        from: i64,
        direction: Direction,
        limit: i64,
    ) -> Result<Vec<NumberedEntry>, ReadError> {
        let part = match direction {
            Direction::Next => "id < $2 ORDER BY id DESC",
            Direction::Previous => "id >= $2 ORDER BY id",
        };
        let sql = format!(
            "SELECT id, type, at, session_id, client, detail FROM sign_ins
             WHERE user_id = $1 AND {part} LIMIT $3"
        );
        let rows: Vec<SignInRow> = sqlx::query_as(&sql)
            .bind(user.uuid())
            .bind(from)
            .bind(limit)
            .fetch_all(&self.0)
            .await?;
        Ok(rows.into_iter().map(sign_in).collect())
    }
}

/// Merges both sources. Each is in its own order already, which a clock that differs between two
/// writers must not change: else a page could skip what another showed twice.
fn sort(found: &mut Vec<NumberedEntry>, direction: Direction) {
    let (events, sign_ins): (Vec<_>, Vec<_>) = std::mem::take(found)
        .into_iter()
        .partition(|found| matches!(found, NumberedEntry::Event(..)));
    let (mut events, mut sign_ins) =
        (events.into_iter().peekable(), sign_ins.into_iter().peekable());
    loop {
        let first = match (events.peek(), sign_ins.peek()) {
            (Some(event), Some(sign_in)) => is_first(event, sign_in, direction),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        found.extend(if first { events.next() } else { sign_ins.next() });
    }
}

/// Of two at the same moment the event is the newer one.
fn is_first(event: &NumberedEntry, sign_in: &NumberedEntry, direction: Direction) -> bool {
    let (event, sign_in) = (event.entry().at, sign_in.entry().at);
    match direction {
        Direction::Next => Reverse(event) <= Reverse(sign_in),
        Direction::Previous => event < sign_in,
    }
}

fn event(recorded: &Recorded) -> Option<NumberedEntry> {
    let Event::User(of_user) = &recorded.event else { return None };
    let kind = SecurityEvent::of(of_user)?;
    let by_themselves = recorded.metadata.actor.is(UserId::from_uuid(recorded.stream.id));
    let own = recorded.metadata.session_id.filter(|_| by_themselves);
    let entry = ActivityEntry {
        kind: kind.as_str().to_owned(),
        at: recorded.at,
        session: SecurityEvent::session_of(of_user).or(own),
        client: None,
        detail: SecurityEvent::detail_of(of_user).map(str::to_owned),
    };
    Some(NumberedEntry::Event(recorded.sequence, entry))
}

fn sign_in(row: SignInRow) -> NumberedEntry {
    let entry = ActivityEntry {
        kind: row.kind,
        at: row.at,
        session: row.session_id.map(SessionId::from_uuid),
        client: row.client,
        detail: row.detail,
    };
    NumberedEntry::SignIn(row.id, entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_written_and_read_and_nothing_else_is_one() {
        let cursor = ActivityCursor { direction: Direction::Previous, keyset: NEWEST };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "%", "e30", &URL_SAFE_NO_PAD.encode(r#"{"d":"n","p":{"e":1}}"#)] {
            assert_eq!(text.parse::<ActivityCursor>(), Err(CursorError::Malformed), "{text}");
        }
    }
}
