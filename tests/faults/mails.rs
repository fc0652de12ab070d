//! Workers that are killed, and mail servers that go away, in the middle of mails.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::lapse;
use crate::support::{MailServer, Manner, Proxy, TestApp, eventually};

const MAILS: usize = 60;
/// Conversations with a mail server at a time.
const LANES: usize = 8;

/// The Message-IDs of the mails that it has taken.
fn ids(server: &MailServer) -> BTreeSet<String> {
    server.taken().into_iter().map(|mail| mail.id).collect()
}

async fn register(app: &TestApp, number: usize) {
    register_at(app, number, "example.com").await;
}

async fn register_at(app: &TestApp, number: usize, domain: &str) {
    let email = format!("ada{number}@{domain}");
    let body = json!({ "email": email, "password": "a lamp in every window" });
    app.post("/register/").json(body).send().await.expect(201);
}

#[tokio::test]
async fn a_killed_worker_doubles_no_more_mails_than_it_was_sending() {
    let server = MailServer::serve(Duration::from_millis(100)).await;
    let url = format!("smtp://{}", server.address());
    let app = TestApp::start_as(&["api"], &[("SMTP_URL", &url)]).await;
    for number in 0..MAILS {
        register(&app, number).await;
    }
    let mut worker = app.program.serve(&["worker"]).await;
    eventually("it is in the middle", async || (server.taken().len() >= 20).then_some(())).await;

    worker.kill();

    lapse(&app.pool()).await;
    let _worker = app.program.serve(&["worker"]).await;
    eventually("every mail is sent", async || {
        let all = ids(&server);
        (all.len() == MAILS).then_some(())
    })
    .await;
    let doubled = server.taken().len() - MAILS;
    assert!(doubled <= LANES, "{doubled} were sent twice");
}

#[tokio::test]
async fn no_mail_is_given_up_while_the_mail_server_is_away() {
    let server = MailServer::serve(Duration::ZERO).await;
    let (proxy, address) = Proxy::before_server(server.address()).await;
    let app = TestApp::start_with(&[("SMTP_URL", &format!("smtp://{address}"))]).await;
    proxy.close();
    for number in 0..10 {
        register(&app, number).await;
    }
    let tries = "SELECT coalesce(max(fence), 0) FROM effects WHERE subscriber = 'mailer'";
    eventually("it was tried more than once", async || {
        sqlx::query("UPDATE effects SET due_at = now() WHERE due_at > now() + interval '1 s'")
            .execute(&app.pool())
            .await
            .unwrap();
        let fence: i64 = sqlx::query_scalar(tries).fetch_one(&app.pool()).await.unwrap();
        (fence > 10).then_some(())
    })
    .await;
    let counted = "SELECT max(attempts) FROM effects WHERE subscriber = 'mailer'";
    let counted: i32 = sqlx::query_scalar(counted).fetch_one(&app.pool()).await.unwrap();
    assert!(counted <= 1, "{counted} tries were counted");

    proxy.open();
    eventually("every mail is sent", async || {
        let all = ids(&server);
        (all.len() == 10).then_some(())
    })
    .await;
}

#[tokio::test]
async fn mails_to_a_slow_domain_hold_up_no_others() {
    let longer = Duration::from_secs(20);
    let server = MailServer::serve_slowly(Duration::ZERO, "slow.example", longer).await;
    let url = format!("smtp://{}", server.address());
    let app = TestApp::start_as(&["api"], &[("SMTP_URL", &url)]).await;
    for number in 0..40 {
        register_at(&app, number, "slow.example").await;
    }
    for number in 0..5 {
        register(&app, number).await;
    }

    let _worker = app.program.serve(&["worker"]).await;

    let first =
        eventually("some are sent", async || Some(server.taken()).filter(|taken| taken.len() >= 5))
            .await;
    assert!(first.iter().all(|mail| mail.to.contains("@example.com")), "{first:?}");
}

/// What it says to everybody is not about a mail; and who waited while it was silent does not go on waiting.
#[tokio::test]
async fn no_mail_is_given_up_that_a_mail_server_was_not_told_of() {
    for manner in [Manner::Refusing, Manner::Silent, Manner::Flooding] {
        let server = MailServer::serve(Duration::ZERO).await;
        server.set_manner(manner);
        let url = format!("smtp://{}", server.address());
        let app = TestApp::start_with(&[("SMTP_URL", &url)]).await;
        for number in 0..3 {
            register(&app, number).await;
        }
        let put_off = "SELECT count(*) FROM effects WHERE subscriber = 'mailer' AND due_at > now()";
        eventually("they are put off", async || {
            let put_off: i64 = sqlx::query_scalar(put_off).fetch_one(&app.pool()).await.unwrap();
            (put_off == 3).then_some(())
        })
        .await;

        server.set_manner(Manner::Prompt);

        eventually("every mail is sent", async || (ids(&server).len() == 3).then_some(())).await;
        let given_up = app.run(&["worker", "dead-letters", "list", "--json"]).await.expect(0);
        assert_eq!(given_up.stdout, "", "{manner:?}");
        app.finish().await;
    }
}
