//! `vetted worker dead-letters list|retry`: what the workers gave up on. `vetted worker sweep`:
//! what nobody needs any more.

use std::time::Duration;

use clap::Args;

use serde_json::json;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::{database, output, storage};

/// How to sweep.
#[derive(Args)]
pub struct Sweep {
    /// Remove unreferenced files that are older than this many seconds
    ///
    /// Uploads and videos that are being worked on write files that nothing refers to yet: choose
    /// a longer time than any of them takes.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = super::seconds)]
    older_than: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Sweeps once.
pub async fn sweep(config: &Config, Sweep { older_than, json }: &Sweep) -> Result<(), Error> {
    let swept = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let media = storage::open_existing(config).await?;
        let (folder, mails) = (storage::folder(config), config.mail_dir());
        let sweeper = workers::Sweeper::new(pool.clone(), media.store, folder, mails);
        let swept = sweeper.sweep(Duration::from_secs(*older_than)).await;
        swept.map_err(|error| Error::Usage(format!("the sweep was not finished: {error}")))
    })
    .await?;
    let line = format!(
        "Removed {} parts of expired uploads, {} files that nothing refers to, {} temporary files, \
         {} mails of persons who were erased.",
        swept.expired, swept.orphans, swept.temporary, swept.mails
    );
    super::tell(*json, &swept, &line)
}

/// Lists the events that a subscriber gave up on, oldest first.
pub async fn list(config: &Config, json: bool) -> Result<(), Error> {
    let letters = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        Ok(workers::dead_letters(pool).await?)
    })
    .await?;
    for letter in &letters {
        let line = format!(
            "{}  {} gave up on {} at position {} after {} tries: {}",
            letter.id,
            letter.subscriber,
            letter.event_type,
            letter.position,
            letter.attempts,
            letter.last_error
        );
        super::tell(json, letter, &line)?;
    }
    if letters.is_empty() && !json {
        output::line("There are none.")?;
    }
    Ok(())
}

/// Has one of them tried again, or all.
pub async fn retry(config: &Config, id: Option<Uuid>, json: bool) -> Result<(), Error> {
    let retried = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let ids = match id {
            Some(id) => vec![id],
            None => workers::dead_letters(pool).await?.iter().map(|letter| letter.id).collect(),
        };
        let mut retried = 0;
        for id in ids {
            retried += u32::from(workers::retry(pool, id).await?);
        }
        Ok(retried)
    })
    .await?;
    match id {
        Some(id) if retried == 0 => {
            Err(Error::Usage(format!("there is no dead letter {id}, or it was retried already")))
        }
        _ => {
            let line = format!("{retried} will be tried again.");
            super::tell(json, &json!({ "retried": retried }), &line)
        }
    }
}
