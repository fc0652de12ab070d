//! Going on after a break.

use serde_json::json;

use super::Shop;
use super::watching::Stream;

#[tokio::test]
async fn a_stream_goes_on_at_another_replica_with_exactly_what_was_missed() {
    let mut shop = Shop::open().await;
    let (product, other) = (shop.product("Lamp").await, shop.product("Lamp").await);
    let replica = shop.app.replica().await;
    let mut stream = shop.watch(&shop.seller, &product).await;
    let mut all = shop.watch_all(&shop.seller).await;
    let mut seen = vec![stream.next("snapshot").await.id.unwrap()];
    let from = all.next("snapshot").await.id.unwrap();
    for number in 0..3 {
        shop.rename(&product, &format!("Lamp {number}")).await;
        seen.push(stream.next("product").await.id.unwrap());
    }

    shop.app.kill();
    assert!(stream.any().await.is_none());
    let paths = [&product, &other].map(|id| format!("/products/{id}/"));
    let rename = async |path: &str, name: &str| {
        let call = shop.app.request_to(&replica, "PATCH", path).by(&shop.seller);
        call.json(json!({ "name": name })).send().await.expect(200);
    };
    for number in 3..150 {
        rename(&paths[0], &format!("Lamp {number}")).await;
        if number % 50 == 0 {
            rename(&paths[1], &format!("Other {number}")).await;
        }
    }
    let resumed = async |path: &str, after: i64| {
        let call = shop.app.request_to(&replica, "GET", path).by(&shop.seller);
        Stream::of(call.header("Last-Event-ID", &after.to_string())).await
    };
    let mut again = resumed(&format!("{}live/", paths[0]), seen[1]).await;

    // What came after the id: two that had been seen, then those that had not, then what comes.
    let mut sequences = vec![];
    for _ in 1..150 {
        let told = again.next("product").await;
        assert!(told.id > Some(seen[1]));
        sequences.push(told.data["happened"]["sequence"].as_i64().unwrap());
    }
    assert_eq!(sequences, (3..152).collect::<Vec<_>>());
    rename(&paths[0], "Lamp at last").await;
    assert_eq!(again.next("product").await.data["happened"]["sequence"], 152);

    let mut again = resumed("/live/", from).await;
    let mut ids = vec![];
    for _ in 0..153 {
        ids.push(again.next("product").await.id.unwrap());
    }
    assert!(ids.is_sorted_by(|one, next| one < next) && ids[0] > from, "{ids:?}");
    rename(&paths[1], "Other at last").await;
    assert_eq!(again.next("product").await.data["product"]["name"], "Other at last");
}

#[tokio::test]
async fn what_cannot_be_gone_on_from_is_told() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}/live/");
    for path in [path.as_str(), "/live/"] {
        for id in ["-1", "seven", "1.0", "99999999999999999999", "0x1"] {
            let call = shop.app.get(path).by(&shop.seller).header("Last-Event-ID", id);
            assert_eq!(call.send().await.expect(400).code(), "invalid_header", "{id}");
        }

        let call = shop.app.get(path).by(&shop.seller).header("Last-Event-ID", "1000000");
        let mut ahead = Stream::of(call).await;
        let resync = ahead.next("resync").await;
        shop.documents(&[&resync]).await;

        shop.rename(&product, &format!("Lamp of {path}")).await;
        let next = ahead.next("product").await;
        assert!(next.id > resync.id, "{resync:?} {next:?}");
        let call = shop.app.get(&format!("{path}?since=1")).by(&shop.seller);
        assert_eq!(call.send().await.expect(400).code(), "invalid_input");
    }
}
