//! Bodies that are not uploads arrive before their request takes room of its class: a client that
//! keeps a body back holds a connection, and nothing that others need.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::class::Class;
use crate::http::forwarded::Client;
use crate::http::input::declared_length;
use crate::http::payload::LARGEST;
use crate::http::policy::class_of;
use crate::http::problem::Problem;
use crate::limits::counts::Counts;

/// Bodies from one client's network that are late at a time.
const MAX_LATE_PER_NETWORK: usize = 64;
/// What is here sooner is not late.
const GRACE: Duration = Duration::from_millis(250);
/// Bytes that every body may have.
const SMALL: usize = 16 * 1024;
/// Bytes of larger ones that are on their way at a time.
const MEMORY: usize = 256 << 20;
const KIB: usize = 1024;

/// What arriving bodies share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Arrivals {
    late: Counts<IpNet>,
    /// In KiB.
    memory: Arc<Semaphore>,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { late: Counts::default(), memory: Arc::new(Semaphore::new(MEMORY / KIB)) }
    }

    /// Reads a body that is not an upload.
    pub(crate) async fn receive(&self, request: Request) -> Result<Request, Problem> {
        let declared = declared_length(request.headers());
        // What says that it is too large is refused by its route, before it comes.
        let is_too_large = declared.is_some_and(|length| length > LARGEST as u64);
        let is_upload = class_of(&request) == Some(Class::Uploads);
        if request.body().is_end_stream() || is_too_large || is_upload {
            return Ok(request);
        }
        // In a box: most requests have no body, and are spared the room for it.
        Box::pin(self.received(request)).await
    }

    /// The request with its body in memory, or with one that no route takes.
    async fn received(&self, request: Request) -> Result<Request, Problem> {
        let (parts, body) = request.into_parts();
        let network = parts.extensions.get::<Client>().map(|client| client.network());
        let mut arriving = Arriving::new(body);
        if let Ok(arrived) = timeout(GRACE, arriving.read(&self.memory)).await {
            arrived?;
        } else {
            let _late = network
                .map(|network| self.late.take(network, MAX_LATE_PER_NETWORK).ok_or_else(too_many))
                .transpose()?;
            arriving.read(&self.memory).await?;
        }
        Ok(Request::from_parts(parts, arriving.into_body()))
    }
}

fn too_many() -> Problem {
    Problem::overloaded_by(format!(
        "{MAX_LATE_PER_NETWORK} requests from your network are still being sent: let them end, then try again."
    ))
}

/// A body on its way.
struct Arriving {
    body: Body,
    came: BytesMut,
    is_whole: bool,
    /// KiB that `room` is for.
    held: usize,
    room: Option<OwnedSemaphorePermit>,
}

impl Arriving {
    fn new(body: Body) -> Self {
        Self { body, came: BytesMut::new(), is_whole: false, held: 0, room: None }
    }

    /// Reads to the end, or until there is more than any route takes. May be given up, and begun
    /// again where it stopped.
    async fn read(&mut self, memory: &Arc<Semaphore>) -> Result<(), Problem> {
        while self.came.len() <= LARGEST {
            let Some(frame) = self.body.frame().await else {
                self.is_whole = true;
                return Ok(());
            };
            let frame = frame
                .map_err(|_| Problem::bad("bad_request", "The body was cut: send it again."))?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.reserve(self.came.len() + bytes.len(), memory)?;
            self.came.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// Room for so many bytes, for those that have come: what is only declared takes none.
    fn reserve(&mut self, bytes: usize, memory: &Arc<Semaphore>) -> Result<(), Problem> {
        let needs = if bytes > SMALL { bytes.div_ceil(KIB) } else { 0 };
        if needs <= self.held {
            return Ok(());
        }
        let more = u32::try_from(needs - self.held).unwrap_or(u32::MAX);
        let more = Arc::clone(memory).try_acquire_many_owned(more);
        let more = more.map_err(|_| Problem::overloaded())?;
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        self.held = needs;
        Ok(())
    }

    /// Where there is more than any route takes, the rest follows for the route to refuse.
    fn into_body(self) -> Body {
        let came = self.came.freeze();
        if self.is_whole {
            return Body::from(came);
        }
        let came = stream::iter([Ok::<Bytes, axum::Error>(came)]);
        Body::from_stream(came.chain(self.body.into_data_stream()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn request(body: Body) -> Request {
        let client = Client("192.0.2.1".parse().unwrap());
        Request::builder().extension(client).body(body).unwrap()
    }

    fn silent() -> Body {
        Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
    }

    async fn size(request: Request) -> usize {
        request.into_body().collect().await.unwrap().to_bytes().len()
    }

    #[tokio::test]
    async fn a_network_whose_bodies_are_late_can_still_send_what_comes_at_once() {
        let arrivals = Arrivals::new();
        let late: Vec<_> = (0..MAX_LATE_PER_NETWORK)
            .map(|_| {
                let arrivals = arrivals.clone();
                tokio::spawn(async move { arrivals.received(request(silent())).await })
            })
            .collect();
        tokio::time::sleep(GRACE * 2).await;

        let refused = arrivals.received(request(silent())).await.unwrap_err();
        let whole = arrivals.received(request(Body::from("{}"))).await.unwrap();

        assert_eq!(refused.code(), "overloaded");
        assert_eq!(size(whole).await, 2);
        late.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_body_that_no_route_takes_is_passed_on_to_its_end() {
        let length = LARGEST * 2;
        let chunks = stream::iter(vec![Ok::<_, Infallible>(Bytes::from(vec![0; length / 8])); 8]);

        let passed = Arrivals::new().received(request(Body::from_stream(chunks))).await.unwrap();

        assert_eq!(size(passed).await, length / 8 * 8);
    }

    #[tokio::test]
    async fn large_bodies_share_the_memory_and_small_ones_need_none() {
        let arrivals = Arrivals { memory: Arc::new(Semaphore::new(0)), ..Arrivals::new() };

        let large = arrivals.received(request(Body::from(vec![0; SMALL + 1]))).await;
        let small = arrivals.received(request(Body::from(vec![0; SMALL]))).await;

        assert_eq!(large.unwrap_err().code(), "overloaded");
        assert_eq!(size(small.unwrap()).await, SMALL);
    }
}
