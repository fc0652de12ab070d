//! What is too much is told at once, rather than queued: each class of requests has room of its
//! own, so that none starves the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::App;
use crate::caller::Who;
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

/// Uploads of one caller at a time: else a few who send slowly take the room of all.
const OF_ONE: usize = 16;

/// The room that there is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room {
    app: App,
    classes: [Arc<Semaphore>; 4],
    uploading: Uploading,
}

/// How many uploads each caller has under way.
type Uploading = Arc<Mutex<HashMap<Who, usize>>>;

/// One of them, until it is dropped.
struct Place(Uploading, Who);

impl Room {
    pub(crate) fn new(app: App) -> Self {
        let classes = Class::ALL.map(|class| Arc::new(Semaphore::new(class.room())));
        Self { app, classes, uploading: Uploading::default() }
    }

    /// What an upload needs besides the room of its class.
    fn place(&self, class: Class, request: &Request) -> Result<Option<Place>, Problem> {
        let who = if class == Class::Uploads { Who::asks(request, &self.app) } else { None };
        who.map(|who| Place::of(&self.uploading, who).ok_or_else(too_many)).transpose()
    }
}

impl Place {
    fn of(uploading: &Uploading, who: Who) -> Option<Self> {
        let mut counts = uploading.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(who.clone()).or_default();
        if *count == OF_ONE {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Self(Arc::clone(uploading), who))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.1.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// 503 rather than 429, after which clients of tus do not try again.
fn too_many() -> Problem {
    Problem::overloaded_by(format!(
        "You have {OF_ONE} uploads under way: let one end, then try again."
    ))
}

/// Lets a request in where there is room, and cuts it short when it takes too long.
pub(crate) async fn limit(State(room): State<Room>, request: Request, next: Next) -> Response {
    let Some(class) = Class::of(&request) else { return next.run(request).await };
    let refuse = |problem: Problem| {
        metrics::counter!("http_overloads_total", "class" => class.name()).increment(1);
        problem.into_response()
    };
    let _place = match room.place(class, &request) {
        Ok(place) => place,
        Err(problem) => return refuse(problem),
    };
    let Ok(Ok(_permit)) = timeout(PATIENCE, room.classes[class as usize].acquire()).await else {
        return refuse(Problem::overloaded());
    };
    let answer = next.run(request);
    match class.longest() {
        None => answer.await,
        Some(longest) => {
            timeout(longest, answer).await.unwrap_or_else(|_| Problem::overloaded().into_response())
        }
    }
}
