//! Looks at how a body begins without holding up one that is of no concern here.

use axum::body::{Body, BodyDataStream, Bytes};
use bytes::BytesMut;
use futures::{StreamExt, TryStreamExt, stream};

use crate::http::input::BYTE_ORDER_MARK;

/// Bytes within which a body has to show what it is.
const FARTHEST: usize = 1024;

/// How a body begins.
pub(super) enum Beginning {
    /// There is none.
    Empty,
    /// As `{"data"` does.
    Sealed(Body),
    /// Some other way.
    Plain(Body),
}

/// Reads no more than it takes to tell; the bodies that it gives are whole.
pub(super) async fn beginning(body: Body) -> Beginning {
    let mut stream = body.into_data_stream();
    let mut read = BytesMut::new();
    let is_sealed = loop {
        if let Some(decided) = decide(&read) {
            break decided;
        }
        match stream.next().await {
            Some(Ok(chunk)) => read.extend_from_slice(&chunk),
            None if read.is_empty() => return Beginning::Empty,
            None => break false,
            Some(Err(error)) => {
                let whole = stream::iter([Ok(read.freeze()), Err(error)]);
                return Beginning::Plain(Body::from_stream(whole));
            }
        }
    };
    let whole = again(read.freeze(), stream);
    if is_sealed { Beginning::Sealed(whole) } else { Beginning::Plain(whole) }
}

/// What was read, and then the rest.
fn again(read: Bytes, rest: BodyDataStream) -> Body {
    Body::from_stream(stream::iter([Ok(read)]).chain(rest.into_stream()))
}

/// `None` where more has to be read.
fn decide(read: &[u8]) -> Option<bool> {
    const NAME: &[u8] = b"\"data\"";
    let text = match read.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => text,
        None if BYTE_ORDER_MARK.starts_with(read) => b"",
        None => read,
    };
    let begun = text.trim_ascii_start();
    let name = match begun.split_first() {
        None => b"".as_slice(),
        Some((b'{', rest)) => rest.trim_ascii_start(),
        Some(_) => return Some(false),
    };
    match name.len() {
        ..6 if !NAME.starts_with(name) => Some(false),
        ..6 => (read.len() >= FARTHEST).then_some(false),
        _ => Some(name.starts_with(NAME)),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn seen(chunks: &[&'static str]) -> (&'static str, String) {
        let chunks: Vec<Result<_, std::io::Error>> =
            chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        let (name, body) = match beginning(Body::from_stream(stream::iter(chunks))).await {
            Beginning::Empty => ("empty", Body::empty()),
            Beginning::Sealed(body) => ("sealed", body),
            Beginning::Plain(body) => ("plain", body),
        };
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (name, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_beginning_tells_and_the_body_stays_whole() {
        for (chunks, expected) in [
            (&[r#"{"data":"a"}"#][..], "sealed"),
            (&["{", " \"da", "ta\" : ", "1}"], "sealed"),
            (&["\n\t{\r\n\"data\":\"a\"}"], "sealed"),
            (&["\u{feff}{\"data\":\"a\"}"], "sealed"),
            (&["\u{feff}", "{\"name\":1}"], "plain"),
            (&["{ \"name\": 1}"], "plain"),
            (&["{\"da ta\": 1}"], "plain"),
            (&["{\"dat"], "plain"),
            (&["[{\"data\": 1}]"], "plain"),
            (&[" ", " "], "plain"),
            (&[], "empty"),
            (&["", ""], "empty"),
        ] {
            assert_eq!(seen(chunks).await, (expected, chunks.concat()));
        }
    }

    #[tokio::test]
    async fn whitespace_without_end_is_not_waited_for() {
        let endless = stream::iter(std::iter::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 64]))
        }));
        assert!(matches!(beginning(Body::from_stream(endless)).await, Beginning::Plain(_)));
    }
}
