//! People who use the program.

use domain::Role;
use serde_json::json;
use uuid::Uuid;

use super::{Answer, TestApp, eventually};

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub password: String,
    pub access: String,
    pub refresh: String,
}

impl TestApp {
    /// Makes an account at the command line, and signs in.
    pub async fn user(&self, role: Role) -> Person {
        let made = self.user_by_command(role).await;
        let person = self.sign_in(&made.email, &made.password).await;
        assert_eq!(made.id, person.id);
        person
    }

    /// Makes an account at the command line; they have no tokens yet.
    pub async fn user_by_command(&self, role: Role) -> Person {
        let unique = Uuid::now_v7().simple().to_string();
        let email = format!("{}-{unique}@example.com", role.as_str().to_lowercase());
        let password = format!("a secret of {}", Uuid::new_v4().simple());
        let create = ["users", "create", "--email", &email, "--role", role.as_str()];
        let create = [create.as_slice(), &["--password-stdin", "--json"]].concat();
        let made = self.program.run_with(&password, &create).await.expect(0).json();
        assert_eq!(made["role"], role.as_str());

        let id = made["id"].as_str().unwrap().to_owned();
        Person { id, email, password, access: String::new(), refresh: String::new() }
    }

    /// Signs in over HTTP.
    pub async fn sign_in(&self, email: &str, password: &str) -> Person {
        let tokens = self.login(email, password).await.expect(200).json;
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Person {
            id: text(&tokens["user"]["id"]),
            email: email.to_owned(),
            password: password.to_owned(),
            access: text(&tokens["access"]),
            refresh: text(&tokens["refresh"]),
        }
    }

    /// Has somebody forgotten, to the end of it.
    pub async fn erase(&self, person: &Person) {
        self.delete("/me/").by(person).send().await.expect(204);
        let id: Uuid = person.id.parse().unwrap();
        let erased = "SELECT erased_at IS NOT NULL FROM person_keys WHERE user_id = $1";
        eventually("the person is erased", async || {
            let erased = sqlx::query_scalar(erased).bind(id).fetch_one(&self.pool()).await;
            erased.unwrap_or(false).then_some(())
        })
        .await;
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/login/").json(json!({ "email": email, "password": password })).send().await
    }
}
