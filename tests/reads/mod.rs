//! What lists, searches and the past of things show.

mod past;
mod people;
mod prices;
mod timelines;
mod unicode;
mod young;

use serde_json::json;

use crate::support::{Shop, each, id};

impl Shop {
    /// Submits a product with that name and price.
    async fn submit(&self, name: &str, price: Option<(&str, &str)>) -> String {
        let price = price.map(|(amount, currency)| json!({"amount": amount, "currency": currency}));
        let body = json!({"name": name, "category_id": self.category, "price": price});
        id(&self.app.post("/products/").by(&self.seller).json(body).send().await.expect(201))
    }
}
