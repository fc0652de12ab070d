//! A database of a test's own, copied from a migrated template.

use std::str::FromStr;

use pool::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use url::Url;

use super::program::Program;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Held while the template is made, and while it is copied: a template may have no sessions.
const TEMPLATE_LOCK: i64 = 0x7665_7474_6564;

/// The role that the program serves by in tests, as in a private cluster.
const SERVING: &str = "vetted_serving";

/// A migrated database that goes with the value.
pub struct TestDatabase {
    /// By its owner, who is the server's superuser.
    pub url: String,
    /// By the role that serves; the owner too, where nobody has migrated it for another role.
    pub serving_url: String,
    /// Empty where another value owns its server.
    name: String,
}

fn server() -> String {
    std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL is not set: run the tests with `make test`, or with \
         `target/debug/vetted services -- cargo test`",
    )
}

fn on(database: &str) -> String {
    let mut url = Url::parse(&server()).expect("TEST_DATABASE_URL is a URL");
    url.set_path(database);
    url.to_string()
}

/// The role that serves has the owner's password.
fn serving_on(database: &str) -> String {
    let mut url = Url::parse(&on(database)).expect("a URL");
    url.set_username(SERVING).expect("it has a host");
    url.to_string()
}

async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).expect("a PostgreSQL URL");
    options.connect().await.expect("the test server answers")
}

impl TestDatabase {
    pub async fn create() -> Self {
        let mut server = connect(&server()).await;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut server)
            .await
            .expect("the lock is given");
        let template = template(&mut server).await;
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
        server.execute(copy.as_str()).await.expect("the template is copied");
        server.close().await.expect("the lock goes with its session");
        Self { url: on(&name), serving_url: serving_on(&name), name }
    }

    /// Another database with what this one has now, as a backup of this moment would be restored. What is
    /// connected to this one is cut off.
    pub async fn copy(&self) -> Self {
        let mut server = connect(&server()).await;
        let cut = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        server.execute(cut.as_str()).await.expect("sessions are cut off");
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let copy = format!("CREATE DATABASE {name} TEMPLATE {}", self.name);
        server.execute(copy.as_str()).await.expect("the database is copied");
        Self { url: on(&name), serving_url: serving_on(&name), name }
    }

    /// A migrated one that is there, at a server that goes by itself.
    pub async fn at(url: &str) -> Self {
        let mut database = connect(url).await;
        MIGRATIONS.run(&mut database).await.expect("the migrations run");
        Self { url: url.to_owned(), serving_url: url.to_owned(), name: String::new() }
    }

    /// One without anything in it.
    pub async fn empty() -> Self {
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let create = format!("CREATE DATABASE {name}");
        connect(&server()).await.execute(create.as_str()).await.expect("it is made");
        Self { url: on(&name), serving_url: on(&name), name }
    }

    /// A connection by the role that serves.
    pub async fn serving(&self) -> PgConnection {
        connect(&self.serving_url).await
    }

    pub async fn pool(&self) -> PgPool {
        let options = PgConnectOptions::from_str(&self.url).expect("a PostgreSQL URL");
        let options = options.options([("timezone", "UTC")]);
        let pool = PgPoolOptions::new().max_connections(12).connect_with(options).await;
        pool.expect("the test database answers").into()
    }
}

/// The name says which migrations and rights are in it, so that a changed one makes another.
async fn template(server: &mut PgConnection) -> String {
    let sum: u64 = MIGRATIONS
        .iter()
        .flat_map(|migration| migration.checksum.iter())
        .chain(include_bytes!("../../src/rights.rs"))
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let name = format!("template_{sum:016x}");
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut *server)
            .await
            .expect("the catalogue can be read");
    if !exists {
        let making = format!("{name}_making");
        let drop = format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)");
        server.execute(drop.as_str()).await.expect("a half-made template is dropped");
        server.execute(format!("CREATE DATABASE {making}").as_str()).await.expect("it is made");
        make_serving_role(server).await;
        let (owner, serving) = (on(&making), serving_on(&making));
        let program =
            Program::new(&[("MIGRATION_DATABASE_URL", &owner), ("DATABASE_URL", &serving)]);
        program.run(&["migrate"]).await.expect(0);
        let rename = format!("ALTER DATABASE {making} RENAME TO {name}");
        server.execute(rename.as_str()).await.expect("it is put in place");
    }
    name
}

async fn make_serving_role(server: &mut PgConnection) {
    let url = Url::parse(&on("")).expect("a URL");
    let password = url.password().map(|password| format!(" PASSWORD '{password}'"));
    let create = format!("CREATE ROLE {SERVING} LOGIN{}", password.unwrap_or_default());
    let made = server.execute(create.as_str()).await;
    let is_there = |error: &sqlx::Error| {
        error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42710"))
    };
    assert!(made.as_ref().err().is_none_or(is_there), "{made:?}");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        if name.is_empty() {
            return;
        }
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                connect(&server()).await.execute(drop.as_str()).await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("a test database is left behind: {error}");
        }
    }
}
