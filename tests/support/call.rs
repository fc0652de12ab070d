//! A request to the program, and its answer.

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::Form;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use super::Person;

/// A request in the making.
pub struct Call(RequestBuilder);

/// What came back.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Null where the body is not JSON.
    pub json: Value,
}

impl Call {
    pub fn new(client: &Client, method: &str, url: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self(client.request(method, url))
    }

    /// Sent by somebody signed in.
    pub fn by(self, person: &Person) -> Self {
        self.bearer(&person.access)
    }

    pub fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    pub fn body(self, body: Vec<u8>, content_type: &str) -> Self {
        Self(self.0.header(CONTENT_TYPE, content_type).body(body))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// A header that may be no text.
    pub fn header_value(self, name: &HeaderName, value: &HeaderValue) -> Self {
        Self(self.0.header(name, value))
    }

    /// A body without a content type of its own; none where there are no bytes.
    pub fn bytes(self, bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { self } else { Self(self.0.body(bytes)) }
    }

    pub fn multipart(self, form: Form) -> Self {
        Self(self.0.multipart(form))
    }

    /// An answer that is read as it comes.
    pub async fn open(self) -> Response {
        self.0.send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// For programs that may be killed meanwhile.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream goes on: `open` reads it.
        let goes_on = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = if goes_on { vec![] } else { response.bytes().await?.to_vec() };
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, headers, bytes, json })
    }
}

impl Answer {
    /// Fails where the status is another, or an error is no problem (RFC 9457).
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        if status >= 400 {
            self.assert_is_a_problem();
        }
        self
    }

    #[track_caller]
    fn assert_is_a_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:#?}");
        for member in ["type", "title", "detail", "instance", "code"] {
            let text = self.json[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member} is missing: {self:#?}");
        }
        assert_eq!(self.json["status"], self.status, "{self:#?}");
    }

    /// The problem's code; empty where it is none.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The fields that the problem calls wrong.
    pub fn wrong(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_object();
        errors.into_iter().flat_map(|errors| errors.keys().map(String::as_str)).collect()
    }

    /// The ids in a list.
    pub fn ids(&self) -> Vec<&str> {
        let results = self.json["results"].as_array();
        results.into_iter().flatten().filter_map(|item| item["id"].as_str()).collect()
    }

    /// Empty where it is missing.
    pub fn etag(&self) -> &str {
        self.header(ETAG.as_str())
    }

    /// Empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let body: String = text.chars().take(4000).collect();
        write!(f, "{}\n{:#?}\n{body}", self.status, self.headers)
    }
}
