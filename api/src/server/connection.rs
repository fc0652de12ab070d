//! One connection: its handshake, its requests, and what tells whether its client gets on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use bytes::Bytes;
use http::Version;
use http::header::CONNECTION;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::Service;
use super::connections::{Open, Order};
use super::lingering::Lingering;

/// What every connection of a listener is served with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Answering {
    pub protocols: Arc<Builder<TokioExecutor>>,
    pub tls: Option<TlsAcceptor>,
    pub service: Service,
}

impl Answering {
    /// Answers what comes, until the client or the program ends it.
    pub(super) async fn run(self, stream: TcpStream, address: SocketAddr, open: &Arc<Open>) {
        let Some(tls) = &self.tls else { return self.serve(stream, address, open).await };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            _ = open.told() => return,
        };
        match shaken {
            // In a box: else connections without TLS would carry the room for it.
            Ok(stream) => Box::pin(self.serve(stream, address, open)).await,
            Err(error) => tracing::debug!("a TLS handshake failed: {error}"),
        }
    }

    async fn serve<Io>(&self, stream: Io, address: SocketAddr, open: &Arc<Open>)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = hyper::service::service_fn(|request: http::Request<Incoming>| {
            let underway = Underway::begin(open, request.version());
            answer(self.service.clone(), request, address, underway)
        });
        let stream = TokioIo::new(Lingering::new(stream, Arc::clone(open)));
        let mut connection = pin!(self.protocols.serve_connection(stream, service));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!("a connection broke: {error}");
                    }
                    return;
                }
                order = open.told() => match order {
                    Order::Cut => return,
                    Order::Leave if open.is_waiting() => return,
                    Order::Finish if !open.has_asked() => return,
                    Order::Finish | Order::Leave => connection.as_mut().graceful_shutdown(),
                },
            }
        }
    }
}

async fn answer(
    service: Service,
    request: http::Request<Incoming>,
    address: SocketAddr,
    underway: Underway,
) -> Result<Response<Offered>, Infallible> {
    let whole = |body: Incoming| if body.is_end_stream() { Body::empty() } else { Body::new(body) };
    let mut request = request.map(whole);
    request.extensions_mut().insert(ConnectInfo(address));
    let response = service.oneshot(request).await?;
    if response.headers().get(CONNECTION).is_some_and(|value| value == "close") {
        underway.0.owe_body();
    }
    Ok(response.map(|body| Offered::new(body, underway)))
}

/// A request from its head to the end of its answer.
struct Underway(Arc<Open>);

impl Underway {
    fn begin(open: &Arc<Open>, version: Version) -> Self {
        open.begin(version);
        Self(Arc::clone(open))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer, which notes whether it is the client that others wait for.
struct Offered {
    body: Body,
    underway: Underway,
    is_unread: bool,
}

impl Offered {
    fn new(body: Body, underway: Underway) -> Self {
        underway.0.offer();
        Self { body, underway, is_unread: true }
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.is_unread) {
            self.underway.0.taken();
        }
    }
}

impl hyper::body::Body for Offered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taken();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            self.underway.0.offer();
            self.is_unread = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.taken();
    }
}
