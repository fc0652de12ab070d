//! Connections: accepted, bounded in time and size, and let finish at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::problem::Problem;
use crate::router::Service;

/// How long the header fields of a request may take to arrive, and how long a connection may wait
/// for its next request.
const SLOWEST_HEADERS: Duration = Duration::from_secs(10);
/// Bytes of a request's header fields. What is larger gets a problem, what is much larger the
/// protocol library's bare 431.
const LARGEST_HEADERS: usize = 32 * 1024;
const READ_BUFFER: usize = 256 * 1024;
/// Open connections.
const CONNECTIONS: usize = 10_000;
/// How long requests may go on once the program is to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves until told to end; then until what was begun is answered, or has had its time.
pub async fn serve(listener: TcpListener, service: Service, shutdown: CancellationToken) {
    // HTTP/2 is for whoever ends TLS in front: telling it apart here would wait without a limit.
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEADERS)
        .max_buf_size(READ_BUFFER);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: others end soon.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let connection = graceful.watch(
            server.serve_connection(io(stream), answering(service.clone(), address)).into_owned(),
        );
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!("a connection broke: {error}");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut short: they took too long to end");
    }
}

fn io(stream: TcpStream) -> TokioIo<TcpStream> {
    // Answers are small and written at once: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

fn answering(
    service: Service,
    address: SocketAddr,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send,
> + Send {
    hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        service.clone().oneshot(request)
    })
}

/// Refuses header fields that are larger than anybody needs.
pub(crate) async fn bound_headers(request: Request, next: Next) -> Response {
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    if request.headers().iter().map(size).sum::<usize>() > LARGEST_HEADERS {
        return Problem::of_status(http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            .into_response();
    }
    next.run(request).await
}
