//! Real answers beside the schemas that the document has for them.

use domain::Role;
use serde_json::{Value, json};

use super::schema::faults;
use super::{document, resolved};
use crate::payload::Client;
use crate::support::{Answer, Person, TestApp, rule, ruling, video};

/// What a person does in a day, and the document that has to describe it.
struct Day {
    app: TestApp,
    document: Value,
    wrong: Vec<String>,
}

impl Day {
    /// Compares an answer with what the document has for its status.
    fn compare(&mut self, method: &str, path: &str, answer: &Answer) {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        let response = &operation["responses"][answer.status.to_string()];
        let response = resolved(&self.document, response);
        let told = format!("{method} {path} {}", answer.status);
        if response.is_null() {
            return self.wrong.push(format!("{told} is not in the document: {}", answer.json));
        }
        if answer.status >= 400 && !names(&self.document, response, answer) {
            self.wrong.push(format!("{told} does not name {}", answer.code()));
        }
        let differ = HEADERS.into_iter().filter(|name| {
            let documented = response["headers"].get(name).is_some();
            documented == answer.header(name).is_empty()
        });
        self.wrong.extend(differ.map(|name| format!("{told}: the header {name}")));
        let Some(content) = response["content"].as_object() else {
            if !answer.bytes.is_empty() {
                self.wrong.push(format!("{told} has a body: {}", answer.json));
            }
            return;
        };
        let kind = answer.header("content-type").split(';').next().unwrap_or_default();
        let (main, _) = kind.split_once('/').unwrap_or_default();
        let found = content.get(kind).or_else(|| content.get(&format!("{main}/*")));
        match found {
            None => self.wrong.push(format!("{told} is {kind}")),
            Some(media) if kind.ends_with("json") => {
                let faults = faults(&self.document, &media["schema"], &answer.json);
                self.wrong.extend(faults.iter().map(|fault| format!("{told}: {fault}")));
            }
            Some(_) => {}
        }
    }
}

/// Whether the document names a problem: for this answer, or for any.
pub fn names(document: &Value, response: &Value, answer: &Answer) -> bool {
    let code = answer.json["code"].as_str().unwrap_or_default();
    let shared = document["info"]["description"].as_str().unwrap_or_default();
    !code.is_empty() && (response.to_string().contains(code) || shared.contains(code))
}

/// Headers that are sent exactly where the document has them.
const HEADERS: [&str; 4] = ["X-Request-Id", "ETag", "Location", "WWW-Authenticate"];

const MISSING: &str = "0190a1b2-0000-7000-8000-000000000000";

/// Who acts, and on what.
struct Cast {
    /// The seller, STAFF, ADMIN.
    people: [Person; 3],
    seller_id: String,
    category: String,
    empty: String,
    plain: String,
    filmed: String,
    order: String,
    listed: String,
    policy: String,
    named: String,
}

impl Cast {
    async fn of(app: &TestApp) -> Self {
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let admin = app.user(Role::Admin).await;
        let category = app.category(&staff, "Lamps").await;
        let plain = app.product(&seller, &category, "Lamp").await;
        let filmed = app.product_with(&seller, &category, video::mp4()).await;
        let listed = app.approved_product(&seller, &staff, &category).await;
        app.processed(&seller, &filmed).await;
        Self {
            seller_id: seller.id.clone(),
            order: app.order(&seller, &[&listed]).await,
            empty: app.category(&staff, "Chairs").await,
            policy: app.policy(&admin, "Returns").await,
            named: app.policy(&admin, "Shipping").await,
            people: [seller, staff, admin],
            category,
            plain,
            filmed,
            listed,
        }
    }
}

/// Method, path in the document, what stands for its parameters, by whom (0 is nobody), body,
/// status.
type Step<'a> = (&'a str, &'a str, Vec<&'a str>, usize, Option<Value>, u16);

fn on_accounts(cast: &Cast) -> Vec<Step<'_>> {
    let seller = &cast.people[0];
    let login = json!({"email": seller.email, "password": seller.password});
    let bad_login = json!({"email": seller.email, "password": "wrong"});
    let account = json!({"email": "a@example.com", "password": "three green lamps"});
    vec![
        ("GET", "/healthz", vec![], 0, None, 200),
        ("GET", "/readyz", vec![], 0, None, 200),
        ("GET", "/metrics", vec![], 0, None, 200),
        ("GET", "/.well-known/jwks.json", vec![], 0, None, 200),
        ("POST", "/register/", vec![], 0, Some(account), 201),
        ("POST", "/register/", vec![], 0, Some(json!({})), 400),
        ("GET", "/activate/{uid}/{token}/", vec!["u", "t"], 0, None, 400),
        ("POST", "/activate/resend/", vec![], 0, Some(json!({"email": "a@example.com"})), 202),
        ("POST", "/login/", vec![], 0, Some(login), 200),
        ("POST", "/login/", vec![], 0, Some(bad_login), 401),
        (
            "POST",
            "/token/refresh/",
            vec![],
            0,
            Some(json!({"refresh": cast.people[0].refresh})),
            200,
        ),
        ("POST", "/token/refresh/", vec![], 0, Some(json!({"refresh": "x"})), 401),
        ("POST", "/password/reset/", vec![], 0, Some(json!({"email": "a@example.com"})), 202),
        ("GET", "/me/sessions/", vec![], 1, None, 200),
        ("DELETE", "/me/sessions/{id}/", vec![MISSING], 1, None, 404),
        ("GET", "/me/", vec![], 1, None, 200),
        ("GET", "/me/", vec![], 0, None, 401),
        ("PATCH", "/me/", vec![], 1, Some(json!({"email": "b@example.com"})), 200),
        ("GET", "/users/", vec![], 3, None, 200),
        ("GET", "/users/", vec![], 1, None, 403),
        ("GET", "/users/{id}/", vec![&cast.seller_id], 3, None, 200),
        ("GET", "/users/{id}/", vec![MISSING], 3, None, 404),
        ("PATCH", "/users/{id}/", vec![&cast.seller_id], 3, Some(json!({"is_active": true})), 200),
        (
            "POST",
            "/password/change/",
            vec![],
            1,
            Some(json!({"current_password": "x", "new_password": "two blue lamps"})),
            400,
        ),
        ("POST", "/logout/", vec![], 2, Some(json!({"refresh": cast.people[1].refresh})), 205),
    ]
}

fn on_goods(cast: &Cast) -> Vec<Step<'_>> {
    let new = || Some(json!({"name": "Chair", "category_id": cast.category}));
    let why = || Some(json!({"reason": "It is dim."}));
    vec![
        ("GET", "/categories/", vec![], 1, None, 200),
        ("POST", "/categories/", vec![], 2, Some(json!({"name": "Tables"})), 201),
        ("POST", "/categories/", vec![], 2, Some(json!({"name": "tables"})), 409),
        ("GET", "/categories/{id}/", vec![&cast.category], 1, None, 200),
        ("PUT", "/categories/{id}/", vec![&cast.category], 2, Some(json!({"name": "Lights"})), 200),
        (
            "PATCH",
            "/categories/{id}/",
            vec![&cast.category],
            2,
            Some(json!({"description": "All."})),
            200,
        ),
        ("DELETE", "/categories/{id}/", vec![&cast.category], 2, None, 409),
        ("DELETE", "/categories/{id}/", vec![&cast.empty], 2, None, 204),
        ("GET", "/products/", vec![], 2, None, 200),
        ("POST", "/products/", vec![], 1, new(), 201),
        ("POST", "/products/", vec![], 1, Some(json!({"colour": 1})), 400),
        ("GET", "/products/history/", vec![], 1, None, 200),
        ("GET", "/products/{id}/", vec![&cast.filmed], 1, None, 200),
        ("GET", "/products/{id}/", vec![MISSING], 1, None, 404),
        ("PUT", "/products/{id}/", vec![&cast.plain], 1, new(), 200),
        ("PATCH", "/products/{id}/", vec![&cast.plain], 1, Some(json!({"price": null})), 200),
        ("POST", "/products/{id}/approve/", vec![&cast.plain], 2, Some(json!({})), 200),
        ("POST", "/products/{id}/approve/", vec![&cast.plain], 2, Some(json!({})), 409),
        ("POST", "/products/{id}/approve/", vec![&cast.plain], 1, Some(json!({})), 403),
        ("POST", "/products/{id}/reject/", vec![&cast.plain], 2, why(), 200),
        ("POST", "/products/{id}/resubmit/", vec![&cast.plain], 1, Some(json!({})), 200),
        ("POST", "/products/{id}/cancel/", vec![&cast.plain], 1, Some(json!({})), 200),
        ("GET", "/products/{id}/moderation/", vec![&cast.plain], 2, None, 200),
        ("GET", "/products/{id}/moderation/", vec![&cast.filmed], 1, None, 200),
        ("GET", "/products/{id}/video/", vec![&cast.filmed], 1, None, 200),
        ("GET", "/products/{id}/video/", vec![&cast.plain], 1, None, 404),
        ("GET", "/products/{id}/poster/", vec![&cast.filmed], 1, None, 200),
        ("GET", "/products/{id}/sprite/", vec![&cast.filmed], 1, None, 200),
        ("GET", "/products/{id}/sprite/", vec![&cast.plain], 1, None, 404),
        ("GET", "/products/{id}/thumbnails.vtt", vec![&cast.filmed], 1, None, 200),
        ("DELETE", "/products/{id}/", vec![&cast.plain], 1, None, 204),
        ("GET", "/orders/", vec![], 1, None, 200),
        ("POST", "/orders/", vec![], 1, Some(json!({"products": [cast.listed]})), 201),
        ("GET", "/orders/{id}/", vec![&cast.order], 1, None, 200),
        (
            "PUT",
            "/orders/{id}/",
            vec![&cast.order],
            1,
            Some(json!({"items": [{"product": cast.listed, "quantity": 2}]})),
            200,
        ),
        ("PATCH", "/orders/{id}/", vec![&cast.order], 2, Some(json!({"status": "SUCCESS"})), 200),
        ("DELETE", "/orders/{id}/", vec![&cast.order], 1, None, 409),
        ("GET", "/orders/{id}/history/", vec![&cast.order], 1, None, 200),
    ]
}

fn on_policies(cast: &Cast) -> Vec<Step<'_>> {
    let (made, taken) = (rule(), rule());
    let with = |mut body: Value, member: &str, value: Value| {
        body[member] = value;
        Some(body)
    };
    let template = json!({"name": "Late", "language": "en", "body": "After {days} days."});
    let below = || with(ruling(), "parent", json!(cast.named));
    let change =
        || Some(json!({"text": "Within 30 days.", "templates": [template], "retired": true}));
    vec![
        ("GET", "/policies/", vec![], 1, None, 200),
        ("POST", "/policies/", vec![], 3, Some(made.clone()), 201),
        ("POST", "/policies/", vec![], 3, Some(made), 409),
        ("POST", "/policies/", vec![], 3, Some(json!({})), 400),
        ("POST", "/policies/", vec![], 2, Some(taken), 403),
        ("GET", "/policies/{id}/", vec![&cast.policy], 1, None, 200),
        ("GET", "/policies/{id}/", vec![MISSING], 1, None, 404),
        ("PUT", "/policies/{id}/", vec![&cast.policy], 3, below(), 200),
        ("PATCH", "/policies/{id}/", vec![&cast.policy], 3, change(), 200),
        ("DELETE", "/policies/{id}/", vec![&cast.named], 3, None, 409),
        ("DELETE", "/policies/{id}/", vec![&cast.policy], 3, None, 204),
    ]
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    live_through_a_day(false).await;
}

#[tokio::test]
async fn every_answer_is_so_too_where_both_sides_encrypt() {
    live_through_a_day(true).await;
}

async fn live_through_a_day(encrypted: bool) {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let cast = Cast::of(&app).await;
    let client = Client::of(&app).await;
    let mut day = Day { app, document, wrong: vec![] };

    // Last what ends sessions.
    let steps = on_goods(&cast).into_iter().chain(on_policies(&cast));
    for (method, template, parameters, by, body, status) in steps.chain(on_accounts(&cast)) {
        let mut path = template.to_owned();
        for parameter in parameters {
            let (start, end) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(start..=end, parameter);
        }
        let mut call = day.app.request(method, &path);
        if let Some(person) = by.checked_sub(1).map(|index| &cast.people[index]) {
            call = call.by(person);
        }
        if encrypted {
            call = call.header("Encryption-Key", &client.key());
        }
        if let Some(body) = body {
            call = call.json(if encrypted { client.seal(method, &path, &body) } else { body });
        }
        let mut answer = call.send().await;
        if encrypted {
            answer = client.open(answer);
        }
        let answer = answer.expect(status);
        day.compare(method, template, &answer);
    }

    assert!(day.wrong.is_empty(), "{}", day.wrong.join("\n"));
}
