//! One server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use crate::support::child::{self, Account, Scratch};
use crate::support::eventually;

/// The name of the file with what changes, which the server's own settings include.
const SETTINGS: &str = "tests.conf";

/// Runs until it is told to end, and never longer than its test.
pub struct Server {
    programs: PathBuf,
    account: Option<Account>,
    home: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// In a folder of its own, without data yet.
    pub fn new(scratch: &Scratch, name: &str) -> Self {
        let account = Account::unprivileged();
        Self { programs: programs(), account, home: scratch.folder(name, account), process: None }
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.home.join(".s.PGSQL.5432")
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://vetted@localhost/{database}?host={}", self.home.display())
    }

    pub fn command(&self, program: &str) -> Command {
        child::command(&self.programs.join(program), self.account, "QUIT")
    }

    /// Makes an empty cluster.
    pub async fn create(&self) {
        let mut command = self.command("initdb");
        command.args(["--username=vetted", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        command.args(["--locale=C.UTF-8", "--no-instructions", "-D"]).arg(self.data());
        child::run(command).await;
        let file = self.data().join("postgresql.conf");
        let settings = fs::read_to_string(&file).expect("initdb writes it");
        fs::write(file, format!("{settings}\ninclude_if_exists = '{SETTINGS}'\n")).unwrap();
    }

    /// Copies another server's data, and what the tablespaces of it are in.
    pub async fn copy(&self, other: &Self, spaces: Option<(&Path, &Path)>) {
        self.forget();
        let mut command = self.command("pg_basebackup");
        command.args(["--checkpoint=fast", "--no-sync", "-h"]).arg(&other.home);
        command.args(["-U", "vetted", "-D"]).arg(self.data());
        if let Some((from, to)) = spaces {
            command.arg(format!("--tablespace-mapping={}={}", from.display(), to.display()));
        }
        child::run(command).await;
    }

    /// Removes its data, and the memory that a server that was killed has shared.
    fn forget(&self) {
        let status = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let memory = status.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(memory) = memory {
            // It may be gone.
            let _ = Command::new("ipcrm").args(["-m", memory]).output();
        }
        let _ = fs::remove_dir_all(self.data());
    }

    /// What holds from the next start, or from [`Server::reload`].
    pub fn configure(&self, settings: &[String]) {
        let usual = [
            "listen_addresses = ''".to_owned(),
            format!("unix_socket_directories = '{}'", self.home.display()),
            "max_connections = 150".to_owned(),
            "shared_buffers = '96MB'".to_owned(),
            // Files of its folder rather than of the machine's shared memory.
            "dynamic_shared_memory_type = mmap".to_owned(),
            "wal_keep_size = '256MB'".to_owned(),
            "max_wal_size = '512MB'".to_owned(),
            "log_timezone = UTC".to_owned(),
        ];
        let text = [usual.as_slice(), settings].concat().join("\n");
        fs::write(self.data().join(SETTINGS), text + "\n").expect("its folder is there");
    }

    pub fn reload(&self) {
        child::signal(&self.postmaster(), Signal::SIGHUP);
    }

    /// Starts it, and waits until it answers.
    pub async fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.home.join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().expect("postgres starts"));
        eventually("PostgreSQL answers", async || self.answers().then_some(())).await;
    }

    /// Of a primary; a standby is `standby`.
    fn answers(&mut self) -> bool {
        let process = self.process.as_mut().expect("it was started");
        if let Some(status) = process.try_wait().unwrap() {
            panic!("PostgreSQL ended: {status}\n{}", self.log());
        }
        let id = process.id().to_string();
        let status = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<_> = status.lines().map(str::trim).collect();
        lines.first() == Some(&id.as_str()) && matches!(lines.get(7), Some(&"ready" | &"standby"))
    }

    /// What it has said last.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    fn postmaster(&self) -> Vec<i32> {
        let ids = self.process.iter().map(Child::id);
        ids.map(|id| i32::try_from(id).expect("a process id")).collect()
    }

    fn family(&self) -> Vec<i32> {
        self.process.as_ref().map(|process| child::family(process.id())).unwrap_or_default()
    }

    /// SIGKILL of all its processes.
    pub fn kill(&mut self) {
        child::signal(&self.family(), Signal::SIGKILL);
        self.wait();
    }

    fn wait(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    /// As `pg_ctl stop -m fast`.
    pub async fn stop(&mut self) {
        child::signal(&self.postmaster(), Signal::SIGINT);
        eventually("PostgreSQL ends", async || (!self.is_running()).then_some(())).await;
        self.process = None;
    }

    pub fn freeze(&self) {
        child::signal(&self.family(), Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        child::signal(&self.family(), Signal::SIGCONT);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("What {} said last:\n{}", self.home.display(), self.log());
        }
        self.thaw();
        child::signal(&self.postmaster(), Signal::SIGQUIT);
        self.wait();
    }
}

/// `PG_BIN`, Debian's newest, or what is in the path.
fn programs() -> PathBuf {
    let chosen = std::env::var_os("PG_BIN").map(PathBuf::from);
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let packaged = versions.max().map(|newest| format!("/usr/lib/postgresql/{newest}/bin").into());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = || {
        let mut programs = std::env::split_paths(&path).map(|folder| folder.join("postgres"));
        programs.find_map(|program| program.canonicalize().ok()?.parent().map(Path::to_owned))
    };
    chosen.or(packaged).or_else(in_path).expect("PostgreSQL is installed")
}
