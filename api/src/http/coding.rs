//! Content codings of answers (RFC 9110, 8.4): br and gzip for text of more than 1 KiB, where the
//! client takes them. Nothing that holds tokens is compressed, since the length of an answer would
//! tell of them (BREACH), nothing that is encrypted or streamed, and no files of products.
//!
//! The same representation in two codings is not the same bytes, so a strong entity tag names its
//! coding: `"3"` becomes `"3-br"`. `If-Match` looks at the version alone; in `If-None-Match` a tag
//! of a coding that the client takes stands for the one without.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::future::{BoxFuture, Either, FutureExt, MapOk, TryFutureExt};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tower::{Layer, Service};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;

/// Bytes of what gains nothing.
const SMALL: u64 = 1024;
/// The types that are compressed: text that the program writes.
const TEXTS: [&str; 8] = [
    "application/json",
    "application/problem+json",
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
    "text/plain",
    "image/svg+xml",
];

/// Marks an answer that is not compressed: it holds secrets, or is encrypted.
#[derive(Clone, Copy)]
struct Plain;

/// The answer, to be sent without a coding.
pub(crate) async fn keep_plain(mut response: Response) -> Response {
    response.extensions_mut().insert(Plain);
    response
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// Where a client likes both alike, the first one: at their fastest levels gzip makes a list as
    /// small as br does, in half of the time.
    const ALL: [Self; 2] = [Self::Gzip, Self::Brotli];

    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn is_named(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name())
            || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }

    /// How much a client wants it, by `Accept-Encoding` (12.5.3); 0 is not at all.
    fn weight(self, headers: &HeaderMap) -> f32 {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let mut any = 0.0;
        for entry in lines.flat_map(|line| line.split(',')) {
            let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = weight(parameters);
            match name.trim() {
                name if self.is_named(name) => return weight,
                "*" => any = weight,
                _ => {}
            }
        }
        any
    }

    /// The one that a client wants most, if it takes any.
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT_ENCODING) {
            return None;
        }
        let wanted = Self::ALL.map(|coding| (coding.weight(headers), coding));
        let wanted = wanted.into_iter().filter(|(weight, _)| *weight > 0.0);
        wanted.reduce(|one, other| if other.0 > one.0 { other } else { one }).map(|(_, best)| best)
    }
}

/// `q` of a list element: 1 where there is none, 0 where it can't be read.
fn weight(parameters: &str) -> f32 {
    let named = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut weights = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weights.next().map_or(1.0, |(_, weight)| weight.trim().parse().unwrap_or(0.0))
}

/// Says which answers may be compressed.
#[derive(Clone, Copy)]
struct Compressible;

impl Predicate for Compressible {
    fn should_compress<B: hyper::body::Body>(&self, response: &http::Response<B>) -> bool {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim_end();
        // What is streamed has no length yet.
        response.body().size_hint().exact().is_some_and(|bytes| bytes > SMALL)
            && TEXTS.contains(&kind)
            && !response.headers().contains_key(ACCEPT_RANGES)
            && response.extensions().get::<Plain>().is_none()
    }
}

/// Compresses what may be compressed for clients that take it; others pass by.
#[derive(Clone)]
pub(crate) struct Coded<S> {
    service: S,
    compression: CompressionLayer<Compressible>,
}

impl<S> Coded<S> {
    pub(crate) fn new(service: S) -> Self {
        // Answers are made for one client and used once: speed counts, not the last bytes.
        let layer = CompressionLayer::new().quality(CompressionLevel::Fastest);
        Self { service, compression: layer.compress_when(Compressible) }
    }
}

type Answered<F> = MapOk<F, fn(Response) -> Response>;

impl<S> Service<Request> for Coded<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Answered<S::Future>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Some(coding) = Coding::preferred(request.headers()) else {
            return Either::Left(self.service.call(request).map_ok(varying));
        };
        let had = uncoded_tags(request.headers_mut());
        // The one that was chosen here, and nothing that the layer would answer 406.
        let name = HeaderValue::from_static(coding.name());
        request.headers_mut().insert(ACCEPT_ENCODING, name);
        let mut service = self.compression.layer(self.service.clone());
        Either::Right(
            async move {
                let response = service.call(request).await?;
                Ok(with_coded_tag(response.map(Body::new), coding, had.as_deref()))
            }
            .boxed(),
        )
    }
}

/// Says of an answer without a coding that there are others.
fn varying(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_MODIFIED || Compressible.should_compress(&response) {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// Takes the codings that the client takes off the tags in `If-None-Match`; gives what it was.
fn uncoded_tags(headers: &mut HeaderMap) -> Option<String> {
    let lines = headers.get_all(IF_NONE_MATCH).iter().map(|line| line.to_str());
    let had = lines.collect::<Result<Vec<_>, _>>().ok()?.join(",");
    let mut plain = had.clone();
    for coding in Coding::ALL.into_iter().filter(|coding| coding.weight(headers) > 0.0) {
        plain = plain.replace(&format!("-{}\"", coding.name()), "\"");
    }
    if plain == had {
        return None;
    }
    headers.insert(IF_NONE_MATCH, HeaderValue::try_from(plain).ok()?);
    Some(had)
}

/// The answer with a tag that names its coding; where the client has it, with the tag that it had.
fn with_coded_tag(mut response: Response, coding: Coding, had: Option<&str>) -> Response {
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let strong = tag.as_deref().and_then(|tag| tag.strip_suffix('"'));
    let strong = strong.filter(|tag| tag.starts_with('"'));
    let in_coding = |coding: Coding| strong.map(|tag| format!("{tag}-{}\"", coding.name()));
    let coded = if response.status() == StatusCode::NOT_MODIFIED {
        let had = had.unwrap_or_default();
        let is_had = |tag: &String| had.contains(tag.as_str());
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        Coding::ALL.into_iter().filter_map(in_coding).find(is_had)
    } else if response.headers().contains_key(CONTENT_ENCODING) {
        in_coding(coding)
    } else {
        None
    };
    if let Some(Ok(tag)) = coded.map(HeaderValue::try_from) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))])
    }

    #[test]
    fn the_coding_is_the_one_that_the_client_wants_most() {
        for (text, expected) in [
            ("gzip, deflate, br", Some(Coding::Gzip)),
            ("br, gzip;q=0.9", Some(Coding::Brotli)),
            ("gzip", Some(Coding::Gzip)),
            ("GZIP;Q=0.5, br ; q=0.1", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("*", Some(Coding::Gzip)),
            ("gzip;q=0, *", Some(Coding::Brotli)),
            ("*;q=0", None),
            ("identity;q=0", None),
            ("identity", None),
            ("deflate, zstd", None),
            ("br;q=none", None),
            ("", None),
        ] {
            assert_eq!(Coding::preferred(&accepting(text)), expected, "{text}");
        }
        assert_eq!(Coding::preferred(&HeaderMap::new()), None);
    }

    #[test]
    fn tags_lose_the_codings_that_the_client_takes_and_no_others() {
        let mut headers = accepting("gzip");
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static(r#""3-gzip", "3-br", "4-0a1b""#));

        let had = uncoded_tags(&mut headers);

        assert_eq!(headers[IF_NONE_MATCH], r#""3", "3-br", "4-0a1b""#);
        assert_eq!(had.unwrap(), r#""3-gzip", "3-br", "4-0a1b""#);
    }

    #[test]
    fn what_is_not_modified_keeps_the_tag_that_the_client_had() {
        let answer = |had: Option<&str>| {
            let response = Response::builder().status(304).header(ETAG, "\"3\"");
            let response = response.body(Body::empty()).unwrap();
            with_coded_tag(response, Coding::Brotli, had).headers()[ETAG].clone()
        };
        assert_eq!(answer(Some("\"2\", \"3-gzip\"")), "\"3-gzip\"");
        assert_eq!(answer(Some("\"2-gzip\", \"3\"")), "\"3\"");
        assert_eq!(answer(None), "\"3\"");
    }
}
