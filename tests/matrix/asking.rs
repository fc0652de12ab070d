//! What is sent for each operation.

use domain::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::table::{Row, Whose};
use super::world::{Who, World};
use crate::support::{Answer, Person, in_query, link_in, rule, ruling};

const PASSWORD: &str = "three green lamps";

impl World {
    /// Asks for one cell of the matrix, as it would be if the caller were let in.
    pub async fn ask(&self, row: &Row, whose: Whose, who: Who) -> Answer {
        let [method, path, variant] = row.words();
        let caller = self.caller(row, who).await;
        let path = match row.operation {
            "GET /activate/{uid}/{token}/" => self.activation().await,
            _ => path.replace("{id}", &self.thing(row, whose, who.role()).await),
        };
        let path = if variant == "as_of" { format!("{path}?as_of={}", now()) } else { path };
        let mut call = self.app.request(method, &path);
        if let Some(caller) = &caller {
            call = call.by(caller);
        }
        if path.starts_with("/uploads/") {
            call = call.header("Tus-Resumable", "1.0.0").header("Upload-Offset", "0");
            call = match method {
                "PATCH" => call.body(b"bytes".to_vec(), "application/offset+octet-stream"),
                _ => call.header("Upload-Length", "5"),
            };
        }
        if let Some(body) = self.body(row, caller.as_ref()).await {
            call = call.json(body);
        }
        call.send().await
    }

    /// A caller who ended their own session signs in again for the next cell.
    async fn caller(&self, row: &Row, who: Who) -> Option<Person> {
        let role = match who {
            Who::Nobody => return None,
            Who::Deactivated => return Some(self.deactivated.clone()),
            Who::Role(role) => role,
        };
        match row.operation {
            "POST /logout/"
            | "POST /password/change/"
            | "PATCH /me/"
            | "DELETE /me/"
            | "DELETE /me/sessions/" => Some(self.app.user(role).await),
            _ => Some(self.people[&role].clone()),
        }
    }

    async fn body(&self, row: &Row, caller: Option<&Person>) -> Option<Value> {
        let (category, listed) = (&self.category, &self.listed);
        Some(match row.operation {
            "POST /products/" | "PUT /products/{id}/" => {
                json!({"name": "Another lamp", "category_id": category})
            }
            "PATCH /products/{id}/" => json!({"description": "Bright."}),
            "POST /products/{id}/reject/" => json!({"reason": "It does not shine."}),
            "POST /orders/" => json!({"products": [listed]}),
            "PUT /orders/{id}/ items" | "PATCH /orders/{id}/ items" => {
                json!({"items": [{"product": listed, "quantity": 3}]})
            }
            "PUT /orders/{id}/ CANCELLED" | "PATCH /orders/{id}/ CANCELLED" => {
                json!({"status": "CANCELLED"})
            }
            "PUT /orders/{id}/ SUCCESS" | "PATCH /orders/{id}/ SUCCESS" => {
                json!({"status": "SUCCESS"})
            }
            "POST /categories/" | "PUT /categories/{id}/" => {
                json!({"name": format!("Shelf {}", Uuid::now_v7())})
            }
            "PATCH /categories/{id}/" => json!({"description": "What gives light."}),
            "POST /policies/" => rule(),
            "PUT /policies/{id}/" => ruling(),
            "PATCH /policies/{id}/" => json!({"text": "Within 30 days."}),
            "PATCH /users/{id}/" => json!({"role": Role::Staff}),
            _ => return self.body_on_accounts(row, caller).await,
        })
    }

    async fn body_on_accounts(&self, row: &Row, caller: Option<&Person>) -> Option<Value> {
        let fresh = format!("{}@example.com", Uuid::now_v7().simple());
        let stranger = &self.stranger;
        Some(match row.operation {
            "POST /register/" => json!({"email": fresh, "password": PASSWORD}),
            "POST /register/ STAFF" => {
                json!({"email": fresh, "password": PASSWORD, "role": "STAFF"})
            }
            "POST /activate/resend/" | "POST /password/reset/" => json!({"email": fresh}),
            "POST /login/" => json!({"email": stranger.email, "password": stranger.password}),
            "POST /login/second-factor/" => {
                let person = self.app.user(Role::EndUser).await;
                let (_, codes) = self.app.enrol(&person).await;
                let challenge = self.app.challenge(&person).await;
                json!({"challenge": challenge, "code": codes[0]})
            }
            "POST /me/second-factor/confirm/" => json!({"code": "nonsense"}),
            "POST /token/refresh/" => {
                json!({"refresh": self.app.user(Role::EndUser).await.refresh})
            }
            "POST /logout/" => json!({"refresh": caller.unwrap_or(stranger).refresh}),
            "PATCH /me/" => json!({"email": fresh}),
            "POST /password/change/" => {
                let current = &caller.unwrap_or(stranger).password;
                json!({"current_password": current, "new_password": PASSWORD})
            }
            "POST /me/reauthenticate/" => {
                json!({"password": caller.unwrap_or(stranger).password})
            }
            "POST /email/undo/" => self.undo_of_a_change().await,
            "POST /password/reset/confirm/" => {
                let person = self.app.user(Role::EndUser).await;
                let asked = json!({"email": person.email});
                self.app.post("/password/reset/").json(asked).send().await.expect(202);
                let mut body = in_query(&link_in(&self.app.mail_to(&person.email).await));
                body["password"] = json!(PASSWORD);
                body
            }
            _ => return None,
        })
    }

    /// What the link to a former address says.
    async fn undo_of_a_change(&self) -> Value {
        let person = self.app.user(Role::EndUser).await;
        let new = json!({"email": format!("new-{}", person.email)});
        self.app.patch("/me/").by(&person).json(new.clone()).send().await.expect(200);
        let confirm = link_in(&self.app.mail_to(new["email"].as_str().unwrap()).await);
        self.app.get(&confirm).send().await.expect(200);
        in_query(&link_in(&self.app.mail_to(&person.email).await))
    }

    /// The path of a fresh activation link.
    async fn activation(&self) -> String {
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let body = json!({"email": email, "password": PASSWORD});
        self.app.post("/register/").json(body).send().await.expect(201);
        link_in(&self.app.mail_to(&email).await)
    }
}

fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    now.format(&time::format_description::well_known::Rfc3339).unwrap().replace('+', "%2B")
}
