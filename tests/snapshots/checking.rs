//! Snapshots that are wrong, and what they keep to themselves.

use domain::category::Category;
use domain::order::Order;
use domain::policy::Policy;
use domain::product::Product;
use domain::user::{User, UserEvent};
use domain::{Aggregate as _, StreamId, StreamType};

use super::{load, long_streams, rename, renamed, stream};
use crate::store::Store;

#[tokio::test]
async fn snapshots_that_are_not_what_the_log_says_are_found_by_verify_and_removed_by_rebuild() {
    let store = Store::start().await;
    let streams = long_streams(&store).await;
    let [product, category, order, user, policy] = streams;
    let replica = store.replica();
    load::<Product>(&replica, product).await.unwrap();
    load::<Category>(&replica, category).await.unwrap();
    load::<Order>(&replica, order).await.unwrap();
    load::<User>(&replica, user).await.unwrap();
    load::<Policy>(&replica, policy).await.unwrap();
    assert_eq!(store.verified().await, []);

    store
        .execute(
            "UPDATE snapshots SET state = '{}' WHERE aggregate_type = 'user' AND sequence = 300",
        )
        .await;
    store
        .execute("UPDATE snapshots SET read_model = '{}' WHERE aggregate_type = 'product' AND sequence = 200")
        .await;
    let drifts = store.verified().await;

    assert_eq!(drifts.len(), 1);
    assert_eq!((drifts[0].table, drifts[0].rows), ("snapshots", 2));
    let named = |stream: StreamId, sequence: i64, column: &str| {
        let first = drifts[0].first.iter().map(|one| (one.key.clone(), one.columns.clone()));
        let key = format!("{} {} {sequence}", stream.kind, stream.id);
        assert!(
            first.into_iter().any(|one| one == (key.clone(), vec![column.to_owned()])),
            "{drifts:?}"
        );
    };
    named(user, 300, "state");
    named(product, 200, "read_model");
    store.rebuild().await;
    for stream in streams {
        assert_eq!(store.snapshots(stream).await, [0; 0]);
    }
    assert_eq!(store.verified().await, []);
}

#[tokio::test]
async fn a_snapshot_of_an_account_shows_nobodys_address_and_none_at_all_once_its_person_is_erased()
{
    let store = Store::start().await;
    let user = store.person().await;
    let of = stream(StreamType::User, user);
    store.grow(of, 250, |_| UserEvent::RegistrationRepeated.into()).await;
    store.rebuild().await;
    let address = async || {
        let state: User = load(&store.replica(), of).await.unwrap();
        state.account().unwrap().email.text().map(str::to_owned)
    };
    let whole: User = store.folded(of).await;
    let encoded = hex::encode("alice@example.org");

    assert_eq!(address().await.as_deref(), Some("alice@example.org"));
    store.spoil(of, 1, 200).await;

    assert_eq!(load::<User>(&store.replica(), of).await.unwrap(), whole);
    let stored: String = sqlx::query_scalar(
        "SELECT string_agg(snapshots::text, ' ') FROM snapshots WHERE sealed IS NOT NULL",
    )
    .fetch_one(&store.pool)
    .await
    .unwrap();
    assert!(!stored.contains("alice") && !stored.contains(&encoded), "{stored}");
    let plain = "SELECT count(*) FROM snapshots WHERE read_model IS NOT NULL OR sealed IS NULL";
    let plain: i64 = sqlx::query_scalar(plain).fetch_one(&store.pool).await.unwrap();
    assert_eq!(plain, 0, "all that is about a person is sealed");
    // As an erasure does.
    store.execute("UPDATE person_keys SET wrapped = NULL, erased_at = now()").await;
    assert_eq!(address().await, None);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_used_is_passed_over_and_made_again() {
    let store = Store::start().await;
    let product = store.products(1).await[0];
    let of = stream(StreamType::Product, product);
    store.grow(of, 250, renamed).await;
    store.rebuild().await;
    let whole: Product = store.folded(of).await;

    for (version, damage) in [
        (251, "UPDATE snapshots SET format = format + 1"),
        (252, "UPDATE snapshots SET state = '{}'"),
        (253, "UPDATE snapshots SET state = jsonb_set(state::jsonb, '{version}', '7')::json"),
        (254, "UPDATE snapshots SET read_model = '{}'"),
        (255, "DELETE FROM snapshots"),
    ] {
        let seen: Product = load(&store.replica(), of).await.unwrap();
        store.execute(damage).await;

        let replica = store.replica();
        let again: Product = load(&replica, of).await.unwrap();
        assert_eq!(store.verified().await, [], "{damage}");
        let done = rename(&replica, product, version).await;

        assert_eq!((again, done.version), (seen, version), "{damage}");
    }
    assert_eq!(store.folded::<Product>(of).await.version(), whole.version() + 5);
    let named: Option<String> = sqlx::query_scalar("SELECT name FROM products WHERE id = $1")
        .bind(product.uuid())
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(named.as_deref(), Some("Lamp 255"));
}
