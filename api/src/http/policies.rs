//! The policies of all routes. Requests find theirs by their path before the first layer looks at them; the
//! router finds their handler after the last.

use std::sync::Arc;

use axum::extract::Request;
use http::Uri;
use http::uri::PathAndQuery;

use crate::http::policy::Policy;

/// The policies that have been declared so far.
#[derive(Default)]
pub(crate) struct Declared(matchit::Router<Route>);

/// A path of the table.
#[derive(Clone, Copy)]
struct Route {
    policy: Policy,
    ends_with_slash: bool,
}

impl Declared {
    /// Declares the policy of a path: each has one.
    pub(crate) fn declare(&mut self, path: &str, policy: Policy) {
        let route = Route { policy, ends_with_slash: path.ends_with('/') };
        if let Err(error) = self.0.insert(stem(path), route) {
            unreachable!("{path} has one line in the table of contents: {error}");
        }
    }
}

impl From<Declared> for Policies {
    fn from(declared: Declared) -> Self {
        Self(Arc::new(declared.0))
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
