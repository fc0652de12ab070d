//! A stream lasts as long as its token counts, and as the program runs.

use std::time::Duration;

use domain::Role;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::time::Instant;

use super::watching::Stream;
use super::{ENDINGS, Shop};
use crate::sessions::{key_of, part, signed, with};
use crate::support::Person;

/// An open stream of somebody's, at a replica that will learn of it from the log alone.
async fn watched(shop: &Shop, person: &Person) -> Stream {
    let mut stream = shop.watch_all(person).await;
    stream.next("snapshot").await;
    stream
}

#[tokio::test]
async fn a_person_signed_out_shut_out_or_given_another_role_hears_no_more() {
    let shop = Shop::open().await;
    let replica = shop.app.replica().await;
    let product = shop.product("Lamp").await;

    for how in ENDINGS {
        let person = shop.app.user(Role::Staff).await;
        let mut stream = watched(&shop, &person).await;
        let begun = Instant::now();
        shop.end_access(how, &person, &replica, &product).await;
        stream.ends().await;
        println!("{how:?} at another replica ended a stream after {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let shop = Shop::open().await;
    let (header, claims) = (part(&shop.seller.access, 0), part(&shop.seller.access, 1));
    let soon = time::OffsetDateTime::now_utc().unix_timestamp() + 3;
    let short = signed(&key_of(&shop.app), &header, &with(&claims, "exp", json!(soon)));
    let mut stream = Stream::of(shop.app.get("/live/").bearer(&short)).await;
    stream.next("snapshot").await;

    stream.ends().await;

    // Not early, but for what the database's clock, as measured, differs from this one's.
    assert!(time::OffsetDateTime::now_utc().unix_timestamp() >= soon - 1);
    shop.app.get("/live/").bearer(&short).send().await.expect(401);
    watched(&shop, &shop.seller).await;
}

#[tokio::test]
async fn streams_do_not_hold_up_the_end_of_the_program() {
    let mut shop = Shop::open().await;
    let mut streams = vec![];
    for _ in 0..5 {
        streams.push(watched(&shop, &shop.staff).await);
    }
    let process = Pid::from_raw(i32::try_from(shop.app.server().id()).unwrap());
    let begun = Instant::now();

    kill(process, Signal::SIGTERM).unwrap();

    for stream in &mut streams {
        stream.ends().await;
    }
    let ended = crate::support::eventually("the program ends", {
        let server = shop.app.server();
        async move || server.status()
    })
    .await;
    assert!(ended.success(), "{ended}");
    // Requests under way would have had 20 seconds.
    println!("five streams and the program ended after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(19));
}
