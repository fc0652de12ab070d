//! Forgetting a person. First a record of it is written to the storage for files, outside of the database; then
//! the log says that they asked for it, which ends their sessions and hides them at once; then what is theirs is
//! withdrawn and their key destroyed. The last part a worker does, again and again until it is done.
//!
//! The record comes first, so no erasure is acknowledged without one. A crash may leave a record without its
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
use records::{Authenticity, Records};
pub use records::{FOLDER, Record};

/// Records that are compared with the database together.
const PAGE: usize = 1_000;
/// Erasures, and withdrawals of one erasure, under way at once: what they append goes into common
/// transactions.
const AT_ONCE: usize = 16;
/// How long somebody who asked to be forgotten is kept waiting for the end of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
    /// Has a person forgotten: every session ends, nothing is taken from them any more, nobody sees their
    /// address, and it is free again. Waits for a while until [`Commands::carry_out_erasure`] has done the
    /// rest. It goes on where the caller goes away.
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
            let asked = commands.request_erasure(&context, person).await;
            if asked.as_ref().is_err_and(leaves_nothing) {
                records.remove(&record).await.map_err(CommandError::fault)?;
            }
            asked
        };
        tokio::spawn(task).await.map_err(CommandError::fault)??;
        self.wait_until_erased(person).await;
        Ok(())
    }

    /// Withdraws what somebody sells and orders who asked to be forgotten, and destroys their key, and with it
    /// all that the log says about them. It may be asked again, whatever was done already. Commands of theirs
    /// that were under way are refused since they asked, so nothing comes after what this finds.
    pub async fn carry_out_erasure(
        &self,
        person: UserId,
        request_id: String,
    ) -> Result<(), CommandError> {
        let own = in_the_name_of(person, request_id);
        self.withdraw_all(&own, person).await?;
        settled(self.destroy_key(&own, person).await)
    }

    /// As a rule everything is withdrawn when the answer comes; the erasure goes on where it takes longer.
    async fn wait_until_erased(&self, person: UserId) {
        let erased = async {
            while !self.is_erased(person).await.unwrap_or(false) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(ANSWER_WITHIN, erased).await.is_err() {
            tracing::info!(%person, "an erasure was asked for, and goes on");
        }
    }

    async fn is_erased(&self, person: UserId) -> Result<bool, sqlx::Error> {
        let erased = "SELECT EXISTS (SELECT FROM person_keys
                      WHERE user_id = $1 AND erased_at IS NOT NULL)";
        sqlx::query_scalar(erased).bind(person.uuid()).fetch_one(&self.parts.pool).await
    }

    /// The records of erasures in a storage, to be compared with the database.
    pub fn erasures(&self, storage: &Arc<dyn ObjectStore>) -> Erasures {
        Erasures { commands: self.clone(), records: self.records(storage) }
    }

    fn records(&self, storage: &Arc<dyn ObjectStore>) -> Records {
        Records::new(Arc::clone(storage), self.parts.identity.erasure_key())
    }

    async fn withdraw_all(&self, own: &Context, person: UserId) -> Result<(), CommandError> {
        let store = &self.parts.store;
        let products = stream::iter(store.open_products_of(person).await?);
        products
            .map(async |product| settled(self.cancel_product(own, product).await))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let status = Given(Some(OrderStatus::Cancelled));
        let cancel = EditOrder { status, ..EditOrder::default() };
        let orders = stream::iter(store.open_orders_of(person).await?);
        orders
            .map(async |order| settled(self.edit_order(own, order, &cancel).await))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Carries out an erasure that a record tells of; `false` where it was carried out already.
    async fn erase_again(&self, person: UserId) -> Result<bool, ErasureError> {
        let request = RequestId::from_uuid(Uuid::now_v7()).to_string();
        let again = async {
            self.request_erasure(&in_the_name_of(person, request.clone()), person).await?;
            self.carry_out_erasure(person, request.clone()).await
        };
        match again.await {
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

/// Whatever their role: an AUDITOR owns what they did before.
fn in_the_name_of(person: UserId, request_id: String) -> Context {
    let mut context = Context::anonymous(request_id);
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
    /// Records of persons whom the database has, and of whose erasure it does not know.
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
        while let Some((record, authenticity, erased)) = judged.try_next().await? {
            done += 1;
            repeated.erased += u64::from(erased);
            if authenticity == Authenticity::Foreign {
                repeated.foreign.push(record);
            }
            at(done);
        }
        Ok(repeated)
    }

    async fn repeat_one(
        &self,
        record: Record,
    ) -> Result<(Record, Authenticity, bool), ErasureError> {
        let authenticity = self.records.judge(&record).await?;
        let erased = match authenticity {
            Authenticity::Genuine => self.commands.erase_again(record.person).await?,
            Authenticity::Foreign | Authenticity::Gone => false,
        };
        Ok((record, authenticity, erased))
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

    /// Those of the records whose persons this database has, and does not know to be erased, or to have asked
    /// for it: what they asked for a worker carries out.
    async fn not_erased(&self, records: Vec<Record>) -> Result<Vec<Record>, sqlx::Error> {
        if records.is_empty() {
            return Ok(records);
        }
        let people: Vec<_> = records.iter().map(|record| record.person.uuid()).collect();
        let found: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM unnest($1::uuid[]) AS record (id)
             LEFT JOIN person_keys ON user_id = id
             WHERE erased_at IS NULL AND erasure_requested_at IS NULL
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
