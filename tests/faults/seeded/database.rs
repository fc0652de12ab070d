//! PostgreSQL: a pair of servers, and the way to the one that takes writes.

use std::time::Duration;

use pool::PgPool;
use tokio::time::sleep;

use super::fault::Fault;
use crate::support::child::Scratch;
use crate::support::postgres::Pair;
use crate::support::{Proxy, TestDatabase};

pub struct Database {
    pair: Pair,
    /// What the program goes by.
    line: Proxy,
    /// What checks go by.
    back_door: Proxy,
    pub pool: PgPool,
}

impl Database {
    /// And the address that the program goes by, and what checks go by.
    pub async fn start(scratch: &Scratch) -> (Self, String, TestDatabase) {
        let pair = Pair::start(scratch).await;
        let (line, url) = Proxy::before_database(&pair.url()).await;
        let (back_door, straight) = Proxy::before_database(&pair.url()).await;
        let database = TestDatabase::at(&straight).await;
        let pool = database.pool().await;
        (Self { pair, line, back_door, pool }, url, database)
    }

    /// Whether it can have a full disk.
    pub fn has_disks(&self) -> bool {
        self.pair.has_disks()
    }

    pub async fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::DatabaseGone => self.line.close(),
            Fault::DatabaseFrozen => self.line.freeze(),
            Fault::SessionsEnded => end_sessions(&self.pool).await,
            Fault::ConnectionsCut => self.line.cut_at_random(),
            Fault::StatementsFail => fail_at_random(&self.pool).await,
            Fault::PrimaryKilled => self.pair.kill_primary(),
            Fault::PrimaryRestarted => self.pair.restart_primary().await,
            Fault::FailedOver => {
                self.pair.fail_over().await;
                self.line.lead_to_socket(&self.pair.socket());
                self.back_door.lead_to_socket(&self.pair.socket());
            }
            Fault::StandbyKilled => self.pair.kill_standby(),
            Fault::StandbyFrozen => self.pair.freeze_standby(),
            Fault::ReplicationFrozen => self.pair.freeze_line(),
            Fault::DatabaseDiskFull => self.pair.fill_disk(),
            other => unreachable!("{other:?} is of another part"),
        }
    }

    pub async fn heal(&mut self) {
        self.line.open();
        self.pair.heal().await;
        fail_no_more(&self.pool).await;
    }
}

async fn end_sessions(pool: &PgPool) {
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'vetted'";
    // The server may be failing as well.
    if let Err(error) = sqlx::query(ended).execute(pool).await {
        eprintln!("sessions were not ended: {error}");
    }
}

/// Errors that pass by themselves, in one of 200 rows: on its write, and for events also on the commit.
const FAIL: &str = "CREATE OR REPLACE FUNCTION fail_at_random() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        IF random() < 0.005 THEN
            RAISE EXCEPTION 'a failure that the tests make' USING ERRCODE = (ARRAY[
                '40001', '40P01', '53100', '57014', '55P03', '58030'])[1 + floor(random() * 6)::int];
        END IF;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END $body$";
const TABLES: &str = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
    AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations' ORDER BY 1";

async fn fail_at_random(pool: &PgPool) {
    let mut statements = vec![
        FAIL.to_owned(),
        "CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION fail_at_random()"
            .to_owned(),
    ];
    let tables: Vec<String> = match sqlx::query_scalar(TABLES).fetch_all(pool).await {
        Ok(tables) => tables,
        Err(error) => return eprintln!("statements do not fail: {error}"),
    };
    statements.extend(tables.iter().map(|table| {
        format!(
            "CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON {table}
             FOR EACH ROW EXECUTE FUNCTION fail_at_random()"
        )
    }));
    for statement in statements {
        // The server may be failing as well: then fewer statements fail.
        if let Err(error) = briefly(pool, &statement).await {
            eprintln!("not all statements fail: {error}");
        }
    }
}

/// Waits for no lock for long: everything else waits behind it.
async fn briefly(pool: &PgPool, statement: &str) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '1s'").execute(&mut *transaction).await?;
    sqlx::raw_sql(statement).execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn fail_no_more(pool: &PgPool) {
    // Each in a transaction of its own: to hold the locks of several could be a deadlock.
    let left = "SELECT format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger
                WHERE tgname IN ('fail', 'fail_late') AND NOT tgisinternal
                ORDER BY 1";
    loop {
        let left: Result<Vec<String>, _> = sqlx::query_scalar(left).fetch_all(pool).await;
        if left.as_ref().is_ok_and(Vec::is_empty) {
            return;
        }
        for statement in left.unwrap_or_default() {
            // It is tried again.
            let _ = briefly(pool, &statement).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
