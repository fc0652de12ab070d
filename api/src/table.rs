//! A table of contents: routes, each with its policy.

use axum::Router;
use axum::middleware::{from_fn, map_response};
use axum::routing::MethodRouter;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::App;
use crate::access::equalise_timing::equalise_timing;
use crate::http::coding::keep_plain;
use crate::http::policies::{Declared, Policies};
use crate::http::policy::{OPEN, Policy};

/// Routes with their policies.
pub(crate) struct Table {
    /// What the OpenAPI document describes.
    operations: OpenApiRouter<App>,
    /// What it does not.
    pages: Router<App>,
    policies: Declared,
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
            policies: Declared::default(),
        }
    }

    /// Adds the operations of a path.
    pub(crate) fn route(
        mut self,
        (schemas, paths, mut methods): UtoipaMethodRouter<App>,
        policy: Policy,
    ) -> Self {
        for path in paths.paths.keys() {
            self.policies.declare(path, policy);
        }
        if policy.has_equal_timing() {
            methods = methods.layer(from_fn(equalise_timing));
        }
        if policy.has_secrets() {
            methods = methods.layer(map_response(keep_plain));
        }
        self.operations = self.operations.routes((schemas, paths, methods));
        self
    }

    /// Adds a page, which anybody may read.
    pub(crate) fn page(mut self, path: &str, page: MethodRouter<App>) -> Self {
        self.policies.declare(path, OPEN);
        self.pages = self.pages.route(path, page);
        self
    }

    pub(crate) fn into_contents(self) -> Contents {
        let (operations, document) = self.operations.split_for_parts();
        let policies = self.policies.into();
        Contents { operations, document, pages: self.pages, policies }
    }
}
