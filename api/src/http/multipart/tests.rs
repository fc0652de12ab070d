use futures::StreamExt;
use http::header::CONTENT_TYPE;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::http::fingerprint::Digest;

fn form(boundary: &str, parts: &[(&str, &str)]) -> (HeaderMap, Vec<u8>) {
    let mut body = String::new();
    for (disposition, content) in parts {
        body += "--";
        body += boundary;
        body += "\r\nContent-Disposition: form-data; ";
        body += disposition;
        body += "\r\n\r\n";
        body += content;
        body += "\r\n";
    }
    body += "--";
    body += boundary;
    body += "--\r\n";
    let kind = format!("multipart/form-data; boundary={boundary}").parse().unwrap();
    (HeaderMap::from_iter([(CONTENT_TYPE, kind)]), body.into_bytes())
}

/// In pieces of that many bytes.
fn cut(bytes: &[u8], size: usize) -> Body {
    let pieces: Vec<_> =
        bytes.chunks(size).map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(futures::stream::iter(pieces))
}

async fn digest(headers: &HeaderMap, body: Body) -> Result<[u8; 32], Problem> {
    let (parts, ()) = http::Request::post("/products/").body(()).unwrap().into_parts();
    let mut digest = Digest::of_upload(&parts);
    let mut reader = Reader::try_new(headers, body, 10_000)?;
    while let Some(mut part) = reader.next().await? {
        let mut content = Sha256::new();
        while let Some(chunk) = part.chunk().await? {
            content.update(&chunk);
        }
        digest.part(&part.name, part.file.as_deref(), &content.finalize().into());
    }
    Ok(digest.finish())
}

async fn digest_of(boundary: &str, parts: &[(&str, &str)], size: usize) -> [u8; 32] {
    let (headers, body) = form(boundary, parts);
    digest(&headers, cut(&body, size)).await.unwrap()
}

#[tokio::test]
async fn another_boundary_and_other_pieces_make_the_same_digest() {
    let parts = [("name=\"name\"", "Lamp"), ("name=\"video\"; filename=\"a.mp4\"", "\r\n-bytes-")];

    let one = digest_of("one", &parts, 3).await;
    let other = digest_of("a-much-longer-one", &parts, 4096).await;

    assert_eq!(one, other);
}

#[tokio::test]
async fn another_content_name_or_file_makes_another_digest() {
    let one = digest_of("b", &[("name=\"name\"", "Lamp")], 64).await;
    assert_ne!(one, digest_of("b", &[("name=\"name\"", "Lamps")], 64).await);
    assert_ne!(one, digest_of("b", &[("name=\"names\"", "Lamp")], 64).await);
    assert_ne!(one, digest_of("b", &[("name=\"name\"; filename=\"x\"", "Lamp")], 64).await);
}

#[tokio::test]
async fn a_form_that_is_cut_is_malformed() {
    let (headers, body) = form("b", &[("name=\"name\"", "Lamp")]);

    let problem = digest(&headers, cut(&body[..body.len() - 9], 7)).await.unwrap_err();

    assert_eq!(problem.code(), "malformed_multipart");
}

#[tokio::test]
async fn headers_without_end_are_not_kept() {
    let (headers, _) = form("b", &[]);
    let mut body = b"--b\r\nContent-Disposition: ".to_vec();
    body.resize(9_000_000, b'x');
    let mut reader = Reader::try_new(&headers, cut(&body, 65_536), 100_000_000).unwrap();

    let problem = reader.next().await.err().unwrap();

    assert_eq!(problem.code(), "malformed_multipart");
    assert!(reader.unparsed.load(Ordering::Relaxed) <= LARGEST_HEAD + 2 * 65_536);
}

#[tokio::test]
async fn a_long_head_is_malformed_in_one_piece_too() {
    let disposition = format!("name=\"{}\"", "x".repeat(LARGEST_HEAD));
    let (headers, body) = form("b", &[(&disposition, "Lamp")]);

    let problem = digest(&headers, cut(&body, body.len())).await.unwrap_err();

    assert_eq!(problem.code(), "malformed_multipart");
}

#[tokio::test]
async fn the_first_part_too_many_is_refused_and_the_rest_is_not_read() {
    let (headers, one) = form("b", &[("name=\"\"", "")]);
    let end = one.len() - "--b--\r\n".len();
    let one = Bytes::from(one).slice(..end);
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let parts = futures::stream::repeat(one).take(10_000).map(move |part| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(part)
    });

    let problem = digest(&headers, Body::from_stream(parts)).await.unwrap_err();

    assert_eq!(problem.code(), "too_many_parts");
    assert!(read.load(Ordering::Relaxed) < 100, "{read:?} parts were read");
}

#[test]
fn a_boundary_is_no_longer_than_it_may_be() {
    let (headers, _) = form(&"b".repeat(71), &[]);

    let problem = Reader::try_new(&headers, Body::empty(), 10_000).err().unwrap();

    assert_eq!(problem.code(), "malformed_multipart");
}

#[tokio::test]
async fn what_is_larger_than_it_may_be_is_refused_while_it_arrives() {
    let content = "x".repeat(1_200_000);
    let (headers, body) = form("b", &[("name=\"video\"; filename=\"a\"", &content)]);

    let problem = digest(&headers, cut(&body, 65_536)).await.unwrap_err();

    assert_eq!(problem.code(), "video_too_large");
}

#[test]
fn what_declares_to_be_too_large_is_refused_before_it_arrives() {
    let (mut headers, _) = form("b", &[]);
    headers.insert(http::header::CONTENT_LENGTH, 2_147_483_648_u64.into());

    let problem = Reader::try_new(&headers, Body::empty(), 10_000).err().unwrap();

    assert_eq!(problem.code(), "video_too_large");
}

#[test]
fn mutated_forms_never_panic_and_are_read_or_refused() {
    let parts = [("name=\"name\"", "Lamp"), ("name=\"video\"; filename=\"a.mp4\"", "\r\n-bytes-")];
    let (headers, whole) = form("b", &parts);
    let good = [whole, form("b", &parts[..1]).1, form("b", &[]).1];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();

    crate::mutated::feed("multipart", &good, |input| {
        if let Err(problem) = runtime.block_on(digest(&headers, cut(input, 7))) {
            assert!(
                matches!(
                    problem.code(),
                    "malformed_multipart" | "video_too_large" | "too_many_parts"
                ),
                "{input:?}"
            );
        }
    });
}
