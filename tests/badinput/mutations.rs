//! Thousands of bodies that a machine made up, at every route that takes JSON.

use domain::Role;
use serde_json::{Value, json};

use super::events;
use crate::refusal::assert_problem;
use crate::support::{Person, TestApp, rule, ruling};

/// Bodies for each route.
const ROUNDS: u64 = 100;

/// SplitMix64: the same bodies in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn odd_value(&mut self) -> Value {
        let values = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e308),
            json!(0.1),
            json!(""),
            json!(" "),
            json!("\0"),
            json!("\u{202e}\u{feff}\u{10ffff}"),
            json!("'; DROP TABLE events; --"),
            json!("../../../etc/passwd"),
            json!("x".repeat(70_000)),
            json!("0190a1b2-0000-7000-8000-000000000000"),
            json!("EUR"),
            json!("APPROVED"),
            json!([]),
            json!([null]),
            json!([[[[]]]]),
            json!({}),
            json!({"": null}),
            json!({"$ref": "#"}),
            json!({"amount": "1.00", "currency": "XXX"}),
            json!({"id": "0190a1b2-0000-7000-8000-000000000000", "name": 1}),
        ];
        values[self.below(values.len())].clone()
    }

    /// A body that is wrong in one to three places, and may be wrong in its syntax too.
    fn body(&mut self, good: &Value) -> Vec<u8> {
        let mut body = good.clone();
        for _ in 0..=self.below(3) {
            let members = body.as_object_mut().unwrap();
            let names: Vec<_> = members.keys().cloned().collect();
            let value = self.odd_value();
            match self.below(5) {
                0 => members.insert(format!("made_up_{}", self.below(9)), value),
                1 if names.len() > 1 => members.remove(&names[self.below(names.len())]),
                _ => members.insert(names[self.below(names.len())].clone(), value),
            };
        }
        let mut bytes = serde_json::to_vec(&body).unwrap();
        match self.below(8) {
            0 => bytes.truncate(self.below(bytes.len())),
            1 => {
                let place = self.below(bytes.len());
                bytes[place] = u8::try_from(self.below(256)).unwrap();
            }
            2 => serde_json::to_vec(&self.odd_value()).unwrap().clone_into(&mut bytes),
            _ => {}
        }
        bytes
    }
}

/// Every route that takes JSON, with somebody who may use it and a body that it takes.
async fn routes(app: &TestApp) -> Vec<(&'static str, String, Person, Value)> {
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let (admin, other) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    // Whose account may be shut on the way.
    let managed = app.user(Role::EndUser).await;
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let listed = app.approved_product(&other, &staff, &category).await;
    let order = app.order(&seller, &[&listed]).await;
    let whole = json!({"name": "Lamp", "description": "", "category_id": category, "price": null});
    let policy_id = app.policy(&admin, "Returns").await;
    let template = json!({"name": "Late", "language": "en", "body": "After {days} days."});
    let policy = app.policy(&admin, "Refunds").await;
    let (mut made, mut ruling) = (rule(), ruling());
    for body in [&mut made, &mut ruling] {
        body["templates"] = json!([template]);
        body["parent"] = json!(policy_id);
    }
    let shelf = json!({"name": "Chairs", "description": "To sit on."});
    let lines = json!({"items": [{"product": listed, "quantity": 2}], "status": "PENDING"});
    let (email, password) = ("a@example.com", "three green lamps");
    let of = |path: &str, id: &str| path.replace("{id}", id);
    vec![
        ("POST", "/categories/".to_owned(), staff.clone(), shelf.clone()),
        ("PUT", of("/categories/{id}/", &category), staff.clone(), shelf.clone()),
        ("PATCH", of("/categories/{id}/", &category), staff.clone(), shelf),
        ("POST", "/policies/".to_owned(), admin.clone(), made),
        ("PUT", of("/policies/{id}/", &policy), admin.clone(), ruling.clone()),
        ("PATCH", of("/policies/{id}/", &policy), admin.clone(), ruling),
        ("POST", "/products/".to_owned(), seller.clone(), whole.clone()),
        ("PUT", of("/products/{id}/", &product), seller.clone(), whole.clone()),
        ("PATCH", of("/products/{id}/", &product), seller.clone(), whole),
        (
            "POST",
            of("/products/{id}/approve/", &product),
            staff.clone(),
            json!({"reason": "Good.", "policies": [policy_id]}),
        ),
        (
            "POST",
            of("/products/{id}/reject/", &product),
            staff,
            json!({"reason": "Bad.", "policies": [policy_id]}),
        ),
        ("POST", of("/products/{id}/cancel/", &product), seller.clone(), json!({"": ""})),
        ("POST", of("/products/{id}/resubmit/", &product), seller.clone(), json!({"": ""})),
        ("POST", "/orders/".to_owned(), seller.clone(), json!({"products": [listed]})),
        ("PUT", of("/orders/{id}/", &order), seller.clone(), lines.clone()),
        ("PATCH", of("/orders/{id}/", &order), seller.clone(), lines),
        (
            "PATCH",
            of("/users/{id}/", &managed.id),
            admin,
            json!({"role": "STAFF", "is_active": true}),
        ),
        ("PATCH", "/me/".to_owned(), other.clone(), json!({"email": email})),
        ("POST", "/activate/resend/".to_owned(), seller.clone(), json!({"email": email})),
        ("POST", "/token/refresh/".to_owned(), seller.clone(), json!({"refresh": "x"})),
        ("POST", "/password/reset/".to_owned(), seller.clone(), json!({"email": email})),
        (
            "POST",
            "/password/reset/confirm/".to_owned(),
            seller.clone(),
            json!({"uid": "x", "token": "y", "password": password}),
        ),
        ("POST", "/register/".to_owned(), seller.clone(), json!({"email": email, "role": "STAFF"})),
        ("POST", "/logout/".to_owned(), other, json!({"refresh": "x"})),
    ]
}

#[tokio::test]
async fn whatever_is_sent_no_route_fails_and_a_refusal_changes_nothing() {
    let app = TestApp::start().await;
    let routes = routes(&app).await;
    let pool = app.pool();

    for (index, (method, path, by, good)) in routes.iter().enumerate() {
        let mut chance = Chance(index as u64);
        for _ in 0..ROUNDS {
            let (body, before) = (chance.body(good), events(&pool).await);

            let call = app.request(method, path).by(by).body(body.clone(), "application/json");
            let answer = call.send().await;

            let body = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            assert!(answer.status < 500, "{method} {path} with {body}: {answer:?}");
            if answer.status >= 400 {
                assert_problem(&answer);
                assert_eq!(events(&pool).await, before, "{method} {path} with {body}");
            }
        }
    }
    app.finish().await;
}
