//! What stands between the program and a server, and can be told to fail.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use url::Url;

/// Where a server listens.
#[derive(Clone)]
enum Target {
    Socket(PathBuf),
    Tcp(String),
}

/// What becomes of connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Passing,
    Closed,
    Frozen,
    Unreliable,
}

impl Mode {
    fn passes(self) -> bool {
        matches!(self, Self::Passing | Self::Unreliable)
    }
}

/// How many of the pieces that pass an unreliable proxy are its connection's last.
const CUT: f64 = 0.005;

/// Passes bytes on for as long as the test's runtime runs.
pub struct Proxy {
    address: String,
    target: Arc<Mutex<Target>>,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Before the server of a database; the address to reach the database by.
    pub async fn before_database(url: &str) -> (Self, String) {
        let options = PgConnectOptions::from_str(url).expect("a PostgreSQL URL");
        let port = options.get_port();
        let target = match options.get_socket() {
            Some(folder) => Target::Socket(folder.join(format!(".s.PGSQL.{port}"))),
            None => Target::Tcp(format!("{}:{port}", options.get_host())),
        };
        let proxy = Self::before(target).await;
        let password = Url::parse(url).ok().and_then(|url| url.password().map(str::to_owned));
        let database = options.get_database().unwrap_or_default();
        let user = options.get_username();
        let mut through = Url::parse(&format!("postgres://{user}@{}/{database}", proxy.address))
            .expect("the address of a database");
        through.set_password(password.as_deref()).expect("an address with a host");
        (proxy, through.to_string())
    }

    /// Before a server that speaks over TCP; what to reach it by.
    pub async fn before_server(address: &str) -> (Self, String) {
        let proxy = Self::before(Target::Tcp(address.to_owned())).await;
        let through = proxy.address.clone();
        (proxy, through)
    }

    /// Before a server that listens at a path; what to reach it by.
    pub async fn before_socket(path: &Path) -> (Self, String) {
        let proxy = Self::before(Target::Socket(path.to_owned())).await;
        let through = proxy.address.clone();
        (proxy, through)
    }

    async fn before(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let (mode, told) = watch::channel(Mode::Passing);
        let target = Arc::new(Mutex::new(target));
        let leads_to = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, Arc::clone(&leads_to), told.clone()));
            }
        });
        Self { address, target, mode }
    }

    /// Connections that come lead to another server.
    pub fn lead_to(&self, address: &str) {
        *self.target.lock().unwrap() = Target::Tcp(address.to_owned());
    }

    /// The same to one that listens at a path.
    pub fn lead_to_socket(&self, path: &Path) {
        *self.target.lock().unwrap() = Target::Socket(path.to_owned());
    }

    /// Ends every connection, and each that comes.
    pub fn close(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// Keeps every connection, and each that comes, and passes nothing on.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// Passes on what comes, and once in a while ends a connection in the middle of it.
    pub fn cut_at_random(&self) {
        self.mode.send_replace(Mode::Unreliable);
    }

    /// Passes on what comes from now on.
    pub fn open(&self) {
        self.mode.send_replace(Mode::Passing);
    }
}

async fn pass(stream: TcpStream, target: Arc<Mutex<Target>>, mut told: watch::Receiver<Mode>) {
    // The test's end ends the wait too.
    let _ = told.wait_for(|mode| *mode != Mode::Frozen).await;
    if *told.borrow() == Mode::Closed {
        return;
    }
    let target = target.lock().unwrap().clone();
    match target {
        Target::Socket(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                copy(stream, server, told).await;
            }
        }
        Target::Tcp(address) => {
            if let Ok(server) = TcpStream::connect(address).await {
                copy(stream, server, told).await;
            }
        }
    }
}

async fn copy(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    mut told: watch::Receiver<Mode>,
) {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let (there, back) = (told.clone(), told.clone());
    tokio::select! {
        // Either side may go away at any time.
        _ = async { tokio::try_join!(pump(from_client, to_server, there), pump(from_server, to_client, back)) } => {}
        _ = told.wait_for(|mode| !mode.passes()) => {}
    }
    let _ = told.wait_for(|mode| *mode != Mode::Frozen).await;
}

/// Passes pieces on, of which an unreliable proxy cuts some, as well as their connection.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    told: watch::Receiver<Mode>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let is_unreliable = *told.borrow() == Mode::Unreliable;
        if is_unreliable && rand::random_bool(CUT) {
            to.write_all(&buffer[..length / 2]).await?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
