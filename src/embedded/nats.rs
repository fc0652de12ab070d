//! A private NATS server with JetStream, on a free port of the loopback address.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::home::Home;
use super::launch::Account;
use super::lock::Lock;
use super::supervisor::Supervisor;
use super::{At, Error, Result, blocking, launch, process};
use crate::config::{NatsAddress, NatsLogin};

const SERVICE: &str = "NATS";
const USER: &str = "vetted";
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const TRIES: u32 = 5;

/// A running private server. Dropped without `stop`, it ends too.
#[derive(Debug)]
pub struct Nats {
    address: NatsAddress,
    supervisor: Supervisor,
    _lock: Lock,
}

#[derive(Clone, Debug)]
struct Server {
    data_dir: PathBuf,
    home: Home,
    program: PathBuf,
    /// `None`: every program of this machine may connect.
    password: Option<SecretString>,
}

/// What a second program needs to find the server; kept in the private folder.
#[derive(Serialize, Deserialize)]
struct Access {
    url: String,
    password: Option<String>,
}

/// Written by the server itself once it listens.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

impl Nats {
    /// Starts the server in `data_dir/nats`, with a new random password.
    pub async fn start(data_dir: &Path) -> Result<Self> {
        let source = Path::new("/dev/urandom");
        let mut random = [0_u8; 16];
        File::open(source).and_then(|mut file| file.read_exact(&mut random)).at("read", source)?;
        let password = SecretString::from(format!("{:032x}", u128::from_ne_bytes(random)));
        Self::start_with(data_dir, Some(password)).await
    }

    /// Starts the server without a password, so that its address is all that a test suite needs.
    pub async fn start_open(data_dir: &Path) -> Result<Self> {
        Self::start_with(data_dir, None).await
    }

    async fn start_with(data_dir: &Path, password: Option<SecretString>) -> Result<Self> {
        let data_dir = data_dir.to_owned();
        let (server, lock) = blocking(move || {
            let lock = Lock::take(&data_dir, "nats")?;
            Ok((Server::prepare(&data_dir, password)?, lock))
        })
        .await?;
        let of_thread = server.clone();
        let supervisor = Supervisor::start(SERVICE, move || of_thread.command())
            .at("start a thread for", &server.home.path)?;
        let url = server.wait_until_ready(&supervisor).await?;
        // From here on a restart must come back at the same port.
        server.write_settings(url.port().unwrap_or_default().into())?;
        let address = server.remember(&url)?;
        let unusable = |reason| Error::Unusable { service: SERVICE, reason };
        address.connect().await.map_err(|error| unusable(error.to_string()))?;
        Ok(Self { address, supervisor, _lock: lock })
    }

    /// Where it listens, and the login.
    pub fn address(&self) -> &NatsAddress {
        &self.address
    }

    /// The address of a server that another program runs in this folder, for short commands.
    pub fn running(data_dir: &Path) -> Option<NatsAddress> {
        let path = data_dir.join("nats").canonicalize().ok()?;
        let text = fs::read(path.join("access.json")).ok()?;
        let access: Access = serde_json::from_slice(&text).ok()?;
        let pid = fs::read_to_string(path.join("nats.pid")).ok()?.trim().parse().ok()?;
        let alive = process::is_running(pid, &path.join("nats.conf"));
        alive.then(|| address(access.url, access.password.map(SecretString::from)))
    }

    /// Stops the server cleanly.
    pub async fn stop(self) {
        self.supervisor.stop(STOP_TIMEOUT).await;
    }
}

impl Server {
    fn prepare(data_dir: &Path, password: Option<SecretString>) -> Result<Self> {
        let data_dir = data_dir.canonicalize().at("open the folder", data_dir)?;
        let home = Home::find(&data_dir, "nats")?;
        let program = find_program(home.account)?;
        home.make_private(&home.path)?;
        home.leave_link(&data_dir, "nats")?;
        let server = Self { data_dir, home, program, password };
        // The server chooses a free port.
        server.write_settings(-1)?;
        Ok(server)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path.join(name)
    }

    /// The password stands in a private file, since everybody can read a command line.
    fn write_settings(&self, port: i32) -> Result<()> {
        let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
        let login = self.password.as_ref().map_or_else(String::new, |password| {
            let password = password.expose_secret();
            format!("authorization {{ user: \"{USER}\", password: \"{password}\" }}\n")
        });
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\npid_file: {}\nports_file_dir: {}\n\
             jetstream {{ store_dir: {}, max_memory_store: 256MB }}\n{login}",
            quoted(&self.file("nats.pid")),
            quoted(&self.home.path),
            quoted(&self.home.path),
        );
        self.write("nats.conf", &text)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        let unfinished = self.file(&format!("{name}.new"));
        // The folder is not root's own: nothing that lies there is written through.
        let _ = fs::remove_file(&unfinished);
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&unfinished).at("write", &unfinished)?;
        file.write_all(text.as_bytes()).at("write", &unfinished)?;
        self.home.own_file(&file, &unfinished)?;
        fs::rename(&unfinished, &path).at("write", &path)
    }

    fn remember(&self, url: &Url) -> Result<NatsAddress> {
        let password = self.password.as_ref().map(|p| p.expose_secret().to_owned());
        let access = Access { url: url.to_string(), password };
        let text = serde_json::to_string(&access).map_err(io::Error::other);
        self.write("access.json", &text.at("write", &self.home.path)?)?;
        Ok(address(access.url, self.password.clone()))
    }

    /// What the supervisor runs, after whatever an earlier run left is out of the way.
    fn command(&self) -> io::Result<Command> {
        let settings = self.file("nats.conf");
        let pid = fs::read_to_string(self.file("nats.pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            process::end_orphan(SERVICE, pid, &settings);
        }
        for entry in fs::read_dir(&self.home.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ports") {
                fs::remove_file(path)?;
            }
        }
        let mut command = launch::command(&self.program, self.home.account);
        let log = process::open_log(&self.data_dir, "nats")?;
        command.arg("-c").arg(settings).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    async fn wait_until_ready(&self, supervisor: &Supervisor) -> Result<Url> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(url) = supervisor.pid().and_then(|pid| self.listens(pid)) {
                return Ok(url);
            }
            let (failures, last) = supervisor.failures();
            if failures >= TRIES || Instant::now() > deadline {
                let log = process::log_path(&self.data_dir, "nats");
                let line = process::last_line(&log).unwrap_or_default();
                let reason = format!("{last}: {line}");
                return Err(Error::NotReady { service: SERVICE, reason, log });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn listens(&self, pid: u32) -> Option<Url> {
        // Named after the program, whatever that is called.
        let name = self.program.file_name()?.to_string_lossy();
        let text = fs::read(self.file(&format!("{name}_{pid}.ports"))).ok()?;
        let ports: Ports = serde_json::from_slice(&text).ok()?;
        Url::parse(ports.nats.first()?).ok()
    }
}

/// The first one that the server's account may run: it may not enter root's own folders.
fn find_program(account: Option<Account>) -> Result<PathBuf> {
    for program in process::find_programs("nats-server", &["/usr/sbin", "/usr/local/bin"]) {
        if account.map_or(Ok(true), |account| launch::reaches(account, &program))? {
            return Ok(program);
        }
    }
    Err(Error::Missing { program: "nats-server".into(), variable: "NATS_URL" })
}

fn address(url: String, password: Option<SecretString>) -> NatsAddress {
    let login = password.map_or(NatsLogin::Open, |password| NatsLogin::User(USER.into(), password));
    NatsAddress { servers: vec![url], login }
}
