//! Parts of files, and what a client has already (RFC 9110, 13 and 14).

use super::Cinema;
use crate::support::Answer;

struct Film {
    cinema: Cinema,
    link: String,
    whole: Answer,
}

impl Film {
    async fn open() -> Self {
        let cinema = Cinema::open().await;
        let [link, _] = cinema.links(&cinema.seller).await;
        let whole = cinema.app.get(&link).send().await.expect(200);
        Self { cinema, link, whole }
    }

    async fn asked(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        let call = self.cinema.app.request(method, &self.link);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    }
}

#[tokio::test]
async fn a_range_is_given_as_it_was_asked_for() {
    let film = Film::open().await;
    let (whole, size) = (&film.whole.bytes, film.whole.bytes.len());
    assert_eq!(film.whole.header("accept-ranges"), "bytes");

    for (range, first, last) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=4-7".to_owned(), 4, 7),
        (format!("bytes={}-", size - 3), size - 3, size - 1),
        (format!("bytes=10-{}", size + 10), 10, size - 1),
        ("bytes=-5".to_owned(), size - 5, size - 1),
        (format!("bytes=-{}", size + 5), 0, size - 1),
    ] {
        let part = film.asked("GET", &[("Range", &range)]).await.expect(206);
        assert_eq!(part.bytes, whole[first..=last], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/{size}"));
        assert_eq!(part.header("content-length"), part.bytes.len().to_string());
        assert_eq!(part.etag(), film.whole.etag());
    }
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let outside = film.asked("GET", &[("Range", &range)]).await.expect(416);
        assert_eq!(outside.header("content-range"), format!("bytes */{size}"));
        assert_eq!(outside.code(), "range_not_satisfiable");
    }
    for range in ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2", "bytes=a-"] {
        let all = film.asked("GET", &[("Range", range)]).await.expect(200);
        assert_eq!(&all.bytes, whole, "{range}");
    }
}

#[tokio::test]
async fn a_range_counts_only_for_the_file_that_the_client_has_begun_with() {
    let film = Film::open().await;
    let etag = film.whole.etag();
    let weak = format!("W/{etag}");

    let same = film.asked("GET", &[("Range", "bytes=0-3"), ("If-Range", etag)]).await;
    assert_eq!(same.expect(206).bytes.len(), 4);
    for other in [weak.as_str(), "\"old\"", "Wed, 25 Nov 2026 00:00:00 GMT"] {
        let all = film.asked("GET", &[("Range", "bytes=0-3"), ("If-Range", other)]).await;
        assert_eq!(all.expect(200).bytes, film.whole.bytes, "{other}");
    }
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let film = Film::open().await;
    let etag = film.whole.etag();
    let listed = format!("\"old\", W/{etag}");

    for (method, had) in [("GET", etag), ("GET", "*"), ("GET", &listed), ("HEAD", etag)] {
        let call = [("If-None-Match", had), ("Range", "bytes=0-3")];
        let not_modified = film.asked(method, &call).await;
        assert_eq!((not_modified.status, not_modified.bytes.len()), (304, 0), "{had}");
        assert_eq!(not_modified.etag(), etag);
    }
    film.asked("GET", &[("If-None-Match", "\"old\"")]).await.expect(200);
}

#[tokio::test]
async fn head_tells_what_get_would_give_and_knows_no_ranges() {
    let film = Film::open().await;

    for headers in [&[][..], &[("Range", "bytes=0-3")], &[("Range", "bytes=99999999-")]] {
        let head = film.asked("HEAD", headers).await.expect(200);
        assert!(head.bytes.is_empty());
        for name in ["content-length", "content-type", "etag", "accept-ranges", "cache-control"] {
            assert_eq!(head.header(name), film.whole.header(name), "{name}");
        }
    }
}
