//! Migrations beside a program that serves.

mod rules;
mod upgrade;

use std::path::Path;

use pool::{MigrationError, PgPool};
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::support::{Shop, TestApp, eventually};
use upgrade::Load;

const COLUMN: (&str, &str) =
    ("9001_note.sql", "ALTER TABLE products ADD COLUMN note text NOT NULL DEFAULT '';");
const INDEX: (&str, &str) = (
    "9002_note_index.sql",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS products_note ON products (note);",
);

/// The migrations that there are, and some of a later version.
struct Later {
    folder: TempDir,
}

impl Later {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let present = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        for entry in std::fs::read_dir(present).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    /// As that version does.
    async fn migrate(&self, pool: &PgPool) -> Result<(), MigrationError> {
        let migrator = Migrator::new(self.folder.path()).await.unwrap();
        pool::migrate(pool, &migrator).await
    }

    /// The same beside what follows.
    fn start(self, pool: &PgPool) -> JoinHandle<Result<(), MigrationError>> {
        let pool = pool.clone();
        tokio::spawn(async move { self.migrate(&pool).await })
    }
}

/// Of the index, where there is one.
async fn is_valid(pool: &PgPool) -> Option<bool> {
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('products_note')";
    sqlx::query_scalar(valid).fetch_optional(pool).await.unwrap()
}

/// A session that waits for a lock while it runs such a statement.
async fn waiting(pool: &PgPool, statement: &str) -> i32 {
    let found = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE $1 || '%'";
    eventually("a migration waits for a lock", async || {
        sqlx::query_scalar(found).bind(statement).fetch_optional(pool).await.unwrap()
    })
    .await
}

#[tokio::test]
async fn a_program_serves_without_an_error_while_a_later_version_migrates_its_database() {
    let mut shop = Shop::open().await;
    let pool = shop.app.pool();
    let load = Load::start(&shop.app, &[shop.app.url("")]).await;

    load.goes_on().await;
    Later::with(&[COLUMN, INDEX]).migrate(&pool).await.unwrap();
    load.goes_on().await;

    assert_eq!(load.end().await, Vec::<String>::new());
    assert_eq!(is_valid(&pool).await, Some(true));
    // A replica may be started again before its version is replaced.
    shop.app.run(&["migrate"]).await.expect(0);
    shop.app.restart().await;
    shop.product("Lamp").await;
    shop.app.finish().await;
}

#[tokio::test]
async fn a_migration_that_waits_for_a_table_holds_up_nobody_who_writes_to_it() {
    let shop = Shop::open().await;
    let pool = shop.app.pool();
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM products").execute(&mut *reader).await.unwrap();
    let migrating = Later::with(&[COLUMN]).start(&pool);
    waiting(&pool, "ALTER TABLE products").await;

    for name in ["Lamp", "Chair", "Table"] {
        shop.product(name).await;
    }

    assert!(!migrating.is_finished());
    reader.rollback().await.unwrap();
    migrating.await.unwrap().unwrap();
    shop.product("Shelf").await;
    shop.app.finish().await;
}

#[tokio::test]
async fn an_index_that_a_killed_migration_has_left_is_built_again() {
    let shop = Shop::open().await;
    let pool = shop.app.pool();
    Later::with(&[COLUMN]).migrate(&pool).await.unwrap();
    let mut writer = pool.begin().await.unwrap();
    let lock = "LOCK TABLE products IN ROW EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *writer).await.unwrap();
    let migrating = Later::with(&[COLUMN, INDEX]).start(&pool);
    let process = waiting(&pool, "-- no-transaction").await;
    let kill = sqlx::query("SELECT pg_terminate_backend($1)").bind(process);
    kill.execute(&pool).await.unwrap();
    migrating.await.unwrap().unwrap_err();
    writer.rollback().await.unwrap();
    assert_eq!(is_valid(&pool).await, Some(false));

    Later::with(&[COLUMN, INDEX]).migrate(&pool).await.unwrap();

    assert_eq!(is_valid(&pool).await, Some(true));
    shop.app.finish().await;
}

#[tokio::test]
async fn of_programs_that_migrate_at_the_same_time_none_fails() {
    let app = TestApp::start().await;
    let pool = app.pool();

    let all: Vec<_> = (0..4).map(|_| Later::with(&[COLUMN, INDEX]).start(&pool)).collect();

    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(is_valid(&pool).await, Some(true));
}

#[tokio::test]
async fn a_program_refuses_a_database_that_a_later_version_took_something_from() {
    let app = TestApp::start().await;
    let contract = "-- contract: unused since 0.0.9\nCREATE TABLE nothing (id uuid);";
    Later::with(&[("9003_contract_nothing.sql", contract)]).migrate(&app.pool()).await.unwrap();

    for arguments in [&["api"][..], &["worker"], &["migrate"]] {
        let told = app.run(arguments).await.expect(1).stderr;
        assert!(told.contains("9003") && told.contains("later version"), "{arguments:?}: {told}");
    }
}
