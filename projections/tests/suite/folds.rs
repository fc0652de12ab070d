//! What events make of rows.

use std::collections::BTreeMap;

use domain::order::{OrderEvent, OrderItem, OrderStatus};
use domain::policy::{PolicyChanges, PolicyEvent, Severity};
use domain::product::{ProcessingStatus, ProductChanges, ProductEvent, ProductStatus};
use domain::user::UserEvent;
use domain::{CategoryId, Change, Personal, Recorded, Role, StreamId, StreamType, UploadId};
use projections::{
    CategoryRow, DecisionPolicies, Fold, Order, OrderRow, PolicyRow, ProductRow, ProductView,
    UserRow, timeline_of,
};
use serde_json::json;
use uuid::Uuid;

use crate::making::*;

fn folded<F: Fold>(events: &[Recorded]) -> Option<F> {
    events.iter().fold(None, F::follow)
}

fn product_after(events: Vec<ProductEvent>) -> ProductRow {
    let (mut log, id) = (Log::default(), product(1));
    let events: Vec<_> = events.into_iter().map(|event| log.product(id, event)).collect();
    folded(&events).unwrap()
}

#[test]
fn a_product_is_listed_while_it_is_approved_and_its_video_ready() {
    let submitted = submitted(ALICE, "Lamp", BOOKS, None);
    let mut events = vec![submitted, uploaded(7)];
    assert!(!product_after(events.clone()).listed);
    events.extend([finalized(7), approved(3)]);
    assert!(product_after(events.clone()).listed);
    events.push(uploaded(8));
    let row = product_after(events.clone());
    assert_eq!((row.listed, row.processing_status), (false, ProcessingStatus::Processing));
    events.push(finalized(8));
    events.push(ProductEvent::ProductDeleted { category: BOOKS });
    let row = product_after(events);
    assert!(row.deleted && !row.listed);
    assert_eq!((row.status, row.version), (ProductStatus::Approved, 7));
}

#[test]
fn prices_sort_by_their_amount_whatever_decimals_the_currency_has() {
    let sorted = |price| product_after(vec![submitted(ALICE, "Lamp", BOOKS, price)]).sort_price;
    assert_eq!(sorted(Some(money("12.50", "EUR"))), 125_000);
    assert_eq!(sorted(Some(money("12", "JPY"))), 120_000);
    assert_eq!(sorted(Some(money("12.500", "KWD"))), 125_000);
    assert_eq!(sorted(None), i64::MAX);
}

#[test]
fn an_edit_changes_what_it_names_and_the_sort_keys_with_it() {
    let price = Some(money("1.00", "EUR"));
    let changes = ProductChanges {
        name: Some(Change { from: text("Lamp"), to: text("E\u{301}CRAN") }),
        price: Some(Change { from: price, to: None }),
        ..ProductChanges::default()
    };
    let row = product_after(vec![
        submitted(ALICE, "Lamp", BOOKS, price),
        ProductEvent::ProductEdited { changes },
    ]);
    assert_eq!((row.name.as_str(), row.sort_name.as_str()), ("E\u{301}CRAN", "écran"));
    assert_eq!(row.search_text.as_deref(), Some("écran quite new"));
    assert_eq!((row.price(), row.sort_price), (None, i64::MAX));
    assert_eq!((row.description.as_str(), row.category_id), ("Quite new", BOOKS));
}

#[test]
fn no_name_is_too_long_for_the_index_that_sorts_it() {
    let name = "\u{fdfa}".repeat(200);
    let row = product_after(vec![submitted(ALICE, &name, BOOKS, None)]);
    assert_eq!(row.name, name);
    assert_eq!(row.sort_name.chars().count(), 200);
}

#[test]
fn a_product_is_written_as_the_contract_says() {
    let price = Some(money("12.5", "EUR"));
    let row =
        product_after(vec![submitted(ALICE, "Lamp", BOOKS, price), uploaded(7), finalized(7)]);
    let view = ProductView {
        row,
        category_name: Some("Books".to_owned()),
        category_description: Some(String::new()),
        progress: Some(40),
        video_gone: None,
    };
    let id = product(1);
    assert_eq!(
        serde_json::to_value(view.shown(&())).unwrap(),
        json!({
            "id": id, "name": "Lamp", "description": "Quite new",
            "category": { "id": BOOKS, "name": "Books", "description": "" },
            "price": { "amount": "12.50", "currency": "EUR" },
            "video": { "size": 8, "sha256": "done 7", "content_type": "video/mp4", "duration_ms": 1500, "width": 640, "height": 360 },
            "video_url": format!("/products/{id}/video/"), "poster_url": format!("/products/{id}/poster/"),
            "thumbnails_url": format!("/products/{id}/thumbnails.vtt"),
            "live_url": format!("/products/{id}/live/"),
            "status": "PENDING", "processing_status": "READY", "processing_progress": 100,
            "uploaded_by": ALICE, "version": 3,
            "created_at": "2026-11-23T09:00:00.124456Z", "updated_at": "2026-11-23T09:00:00.126456Z",
        })
    );
}

#[test]
fn a_video_is_shown_only_once_it_is_ready() {
    let row = product_after(vec![submitted(ALICE, "Lamp", BOOKS, None), uploaded(7)]);
    let (category_name, category_description) = (None, None);
    let (progress, video_gone) = (Some(40), None);
    let view = ProductView { row, category_name, category_description, progress, video_gone };
    let shown = view.shown(&());
    assert_eq!((shown.video, shown.video_url, shown.poster_url), (None, None, None));
    assert_eq!(shown.processing_progress, 40);
}

#[test]
fn a_category_counts_products_that_come_move_and_go() {
    let mut log = Log::default();
    let moved = ProductChanges {
        category: Some(Change { from: BOOKS, to: TOYS }),
        ..ProductChanges::default()
    };
    let events = [
        log.category(BOOKS, "Books"),
        log.category(TOYS, "Toys"),
        log.product(product(1), submitted(ALICE, "Lamp", BOOKS, None)),
        log.product(product(2), submitted(ALICE, "Desk", BOOKS, None)),
        log.product(product(3), submitted(ALICE, "Ball", BOOKS, None)),
        log.product(product(2), ProductEvent::ProductEdited { changes: moved }),
        log.product(product(3), ProductEvent::ProductDeleted { category: BOOKS }),
    ];
    for (category, count) in [(BOOKS, 1), (TOYS, 1)] {
        let row = shelf(category, &events);
        assert_eq!((row.product_count, row.listed_count), (count, 0), "{}", row.name);
        assert_eq!(row.version, 1);
    }
}

#[test]
fn a_category_counts_products_as_listed_for_as_long_as_everybody_may_see_them() {
    let mut log = Log::default();
    let moved = ProductChanges {
        category: Some(Change { from: BOOKS, to: TOYS }),
        ..ProductChanges::default()
    };
    let steps = [
        (submitted(ALICE, "Lamp", BOOKS, None), 0, 0),
        (approved(1), 1, 0),
        (uploaded(7), 0, 0),
        (finalized(7), 1, 0),
        (ProductEvent::ProductEdited { changes: moved }, 0, 1),
        (ProductEvent::ProductCancelled { was: ProductStatus::Approved }, 0, 0),
        (ProductEvent::ProductDeleted { category: TOYS }, 0, 0),
    ];
    let mut events = vec![log.category(BOOKS, "Books"), log.category(TOYS, "Toys")];
    for (event, books, toys) in steps {
        events.push(log.product(product(1), event));

        let listed = [BOOKS, TOYS].map(|category| shelf(category, &events).listed_count);
        assert_eq!(listed, [books, toys], "{:?}", events.last());
    }
}

/// A category as its own events and the rows of products make it.
fn shelf(category: CategoryId, events: &[Recorded]) -> CategoryRow {
    let mut products: BTreeMap<Uuid, ProductRow> = BTreeMap::new();
    let mut shelf: Option<CategoryRow> = None;
    for recorded in events {
        let key = recorded.stream.id;
        if recorded.stream.kind == StreamType::Category && key == category.uuid() {
            shelf = CategoryRow::follow(shelf, recorded);
        }
        if recorded.stream.kind == StreamType::Product {
            let before = products.get(&key).cloned();
            let after = ProductRow::follow(before.clone(), recorded);
            if let Some(shelf) = &mut shelf {
                shelf.count(before.as_ref(), after.as_ref());
            }
            products.extend(after.map(|row| (key, row)));
        }
    }
    shelf.unwrap()
}

#[test]
fn an_account_is_active_while_it_is_activated_and_not_shut() {
    let (mut log, stream) = (Log::default(), StreamId { kind: StreamType::User, id: ALICE.uuid() });
    let email = Personal::new(ALICE, "alice@example.org");
    let steps = [
        (UserEvent::UserRegistered { email, role: Role::EndUser }, false),
        (UserEvent::UserDeactivated, false),
        (UserEvent::UserActivated, false),
        (UserEvent::UserReactivated, true),
        (UserEvent::RoleChanged { from: Role::EndUser, to: Role::Staff }, true),
    ];
    let mut row = None;
    for (event, active) in steps {
        row = UserRow::follow(row, &log.record(stream, event));
        assert_eq!(row.as_ref().map(|row| row.is_active), Some(active));
    }
    let row = row.unwrap();
    assert_eq!((row.role, row.version), (Role::Staff, 5));
    assert_eq!(row.email.as_deref(), Some("alice@example.org"));
}

#[test]
fn an_order_keeps_its_items_and_adds_them_up() {
    let (mut log, stream) =
        (Log::default(), StreamId { kind: StreamType::Order, id: Uuid::from_u128(5) });
    let item = |number, price, quantity| OrderItem {
        product: product(number),
        name: text("Lamp"),
        price,
        quantity,
    };
    let items = vec![item(1, Some(money("1.50", "EUR")), 2), item(2, None, 1)];
    let placed = log.record(stream, OrderEvent::OrderPlaced { user: ALICE, items });
    let row: OrderRow = folded(&[placed, log.record(stream, OrderEvent::OrderCancelled)]).unwrap();
    let order = Order::from(row);
    assert_eq!(order.total, Some(money("3.00", "EUR")));
    assert_eq!(order.products, [product(1), product(2)]);
    assert_eq!((order.status, order.version), (OrderStatus::Cancelled, 2));
}

#[test]
fn a_policy_says_what_its_last_edit_made_of_it_and_goes_when_it_is_deleted() {
    let (mut log, stream) =
        (Log::default(), StreamId { kind: StreamType::Policy, id: Uuid::from_u128(6) });
    let (had, has) = (wording("Returns", "14 days."), wording("Returns", "30 days."));
    let changes = PolicyChanges {
        severity: Some(Change { from: Severity::Low, to: Severity::High }),
        parent: Some(Change { from: None, to: Some(policy(7)) }),
        ..PolicyChanges::default()
    };
    let mut events = vec![
        log.record(stream, policy_created("RETURNS", had.clone())),
        log.record(stream, reworded("RETURNS", had, has)),
        log.record(stream, PolicyEvent::PolicyEdited { changes }),
        log.record(stream, PolicyEvent::PolicyRetired),
    ];

    let row: PolicyRow = folded(&events).unwrap();
    assert_eq!((row.title.as_str(), row.text.as_str(), row.version), ("Returns", "30 days.", 4));
    assert_eq!((row.severity, row.parent), (Severity::High, Some(Uuid::from_u128(7))));
    assert!(row.retired);
    events.push(log.record(stream, PolicyEvent::PolicyReinstated));
    assert!(!folded::<PolicyRow>(&events).unwrap().retired);
    events.push(log.record(stream, PolicyEvent::PolicyDeleted));
    assert_eq!(folded::<PolicyRow>(&events), None);
}

#[test]
fn a_timeline_tells_who_changed_what_from_what_to_what_and_why() {
    let mut log = Log::default();
    let entry = |recorded| timeline_of(&[recorded], &DecisionPolicies::default()).remove(0);
    let changes = ProductChanges {
        name: Some(Change { from: text("Lamp"), to: text("Desk") }),
        price: Some(Change { from: None, to: Some(money("1", "EUR")) }),
        ..ProductChanges::default()
    };

    let edited = entry(log.product(product(1), ProductEvent::ProductEdited { changes }));
    let refused = entry(log.product(product(1), rejected(1, "Blurred")));
    let upload = UploadId::from_uuid(Uuid::from_u128(7));
    let failed = ProductEvent::VideoFailed { upload, reason: "No video".to_owned() };
    let failed = entry(log.product(product(1), failed));

    assert_eq!(
        json!(edited.changes),
        json!([
            { "field": "name", "from": "Lamp", "to": "Desk" },
            { "field": "price", "from": null, "to": { "amount": "1.00", "currency": "EUR" } },
        ])
    );
    assert_eq!((refused.reason.as_deref(), refused.judged), (Some("Blurred"), Some(1)));
    assert_eq!(
        json!(refused.changes),
        json!([{ "field": "status", "from": "PENDING", "to": "REJECTED" }])
    );
    assert_eq!(failed.reason.as_deref(), Some("No video"));
    assert_eq!(failed.kind, "VideoFailed");
}
