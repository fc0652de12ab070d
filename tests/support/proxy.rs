//! What stands between the program and a server, and can be told to fail.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
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
}

/// Passes bytes on for as long as the test's runtime runs.
pub struct Proxy {
    address: String,
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
        let database = options.get_database().unwrap_or_default();
        let user = options.get_username();
        let mut through = Url::parse(&format!("postgres://{user}@{}/{database}", proxy.address))
            .expect("the address of a database");
        let password = Url::parse(url).ok().and_then(|url| url.password().map(str::to_owned));
        through.set_password(password.as_deref()).expect("an address with a host");
        (proxy, through.to_string())
    }

    /// Before a server that speaks over TCP; what to reach it by.
    pub async fn before_server(address: &str) -> (Self, String) {
        let proxy = Self::before(Target::Tcp(address.to_owned())).await;
        let through = proxy.address.clone();
        (proxy, through)
    }

    async fn before(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let (mode, told) = watch::channel(Mode::Passing);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, target.clone(), told.clone()));
            }
        });
        Self { address, mode }
    }

    /// Ends every connection, and each that comes.
    pub fn close(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// Keeps every connection, and each that comes, and passes nothing on.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// Passes on what comes from now on.
    pub fn open(&self) {
        self.mode.send_replace(Mode::Passing);
    }
}

async fn pass(stream: TcpStream, target: Target, mut told: watch::Receiver<Mode>) {
    // The test's end ends the wait too.
    let _ = told.wait_for(|mode| *mode != Mode::Frozen).await;
    if *told.borrow() == Mode::Closed {
        return;
    }
    match target {
        Target::Socket(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                copy(stream, server, &mut told).await;
            }
        }
        Target::Tcp(address) => {
            if let Ok(server) = TcpStream::connect(address).await {
                copy(stream, server, &mut told).await;
            }
        }
    }
}

async fn copy(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    told: &mut watch::Receiver<Mode>,
) {
    tokio::select! {
        // Either side may go away at any time.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = told.wait_for(|mode| *mode != Mode::Passing) => {}
    }
    let _ = told.wait_for(|mode| *mode != Mode::Frozen).await;
}
