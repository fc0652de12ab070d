//! Queries that a library would fail at.

use domain::Role;

use crate::refusal::refused;
use crate::support::TestApp;

#[tokio::test]
async fn a_search_of_33_hyphens_is_refused_by_name_and_other_operators_find_nothing() {
    let app = TestApp::start().await;
    let buyer = app.user(Role::EndUser).await;
    let search = async |q: &str| {
        let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        app.get(&format!("/products/?q={q}")).by(&buyer).send().await
    };

    for q in ["-".repeat(33), "- ".repeat(33), format!("lamp {}x", "-".repeat(33))] {
        let answer = refused(search(&q).await, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["q"], "{q}");
    }
    for operator in ["-", "--", "\"", "or ", "-\"", "-\"\" ", "!", "&", "(", ":*", "<->", "\\", "'"]
    {
        for times in [1, 10, 32, 33, 100] {
            let q: String = operator.repeat(times).chars().take(500).collect();
            let answer = search(&q).await;
            assert!(matches!(answer.status, 200 | 400), "{q}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_moment_beyond_the_last_year_in_utc_is_refused_by_name() {
    let app = TestApp::start().await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let as_of = async |time: &str| {
        let path = format!("/products/{product}/?as_of={}", time.replace('+', "%2B"));
        app.get(&path).by(&seller).send().await
    };

    for time in
        ["9999-12-31T23:59:59-00:01", "9999-12-31T00:01:00-23:59", "9999-12-31T23:59:60-01:00"]
    {
        let answer = refused(as_of(time).await, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["as_of"], "{time}");
    }
    as_of("9999-12-31T23:59:59+00:01").await.expect(200);
    refused(as_of("0000-01-01T00:00:00+23:59").await, 404, "not_found");
}
