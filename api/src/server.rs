//! Connections: accepted, bounded in time, size and number, and let finish at the end.

mod connection;
mod connections;
mod lingering;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneSyncService;

use crate::http::head::LARGEST_HEADERS;
use connection::Answering;
pub use connections::ConnectionLimits;
use connections::Connections;

const READ_BUFFER: usize = 256 * 1024;
/// Header fields of a request; of more the library's bare 431 tells, of fewer but too many a problem.
const MAX_READ_FIELDS: usize = 256;
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 100;
/// Bytes of an answer that wait for the client, on each of them.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client has opened and reset at once before its connection is closed
/// (CVE-2023-44487), and that it has made the server reset.
const RESETS: usize = 20;
const PROVOKED_RESETS: usize = 100;
/// How often a client of HTTP/2 is asked whether it is still there, and how long it may take.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long requests may go on once the program is to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often connections are looked at: often, so that few end at the same moment.
const SWEEP: Duration = Duration::from_millis(100);
/// How long to wait where the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(20);

/// Answers every request; cheap to clone.
pub type Service = BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// Where connections come in, and how many there may be.
pub struct Listening {
    /// The socket.
    pub listener: TcpListener,
    /// Certificate and protocols; `None`: connections are not encrypted.
    pub tls: Option<Arc<ServerConfig>>,
    /// How many connections there may be.
    pub limits: ConnectionLimits,
    /// Proxies, whose connections stand for many clients.
    pub proxies: Vec<IpNet>,
}

/// Serves until told to end; then until what was begun is answered, or has had its time.
pub async fn serve(listening: Listening, service: Service, shutdown: CancellationToken) {
    let Listening { listener, tls, limits, proxies } = listening;
    let (connections, tasks) = (Connections::new(limits, proxies), TaskTracker::new());
    let answering = Answering { protocols: protocols(), tls: tls.map(TlsAcceptor::from), service };
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = sweep.tick() => {
                connections.sweep();
                continue;
            }
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok(accepted) => take(accepted, &connections, &answering, &tasks),
            Err(error) => {
                // Out of file descriptors, mostly.
                tracing::warn!("a connection could not be accepted: {error}");
                connections.make_room();
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
    drop(listener);
    finish(&connections, &tasks).await;
}

/// Serves a connection in a task of its own, or drops it where there are too many.
fn take(
    (stream, address): (TcpStream, SocketAddr),
    connections: &Arc<Connections>,
    answering: &Answering,
    tasks: &TaskTracker,
) {
    let Some(place) = connections.admit(address.ip()) else { return };
    // Answers are small and written at once: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let answering = answering.clone();
    tasks.spawn(async move { answering.run(stream, address, &place.open).await });
}

async fn finish(connections: &Connections, tasks: &TaskTracker) {
    connections.finish();
    tasks.close();
    if tokio::time::timeout(STOP_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("some requests were cut short: they took too long to end");
    }
}

/// HTTP/1.1, and HTTP/2 where the client speaks it from the first byte on.
fn protocols() -> Arc<Builder<TokioExecutor>> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It would also end connections that rest: `connections` tells these apart.
        .header_read_timeout(None)
        .max_headers(MAX_READ_FIELDS)
        .max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(2 * LARGEST_HEADERS).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(PROVOKED_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    Arc::new(builder)
}
