//! Closing in stages (RFC 9112, 9.6). A connection that is closed while the client still sends is
//! reset, and the client may lose the answer that was on its way. So the program says that it has
//! said all, reads and drops what still comes for a bounded time, and closes then.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::connections::Open;
use crate::limits::drain::{MAX_REST, MAX_REST_SILENCE, MAX_REST_TIME};

const BUFFER: usize = 16 * 1024;

/// A connection that is closed in stages.
pub(super) struct Lingering<Io> {
    io: Io,
    open: Arc<Open>,
    patience: Patience,
    /// Once all is written.
    rest: Option<Rest>,
}

/// How long a client may go on sending, and how long it may pause.
#[derive(Clone, Copy)]
struct Patience {
    time: Duration,
    silence: Duration,
}

/// What a client still sends that nobody reads any more.
struct Rest {
    bytes: usize,
    ends: Instant,
    patience: Patience,
    silence: Pin<Box<Sleep>>,
}

impl<Io> Lingering<Io> {
    pub(super) fn new(io: Io, open: Arc<Open>) -> Self {
        let patience = Patience { time: MAX_REST_TIME, silence: MAX_REST_SILENCE };
        Self { io, open, patience, rest: None }
    }
}

impl Rest {
    fn new(patience: Patience) -> Self {
        let silence = Box::pin(sleep(patience.silence));
        Self { bytes: 0, ends: Instant::now() + patience.time, patience, silence }
    }

    /// Reads until the client has nothing more to send, or has had its time. Where it owes nothing,
    /// only what is there already is looked at.
    fn poll_drop<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        owes: bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        while self.bytes < MAX_REST {
            let mut space = [MaybeUninit::uninit(); BUFFER];
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut *io).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.bytes += buffer.filled().len();
                    let until = (Instant::now() + self.patience.silence).min(self.ends);
                    self.silence.as_mut().reset(until);
                }
                Poll::Pending if owes || self.bytes > 0 => {
                    return self.silence.as_mut().poll(context);
                }
                Poll::Ready(_) | Poll::Pending => break,
            }
        }
        Poll::Ready(())
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, open, patience, rest } = &mut *self;
        if rest.is_none() {
            ready!(Pin::new(&mut *io).poll_shutdown(context))?;
        }
        let rest = rest.get_or_insert_with(|| Rest::new(*patience));
        rest.poll_drop(io, open.owes_body(), context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Lingering<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.open.heard();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant as Clock;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::connections::Connections;
    use super::*;
    use crate::server::ConnectionLimits;

    fn lingering(owes: bool) -> (Lingering<DuplexStream>, DuplexStream) {
        let limits = ConnectionLimits { total: 1, address: 1 };
        let place = Connections::new(limits, vec![]).admit("192.0.2.1".parse().unwrap()).unwrap();
        if owes {
            place.open.owe_body();
        }
        let (server, client) = duplex(1 << 16);
        (Lingering::new(server, Arc::clone(&place.open)), client)
    }

    #[tokio::test]
    async fn what_a_client_still_sends_is_read_before_the_connection_is_closed() {
        let (mut server, mut client) = lingering(true);

        let sending = async {
            client.write_all(&vec![7; 8 << 20]).await.unwrap();
            client.shutdown().await.unwrap();
            let mut said = String::new();
            client.read_to_string(&mut said).await.unwrap();
            said
        };
        server.write_all(b"refused").await.unwrap();
        let (closed, said) = tokio::join!(server.shutdown(), sending);

        assert_eq!((closed.is_ok(), said.as_str()), (true, "refused"));
    }

    #[tokio::test]
    async fn a_client_that_owes_nothing_is_not_waited_for() {
        let (mut server, _client) = lingering(false);
        let began = Clock::now();

        server.shutdown().await.unwrap();

        assert!(began.elapsed() < MAX_REST_SILENCE / 4);
    }

    #[tokio::test]
    async fn a_client_that_goes_silent_is_waited_for_briefly_and_one_that_dribbles_not_for_ever() {
        let [time, silence] = [1_000, 200].map(Duration::from_millis);
        let (mut server, _silent) = lingering(true);
        server.patience = Patience { time, silence };
        let began = Clock::now();
        server.shutdown().await.unwrap();
        assert!((silence..time).contains(&began.elapsed()), "{:?}", began.elapsed());

        let (mut server, mut slow) = lingering(true);
        server.patience = Patience { time, silence };
        let dribbling = tokio::spawn(async move {
            while slow.write_all(b"x").await.is_ok() {
                sleep(silence / 10).await;
            }
        });
        let began = Clock::now();
        server.shutdown().await.unwrap();
        assert!((silence..time * 5).contains(&began.elapsed()), "{:?}", began.elapsed());
        drop(server);
        dribbling.await.unwrap();
    }
}
