//! Connections that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::support::TestApp;

/// Sends the beginning of a request, and hangs up once it has left.
pub async fn cut_after(app: &TestApp, head: &str, body: &[u8]) {
    let mut stream = TcpStream::connect(address(&app.url("/"))).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream.shutdown().await.unwrap();
    // Until the other side has seen that.
    let mut rest = vec![];
    let _reset = stream.read_to_end(&mut rest).await;
}

/// The place that a base URL names.
pub fn address(base: &str) -> String {
    let url = Url::parse(base).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

const NEVER: usize = usize::MAX;

/// A proxy that cuts a connection, or changes a byte, after so many bytes from clients.
pub struct Cutter {
    pub base: String,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

struct State {
    upstream: String,
    until_cut: AtomicUsize,
    until_change: AtomicUsize,
    cuts: AtomicUsize,
}

impl Cutter {
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            upstream: address(upstream),
            until_cut: AtomicUsize::new(NEVER),
            until_change: AtomicUsize::new(NEVER),
            cuts: AtomicUsize::new(0),
        });
        let (mut serving, shared) = (JoinSet::new(), Arc::clone(&state));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move { state.relay(client).await });
            }
        });
        Self { base, state, _serving: serving }
    }

    /// Cuts once that many more bytes have come; afterwards lets all pass.
    pub fn cut_after(&self, bytes: usize) {
        self.state.until_cut.store(bytes, Ordering::SeqCst);
    }

    /// Changes one byte after that many more.
    pub fn change_after(&self, bytes: usize) {
        self.state.until_change.store(bytes, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl State {
    async fn relay(&self, client: TcpStream) {
        let Ok(server) = TcpStream::connect(&self.upstream).await else { return };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let forth = async {
            let mut buffer = vec![0; 16 << 10];
            loop {
                let read = from_client.read(&mut buffer).await.unwrap_or(0);
                let passed = read.min(self.until_cut.load(Ordering::SeqCst));
                if let Some(changed) = spent(&self.until_change, read) {
                    buffer[changed] ^= 1;
                }
                if read == 0 || to_server.write_all(&buffer[..passed]).await.is_err() {
                    return;
                }
                if spent(&self.until_cut, read).is_some() {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        };
        tokio::select! {
            () = forth => {}
            _ = copy(&mut from_server, &mut to_client) => {}
        }
    }
}

/// Counts down; gives where in these bytes the end was reached, which is then no more.
fn spent(left: &AtomicUsize, bytes: usize) -> Option<usize> {
    let had = left.load(Ordering::SeqCst);
    if had == NEVER {
        return None;
    }
    let is_spent = had < bytes;
    left.store(if is_spent { NEVER } else { had - bytes }, Ordering::SeqCst);
    is_spent.then_some(had)
}
