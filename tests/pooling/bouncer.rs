//! A real PgBouncer before a test's database.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::support::{TestDatabase, eventually};

/// Debian's, which is in no user's `PATH`.
const PROGRAM: &str = "/usr/sbin/pgbouncer";
/// In the name of its socket.
const PORT: u16 = 6432;

/// Listens at a socket, and ends with the value.
pub(super) struct Bouncer {
    process: Child,
    folder: TempDir,
    role: String,
    database: String,
}

impl Bouncer {
    /// In that mode, with further settings. It takes no startup parameter that it does not know.
    pub(super) async fn start(database: &TestDatabase, mode: &str, settings: &str) -> Self {
        let server = PgConnectOptions::from_str(&database.serving_url).expect("a PostgreSQL URL");
        let name = server.get_database().expect("the database has a name").to_owned();
        let folder = tempfile::tempdir().unwrap();
        // As root it takes on another account.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration(&server, folder.path(), mode, settings)).unwrap();
        let program = if std::fs::exists(PROGRAM).unwrap() { PROGRAM } else { "pgbouncer" };
        let mut command = Command::new(program);
        if nix::unistd::geteuid().is_root() {
            command.args(["-u", "postgres"]);
        }
        command.arg("-q").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("pgbouncer, which scripts/install check installs");
        let role = server.get_username().to_owned();
        let bouncer = Self { process, folder, role, database: name };
        eventually("pgbouncer answers", async || bouncer.connect().await.ok()).await;
        bouncer
    }

    /// What the program reaches the database by.
    pub(super) fn url(&self) -> String {
        let socket = self.folder.path().display();
        format!("postgres://{}@localhost:{PORT}/{}?host={socket}", self.role, self.database)
    }

    /// Whether it lets a client in.
    async fn connect(&self) -> Result<(), sqlx::Error> {
        let options = PgConnectOptions::from_str(&self.url())?.extra_float_digits(None);
        options.connect().await?.close().await
    }
}

fn configuration(server: &PgConnectOptions, folder: &Path, mode: &str, settings: &str) -> String {
    let host = server.get_socket().map(|socket| socket.display().to_string());
    let host = host.unwrap_or_else(|| server.get_host().to_owned());
    let (port, user) = (server.get_port(), server.get_username());
    let (name, folder) = (server.get_database().unwrap_or_default(), folder.display());
    format!(
        "[databases]\n{name} = host={host} port={port} user={user}\n\
         [pgbouncer]\nlisten_port = {PORT}\nunix_socket_dir = {folder}\nauth_type = any\n\
         pool_mode = {mode}\nlogfile = {folder}/log\nmax_client_conn = 400\n{settings}\n"
    )
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("What PgBouncer said last:\n{}", last.join("\n"));
        }
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
