//! What is too much is told at once, rather than queued: reads, commands and uploads each have
//! room of their own, so that none starves the others.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::input::media_type;
use crate::problem::Problem;

/// Requests at a time.
const READS: usize = 1024;
const COMMANDS: usize = 1024;
const UPLOADS: usize = 64;
/// What a request waits for room: short, so that whoever comes too many is told soon.
const PATIENCE: Duration = Duration::from_millis(40);
/// Longer than any statement may take, so the database gives up first.
const LONGEST: Duration = Duration::from_secs(30);

/// The room that there is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room {
    reads: Arc<Semaphore>,
    commands: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

impl Room {
    pub(crate) fn new() -> Self {
        let room = |size| Arc::new(Semaphore::new(size));
        Self { reads: room(READS), commands: room(COMMANDS), uploads: room(UPLOADS) }
    }

    /// The room for a request; what watches over the program always gets in.
    fn of(&self, request: &Request) -> Option<&Semaphore> {
        match request.uri().path() {
            "/healthz" | "/readyz" | "/metrics" => None,
            _ if is_upload(request) => Some(&self.uploads),
            _ if matches!(*request.method(), Method::GET | Method::HEAD) => Some(&self.reads),
            _ => Some(&self.commands),
        }
    }
}

/// Lets a request in where there is room, and cuts it short when it takes too long. An upload
/// takes as long as its bytes keep coming.
pub(crate) async fn limit(State(room): State<Room>, request: Request, next: Next) -> Response {
    let _permit = match room.of(&request) {
        None => None,
        Some(room) => match timeout(PATIENCE, room.acquire()).await {
            Ok(Ok(permit)) => Some(permit),
            Ok(Err(_)) | Err(_) => return Problem::overloaded().into_response(),
        },
    };
    if is_upload(&request) {
        return next.run(request).await;
    }
    match timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::overloaded().into_response(),
    }
}

fn is_upload(request: &Request) -> bool {
    media_type(request.headers()).is_some_and(|kind| kind.type_() == mime::MULTIPART)
}
