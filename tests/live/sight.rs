//! Nobody is told what they may not see.

use domain::Role;
use serde_json::Value;

use super::Shop;

#[tokio::test]
async fn what_is_hidden_from_somebody_is_not_found_by_them() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let stranger = shop.app.user(Role::EndUser).await;
    let path = format!("/products/{product}/live/");

    for id in ["", "1", "1000000"] {
        let call = shop.app.get(&path).by(&stranger).header("Last-Event-ID", id);
        call.send().await.expect(404);
    }
    shop.app.get(&path).send().await.expect(401);
    shop.app.get("/live/").send().await.expect(401);
}

#[tokio::test]
async fn somebodys_stream_has_their_own_products_and_no_others() {
    let shop = Shop::open().await;
    let stranger = shop.app.user(Role::EndUser).await;
    let mut stream = shop.watch_all(&stranger).await;
    let snapshot = stream.next("snapshot").await;

    let others = shop.product("Lamp").await;
    shop.rename(&others, "Secret lamp").await;
    shop.app.approve(&shop.staff, &others).await.expect(200);
    let own = shop.app.product(&stranger, &shop.category, "Own lamp").await;

    assert_eq!(snapshot.data["results"], Value::Array(vec![]));
    let first = stream.next("product").await;
    assert_eq!(first.data["product"]["id"], own.as_str());
    // Nor does it have them afterwards.
    let call = shop.app.get("/live/").by(&stranger);
    let call = call.header("Last-Event-ID", &snapshot.id.unwrap().to_string());
    let mut again = super::Stream::of(call).await;
    assert_eq!(again.next("product").await, first);
}

#[tokio::test]
async fn a_stranger_watches_what_is_listed_until_it_is_not_and_never_learns_why() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    shop.app.approve(&shop.staff, &product).await.expect(200);
    let stranger = shop.app.user(Role::EndUser).await;
    let mut stream = shop.watch(&stranger, &product).await;
    stream.next("snapshot").await;

    shop.app.reject(&shop.staff, &product, "Of lead.").await.expect(200);

    let gone = stream.next("gone").await;
    assert_eq!(
        (&gone.data["product"], &gone.data["happened"]),
        (&product.as_str().into(), &Value::Null)
    );
    stream.ends().await;
    let call = shop.app.get(&format!("/products/{product}/live/")).by(&stranger);
    call.header("Last-Event-ID", &gone.id.unwrap().to_string()).send().await.expect(404);
}
