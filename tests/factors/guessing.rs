//! Codes guessed at by somebody who knows the password.

use domain::Role;
use futures::future::join_all;

use crate::support::TestApp;

#[tokio::test]
async fn of_many_guesses_at_once_ten_are_judged_and_then_the_right_code_waits_too() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (mut authenticator, codes) = app.enrol(&person).await;
    let challenge = app.challenge(&person).await;
    let wrong = authenticator.wrong();

    let guesses = (0..80).map(|_| app.complete_login(&challenge, &wrong));
    let statuses: Vec<u16> = join_all(guesses).await.iter().map(|answer| answer.status).collect();

    let judged = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(judged, 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    for code in [authenticator.next().await, codes[0].clone()] {
        let refused = app.complete_login(&challenge, &code).await.expect(429);
        assert_eq!(refused.code(), "too_many_attempts");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=300).contains(&wait), "{refused:?}");
    }
    let metrics = app.get("/metrics").send().await.expect(200);
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    assert!(metrics.contains("vetted_second_factor_checks_total{outcome=\"wrong\"} 10"));
}

#[tokio::test]
async fn the_right_password_gives_no_more_guesses_of_codes() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (authenticator, _) = app.enrol(&person).await;
    let wrong = authenticator.wrong();

    let mut statuses = vec![];
    for _ in 0..12 {
        let challenge = app.challenge(&person).await;
        statuses.push(app.complete_login(&challenge, &wrong).await.status);
    }

    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
}
