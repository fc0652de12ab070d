//! The database: its settings, what waits in it, and whether the read models are what the log says.

use pool::PgPool;
use sqlx::Row;

use super::Finding;
use crate::config::Config;
use crate::error::Error;
use crate::progress::Progress;
use crate::{read_models, rights};

/// Connections that one process may take.
const OF_A_PROCESS: i64 = 50;
/// Events that wait for longer than a moment.
const BEHIND: i64 = 10_000;

/// Its version and settings. One with `fsync` or `full_page_writes` off is refused before.
pub(super) async fn look(pool: &PgPool) -> Result<Vec<Finding>, Error> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::bigint / 10000 AS version,
                current_setting('max_connections')::bigint AS most,
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
                current_setting('autovacuum') = 'on' AS vacuums",
    )
    .fetch_one(pool)
    .await?;
    let (version, vacuums): (i64, bool) = (row.try_get("version")?, row.try_get("vacuums")?);
    let (most, used): (i64, i64) = (row.try_get("most")?, row.try_get("used")?);
    let database = if version < 15 {
        Finding::wrong("database", format!("PostgreSQL {version} is too old: use 15 or later."))
    } else {
        Finding::good("database", format!("PostgreSQL {version}."))
    };
    let connections = format!("{used} of {most} connections are in use");
    let connections = if most - used < OF_A_PROCESS {
        let advice =
            format!("{connections}, and a process needs {OF_A_PROCESS}: raise max_connections.");
        Finding::wrong("connections", advice)
    } else {
        Finding::good("connections", format!("{connections}."))
    };
    let vacuum = if vacuums {
        Finding::good("autovacuum", "It is on.")
    } else {
        Finding::wrong("autovacuum", "It is off: tables grow, and plans get worse. Turn it on.")
    };
    Ok(vec![database, connections, vacuum])
}

/// What the role that serves may do. That it may everything is a choice as long as no other role migrates.
pub(super) async fn look_at_role(config: &Config, pool: &PgPool) -> Result<Finding, Error> {
    let serving = rights::look(pool).await?;
    Ok(match serving.warning() {
        Some(warning) if config.migration_database_url.is_some() => Finding::wrong("role", warning),
        Some(warning) => Finding::good("role", warning),
        None => {
            let detail = format!("{} may append to the log, and not change it.", serving.role);
            Finding::good("role", detail)
        }
    })
}

/// What waits for workers, and what they gave up on.
pub(super) async fn look_at_work(pool: &PgPool) -> Result<Vec<Finding>, Error> {
    let sql = format!(
        "SELECT {} - coalesce((SELECT position FROM checkpoints WHERE subscriber = 'relay'), 0) AS behind,
                (SELECT count(*) FROM effects
                 WHERE handled_at IS NULL AND due_at < now() - interval '5 minutes') AS overdue,
                (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL) AS dead",
        log::HEAD
    );
    let row = sqlx::query(&sql).fetch_one(pool).await?;
    let (behind, overdue): (i64, i64) = (row.try_get("behind")?, row.try_get("overdue")?);
    let dead: i64 = row.try_get("dead")?;
    let relay = if behind > BEHIND {
        let advice = format!(
            "{behind} events are not published: see that a worker runs, and look at its log."
        );
        Finding::wrong("relay", advice)
    } else {
        Finding::good("relay", format!("{behind} events are not published yet."))
    };
    let work = if overdue > 0 {
        let advice =
            format!("{overdue} mails or videos are due for 5 minutes: see that a worker runs.");
        Finding::wrong("work", advice)
    } else {
        Finding::good("work", "Nothing is overdue.")
    };
    let letters = if dead > 0 {
        let advice = format!("{dead} events were given up: run `vetted worker dead-letters list`.");
        Finding::wrong("dead letters", advice)
    } else {
        Finding::good("dead letters", "There are none.")
    };
    Ok(vec![relay, work, letters])
}

/// Folds the whole log.
pub(super) async fn drift(config: &Config, pool: &PgPool) -> Finding {
    let compared = async {
        let personal = read_models::vault(config, pool).await?;
        let progress = Progress::new(config.log_format, "folding the log");
        let at = |done, total| progress.at(done, total);
        Ok::<_, Error>(projections::verify(pool, &personal, at).await?)
    };
    match compared.await {
        Ok(drifts) if drifts.is_empty() => {
            Finding::good("read models", "They are what the log says.")
        }
        Ok(drifts) => {
            let tables: Vec<_> = drifts.iter().map(|drift| drift.table).collect();
            let tables = tables.join(", ");
            let advice =
                format!("{tables} are not what the log says: run `vetted projections rebuild`.");
            Finding::wrong("read models", advice)
        }
        Err(error) => Finding::wrong("read models", error.to_string()),
    }
}
