//! What ends access ends it for good: roles, passwords, accounts, sessions, addresses.

mod addresses;
mod admins;
mod ends;
mod races;
mod stepup;

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, in_query, link_in};

const NEW_PASSWORD: &str = "a lamp in every window";

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/token/refresh/").json(json!({ "refresh": token })).send().await
}

/// The person with the tokens that a refresh gives.
async fn refreshed(app: &TestApp, person: &Person) -> Person {
    let tokens = refresh(app, &person.refresh).await.expect(200).json;
    let text = |member: &str| tokens[member].as_str().unwrap().to_owned();
    Person { access: text("access"), refresh: text("refresh"), ..person.clone() }
}

async fn change_password(app: &TestApp, person: &Person, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    app.post("/password/change/").by(person).json(body).send().await
}

async fn manage(app: &TestApp, admin: &Person, user: &Person, change: Value) -> Answer {
    app.patch(&format!("/users/{}/", user.id)).by(admin).json(change).send().await
}

async fn ask_for_address(app: &TestApp, person: &Person, email: &str) -> Answer {
    app.patch("/me/").by(person).json(json!({ "email": email })).send().await
}

/// The body that a reset link of the newest mail to an address asks for.
async fn reset_by_mail(app: &TestApp, email: &str, mails: usize) -> Value {
    app.post("/password/reset/").json(json!({ "email": email })).send().await.expect(202);
    let mail = app.mails_to(email, mails).await.pop().unwrap();
    let mut body = in_query(&link_in(&mail));
    body["password"] = json!(NEW_PASSWORD);
    body
}

/// Who may change roles.
async fn admin(app: &TestApp) -> Person {
    app.user(Role::Admin).await
}
