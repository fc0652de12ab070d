//! A primary whose commits a standby confirms.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor, PgConnection};

use super::server::Server;
use crate::support::child::{Account, Scratch};
use crate::support::disk::Disk;
use crate::support::{Proxy, eventually};

/// What the standby calls itself.
const STANDBY: &str = "standby";
const DATABASE: &str = "vetted";

/// Two servers, of which one takes writes and the other confirms them. The database is on a disk that can be
/// full, in a tablespace, where disks can be mounted.
pub struct Pair {
    servers: [Server; 2],
    /// What the other one copies from each by.
    lines: [(Proxy, String); 2],
    disks: Option<[Disk; 2]>,
    primary: usize,
    /// The old primary after a failover.
    must_be_rebuilt: bool,
}

impl Pair {
    pub async fn start(scratch: &Scratch) -> Self {
        let servers = ["pg0", "pg1"].map(|name| Server::new(scratch, name));
        let lines = [
            Proxy::before_socket(&servers[0].socket()).await,
            Proxy::before_socket(&servers[1].socket()).await,
        ];
        let account = Account::unprivileged();
        let disk = |name| Disk::mount(scratch, name, account);
        let disks = disk("pg0").zip(disk("pg1")).map(|(first, second)| [first, second]);
        let mut pair = Self { servers, lines, disks, primary: 0, must_be_rebuilt: false };
        pair.servers[0].create().await;
        pair.servers[0].configure(&[]);
        pair.servers[0].start().await;
        pair.create_database().await;
        pair.rebuild_standby().await;
        pair.confirm_by(STANDBY).await;
        pair
    }

    async fn create_database(&self) {
        let mut server = connect(&self.servers[0].url("postgres")).await.expect("it answers");
        let mut create = format!("CREATE DATABASE {DATABASE}");
        if let Some([disk, _]) = &self.disks {
            let space = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
            server.execute(space.as_str()).await.expect("the disk is empty");
            create += " TABLESPACE small";
        }
        server.execute(create.as_str()).await.expect("it is the first");
    }

    /// The address of the database, at the server that takes writes now.
    pub fn url(&self) -> String {
        self.servers[self.primary].url(DATABASE)
    }

    /// Where the server that takes writes now listens.
    pub fn socket(&self) -> std::path::PathBuf {
        self.servers[self.primary].socket()
    }

    fn primary(&mut self) -> &mut Server {
        &mut self.servers[self.primary]
    }

    fn standby(&mut self) -> &mut Server {
        &mut self.servers[1 - self.primary]
    }

    /// The standby becomes a copy of the primary.
    async fn rebuild_standby(&mut self) {
        let (from, to) = (self.primary, 1 - self.primary);
        let spaces = self.disks.as_ref().map(|disks| (disks[from].path(), disks[to].path()));
        if let Some((_, space)) = spaces {
            empty(space);
        }
        self.servers[to].copy(&self.servers[from], spaces).await;
        self.start_standby().await;
    }

    async fn start_standby(&mut self) {
        let (host, port) = self.lines[self.primary].1.rsplit_once(':').expect("an address");
        let from = format!("host={host} port={port} user=vetted application_name={STANDBY}");
        let settings = [format!("primary_conninfo = '{from}'"), "hot_standby = on".to_owned()];
        let standby = self.standby();
        standby.configure(&settings);
        std::fs::write(standby.data().join("standby.signal"), "").expect("its folder is there");
        standby.start().await;
    }

    /// Whose confirmation commits wait for from now on; nobody's where it is empty.
    async fn confirm_by(&mut self, name: &str) {
        self.primary().configure(&[format!("synchronous_standby_names = '{name}'")]);
        self.primary().reload();
        let url = self.servers[self.primary].url("postgres");
        let state = if name.is_empty() { "async" } else { "sync" };
        eventually("the standby has what the primary has", async || {
            let mut server = connect(&url).await.ok()?;
            let seen = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'";
            let seen: String = sqlx::query_scalar(seen).fetch_one(&mut server).await.ok()?;
            (seen == state).then_some(())
        })
        .await;
    }

    /// SIGKILL of all of its processes.
    pub fn kill_primary(&mut self) {
        self.primary().kill();
    }

    /// As `pg_ctl restart -m fast`.
    pub async fn restart_primary(&mut self) {
        self.primary().stop().await;
        self.primary().start().await;
    }

    /// The primary is lost, and the standby takes its place without waiting for another.
    pub async fn fail_over(&mut self) {
        self.primary().kill();
        let mut promote = self.standby().command("pg_ctl");
        promote.args(["promote", "--wait", "-D"]).arg(self.standby().data());
        crate::support::child::run(promote).await;
        self.primary = 1 - self.primary;
        self.must_be_rebuilt = true;
    }

    /// SIGKILL of all of its processes. Commits wait.
    pub fn kill_standby(&mut self) {
        self.standby().kill();
    }

    /// SIGSTOP of all of its processes. Commits wait.
    pub fn freeze_standby(&mut self) {
        self.standby().freeze();
    }

    /// Nothing gets from one to the other. Commits wait.
    pub fn freeze_line(&self) {
        self.lines[self.primary].0.freeze();
    }

    /// Whether there are disks that can be full.
    pub fn has_disks(&self) -> bool {
        self.disks.is_some()
    }

    /// The database's tables can't grow at the primary.
    pub fn fill_disk(&self) {
        self.disks.as_ref().expect("a disk")[self.primary].fill();
    }

    /// Both run, with as much room as they want, and the standby has all that the primary has.
    pub async fn heal(&mut self) {
        self.disks.iter().flatten().for_each(Disk::free);
        self.lines.iter().for_each(|(line, _)| line.open());
        self.servers.iter().for_each(Server::thaw);
        if !self.primary().is_running() {
            self.primary().start().await;
        }
        if std::mem::take(&mut self.must_be_rebuilt) {
            self.rebuild_standby().await;
        } else if !self.standby().is_running() {
            self.start_standby().await;
        }
        self.confirm_by(STANDBY).await;
    }
}

async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    options.connect().await
}

fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        std::fs::remove_dir_all(entry.expect("an entry").path()).expect("it is ours");
    }
}
