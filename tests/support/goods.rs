//! Categories, policies, products and orders, made over HTTP.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Person, TestApp, eventually};

impl TestApp {
    pub async fn category(&self, staff: &Person, name: &str) -> String {
        let body = json!({ "name": name, "description": "" });
        id(&self.post("/categories/").by(staff).json(body).send().await.expect(201))
    }

    /// One of some code.
    pub async fn policy(&self, admin: &Person, title: &str) -> String {
        let mut body = rule();
        body["title"] = json!(title);
        id(&self.post("/policies/").by(admin).json(body).send().await.expect(201))
    }

    /// One without a video, for 12.50 EUR.
    pub async fn product(&self, owner: &Person, category: &str, name: &str) -> String {
        let body = json!({
            "name": name,
            "description": "As good as new.",
            "category_id": category,
            "price": { "amount": "12.50", "currency": "EUR" },
        });
        id(&self.post("/products/").by(owner).json(body).send().await.expect(201))
    }

    pub async fn approved_product(&self, owner: &Person, staff: &Person, category: &str) -> String {
        let product = self.product(owner, category, "Lamp").await;
        self.approve(staff, &product).await.expect(200);
        product
    }

    pub async fn approve(&self, by: &Person, product: &str) -> Answer {
        self.post(&format!("/products/{product}/approve/")).by(by).json(json!({})).send().await
    }

    pub async fn reject(&self, by: &Person, product: &str, reason: &str) -> Answer {
        let body = json!({ "reason": reason });
        self.post(&format!("/products/{product}/reject/")).by(by).json(body).send().await
    }

    pub async fn order(&self, buyer: &Person, products: &[impl AsRef<str>]) -> String {
        id(&self.try_order(buyer, products).await.expect(201))
    }

    pub async fn try_order(&self, buyer: &Person, products: &[impl AsRef<str>]) -> Answer {
        let products: Vec<_> = products.iter().map(AsRef::as_ref).collect();
        self.post("/orders/").by(buyer).json(json!({ "products": products })).send().await
    }

    /// One with a file that is said to be a video.
    pub async fn product_with(&self, owner: &Person, category: &str, video: Vec<u8>) -> String {
        let form = video_form(category, video);
        id(&self.post("/products/").by(owner).multipart(form).send().await.expect(201))
    }

    /// The product as its owner sees it.
    pub async fn see(&self, person: &Person, product: &str) -> Value {
        self.get(&format!("/products/{product}/")).by(person).send().await.expect(200).json
    }

    /// The product once nothing more happens to its video.
    pub async fn processed(&self, owner: &Person, product: &str) -> Value {
        eventually("the video is finished or refused", async || {
            let seen = self.see(owner, product).await;
            matches!(seen["processing_status"].as_str(), Some("READY" | "FAILED")).then_some(seen)
        })
        .await
    }
}

/// What a form for a product holds, with a video.
pub fn video_form(category: &str, video: Vec<u8>) -> Form {
    video_form_named("Bicycle", category, video)
}

pub fn video_form_named(name: &str, category: &str, video: Vec<u8>) -> Form {
    let video = Part::bytes(video).file_name("video.mp4").mime_str("video/mp4").unwrap();
    Form::new()
        .text("name", name.to_owned())
        .text("description", "With a film of it.")
        .text("category_id", category.to_owned())
        .text("price_amount", "120.00")
        .text("price_currency", "EUR")
        .part("video", video)
}

/// What a policy takes, its code among it: another one each time.
pub fn rule() -> Value {
    let mut rule = ruling();
    rule["code"] = json!(format!("R-{:X}", Uuid::now_v7().as_u128() & 0xffff_ffff_ffff_ffff));
    rule
}

/// What a policy takes besides its code.
pub fn ruling() -> Value {
    json!({ "title": "Returns", "text": "Within 14 days.", "severity": "MEDIUM" })
}

/// The id of what was made.
#[track_caller]
pub fn id(answer: &Answer) -> String {
    answer.json["id"].as_str().unwrap_or_else(|| panic!("no id: {answer:?}")).to_owned()
}
