//! The whole program on a database of a test's own.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use pool::PgPool;
use reqwest::Client;
use reqwest::redirect::Policy;
use url::{Position, Url};
use uuid::Uuid;

use super::program::{Outcome, Program, Server};
use super::{Call, TestDatabase, broker};

/// Runs as long as the value lives, and leaves nothing behind.
pub struct TestApp {
    pub client: Client,
    pub program: Program,
    server: Server,
    pool: PgPool,
    prefix: String,
    data: PathBuf,
    database: TestDatabase,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With variables that differ from what tests usually have.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_as(&[], variables).await
    }

    /// A part of it: what that subcommand serves.
    pub async fn start_as(subcommand: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_on(TestDatabase::create().await, subcommand, variables).await
    }

    /// The same on a database that is there.
    pub async fn start_on(
        database: TestDatabase,
        subcommand: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let prefix = format!("t{}_", Uuid::now_v7().simple());
        let nats = broker::url();
        let usual = [
            ("DATABASE_URL", database.serving_url.as_str()),
            ("MIGRATION_DATABASE_URL", database.url.as_str()),
            ("NATS_URL", nats.as_str()),
            ("NATS_PREFIX", prefix.as_str()),
            ("DATA_DIR", "data"),
            ("BIND", "127.0.0.1:0"),
            ("RUST_LOG", "warn"),
        ];
        let mut program = Program::new(&[usual.as_slice(), variables].concat());
        let server = program.serve(subcommand).await;
        // Tokens are for one public address; what starts later binds to another port.
        program.set_default("PUBLIC_URL", server.base());
        let (pool, data) = (database.pool().await, program.folder().join("data"));
        Self { client: http_client(), program, server, pool, prefix, data, database }
    }

    /// Another process on the same database, which serves and does nothing else.
    pub async fn replica(&self) -> Server {
        self.program.serve(&["api"]).await
    }

    /// What the program has on the broker is lost.
    pub fn lose_stream(&self) {
        broker::forget(&self.prefix);
    }

    /// The same on a broker of the test's own.
    pub fn lose_stream_at(&self, server: String) {
        broker::forget_at(server, &self.prefix);
    }

    /// The program's stream on the broker takes no more, or as much as comes.
    pub async fn set_stream_full(&self, is_full: bool) {
        broker::set_full(&self.prefix, is_full).await;
    }

    /// What the program's stream on the broker is called.
    pub fn stream(&self) -> String {
        broker::stream(&self.prefix)
    }

    /// What the program has on the broker, as text.
    pub async fn messages(&self) -> Vec<String> {
        broker::messages(&self.prefix).await
    }

    /// The absolute form of a path, wherever the program is now.
    pub fn url(&self, path: &str) -> String {
        match Url::parse(path) {
            Ok(url) => format!("{}{}", self.server.base(), &url[Position::BeforePath..]),
            Err(_) => format!("{}{path}", self.server.base()),
        }
    }

    pub fn request(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &self.url(path))
    }

    /// The same to another process.
    pub fn request_to(&self, server: &Server, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", server.base()))
    }

    pub fn get(&self, path: &str) -> Call {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.request("POST", path)
    }

    pub fn put(&self, path: &str) -> Call {
        self.request("PUT", path)
    }

    pub fn patch(&self, path: &str) -> Call {
        self.request("PATCH", path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.request("DELETE", path)
    }

    /// Runs a subcommand beside it.
    pub async fn run(&self, arguments: &[&str]) -> Outcome {
        self.program.run(arguments).await
    }

    /// Starts a subcommand beside it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.program.spawn(arguments)
    }

    /// Runs a subcommand with a variable of its own.
    pub async fn run_with_variable(&self, name: &str, value: &str, arguments: &[&str]) -> Outcome {
        self.program.run_with_variable(name, value, arguments).await
    }

    /// Another database with what this one has now; nothing may be running on it.
    pub async fn copy_of_database(&self) -> TestDatabase {
        self.database.copy().await
    }

    /// By the role that serves.
    pub async fn serving(&self) -> sqlx::PgConnection {
        self.database.serving().await
    }

    /// By the owner.
    pub fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    pub fn stderr(&self) -> String {
        self.program.stderr()
    }

    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again, at another port.
    pub async fn restart(&mut self) {
        self.server.kill();
        self.server = self.program.serve(&[]).await;
    }

    /// Starts it again, with the tests' broker whatever it was started with.
    pub async fn restart_with_broker(&mut self) {
        self.program.set("NATS_URL", &broker::url());
        self.restart().await;
    }

    /// Whatever the test did: the read models are what the log says.
    pub async fn finish(self) {
        self.run(&["projections", "verify", "--json"]).await.expect(0);
    }
}

/// One for as long as a test runs.
pub fn http_client() -> Client {
    // It fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The server ends a connection that rests for 75 s, and a body that is sent into it is lost.
    let rest = Duration::from_secs(30);
    let builder = Client::builder().redirect(Policy::none()).no_proxy().pool_idle_timeout(rest);
    builder.build().unwrap()
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.kill();
        if std::thread::panicking() {
            eprintln!("What the program said:\n{}", self.stderr());
        }
        broker::forget(&self.prefix);
    }
}
