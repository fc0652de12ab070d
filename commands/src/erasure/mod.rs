//! Forgetting a person: what is theirs is withdrawn, their key destroyed, and a record of it written to the
//! storage for files, outside of the database.
//!
//! The record comes first, so no erasure is acknowledged without one. A crash leaves a record without its
//! erasure, as does a database that is restored from a backup: [`Erasures`] finds these, and erases again.

mod records;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::order::{EditOrder, OrderStatus};
use domain::{Actor, Given, RefusalKind, RequestId, Role, StreamType, UserId};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use pool::PgPool;
use uuid::Uuid;

use crate::{CommandError, Commands, Context, Done};
pub use records::{FOLDER, Record};
use records::{Records, Verdict};

/// Records that are compared with the database together.
const PAGE: usize = 1_000;
/// Erasures under way at once: what they append goes into common transactions.
const AT_ONCE: usize = 16;

/// Why the erasures of the storage and of the database could not be compared, or carried out.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The storage failed.
    #[error("the records of erasures cannot be read or written: {0}")]
    Storage(#[from] object_store::Error),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// An erasure was not carried out.
    #[error("the erasure of the person {0} could not be carried out again: {1}")]
    Command(UserId, #[source] CommandError),
    /// An active ADMIN has to remain.
    #[error(
        "the person {0} was erased, but is the last active ADMIN of this database: make another one \
         with `vetted users create --role ADMIN`, and start again"
    )]
    LastAdmin(UserId),
}

impl Commands {
    /// Forgets a person: their products are withdrawn, their open orders cancelled, their key is destroyed,
    /// and with it all that the log says about them; every session ends, and the address is free again.
    /// It goes on where the caller goes away.
    pub async fn erase_person(
        &self,
        context: &Context,
        person: UserId,
        storage: &Arc<dyn ObjectStore>,
    ) -> Result<(), CommandError> {
        self.check_erasable(person).await?;
        let records = self.records(storage);
        let (commands, context) = (self.clone(), context.clone());
        let task = async move {
            let record = records.write(person).await.map_err(CommandError::fault)?;
            let erased = commands.withdraw_and_erase(&context, person).await;
            if erased.as_ref().is_err_and(leaves_nothing) {
                records.remove(&record).await.map_err(CommandError::fault)?;
            }
            erased
        };
        tokio::spawn(task).await.map_err(CommandError::fault)?
    }

    /// The records of erasures in a storage, to be compared with the database.
    pub fn erasures(&self, storage: &Arc<dyn ObjectStore>) -> Erasures {
        Erasures { commands: self.clone(), records: self.records(storage) }
    }

    fn records(&self, storage: &Arc<dyn ObjectStore>) -> Records {
        Records::new(Arc::clone(storage), self.parts.identity.erasure_key())
    }

    async fn withdraw_and_erase(
        &self,
        context: &Context,
        person: UserId,
    ) -> Result<(), CommandError> {
        self.withdraw_all(context, person).await?;
        self.destroy_key(context, person).await?;
        // What requests that were under way have added since.
        self.withdraw_all(context, person).await
    }

    /// In the person's own name, whatever their role: an AUDITOR owns what they did before.
    async fn withdraw_all(&self, context: &Context, person: UserId) -> Result<(), CommandError> {
        let own = in_the_name_of(person, context.elsewhere());
        let store = &self.parts.store;
        for product in store.open_products_of(person).await? {
            settled(self.cancel_product(&own, product).await)?;
        }
        let status = Given(Some(OrderStatus::Cancelled));
        let cancel = EditOrder { status, ..EditOrder::default() };
        for order in store.open_orders_of(person).await? {
            settled(self.edit_order(&own, order, &cancel).await)?;
        }
        Ok(())
    }

    /// Carries out an erasure that a record tells of; `false` where it was carried out already.
    async fn erase_again(&self, person: UserId) -> Result<bool, ErasureError> {
        let request = RequestId::from_uuid(Uuid::now_v7()).to_string();
        let context = in_the_name_of(person, Context::anonymous(request));
        match self.withdraw_and_erase(&context, person).await {
            Ok(()) => Ok(true),
            Err(CommandError::Refused(refusal)) => match refusal.kind {
                RefusalKind::NotFound => Ok(false),
                _ if refusal.code == "last_admin" => Err(ErasureError::LastAdmin(person)),
                _ => Err(ErasureError::Command(person, refusal.into())),
            },
            Err(error) => Err(ErasureError::Command(person, error)),
        }
    }
}

fn in_the_name_of(person: UserId, mut context: Context) -> Context {
    context.metadata.actor = Actor::User { id: person, role: Role::EndUser };
    context
}

/// What was deleted or settled meanwhile needs no more.
fn settled(withdrawn: Result<Done, CommandError>) -> Result<(), CommandError> {
    match withdrawn {
        Err(CommandError::Refused(refusal)) => match refusal.kind {
            RefusalKind::NotFound | RefusalKind::Conflict => Ok(()),
            RefusalKind::Forbidden | RefusalKind::Invalid(_) => Err(refusal.into()),
        },
        other => other.map(drop),
    }
}

/// Whether the person certainly stays. After any other error they may be erased.
fn leaves_nothing(error: &CommandError) -> bool {
    match error {
        CommandError::Unavailable(_) | CommandError::Fault(_) => false,
        CommandError::Refused(_)
        | CommandError::VersionMismatch { .. }
        | CommandError::Taken(_)
        | CommandError::Conflict
        | CommandError::Busy
        | CommandError::TooManyAttempts { .. }
        | CommandError::Unauthorized { .. }
        | CommandError::SecondFactorRequired { .. }
        | CommandError::Forbidden { .. } => true,
    }
}

/// Compares the erasures that the storage has records of with those of the database.
pub struct Erasures {
    commands: Commands,
    records: Records,
}

/// What the storage and the database do not both know.
#[derive(Debug, Default)]
pub struct Differences {
    /// Records of persons whom the database has and has not erased.
    pub unknown: Vec<Record>,
    /// Persons whom the database has erased, and of whom there is no record.
    pub unrecorded: Vec<UserId>,
}

/// What became of records that the database did not know.
#[derive(Debug, Default)]
pub struct Repeated {
    /// Persons who were erased again.
    pub erased: u64,
    /// Records that were not written with this database's keys; they count for nothing.
    pub foreign: Vec<Record>,
}

impl Erasures {
    /// Lists the records, page by page, and says what differs. `at` is told how many were compared. Records
    /// that are younger than `age` are left out: what wrote them may be under way.
    pub async fn compare(
        &self,
        age: Duration,
        at: impl Fn(i64),
    ) -> Result<Differences, ErasureError> {
        let mut erased = erased_persons(self.pool()).await?;
        let (mut unknown, mut compared) = (vec![], 0);
        let mut pages = self.records.list().try_chunks(PAGE);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| error.1)?;
            compared += i64::try_from(page.len()).unwrap_or(i64::MAX);
            let others = page.into_iter().filter(|record| !erased.remove(&record.person));
            let others = others.filter(|record| !record.is_younger_than(age)).collect();
            unknown.extend(self.not_erased(others).await?);
            at(compared);
        }
        Ok(Differences { unknown, unrecorded: erased.into_iter().collect() })
    }

    /// Erases the persons of these records again, as they were erased at first.
    pub async fn repeat(
        &self,
        records: Vec<Record>,
        at: impl Fn(i64),
    ) -> Result<Repeated, ErasureError> {
        let mut done = 0;
        let mut repeated = Repeated::default();
        let judged = records.into_iter().map(|record| self.repeat_one(record));
        let mut judged = stream::iter(judged).buffer_unordered(AT_ONCE);
        while let Some((record, verdict, erased)) = judged.try_next().await? {
            done += 1;
            repeated.erased += u64::from(erased);
            if verdict == Verdict::Foreign {
                repeated.foreign.push(record);
            }
            at(done);
        }
        Ok(repeated)
    }

    async fn repeat_one(&self, record: Record) -> Result<(Record, Verdict, bool), ErasureError> {
        let verdict = self.records.judge(&record).await?;
        let erased = match verdict {
            Verdict::Genuine => self.commands.erase_again(record.person).await?,
            Verdict::Foreign | Verdict::Gone => false,
        };
        Ok((record, verdict, erased))
    }

    /// Writes records of erasures that have none: of those that are older than records are, or where the
    /// storage is another one now.
    pub async fn record(&self, people: Vec<UserId>, at: impl Fn(i64)) -> Result<(), ErasureError> {
        let writing = people.into_iter().map(|person| self.records.write_once(person));
        let mut writing = stream::iter(writing).buffer_unordered(AT_ONCE);
        let mut done = 0;
        while writing.try_next().await?.is_some() {
            done += 1;
            at(done);
        }
        Ok(())
    }

    fn pool(&self) -> &PgPool {
        &self.commands.parts.pool
    }

    /// Those of the records whose persons this database has, and has not erased.
    async fn not_erased(&self, records: Vec<Record>) -> Result<Vec<Record>, sqlx::Error> {
        if records.is_empty() {
            return Ok(records);
        }
        let people: Vec<_> = records.iter().map(|record| record.person.uuid()).collect();
        let found: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM unnest($1::uuid[]) AS record (id)
             LEFT JOIN person_keys ON user_id = id
             WHERE erased_at IS NULL
             AND EXISTS (SELECT FROM events WHERE aggregate_type = $2 AND aggregate_id = id::text)",
        )
        .bind(people)
        .bind(StreamType::User.as_str())
        .fetch_all(self.pool())
        .await?;
        let found: HashSet<_> = found.into_iter().map(UserId::from_uuid).collect();
        Ok(records.into_iter().filter(|record| found.contains(&record.person)).collect())
    }
}

/// Everybody whom this database has erased: 16 bytes each.
async fn erased_persons(pool: &PgPool) -> Result<HashSet<UserId>, sqlx::Error> {
    let erased = "SELECT user_id FROM person_keys WHERE erased_at IS NOT NULL";
    let erased: Vec<Uuid> = sqlx::query_scalar(erased).fetch_all(pool).await?;
    Ok(erased.into_iter().map(UserId::from_uuid).collect())
}
