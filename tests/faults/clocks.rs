//! Processes whose machines disagree about the time.

use domain::Role;
use serde_json::json;

use crate::support::program::Server;
use crate::support::{Call, Person, TestApp, clock};

async fn sign_in(app: &TestApp, server: Option<&Server>, person: &Person) -> String {
    let body = json!({"email": person.email, "password": person.password});
    let answer = to(app, server, "POST", "/login/").json(body).send().await.expect(200);
    answer.json["access"].as_str().unwrap().to_owned()
}

/// A request to that process, or to the first one.
fn to(app: &TestApp, server: Option<&Server>, method: &str, path: &str) -> Call {
    match server {
        Some(server) => app.request_to(server, method, path),
        None => app.request(method, path),
    }
}

#[tokio::test]
async fn tokens_and_links_hold_on_machines_whose_clocks_are_an_hour_off() {
    for hours in ["+1h", "-1h"] {
        let mut app = TestApp::start().await;
        let person = app.user(Role::Staff).await;
        let off = clock::off_by(hours).expect("libfaketime: run scripts/install check");
        for (name, value) in &off {
            app.program.set(name, value);
        }
        let wrong = app.replica().await;
        let (right, wrong) = (None, Some(&wrong));

        let tokens = [sign_in(&app, right, &person).await, sign_in(&app, wrong, &person).await];

        for server in [right, wrong] {
            for token in &tokens {
                let me = to(&app, server, "GET", "/me/").bearer(token).send().await.expect(200);
                let live = me.json["live_url"].as_str().unwrap();
                for other in [right, wrong] {
                    let path = &live[live.find("/live/").expect("a path")..];
                    to(&app, other, "HEAD", path).send().await.expect(200);
                }
            }
        }
        let ready = to(&app, wrong, "GET", "/readyz").send().await.expect(200);
        let clock = ready.json["checks"]["clock"].as_str().unwrap();
        assert!(clock.contains("3600 s") || clock.contains("3599 s"), "{hours}: {clock}");
        let ready = to(&app, right, "GET", "/readyz").send().await.expect(200);
        assert_eq!(ready.json["checks"]["clock"], "ok");
    }
}
