//! Kinds of requests that share their limits.

use axum::extract::Request;
use http::Method;

use crate::media_type::media_type;

/// What a request mostly costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A query.
    Reads,
    /// A commit.
    Commands,
    /// Hashing a password, or sending a mail to somebody who is not signed in.
    SignIns,
    /// A connection, for as long as it takes.
    Uploads,
}

impl Class {
    /// In the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [Self::Reads, Self::Commands, Self::SignIns, Self::Uploads];

    /// None for what watches over the program: that always gets through.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        Some(match (request.method(), path.trim_end_matches('/')) {
            (_, "/healthz" | "/readyz" | "/metrics") => return None,
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Self::Reads,
            (
                _,
                "/login"
                | "/login/second-factor"
                | "/register"
                | "/activate/resend"
                | "/email/undo",
            ) => Self::SignIns,
            (_, "/me/reauthenticate") => Self::SignIns,
            (_, path) if path.starts_with("/password/") => Self::SignIns,
            (_, path) if path.starts_with("/products") && is_form(request) => Self::Uploads,
            (&Method::POST | &Method::PATCH, path) if path.starts_with("/uploads") => Self::Uploads,
            _ => Self::Commands,
        })
    }

    /// As in the configuration and in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Commands => "commands",
            Self::SignIns => "sign-ins",
            Self::Uploads => "uploads",
        }
    }
}

fn is_form(request: &Request) -> bool {
    media_type(request.headers()).is_some_and(|kind| kind.type_() == mime::MULTIPART)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::header::CONTENT_TYPE;

    use super::*;

    fn class(method: &str, path: &str, kind: &str) -> Option<Class> {
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind);
        Class::of(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_form_is_an_upload_only_where_forms_are_taken() {
        let form = "multipart/form-data; boundary=b";
        assert_eq!(class("POST", "/products/", form), Some(Class::Uploads));
        assert_eq!(class("PATCH", "/products/x/", form), Some(Class::Uploads));
        assert_eq!(class("POST", "/login/", form), Some(Class::SignIns));
        assert_eq!(class("POST", "/categories/", form), Some(Class::Commands));
        assert_eq!(class("GET", "/products/", form), Some(Class::Reads));
    }

    #[test]
    fn bytes_of_a_resumable_upload_are_one_and_asking_for_it_is_none() {
        assert_eq!(class("POST", "/uploads/", ""), Some(Class::Uploads));
        assert_eq!(class("PATCH", "/uploads/x", ""), Some(Class::Uploads));
        assert_eq!(class("HEAD", "/uploads/x/", ""), Some(Class::Reads));
        assert_eq!(class("DELETE", "/uploads/x/", ""), Some(Class::Commands));
    }

    #[test]
    fn the_slash_at_the_end_makes_no_difference() {
        assert_eq!(class("POST", "/login", "application/json"), Some(Class::SignIns));
        assert_eq!(class("GET", "/readyz/", ""), None);
    }
}
