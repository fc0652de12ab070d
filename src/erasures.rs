//! Erasures that this database does not know of, as after its restore from a backup, are carried out again
//! before anything is served.

use std::sync::Arc;
use std::time::Duration;

use commands::erasure::{Differences, FOLDER};
use commands::{Commands, Erasures};
use object_store::ObjectStore;

use crate::config::{Config, LogFormat};
use crate::error::Error;
use crate::progress::Progress;

/// A record that is younger may be of a request that is under way.
const UNDER_WAY: Duration = Duration::from_mins(5);

/// Compares the records in the storage with the database, and makes each know what the other one does. At
/// a start, before anything is served: no request of this process is under way. Returns how many persons
/// were erased again.
pub async fn apply(
    config: &Config,
    commands: &Commands,
    storage: &Arc<dyn ObjectStore>,
) -> Result<u64, Error> {
    settle(config.log_format, &commands.erasures(storage), Duration::ZERO).await
}

/// Ends erasures that a process left half done, while the program serves.
pub async fn check(
    format: LogFormat,
    commands: &Commands,
    storage: &Arc<dyn ObjectStore>,
) -> Result<u64, Error> {
    settle(format, &commands.erasures(storage), UNDER_WAY).await
}

async fn settle(format: LogFormat, erasures: &Erasures, age: Duration) -> Result<u64, Error> {
    let progress = Progress::new(format, "reading the records of erasures");
    // How many there are the end of the list tells.
    let differences = erasures.compare(age, |compared| progress.at(compared, compared + 1)).await?;
    drop(progress);
    let Differences { unknown, unrecorded } = differences;
    let erased = repeat(format, erasures, unknown).await?;
    record(format, erasures, unrecorded).await?;
    Ok(erased)
}

async fn repeat(
    format: LogFormat,
    erasures: &Erasures,
    records: Vec<commands::erasure::Record>,
) -> Result<u64, Error> {
    if records.is_empty() {
        return Ok(0);
    }
    let (progress, total) = (Progress::new(format, "erasing persons again"), count(records.len()));
    let repeated = erasures.repeat(records, |done| progress.at(done, total)).await?;
    drop(progress);
    if repeated.erased > 0 {
        tracing::warn!(
            persons = repeated.erased,
            "persons were erased again: the storage has records of their erasures, and this database did \
             not know of them, as after its restore from a backup"
        );
    }
    if let Some(first) = repeated.foreign.first() {
        tracing::warn!(
            records = repeated.foreign.len(),
            first = first.name(),
            "records in {FOLDER}/ of the storage were not written with the keys of this database, and nobody \
             is erased for them: find out who writes there, and remove them"
        );
    }
    Ok(repeated.erased)
}

async fn record(
    format: LogFormat,
    erasures: &Erasures,
    people: Vec<domain::UserId>,
) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    let (progress, total) = (Progress::new(format, "recording erasures"), count(people.len()));
    erasures.record(people, |done| progress.at(done, total)).await?;
    drop(progress);
    tracing::info!("the storage has records of {total} erasures that it did not know of");
    Ok(())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
