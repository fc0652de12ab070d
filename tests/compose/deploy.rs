//! What an operator does with deploy/compose.yaml when a part is lost, as docs/operations.md says it.

use serde_json::{Value, json};

use super::say;
use super::shop::Shop;
use super::stack::{Stack, done};
use crate::support::{Call, eventually, http_client};

const SYNCHRONOUS: &str =
    "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'";

/// The node that leads the stream of events.
pub async fn leader(stack: &Stack) -> &'static str {
    let url =
        format!("http://{}:8222/jsz?accounts=true&streams=true", stack.address("nats1").await);
    let leader = eventually("a node leads the stream", async || {
        let answer = reqwest::get(&url).await.ok()?.bytes().await.ok()?;
        let seen: Value = serde_json::from_slice(&answer).ok()?;
        let stream = &seen["account_details"][0]["stream_detail"][0];
        assert_eq!(stream["cluster"]["replicas"].as_array()?.len(), 2, "{stream}");
        Some(stream["cluster"]["leader"].as_str()?.to_owned())
    })
    .await;
    ["nats1", "nats2", "nats3"].into_iter().find(|name| *name == leader).expect("one of three")
}

/// What a client says of where it comes from is not believed: the proxy says it.
pub async fn nobody_names_their_own_address(shop: &Shop) {
    let url = format!("{}/login/", shop.stack.base());
    let body = json!({ "email": "nobody@example.com", "password": "not a password of anybody" });
    let call = Call::new(&http_client(), "POST", &url).json(body);
    let call = call.header("X-Forwarded-For", "203.0.113.7").header("Forwarded", "for=203.0.113.8");

    call.send().await.expect(401);

    let logged = shop.stack.compose(&["logs", "--no-color", "api1", "api2"]).await;
    let failed: Vec<_> = logged.lines().filter(|line| line.contains("sign_in_failed")).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("172.31.214.0/24"), "{failed:?}");
}

async fn sql(stack: &Stack, service: &str, statements: &[&str]) -> String {
    let psql = ["exec", "-T", service, "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "vetted"];
    let commands = statements.iter().flat_map(|statement| ["-c", statement]);
    stack.compose(&psql.into_iter().chain(commands).collect::<Vec<_>>()).await
}

/// Who confirms the commits of a primary from now on; nobody where it is empty.
async fn confirm_by(stack: &Stack, primary: &str, standby: &str) {
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
    sql(stack, primary, &[&set, "SELECT pg_reload_conf()"]).await;
    eventually("the standby confirms commits", async || {
        (sql(stack, primary, &[SYNCHRONOUS]).await.trim() == standby).then_some(())
    })
    .await;
}

/// The standby is lost, and the primary goes on without it until it is back.
pub async fn lose_standby(shop: &mut Shop) {
    shop.stack.compose(&["stop", "postgres2"]).await;
    let told = shop.not_ready().await;
    say(&format!("/readyz: {}", told["errors"]["database"][0]));

    confirm_by(&shop.stack, "postgres1", "").await;
    shop.ready().await;
    say("commits go on without the standby");

    shop.stack.compose(&["start", "postgres2"]).await;
    confirm_by(&shop.stack, "postgres1", "postgres2").await;
}

/// The primary is lost; the standby takes its place, and it becomes the standby.
pub async fn fail_over(shop: &mut Shop) {
    shop.stack.compose(&["kill", "postgres1"]).await;
    shop.stack.compose(&["exec", "-T", "postgres2", "pg_ctl", "promote"]).await;
    shop.stack.set("PRIMARY", "postgres2");
    shop.database = "postgres2";
    for service in ["api1", "api2", "worker"] {
        replace(&shop.stack, service).await;
    }
    shop.ready().await;
    say("commands go on with the other database");

    replace(&shop.stack, "postgres1").await;
    eventually("what was the primary refuses to be one", async || {
        let said = shop.stack.compose(&["logs", "--no-color", "postgres1"]).await;
        said.contains("it has been the primary").then_some(())
    })
    .await;
    shop.stack.compose(&["rm", "--stop", "--force", "postgres1"]).await;
    done("docker", &["volume", "rm", &shop.stack.volume("postgres1")]).await;
    replace(&shop.stack, "postgres1").await;
    confirm_by(&shop.stack, "postgres2", "postgres1").await;
}

/// Makes a service's containers again, with the image and the settings of now.
async fn replace(stack: &Stack, service: &str) {
    stack.compose(&["up", "--detach", "--no-build", "--no-deps", service]).await;
}

/// One part after the other, each once the one before is healthy.
pub async fn upgrade(shop: &mut Shop) {
    shop.stack.vetted("", "migrate", &["migrate"]).await;
    for service in ["api1", "api2", "worker"] {
        replace(&shop.stack, service).await;
        shop.stack.healthy().await;
    }
}
