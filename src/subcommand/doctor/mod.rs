//! `vetted doctor`: looks at everything that the program needs, and says what to do about what is wrong.
//!
//! It changes nothing but what `/readyz` writes to see whether there is room. What it finds is printed in the
//! order in which it is best mended.

mod database;
mod servers;

use std::process::ExitCode;

use serde::Serialize;

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::{database as schema, output, storage};

/// What was found of a part.
#[derive(Serialize)]
pub(super) struct Finding {
    part: &'static str,
    ok: bool,
    detail: String,
}

impl Finding {
    fn good(part: &'static str, detail: impl Into<String>) -> Self {
        Self { part, ok: true, detail: detail.into() }
    }

    fn wrong(part: &'static str, detail: impl Into<String>) -> Self {
        Self { part, ok: false, detail: detail.into() }
    }

    fn of(part: &'static str, outcome: Result<String, impl std::fmt::Display>) -> Self {
        match outcome {
            Ok(detail) => Self::good(part, detail),
            Err(error) => Self::wrong(part, error.to_string()),
        }
    }
}

/// Looks at every part; exit code 1 where something is wrong.
pub async fn run(config: &Config, quick: bool, json: bool) -> Result<ExitCode, Error> {
    let mut findings = vec![files(config), disk(config)];
    findings.extend(servers::look(config).await);
    findings.extend(stored(config, quick).await);
    let is_well = findings.iter().all(|finding| finding.ok);
    if json {
        output::json(&findings)?;
    } else {
        for Finding { part, ok, detail } in &findings {
            let word = if *ok { "ok" } else { "WRONG" };
            output::line(&format!("{word:<5}  {part:<14}  {detail}"))?;
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What can only be looked at with a database.
async fn stored(config: &Config, quick: bool) -> Vec<Finding> {
    let looked = Database::with(config, async |pool| {
        let mut findings = database::look(pool).await?;
        if let Err(error) = schema::check_migrated(pool).await {
            findings.push(Finding::wrong("schema", error.to_string()));
            return Ok(findings);
        }
        findings.push(Finding::good("schema", "It is that of this version."));
        findings.push(database::look_at_role(config, pool).await?);
        findings.extend(database::look_at_work(pool).await?);
        findings.extend(servers::look_from(config, pool).await);
        if !quick {
            findings.push(database::drift(config, pool).await);
        }
        Ok(findings)
    });
    // Without one, the rest is not looked at.
    looked.await.unwrap_or_else(|error| vec![Finding::wrong("database", error.to_string())])
}

/// Keys that others can read are theirs too.
fn files(config: &Config) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let path = &config.secrets_file;
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let detail = format!("Others may read {}: chmod 600 it.", path.display());
            Finding::wrong("secrets", detail)
        }
        Ok(_) => Finding::good("secrets", format!("{} is its owner's alone.", path.display())),
        Err(error) => {
            let detail = format!("{} can't be looked at: {error}.", path.display());
            Finding::wrong("secrets", detail)
        }
    }
}

/// Free space under which the program may stop at any time.
const LITTLE: u64 = 1 << 30;

fn disk(config: &Config) -> Finding {
    let folder = storage::folder(config).unwrap_or_else(|| config.data_dir.clone());
    let looked = rustix::fs::statvfs(&folder).map(|disk| disk.f_bavail * disk.f_frsize);
    let place = folder.display();
    match looked {
        Ok(free) if free < LITTLE => {
            Finding::wrong("disk", format!("{} MiB are left at {place}: make room.", free >> 20))
        }
        Ok(free) => Finding::good("disk", format!("{} GiB are left at {place}.", free >> 30)),
        Err(error) => Finding::wrong("disk", format!("{place} can't be looked at: {error}.")),
    }
}
