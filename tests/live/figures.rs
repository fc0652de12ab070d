//! What streams cost, and how soon they tell.

use std::time::Duration;

use domain::Role;
use tokio::time::Instant;

use super::Shop;
use super::watching::Stream;

/// Resident memory of a process, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// That many open streams, twenty to a person.
async fn open(shop: &Shop, count: usize) -> Vec<Stream> {
    let mut streams = vec![];
    while streams.len() < count {
        let person = shop.app.user(Role::Staff).await;
        for _ in 0..20 {
            let mut stream = shop.watch_all(&person).await;
            stream.next("snapshot").await;
            streams.push(stream);
        }
    }
    streams
}

#[tokio::test]
async fn two_hundred_streams_all_hear_of_it_and_cost_little() {
    let mut shop = Shop::open().await;
    let process = shop.app.server().id();
    shop.product("Lamp").await;
    let before = resident(process);
    let mut streams = open(&shop, 200).await;
    let idle = resident(process);

    let product = shop.product("Lamp").await;

    for stream in &mut streams {
        assert_eq!(stream.next("product").await.data["product"]["id"], product.as_str());
    }
    let after = resident(process);
    println!("200 streams: {before} KiB before, {idle} KiB open, {after} KiB once all have heard");
    // Each with as much to spare as a mailbox may ever hold.
    assert!(after < before + 200 * 512, "{before} KiB grew to {after} KiB");
}

#[tokio::test]
#[ignore = "measures: run it alone, with --nocapture"]
async fn how_soon_and_for_how_much() {
    let mut shop = Shop::open().await;
    let process = shop.app.server().id();
    let replica = shop.app.replica().await;
    let product = shop.product("Lamp").await;
    for (place, base) in
        [("the same process", shop.app.url("")), ("another replica", replica.base().to_owned())]
    {
        let call = shop.app.request("GET", "/live/").by(&shop.seller);
        let mut stream = if place == "the same process" {
            Stream::of(call).await
        } else {
            Stream::of(shop.app.request_to(&replica, "GET", "/live/").by(&shop.seller)).await
        };
        stream.next("snapshot").await;
        let mut taken = vec![];
        for number in 0..200 {
            let begun = Instant::now();
            shop.rename(&product, &format!("{base} {number}")).await;
            stream.next("product").await;
            taken.push(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(number % 37)).await;
        }
        taken.sort_unstable();
        println!("{place}: p50 {:?}, p99 {:?}, most {:?}", taken[100], taken[198], taken[199]);
    }
    let before = resident(process);
    let streams = open(&shop, 1_000).await;
    let after = resident(process);
    println!("{} idle streams: {before} KiB, then {after} KiB", streams.len());
}
