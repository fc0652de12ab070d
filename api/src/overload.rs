//! What is too much is told at once, rather than queued: each class of requests has room of its
//! own, so that none starves the others.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::class::Class;
use crate::problem::Problem;

/// What a request waits for room: short, so that whoever comes too many is told soon.
const PATIENCE: Duration = Duration::from_millis(40);
/// Longer than any statement may take, so the database gives up first.
const LONGEST: Duration = Duration::from_secs(30);

impl Class {
    /// Requests at a time.
    const fn room(self) -> usize {
        match self {
            Self::Reads | Self::Commands => 1024,
            Self::SignIns => 256,
            Self::Uploads => 64,
        }
    }

    /// An upload takes as long as its bytes keep coming.
    const fn longest(self) -> Option<Duration> {
        match self {
            Self::Reads | Self::Commands | Self::SignIns => Some(LONGEST),
            Self::Uploads => None,
        }
    }
}

/// The room that there is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room([Arc<Semaphore>; 4]);

impl Room {
    pub(crate) fn new() -> Self {
        Self(Class::ALL.map(|class| Arc::new(Semaphore::new(class.room()))))
    }
}

/// Lets a request in where there is room, and cuts it short when it takes too long.
pub(crate) async fn limit(State(room): State<Room>, request: Request, next: Next) -> Response {
    let Some(class) = Class::of(&request) else { return next.run(request).await };
    let Ok(Ok(_permit)) = timeout(PATIENCE, room.0[class as usize].acquire()).await else {
        metrics::counter!("http_overloads_total", "class" => class.name()).increment(1);
        return Problem::overloaded().into_response();
    };
    let answer = next.run(request);
    match class.longest() {
        None => answer.await,
        Some(longest) => {
            timeout(longest, answer).await.unwrap_or_else(|_| Problem::overloaded().into_response())
        }
    }
}
