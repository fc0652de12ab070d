//! A table of contents: routes, each with its policy. Requests find their policy by their path before
//! the first layer looks at them; the router finds their handler after the last.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, map_response};
use axum::routing::MethodRouter;
use http::Uri;
use http::uri::PathAndQuery;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::App;
use crate::accounts::evenly;
use crate::coding::keep_plain;
use crate::policy::{OPEN, Policy};

/// Routes with their policies.
pub(crate) struct Table {
    /// What the OpenAPI document describes.
    operations: OpenApiRouter<App>,
    /// What it does not.
    pages: Router<App>,
    policies: matchit::Router<Route>,
}

/// A path of the table.
#[derive(Clone, Copy)]
struct Route {
    policy: Policy,
    ends_with_slash: bool,
}

/// What a table is made of.
pub(crate) struct Contents {
    pub operations: Router<App>,
    pub document: OpenApi,
    pub pages: Router<App>,
    pub policies: Policies,
}

impl Table {
    /// Without routes; the document begins with `head`.
    pub(crate) fn new(head: OpenApi) -> Self {
        Self {
            operations: OpenApiRouter::with_openapi(head),
            pages: Router::new(),
            policies: matchit::Router::new(),
        }
    }

    /// Adds the operations of a path.
    pub(crate) fn route(
        mut self,
        (schemas, paths, mut methods): UtoipaMethodRouter<App>,
        policy: Policy,
    ) -> Self {
        for path in paths.paths.keys() {
            self.declare(path, policy);
        }
        if policy.answers_evenly() {
            methods = methods.layer(from_fn(evenly));
        }
        if policy.has_secrets() {
            methods = methods.layer(map_response(keep_plain));
        }
        self.operations = self.operations.routes((schemas, paths, methods));
        self
    }

    /// Adds a page, which anybody may read.
    pub(crate) fn page(mut self, path: &str, page: MethodRouter<App>) -> Self {
        self.declare(path, OPEN);
        self.pages = self.pages.route(path, page);
        self
    }

    fn declare(&mut self, path: &str, policy: Policy) {
        let route = Route { policy, ends_with_slash: path.ends_with('/') };
        if let Err(error) = self.policies.insert(stem(path), route) {
            unreachable!("{path} has one line in the table of contents: {error}");
        }
    }

    pub(crate) fn into_contents(self) -> Contents {
        let (operations, document) = self.operations.split_for_parts();
        let policies = Policies(Arc::new(self.policies));
        Contents { operations, document, pages: self.pages, policies }
    }
}

/// The policies of all routes, by path. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Policies(Arc<matchit::Router<Route>>);

/// Marks a request whose path lacks the slash that its route has at the end.
#[derive(Clone, Copy)]
struct LacksSlash;

impl Policies {
    /// Leaves the policy of its route with a request.
    pub(crate) fn note(&self, request: &mut Request) {
        let path = request.uri().path();
        let Some(route) = self.find(path) else { return };
        let lacks_slash = route.ends_with_slash && !path.ends_with('/') && !is_file(path);
        request.extensions_mut().insert(route.policy);
        if lacks_slash {
            request.extensions_mut().insert(LacksSlash);
        }
    }

    /// The policy of a path, or of one with parameters as the document has it.
    pub(crate) fn of(&self, path: &str) -> Policy {
        self.find(path).map(|route| route.policy).unwrap_or_default()
    }

    fn find(&self, path: &str) -> Option<Route> {
        self.0.at(stem(path)).ok().map(|found| *found.value)
    }
}

/// With and without a slash at the end it is the same route.
fn stem(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// The name of a file has no slash at its end.
fn is_file(path: &str) -> bool {
    path.rsplit('/').next().unwrap_or_default().contains('.')
}

/// Paths without a slash at the end mean the same as with one.
pub(crate) fn with_slash(mut request: Request) -> Request {
    if request.extensions_mut().remove::<LacksSlash>().is_none() {
        return request;
    }
    let path = request.uri().path();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{path}/{query}")).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}
