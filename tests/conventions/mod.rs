//! Contract §1, one convention after the other.

mod bodies;
mod codings;
mod cors;
mod errors;
mod idempotency;
mod input;
mod lists;
mod pages;
mod replays;
mod representation;
mod requests;
mod rights;
mod targets;
mod versions;
mod writing;

use serde_json::Value;

use crate::support::{Person, TestApp};
use domain::Role;

/// What most of these need: somebody who sells, somebody who moderates, and a shelf.
struct Shop {
    app: TestApp,
    seller: Person,
    staff: Person,
    category: String,
}

impl Shop {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;
        Self { app, seller, staff, category }
    }

    async fn product(&self, name: &str) -> String {
        self.app.product(&self.seller, &self.category, name).await
    }

    async fn approved(&self) -> String {
        self.app.approved_product(&self.seller, &self.staff, &self.category).await
    }

    /// What a GET answers to a caller.
    async fn get(&self, path: &str, by: &Person) -> Value {
        self.app.get(path).by(by).send().await.expect(200).json
    }
}

/// One member of each result of a list.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let results = list["results"].as_array().unwrap();
    results.iter().map(|result| result[member].as_str().unwrap()).collect()
}
