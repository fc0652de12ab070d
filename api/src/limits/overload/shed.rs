//! Finds the policy of a request's route, and refuses what is too much before anything else is done
//! for it, so that a refusal costs next to nothing of what the requests before it need.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures::future::Either;
use http::header::ORIGIN;
use tower::Service;

use super::{Room, refused};
use crate::App;
use crate::class::Class;
use crate::http::payload::ENCRYPTION_KEY;
use crate::http::policies::Policies;
use crate::http::policy::class_of;
use crate::http::problem::Problem;
use crate::observe::refuse;

/// What goes around every other layer.
#[derive(Clone)]
pub(crate) struct Shed<S> {
    inner: S,
    app: App,
    room: Arc<Room>,
    policies: Policies,
}

impl<S> Shed<S> {
    pub(crate) const fn new(inner: S, app: App, room: Arc<Room>, policies: Policies) -> Self {
        Self { inner, app, room, policies }
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let class = class_of(request)?;
        if !self.room.is_full(class) || needs_layers(class, request) {
            return None;
        }
        Some(refuse(&self.app, request, refused(class, Problem::overloaded())))
    }
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
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        self.policies.note(&mut request);
        match self.refusal(&request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}
