//! Mails of persons who were erased. Who handles an erasure removes the mails of that machine; what
//! is left here is on other machines, was being written just then, or has a name of an earlier
//! version, which does not tell whose it is: its event does.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::{StreamType, UserId};
use pool::PgPool;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::SweepError;
use crate::mail::folder::{self, Named};

/// Names looked up together.
const PAGE: usize = 500;

/// Removes them from a folder of this machine.
pub(super) async fn remove(pool: &PgPool, folder: &Path) -> Result<u64, SweepError> {
    let path = folder.to_owned();
    let mails = blocking(move || folder::mails(&path)).await?;
    let (named, unnamed): (Vec<_>, Vec<_>) =
        mails.into_iter().partition(|(_, named)| named.recipient.is_some());
    let mut people: HashSet<_> =
        named.into_iter().filter_map(|(_, named)| named.recipient).collect();
    for page in unnamed.chunks(PAGE) {
        let recipients = recipients(pool, page).await?;
        people.extend(recipients.values());
        let (path, page) = (folder.to_owned(), page.to_vec());
        blocking(move || name(&path, &page, &recipients)).await?;
    }
    let people: Vec<_> = people.into_iter().collect();
    let mut erased = HashSet::new();
    for page in people.chunks(PAGE) {
        erased.extend(erased_of(pool, page).await?);
    }
    if erased.is_empty() {
        return Ok(0);
    }
    let path: PathBuf = folder.to_owned();
    blocking(move || {
        folder::remove(&path, |named| named.recipient.is_some_and(|user| erased.contains(&user)))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SweepError> {
    Ok(spawn_blocking(work).await.map_err(io::Error::other)??)
}

/// Gives files the names that they would have today.
fn name(
    folder: &Path,
    mails: &[(String, Named)],
    recipients: &HashMap<Uuid, UserId>,
) -> io::Result<()> {
    for (old, named) in mails {
        let recipient = recipients.get(&named.event).copied();
        if recipient.is_some() {
            let new = Named { recipient, ..named.clone() }.text()?;
            match fs::rename(folder.join(old), folder.join(new)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// To whom the mails about these events went, by event.
async fn recipients(
    pool: &PgPool,
    mails: &[(String, Named)],
) -> Result<HashMap<Uuid, UserId>, sqlx::Error> {
    let events: Vec<_> = mails.iter().map(|(_, named)| named.event).collect();
    let times: Vec<OffsetDateTime> = mails.iter().map(|(_, named)| named.at.into()).collect();
    let found: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT event_id, CASE WHEN aggregate_type = $3 THEN aggregate_id::uuid ELSE owner_id END
         FROM unnest($1::uuid[], $2::timestamptz[]) AS mail (event, at)
         JOIN events ON recorded_at = mail.at AND event_id = mail.event
         LEFT JOIN products ON products.id = aggregate_id::uuid
         WHERE aggregate_type = $3 OR owner_id IS NOT NULL",
    )
    .bind(events)
    .bind(times)
    .bind(StreamType::User.as_str())
    .fetch_all(pool)
    .await?;
    Ok(found.into_iter().map(|(event, user)| (event, UserId::from_uuid(user))).collect())
}

/// Those of these persons who were erased.
async fn erased_of(pool: &PgPool, people: &[UserId]) -> Result<Vec<UserId>, sqlx::Error> {
    let people: Vec<_> = people.iter().map(|user| user.uuid()).collect();
    let erased: Vec<Uuid> = sqlx::query_scalar(
        "SELECT user_id FROM person_keys WHERE user_id = ANY($1) AND erased_at IS NOT NULL",
    )
    .bind(people)
    .fetch_all(pool)
    .await?;
    Ok(erased.into_iter().map(UserId::from_uuid).collect())
}
