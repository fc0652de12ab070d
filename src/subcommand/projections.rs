//! `vetted projections rebuild|verify`: rebuilds the read models from the log, or compares them with it.

use std::process::ExitCode;

use ::projections::Drift;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::progress::Progress;
use crate::read_models;
use crate::{database, output};

/// Rebuilds one read model, or all.
pub async fn rebuild(config: &Config, name: Option<&str>, json: bool) -> Result<(), Error> {
    let names = name.map(|name| vec![name]);
    Database::with_owner(config, async |pool| {
        database::check_migrated(pool).await?;
        let progress = Progress::new(config.log_format, "folding the log");
        let at = |done, total| progress.at(done, total);
        let personal = read_models::vault(config, pool).await?;
        Ok(::projections::rebuild(pool, &personal, names.as_deref(), at).await?)
    })
    .await?;
    let what = name.unwrap_or("all read models");
    super::tell(json, &json!({ "rebuilt": what }), &format!("Rebuilt {what}."))
}

/// Folds the log again and compares row by row; exit code 1 where something differs.
pub async fn verify(config: &Config, json: bool) -> Result<ExitCode, Error> {
    let drifts = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        read_models::drifts(config, pool).await
    })
    .await?;
    if json {
        output::json(&json!({ "drift": drift_json(&drifts) }))?;
    } else {
        tell_drift(&drifts)?;
    }
    Ok(if drifts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Read models that are not what the log says, for programs.
pub fn drift_json(drifts: &[Drift]) -> Vec<Value> {
    drifts.iter().map(|drift| json!({ "table": drift.table, "rows": drift.rows })).collect()
}

/// Prints read models that are not what the log says, for people.
pub fn tell_drift(drifts: &[Drift]) -> Result<(), Error> {
    if drifts.is_empty() {
        output::line("Every read model is what the log says.")?;
    }
    for drift in drifts {
        let rows = if drift.rows == 1 {
            "1 row is".to_owned()
        } else {
            format!("{} rows are", drift.rows)
        };
        output::line(&format!("{}: {rows} not what the log says.", drift.table))?;
        for row in &drift.first {
            let how = if row.missing {
                "missing".to_owned()
            } else if row.extra {
                "made by nothing".to_owned()
            } else {
                row.columns.join(", ")
            };
            output::line(&format!("  {}: {how}", row.key))?;
        }
    }
    Ok(())
}
