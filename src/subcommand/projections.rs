//! `vetted projections rebuild|verify`: the read models, made or checked again from the log.

use std::process::ExitCode;

use serde_json::json;

use crate::config::Config;
use crate::database;
use crate::parts::{Database, Error};
use crate::progress::Progress;
use crate::read_models::Opener;

/// Makes read models again; all of them, or one.
pub async fn rebuild(config: &Config, name: Option<&str>, json: bool) -> Result<(), Error> {
    let names = name.map(|name| vec![name]);
    Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let progress = Progress::new("folding the log");
        let at = |done, total| progress.at(done, total);
        let personal = Opener::try_new(config, pool)?;
        Ok(::projections::rebuild(pool, &personal, names.as_deref(), at).await?)
    })
    .await?;
    let what = name.unwrap_or("all read models");
    super::say(&if json {
        json!({ "rebuilt": what }).to_string()
    } else {
        format!("Rebuilt {what}.")
    })
}

/// Folds the log again and compares row by row; exit code 1 where something differs.
pub async fn verify(config: &Config, json: bool) -> Result<ExitCode, Error> {
    let drifts = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let progress = Progress::new("folding the log");
        let personal = Opener::try_new(config, pool)?;
        let at = |done, total| progress.at(done, total);
        Ok(::projections::verify(pool, &personal, at).await?)
    })
    .await?;
    if json {
        let tables = drifts.iter().map(|drift| json!({ "table": drift.table, "rows": drift.rows }));
        super::say(&json!({ "drift": tables.collect::<Vec<_>>() }).to_string())?;
    } else if drifts.is_empty() {
        super::say("Every read model is what the log says.")?;
    }
    for drift in drifts.iter().filter(|_| !json) {
        let rows = if drift.rows == 1 {
            "1 row is".to_owned()
        } else {
            format!("{} rows are", drift.rows)
        };
        super::say(&format!("{}: {rows} not what the log says.", drift.table))?;
        for row in &drift.first {
            let how = if row.missing {
                "missing".to_owned()
            } else if row.extra {
                "made by nothing".to_owned()
            } else {
                row.columns.join(", ")
            };
            super::say(&format!("  {}: {how}", row.key))?;
        }
    }
    Ok(if drifts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
