//! What holds for a route before and around its handler, declared beside it in `router.rs`: who may
//! ask, which limits a request counts for, and what its answers have. The permission is the type of
//! the handler's extractor (`permission.rs`), and whether a body is encrypted depends on the body
//! alone (`payload/`), whatever the route.

use axum::extract::Request;
use axum::response::Response;
use http::{Extensions, HeaderMap, Method};

use crate::class::Class;
use crate::http::media_type::media_type;

/// Who may call a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without an access token.
    #[default]
    Anybody,
    /// Somebody signed in, with the permission that the handler names.
    SignedIn,
}

/// What the requests of a route that are no reads count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Load {
    #[default]
    Commands,
    SignIns,
    /// Uploads where the body is a form, else commands.
    Forms,
    /// tus: POST and PATCH bring bytes.
    Resumable,
    /// Nothing, and neither do reads.
    Uncounted,
}

/// What a route is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Subject {
    #[default]
    Other,
    /// POST creates a resource in it.
    Collection,
    /// One resource with a version.
    Versioned,
}

/// What becomes of answers beside being given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answers {
    #[default]
    Given,
    /// A POST takes an `Idempotency-Key`, and its answer is stored for it.
    Stored,
    /// They hold secrets: never stored, never compressed.
    Secret,
}

/// The policy of a route. Paths that lead nowhere have the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    access: Access,
    load: Load,
    subject: Subject,
    answers: Answers,
    has_equal_timing: bool,
    lost_answer: Option<fn() -> Response>,
}

/// A route that anybody may call.
pub(crate) const OPEN: Policy = Policy {
    access: Access::Anybody,
    load: Load::Commands,
    subject: Subject::Other,
    answers: Answers::Given,
    has_equal_timing: false,
    lost_answer: None,
};

/// A route that needs somebody signed in.
pub(crate) const SIGNED_IN: Policy = Policy { access: Access::SignedIn, ..OPEN };

impl Policy {
    /// What is no read counts as a sign-in: it hashes a password, or mails somebody unknown.
    pub(crate) const fn sign_in(self) -> Self {
        Self { load: Load::SignIns, ..self }
    }

    /// A body may be a form with a file, and counts as an upload then.
    pub(crate) const fn form(self) -> Self {
        Self { load: Load::Forms, ..self }
    }

    /// Speaks tus; what brings bytes counts as an upload.
    pub(crate) const fn resumable(self) -> Self {
        Self { load: Load::Resumable, ..self }
    }

    /// Tells how the program is, and so is never refused for what others ask.
    pub(crate) const fn uncounted(self) -> Self {
        Self { load: Load::Uncounted, ..self }
    }

    /// POST creates a resource, and its answer says where it is.
    pub(crate) const fn collection(self) -> Self {
        Self { subject: Subject::Collection, ..self }
    }

    /// It is about one resource, whose version is its `ETag`: `If-Match` and `If-None-Match` count.
    pub(crate) const fn versioned(self) -> Self {
        Self { subject: Subject::Versioned, ..self }
    }

    /// A POST is carried out once under one `Idempotency-Key`, and its answer is stored.
    pub(crate) const fn once(self) -> Self {
        Self { answers: Answers::Stored, ..self }
    }

    /// A POST is carried out once under one `Idempotency-Key`; where its answer was lost, it was this one, to every
    /// caller. Others are made again from the resource that the act led to.
    pub(crate) const fn once_with(self, answer: fn() -> Response) -> Self {
        Self { lost_answer: Some(answer), ..self.once() }
    }

    /// Gives tokens and other secrets, or takes tokens: it takes no `Idempotency-Key`, as its answers
    /// are never stored, and they are never compressed, as their length would tell of them (BREACH).
    pub(crate) const fn secret(self) -> Self {
        Self { answers: Answers::Secret, ..self }
    }

    /// Takes equally long whatever is known of an address.
    pub(crate) const fn equal_timing(self) -> Self {
        Self { has_equal_timing: true, ..self }
    }

    /// The policy that was found for a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    pub(crate) const fn access(self) -> Access {
        self.access
    }

    pub(crate) fn takes_key(self) -> bool {
        self.answers == Answers::Stored
    }

    pub(crate) fn has_secrets(self) -> bool {
        self.answers == Answers::Secret
    }

    pub(crate) const fn has_equal_timing(self) -> bool {
        self.has_equal_timing
    }

    pub(crate) fn is_collection(self) -> bool {
        self.subject == Subject::Collection
    }

    pub(crate) fn is_versioned(self) -> bool {
        self.subject == Subject::Versioned
    }

    pub(crate) fn is_resumable(self) -> bool {
        self.load == Load::Resumable
    }

    pub(crate) fn is_uncounted(self) -> bool {
        self.load == Load::Uncounted
    }

    /// The answer of an act whose own was lost; `None` for those that show a resource.
    pub(crate) fn lost_answer(self) -> Option<Response> {
        self.lost_answer.map(|answer| answer())
    }

    /// None for what watches over the program: that always gets through.
    fn class(self, method: &Method, headers: &HeaderMap) -> Option<Class> {
        let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let brings_bytes = matches!(*method, Method::POST | Method::PATCH);
        match self.load {
            Load::Uncounted => None,
            Load::Commands | Load::SignIns | Load::Forms | Load::Resumable if is_read => {
                Some(Class::Reads)
            }
            Load::SignIns => Some(Class::SignIns),
            Load::Forms if is_form(headers) => Some(Class::Uploads),
            Load::Resumable if brings_bytes => Some(Class::Uploads),
            Load::Commands | Load::Forms | Load::Resumable => Some(Class::Commands),
        }
    }
}

/// Which limits a request counts for.
pub(crate) fn class_of(request: &Request) -> Option<Class> {
    Policy::of(request.extensions()).class(request.method(), request.headers())
}

fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind.type_() == mime::MULTIPART)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;

    use super::*;

    fn class(policy: Policy, method: &str, kind: &'static str) -> Option<Class> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        policy.class(&method.parse().unwrap(), &headers)
    }

    #[test]
    fn a_form_is_an_upload_only_where_forms_are_taken() {
        let form = "multipart/form-data; boundary=b";
        assert_eq!(class(SIGNED_IN.form(), "POST", form), Some(Class::Uploads));
        assert_eq!(class(SIGNED_IN.form(), "PATCH", form), Some(Class::Uploads));
        assert_eq!(class(SIGNED_IN.form(), "POST", "application/json"), Some(Class::Commands));
        assert_eq!(class(SIGNED_IN.form(), "GET", form), Some(Class::Reads));
        assert_eq!(class(OPEN.sign_in(), "POST", form), Some(Class::SignIns));
        assert_eq!(class(SIGNED_IN, "POST", form), Some(Class::Commands));
    }

    #[test]
    fn bytes_of_a_resumable_upload_are_one_and_asking_for_it_is_none() {
        let policy = SIGNED_IN.resumable();
        assert_eq!(class(policy, "POST", ""), Some(Class::Uploads));
        assert_eq!(class(policy, "PATCH", ""), Some(Class::Uploads));
        assert_eq!(class(policy, "HEAD", ""), Some(Class::Reads));
        assert_eq!(class(policy, "DELETE", ""), Some(Class::Commands));
    }

    #[test]
    fn what_watches_over_the_program_counts_for_nothing_and_what_leads_nowhere_does() {
        assert_eq!(class(OPEN.uncounted(), "GET", ""), None);
        assert_eq!(class(OPEN.uncounted(), "POST", ""), None);
        assert_eq!(class(Policy::default(), "GET", ""), Some(Class::Reads));
        assert_eq!(class(Policy::default(), "POST", ""), Some(Class::Commands));
    }
}
