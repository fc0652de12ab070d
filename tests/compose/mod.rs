//! The compose files are really run, and what the program promises holds while containers die, freeze and
//! are upgraded (`make test-compose`). Clients and checks are those of `tests/faults/seeded`.
//!
//! They need a Docker that has the images, so a plain `cargo test` leaves them out: `scripts/compose/run`
//! starts one.

mod checks;
mod deploy;
mod shop;
mod stack;

use std::net::TcpListener;
use std::time::Duration;

use shop::{Fault, Shop};
use stack::{Stack, done};

/// A line that a person who waits reads.
fn say(text: &str) {
    eprintln!("compose: {text}");
}

/// Ports that nothing listens at.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

/// Longer than the program waits for anything that is down before it says so.
const FROZEN: Duration = Duration::from_secs(8);

#[tokio::test]
#[ignore = "needs a Docker with images: make test-compose"]
async fn compose_yaml_keeps_what_was_answered_whatever_dies_and_while_it_is_upgraded() {
    let stack = Stack::new("compose.yaml", "vetted");
    stack.up(&["--scale", "worker=3"]).await;
    let mut shop = Shop::open(stack, "postgres", ("api", "worker")).await;

    shop.round("nothing fails", Fault::None).await;
    for service in ["api", "worker", "nats", "mail", "postgres"] {
        shop.round(&format!("{service} is killed"), Fault::Crash(service)).await;
    }
    for service in ["nats", "postgres", "mail"] {
        shop.round(&format!("{service} is frozen"), Fault::Freeze(service, FROZEN)).await;
    }
    next_image("next").await;
    shop.round("the image is upgraded", Fault::Upgrade(&["--scale", "worker=3"])).await;
    shop.runs_image("next", &["api", "worker"]).await;

    shop.close().await;
}

#[tokio::test]
#[ignore = "needs a Docker with images: make test-compose"]
async fn deploy_keeps_what_was_answered_while_any_one_part_is_lost_and_while_it_is_upgraded() {
    let stack = Stack::new("deploy/compose.yaml", "deploy");
    stack.up(&[]).await;
    let mut shop = Shop::open(stack, "postgres1", ("api1", "worker")).await;
    deploy::nobody_names_their_own_address(&shop).await;

    shop.round("nothing fails", Fault::None).await;
    let leader = deploy::leader(&shop.stack).await;
    for service in ["api1", "worker", "proxy", leader, "postgres2", "postgres1"] {
        shop.round(&format!("{service} is killed"), Fault::Crash(service)).await;
    }
    shop.round("postgres2, the standby, is frozen", Fault::Freeze("postgres2", FROZEN)).await;
    shop.round_of("the standby is lost", deploy::lose_standby).await;
    next_image("another").await;
    shop.round_of("the image is upgraded", deploy::upgrade).await;
    shop.runs_image("another", &["api1", "api2", "worker"]).await;
    shop.round_of("the primary is lost, and the standby promoted", deploy::fail_over).await;

    shop.close().await;
}

/// The image `vetted` is another one from now on, with a label.
async fn next_image(revision: &str) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("FROM vetted\nLABEL org.opencontainers.image.revision={revision}\n");
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    done("docker", &["build", "--quiet", "--tag", "vetted", folder.path().to_str().unwrap()]).await;
}
