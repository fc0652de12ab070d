//! What the program talks to besides the database, and the tools that it runs.

use api::{Checked, Health};
use pool::PgPool;
use workers::MailSettings;

use super::Finding;
use crate::background::Background;
use crate::config::Config;
use crate::error::Error;
use crate::health::Checks;
use crate::parts::Broker;
use crate::{servers, storage};

/// Mail, scanner and tools, which need no database.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let scratch = config.data_dir.join("scratch");
    let tools = workers::check_videos(&config.limits, &scratch).await;
    let tools = tools.map(|()| "ffmpeg and ffprobe have what is needed.".to_owned());
    vec![mail(config).await, scanner(config).await, Finding::of("video tools", tools)]
}

async fn mail(config: &Config) -> Finding {
    let Some(url) = &config.smtp_url else {
        let detail =
            format!("SMTP_URL is unset: mails become files in {}.", config.mail_dir().display());
        return Finding::good("mail", detail);
    };
    let settings = MailSettings::smtp(url, &config.mail_from, &config.public_url);
    match settings {
        Ok(settings) => {
            let reached = servers::reach_mail(url, &settings).await;
            Finding::of("mail", reached.map(|()| "The mail server answers.".to_owned()))
        }
        Err(error) => Finding::wrong("mail", error.to_string()),
    }
}

async fn scanner(config: &Config) -> Finding {
    let Some(scanner) = &config.scanner else {
        return Finding::good("scanner", "CLAMD_URL is unset: videos are not scanned.");
    };
    let reached = servers::reach_scanner(scanner).await;
    Finding::of("scanner", reached.map(|()| "It answers.".to_owned()))
}

/// What `/readyz` looks at, and the clock.
pub(super) async fn look_from(config: &Config, pool: &PgPool) -> Vec<Finding> {
    match checks(config, pool).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::wrong("servers", error.to_string())],
    }
}

/// The database's settings are another finding.
fn named(part: &'static str) -> &'static str {
    if part == "database" { "database room" } else { part }
}

async fn checks(config: &Config, pool: &PgPool) -> Result<Vec<Finding>, Error> {
    let failed = |source| Error::Io { what: "starting threads", source };
    let background = Background::start().map_err(failed)?;
    let broker = Broker::open(config).await?;
    let nats = servers::connect_nats(&broker.address, background.handle()).await?;
    let media = storage::open_existing(config).await?;
    let health = Checks::new(pool.clone(), nats, media.store);
    let Checked { parts, remarks } = health.check().await;
    let well =
        |outcome: Result<(), String>| outcome.map(|()| "It answers and takes writes.".to_owned());
    let mut findings: Vec<_> = parts
        .into_iter()
        .filter(|(part, _)| matches!(*part, "database" | "broker" | "storage"))
        .map(|(part, outcome)| Finding::of(named(part), well(outcome)))
        .collect();
    findings.extend(remarks.into_iter().map(|(name, remark)| {
        let well =
            if name == "clock" { "It is the database's, to 5 s." } else { "None was killed." };
        Finding::of(name, remark.map(|()| well.to_owned()))
    }));
    broker.close().await;
    Ok(findings)
}
