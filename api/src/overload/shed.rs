//! Refuses what is too much before anything else is done for it, so that a refusal costs next to
//! nothing of what the requests before it need.
//!
//! Where many requests of a class are under way, each one more is answered on threads of their own: on those of the
//! connections it would wait, at each of its steps, behind thousands of others that are being refused.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::response::Response;
use futures::FutureExt;
use futures::future::Either;
use http::header::ORIGIN;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tower::Service;

use super::{Room, refused};
use crate::App;
use crate::class::Class;
use crate::observe::refuse;
use crate::payload::ENCRYPTION_KEY;
use crate::problem::Problem;

/// What goes around every other layer.
#[derive(Clone)]
pub(crate) struct Shed<S> {
    inner: S,
    app: App,
    room: Arc<Room>,
}

impl<S> Shed<S> {
    pub(crate) fn new(inner: S, app: App, room: Arc<Room>) -> Self {
        Self { inner, app, room }
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let class = Class::of(request)?;
        if !self.room.is_full(class) || needs_layers(class, request) {
            return None;
        }
        Some(refuse(&self.app, request, refused(class, Problem::overloaded())))
    }
}

/// The answer of a request that is answered elsewhere; dropped, it ends there too.
type Apart = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

fn answered(
    joined: Result<Result<Response, Infallible>, JoinError>,
) -> Result<Response, Infallible> {
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // The program ends.
        Err(_) => Ok(Problem::overloaded().into_response()),
    })
}

/// Whose answer other layers have a part in: those of tus have its headers, those for pages of other
/// origins need CORS's, and a client that encrypts expects an encrypted one. They are refused within.
fn needs_layers(class: Class, request: &Request) -> bool {
    let headers = request.headers();
    class == Class::Uploads || headers.contains_key(ORIGIN) || headers.contains_key(ENCRYPTION_KEY)
}

impl<S> Service<Request> for Shed<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, Either<S::Future, Apart>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(response) = self.refusal(&request) {
            return Either::Left(ready(Ok(response)));
        }
        let is_crowded = Class::of(&request).is_some_and(|class| self.room.is_crowded(class));
        let answer = self.inner.call(request);
        Either::Right(if is_crowded {
            let apart = AbortOnDropHandle::new(self.app.crowd.spawn(answer));
            Either::Right(apart.map(answered).boxed())
        } else {
            Either::Left(answer)
        })
    }
}
