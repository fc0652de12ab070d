//! A private PostgreSQL cluster: reached by a Unix socket in a folder that only its account and
//! root can enter, so it asks for no password and listens on no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::sysinfo::sysinfo;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgPoolOptions;
use url::Url;

use super::home::{Home, short_name};
use super::lock::Lock;
use super::supervisor::Supervisor;
use super::{At, Error, Result, blocking, launch, process};

const SERVICE: &str = "PostgreSQL";
const VARIABLE: &str = "DATABASE_URL";
const DATABASE: &str = "vetted";
/// The role that serves from a private cluster. Its owner is the superuser `vetted`.
pub const SERVING_ROLE: &str = "vetted_serving";
const PID_FILE: &str = "postmaster.pid";
/// What a socket's path may hold, without the closing zero.
const SOCKET_PATH_BYTES: usize = 107;
const DEFAULT_CONNECTIONS: u32 = 120;
/// Recovery after a power cut reads up to 1 GB of log.
const START_TIMEOUT: Duration = Duration::from_mins(5);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const TRIES: u32 = 5;

/// A running private cluster with a database `vetted`. Dropped without `stop`, it ends too.
#[derive(Debug)]
pub struct Postgres {
    url: SecretString,
    supervisor: Supervisor,
    /// A folder outside the cluster that only a running one needs.
    short_socket_dir: Option<PathBuf>,
    _lock: Lock,
}

/// What the blocking part of the start found out.
#[derive(Clone, Debug)]
struct Cluster {
    data_dir: PathBuf,
    home: Home,
    bin: PathBuf,
    socket_dir: PathBuf,
    connections: u32,
}

impl Postgres {
    /// Starts the cluster in `data_dir/pg`, which the first start makes.
    pub async fn start(data_dir: &Path) -> Result<Self> {
        Self::start_with(data_dir, DEFAULT_CONNECTIONS).await
    }

    /// Starts the cluster with room for this many connections.
    pub async fn start_with(data_dir: &Path, connections: u32) -> Result<Self> {
        let data_dir = data_dir.to_owned();
        let (cluster, lock) = blocking(move || {
            let lock = Lock::take(&data_dir, "pg")?;
            Ok((Cluster::prepare(&data_dir, connections)?, lock))
        })
        .await?;
        let of_thread = cluster.clone();
        let supervisor = Supervisor::start(SERVICE, move || of_thread.command())
            .at("start a thread for", &cluster.home.path)?;
        cluster.wait_until_ready(&supervisor).await?;
        ensure_database(&cluster.socket_dir).await?;
        let url = url(&cluster.socket_dir, DATABASE)?;
        let outside = cluster.socket_dir != cluster.home.path;
        let short_socket_dir = outside.then_some(cluster.socket_dir);
        Ok(Self { url, supervisor, short_socket_dir, _lock: lock })
    }

    /// The superuser's address of the database `vetted`.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The address of a cluster that another program runs in this folder, for short commands.
    pub fn running(data_dir: &Path) -> Option<SecretString> {
        let path = data_dir.join("pg").canonicalize().ok()?;
        let status = Status::read(&path)?;
        let alive = status.ready && process::is_running(status.pid, &path);
        if alive { url(&status.socket_dir, DATABASE).ok() } else { None }
    }

    /// Whether there is a cluster in `data_dir`, or a link to one.
    pub fn is_made(data_dir: &Path) -> bool {
        let path = data_dir.join("pg");
        // A folder that this account may not look into is one that was made.
        fs::read_link(&path).is_ok() || path.join("PG_VERSION").try_exists().unwrap_or(true)
    }

    /// Ends all sessions and stops the cluster cleanly.
    pub async fn stop(self) {
        self.supervisor.stop(STOP_TIMEOUT).await;
        if let Some(dir) = self.short_socket_dir {
            // Left there it does no harm: the next start uses it.
            let _ = fs::remove_dir(dir);
        }
    }
}

impl Cluster {
    fn prepare(data_dir: &Path, connections: u32) -> Result<Self> {
        let data_dir = data_dir.canonicalize().at("open the folder", data_dir)?;
        let home = Home::find(&data_dir, "pg")?;
        let bin = binaries(&home.path)?;
        let socket_dir = socket_dir(&home)?;
        let cluster = Self { data_dir, home, bin, socket_dir, connections };
        if !cluster.home.path.join("PG_VERSION").exists() {
            cluster.create()?;
        }
        cluster.home.leave_link(&cluster.data_dir, "pg")?;
        Ok(cluster)
    }

    /// The rename comes last, so a cluster is either there whole or not at all.
    fn create(&self) -> Result<()> {
        let path = &self.home.path;
        let unfinished = path.with_extension("new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).at("remove the folder", &unfinished)?;
        }
        self.home.make_private(&unfinished)?;
        let mut command = launch::command(&self.bin.join("initdb"), self.home.account);
        command.args(["--username=vetted", "--auth=trust", "--encoding=UTF8"]);
        command.args(["--locale=C.UTF-8", "--data-checksums", "--no-instructions", "-D"]);
        let output = launch::run(command.arg(&unfinished))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(self.not_ready(&text.trim().replace('\n', "; ")));
        }
        fs::rename(&unfinished, path).at("rename the folder", &unfinished)?;
        let parent = path.parent().unwrap_or(path);
        fs::File::open(parent).and_then(|dir| dir.sync_all()).at("write", parent)
    }

    /// What the supervisor runs, after whatever an earlier run left is out of the way.
    fn command(&self) -> std::io::Result<Command> {
        self.clear_pid_file()?;
        let mut command = launch::command(&self.bin.join("postgres"), self.home.account);
        command.arg("-D").arg(&self.home.path);
        for setting in self.settings() {
            command.args(["-c", &setting]);
        }
        let log = process::open_log(&self.data_dir, "postgres")?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// On the command line rather than in a file, so that a newer program brings newer settings.
    fn settings(&self) -> [String; 9] {
        [
            "listen_addresses=".into(),
            format!("unix_socket_directories=\"{}\"", self.socket_dir.display()),
            "unix_socket_permissions=0700".into(),
            format!("shared_buffers={}MB", shared_buffers()),
            format!("max_connections={}", self.connections),
            "logging_collector=off".into(),
            "log_destination=stderr".into(),
            "log_line_prefix=%m [%p] ".into(),
            "log_timezone=UTC".into(),
        ]
    }

    fn clear_pid_file(&self) -> std::io::Result<()> {
        let path = &self.home.path;
        let Some(status) = Status::read(path) else { return Ok(()) };
        process::end_orphan(SERVICE, status.pid, path);
        // A file of a dead process stays: PostgreSQL looks there for sessions that still live.
        // Only when the number went to a stranger would it refuse to start.
        if Path::new("/proc").join(status.pid.to_string()).exists() {
            fs::remove_file(path.join(PID_FILE))?;
        }
        Ok(())
    }

    async fn wait_until_ready(&self, supervisor: &Supervisor) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let status = Status::read(&self.home.path);
            if status.is_some_and(|s| s.ready && supervisor.pid() == Some(s.pid)) {
                return Ok(());
            }
            let (failures, last) = supervisor.failures();
            if failures >= TRIES || Instant::now() > deadline {
                return Err(self.not_ready(&last));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn not_ready(&self, how: &str) -> Error {
        let log = process::log_path(&self.data_dir, "postgres");
        let reason =
            process::last_line(&log).map_or(how.to_owned(), |line| format!("{how}: {line}"));
        Error::NotReady { service: SERVICE, reason, log }
    }
}

/// What `postmaster.pid` tells.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    pid: u32,
    socket_dir: PathBuf,
    ready: bool,
}

impl Status {
    fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join(PID_FILE)).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            socket_dir: lines.get(4).copied().unwrap_or_default().into(),
            ready: lines.get(7) == Some(&"ready"),
        })
    }
}

/// Inside the cluster where the path is short enough, else in a private folder of `/tmp`.
fn socket_dir(home: &Home) -> Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let fits = |dir: &Path| {
        let path = dir.join(".s.PGSQL.5432.lock");
        path.as_os_str().len() <= SOCKET_PATH_BYTES && !path.to_string_lossy().contains(['"', '\\'])
    };
    if fits(&home.path) {
        return Ok(home.path.clone());
    }
    let short = Path::new("/tmp").join(short_name(&home.path));
    if fs::symlink_metadata(&short).is_err() {
        home.make_private(&short)?;
    }
    match fs::symlink_metadata(&short) {
        Ok(data)
            if data.is_dir() && data.uid() == home.uid() && data.mode().trailing_zeros() >= 6 =>
        {
            Ok(short)
        }
        _ => Err(Error::Foreign(short)),
    }
}

/// The binaries that made the cluster, or for a new one the newest.
fn binaries(cluster: &Path) -> Result<PathBuf> {
    let version = fs::read_to_string(cluster.join("PG_VERSION")).ok();
    let version = version.as_deref().map(str::trim);
    let chosen = std::env::var_os("PG_BIN").map(PathBuf::from);
    let found = chosen.or_else(|| packaged(version)).or_else(in_path);
    let Some(bin) = found.filter(|bin| bin.join("initdb").is_file()) else {
        return Err(match version {
            Some(version) => {
                Error::Version { path: cluster.to_owned(), version: version.to_owned() }
            }
            None => Error::Missing { program: SERVICE.into(), variable: VARIABLE },
        });
    };
    Ok(bin)
}

/// Where Debian puts them.
fn packaged(version: Option<&str>) -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(std::result::Result::ok);
    let versions = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let number = |version: &String| version.parse::<u32>().ok();
    let wanted = versions.filter(|found| version.is_none_or(|version| version == found));
    let newest = wanted.filter(|found| number(found).is_some()).max_by_key(number)?;
    Some(Path::new("/usr/lib/postgresql").join(newest).join("bin"))
}

fn in_path() -> Option<PathBuf> {
    let postgres = process::find_programs("postgres", &[]).into_iter().next()?;
    postgres.canonicalize().ok()?.parent().map(Path::to_owned)
}

fn url(socket_dir: &Path, database: &str) -> Result<SecretString> {
    let unusable = |reason: String| Error::Unusable { service: SERVICE, reason };
    let base = format!("postgres://vetted@localhost/{database}");
    let mut url = Url::parse(&base).map_err(|error| unusable(error.to_string()))?;
    url.query_pairs_mut().append_pair("host", &socket_dir.to_string_lossy());
    Ok(url.to_string().into())
}

/// The address of the role that serves, made of the superuser's.
pub fn serving(owner: &SecretString) -> Result<SecretString> {
    let unusable = |reason: String| Error::Unusable { service: SERVICE, reason };
    let mut url = Url::parse(owner.expose_secret()).map_err(|error| unusable(error.to_string()))?;
    url.set_username(SERVING_ROLE).map_err(|()| unusable("it has no host".to_owned()))?;
    Ok(url.to_string().into())
}

async fn ensure_database(socket_dir: &Path) -> Result<()> {
    let unusable =
        |error: sqlx::Error| Error::Unusable { service: SERVICE, reason: error.to_string() };
    let url = url(socket_dir, "postgres")?;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(url.expose_secret()).await.map_err(unusable)?;
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(DATABASE)
        .fetch_optional(&pool)
        .await
        .map_err(unusable)?;
    if known.is_none() {
        sqlx::query("CREATE DATABASE vetted").execute(&pool).await.map_err(unusable)?;
    }
    pool.close().await;
    Ok(())
}

/// MiB of pages that the cluster keeps in memory, which it takes as it needs them: a quarter of the
/// machine's, as PostgreSQL's manual has it, but no more than the program's small databases need.
fn shared_buffers() -> u64 {
    let memory = sysinfo().map_or(0, |info| info.ram_total() >> 20);
    (memory / 4).clamp(128, 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_ready_when_the_eighth_line_says_so() {
        let text = "42\n/data\n1700000000\n5432\n/run\n\n  1 2\nready   \n";
        let starting = text.replace("ready", "starting");

        let expected = Status { pid: 42, socket_dir: "/run".into(), ready: true };
        assert_eq!(Status::parse(text), Some(expected));
        assert!(!Status::parse(&starting).unwrap().ready);
        assert_eq!(Status::parse(""), None);
    }
}
