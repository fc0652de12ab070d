//! What is too much is told at once, rather than queued: each class of requests has room of its
//! own, so that none starves the others.

mod places;
mod shed;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::App;
use crate::access::bearer::identify;
use crate::access::caller::Who;
use crate::class::Class;
use crate::http::policy::class_of;
use crate::http::problem::Problem;
use crate::limits::counts::{Counted, Counts};
use places::Places;
pub(crate) use shed::Shed;

/// Longer than any statement may take, so the database gives up first.
const LONGEST: Duration = Duration::from_secs(30);

impl Class {
    /// Requests at a time: for as long as they come, and in a burst. Reads wait for the database's
    /// connections, of which there are far fewer; of commands, more at a time make larger commits.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Reads => (256, 1024),
            Self::Commands => (1024, 1024),
            Self::SignIns => (128, 256),
            Self::Uploads => (64, 64),
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

/// Sign-ins from one network at a time, those that wait included, and those of them that go on: else
/// one address keeps everybody's passwords from being looked at.
const SIGN_INS_OF_ONE: usize = 128;
const SIGN_INS_AT_ONCE: usize = 16;
/// How long a network that is quiet is remembered.
const QUIET: Duration = Duration::from_mins(1);

/// Uploads of one account at a time: else a few who send slowly take the room of all.
const MAX_UPLOADS_PER_USER: usize = 16;

/// The room that there is.
pub(crate) struct Room {
    app: App,
    classes: [Arc<Places>; 4],
    uploading: Counts<Who>,
    signing_in: Counts<Who>,
    turns: Cache<Who, Arc<Semaphore>>,
}

impl Room {
    pub(crate) fn new(app: App) -> Self {
        let places = |(standing, most)| Places::new(standing, most);
        let classes = Class::ALL.map(|class| places(class.room()));
        let turns = Cache::builder().time_to_idle(QUIET).build();
        let (uploading, signing_in) = (Counts::default(), Counts::default());
        Self { app, classes, uploading, signing_in, turns }
    }

    /// Whether a request of that class would be refused.
    fn is_full(&self, class: Class) -> bool {
        self.classes[class as usize].are_full()
    }

    /// Has a request answered where there is room, and cuts it short when it takes too long.
    pub(crate) async fn answer(&self, request: Request, next: Next) -> Response {
        match class_of(&request) {
            None => next.run(request).await,
            Some(Class::Uploads) => match self.uploader(&request) {
                Some(who) => match self.place(who) {
                    Ok(_place) => self.enter(Class::Uploads, request, next).await,
                    Err(problem) => refused(Class::Uploads, problem),
                },
                // Their route says 401, and needs neither room nor the body for that.
                None => next.run(request.map(|_| Body::empty())).await,
            },
            Some(Class::SignIns) => self.enter_in_turn(request, next).await,
            Some(class) => self.enter(class, request, next).await,
        }
    }

    /// Whose upload it is; `None` where nobody is signed in.
    fn uploader(&self, request: &Request) -> Option<Who> {
        let standing = identify(request.extensions(), &self.app.commands).ok().flatten()?;
        Some(Who::User(standing.who.user))
    }

    async fn enter(&self, class: Class, request: Request, next: Next) -> Response {
        let Some(_place) = self.classes[class as usize].take() else {
            return refused(class, Problem::overloaded());
        };
        let answer = next.run(request);
        match class.longest() {
            None => answer.await,
            Some(longest) => timeout(longest, answer)
                .await
                .unwrap_or_else(|_| Problem::overloaded().into_response()),
        }
    }

    /// Sign-ins wait for those of their own network before they take room that others need.
    async fn enter_in_turn(&self, request: Request, next: Next) -> Response {
        let Some(who) = Who::behind(&request) else {
            return self.enter(Class::SignIns, request, next).await;
        };
        let Some(_place) = self.signing_in.take(who.clone(), SIGN_INS_OF_ONE) else {
            return refused(Class::SignIns, Problem::overloaded());
        };
        let turns = self.turns.get_with(who, || Arc::new(Semaphore::new(SIGN_INS_AT_ONCE)));
        let turn = timeout(LONGEST, turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return refused(Class::SignIns, Problem::overloaded()) };
        self.enter(Class::SignIns, request, next).await
    }

    /// What an upload needs besides the room of its class.
    fn place(&self, who: Who) -> Result<Counted<Who>, Problem> {
        self.uploading.take(who, MAX_UPLOADS_PER_USER).ok_or_else(too_many)
    }
}

/// 503 rather than 429, after which clients of tus do not try again.
fn too_many() -> Problem {
    Problem::overloaded_by(format!(
        "You have {MAX_UPLOADS_PER_USER} uploads under way: let one end, then try again."
    ))
}

fn refused(class: Class, problem: Problem) -> Response {
    metrics::counter!("vetted_http_overloads_total", "class" => class.name()).increment(1);
    problem.into_response()
}
