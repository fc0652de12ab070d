//! The way to a mail server: what it sends is bounded, which lettre, which reads whole lines, does not see to.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp;
use lettre::transport::smtp::client::{AsyncTokioStream, TlsParameters};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

#[expect(deprecated, reason = "lettre has no other way to TLS over a stream that is there")]
type Encrypted = lettre::transport::smtp::client::AsyncNetworkStream;

/// Bytes that a server may send before it is told something again. A line of a reply has 512 (RFC 5321, 4.5.3.1.5).
const LONGEST_REPLY: usize = 64 << 10;

/// A connection that ends where the server sends without end.
#[derive(Debug)]
pub(super) struct Bounded {
    stream: TcpStream,
    /// Bytes since it was told something.
    unasked: usize,
}

impl Bounded {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, unasked: 0 }
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.unasked += into.filled().len() - before;
        if self.unasked > LONGEST_REPLY {
            return Poll::Ready(Err(io::Error::other("the mail server sends without end")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unasked = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// TLS before anything is said (RFC 8314).
pub(super) async fn wrapped(
    stream: Box<dyn AsyncTokioStream>,
    tls: TlsParameters,
) -> Result<Box<dyn AsyncTokioStream>, smtp::Error> {
    let mut stream = Encrypted::use_existing_tokio1(stream);
    stream.upgrade_tls(tls).await?;
    Ok(Box::new(Wrapped(stream.compat())))
}

/// lettre's encrypted stream in the form in which lettre takes streams.
#[derive(Debug)]
struct Wrapped(Compat<Encrypted>);

impl AsyncTokioStream for Wrapped {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
