//! Lists in the shape of DRF's CursorPagination.

use std::convert::Infallible;
use std::fmt::Display;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use projections::Slice;
use serde::Serialize;
use url::Url;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::App;
use crate::http::host::LinkBase;
use crate::http::name::AskedFor;

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The next page; `null` on the last. A search may answer fewer items than `limit`, or none, and still
    /// have a next page: follow the links until there is none.
    #[schema(format = "uri")]
    pub next: Option<String>,
    /// The previous page; `null` on the first. Of a search it may have fewer items too.
    #[schema(format = "uri")]
    pub previous: Option<String>,
    /// The items of this page.
    pub results: Vec<T>,
}

/// Where links to other pages of the same list lead.
pub(crate) struct Here {
    base: Url,
    query: Vec<(String, String)>,
}

impl FromRequestParts<App> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let path = parts.extensions.get::<AskedFor>().map(|asked| asked.0.clone());
        let LinkBase(base) = LinkBase::from_request_parts(parts, app).await?;
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self::new(base, &path.unwrap_or_default(), query))
    }
}

impl Here {
    /// As if that path had been asked for.
    pub(crate) fn new(mut base: Url, path: &str, query: &str) -> Self {
        let prefix = base.path().trim_end_matches('/').to_owned();
        base.set_path(&format!("{prefix}{}", with_slash(path)));
        let query = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, value)| name != "cursor" && !value.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { base, query }
    }

    /// The page at a cursor.
    pub(crate) fn at(&self, cursor: &impl Display) -> String {
        let mut url = self.base.clone();
        url.query_pairs_mut().extend_pairs(&self.query).append_pair("cursor", &cursor.to_string());
        url.into()
    }

    /// The page as an answer.
    pub(crate) fn list<T, U: From<T>>(&self, slice: Slice<T>) -> List<U> {
        List {
            next: slice.next.as_ref().map(|cursor| self.at(cursor)),
            previous: slice.previous.as_ref().map(|cursor| self.at(cursor)),
            results: slice.items.into_iter().map(U::from).collect(),
        }
    }
}

fn with_slash(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use projections::Cursor;

    use super::*;

    #[test]
    fn links_keep_the_filters_and_start_with_the_public_url() {
        let public_url: Url = "https://shop.example/api".parse().unwrap();
        let here = Here::new(public_url, "/products", "status=PENDING&cursor=old&limit=5&q=");
        let cursor: Cursor = "eyJkIjoibiIsIm8iOiItY3JlYXRlZF9hdCIsImsiOjd9".parse().unwrap();

        let url = here.at(&cursor);

        assert!(
            url.starts_with("https://shop.example/api/products/?status=PENDING&limit=5&cursor=")
        );
        assert!(!url.contains("old"));
    }
}
