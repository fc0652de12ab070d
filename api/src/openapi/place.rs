//! What the method and the path of an operation imply.

use utoipa::openapi::path::{Operation, PathItem};

/// Where an operation is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub path: &'a str,
    pub method: &'a str,
}

/// The operations of a path, by method.
pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("put", item.put.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
        ("head", item.head.as_mut()),
        ("options", item.options.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

impl Place<'_> {
    /// Whether it is about one resource with a version.
    pub fn has_version(self) -> bool {
        const UNVERSIONED: [&str; 9] = [
            "/sessions/{id}/",
            "/uploads/{id}/",
            "/video/",
            "/poster/",
            "/sprite/",
            "/thumbnails.vtt",
            "/live/",
            "/history/",
            "/moderation/",
        ];
        let named = self.path.contains("{id}") || self.path == "/me/";
        named && !UNVERSIONED.iter().any(|end| self.path.ends_with(end))
    }

    /// Whether it is a POST that creates or acts, once under one `Idempotency-Key`: answers with
    /// tokens and other secrets are never stored.
    pub fn is_act(self) -> bool {
        let has_secrets =
            self.path.starts_with("/login/") || self.path.starts_with("/me/second-factor/");
        let has_tokens =
            matches!(self.path, "/logout/" | "/token/refresh/" | "/me/reauthenticate/");
        self.method == "post" && !has_secrets && !has_tokens
    }

    /// Whether it answers with a resource that it has created.
    pub fn creates(self) -> bool {
        let creates = matches!(self.path, "/categories/" | "/products/" | "/orders/" | "/uploads/");
        self.method == "post" && creates
    }

    /// Whether it gives out a file with an `ETag`.
    pub fn is_file(self) -> bool {
        ["/video/", "/poster/", "/sprite/"].iter().any(|end| self.path.ends_with(end))
    }

    /// Whether it tells how the program is, and so is never refused for too many requests.
    pub fn is_watching(self) -> bool {
        matches!(self.path, "/healthz" | "/readyz" | "/metrics")
    }
}
