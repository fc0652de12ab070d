//! What lists, searches and the past of things show.

mod past;
mod people;
mod prices;
mod timelines;
mod unicode;

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, id};

/// Somebody who sells, somebody who moderates, and a category.
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

    /// Submits a product with that name and price.
    async fn submit(&self, name: &str, price: Option<(&str, &str)>) -> String {
        let price = price.map(|(amount, currency)| json!({"amount": amount, "currency": currency}));
        let body = json!({"name": name, "category_id": self.category, "price": price});
        id(&self.app.post("/products/").by(&self.seller).json(body).send().await.expect(201))
    }

    async fn get(&self, path: &str, by: &Person) -> Value {
        self.app.get(path).by(by).send().await.expect(200).json
    }
}

/// One member of each result of a list.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let results = list["results"].as_array().unwrap();
    results.iter().map(|result| result[member].as_str().unwrap()).collect()
}
