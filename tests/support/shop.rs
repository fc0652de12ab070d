//! What most tests begin with: somebody who sells, somebody who moderates, and a category.

use domain::Role;
use serde_json::Value;

use super::{Person, TestApp};

/// A program with people in it. Areas of tests add what they do with it.
pub struct Shop {
    pub app: TestApp,
    pub seller: Person,
    pub staff: Person,
    pub category: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::of(TestApp::start().await).await
    }

    pub async fn of(app: TestApp) -> Self {
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;
        Self { app, seller, staff, category }
    }

    /// A product that waits for review.
    pub async fn product(&self, name: &str) -> String {
        self.app.product(&self.seller, &self.category, name).await
    }

    pub async fn approved(&self) -> String {
        self.app.approved_product(&self.seller, &self.staff, &self.category).await
    }

    /// What a GET answers to a caller.
    pub async fn get(&self, path: &str, by: &Person) -> Value {
        self.app.get(path).by(by).send().await.expect(200).json
    }
}

/// One member of each result of a list.
pub fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let results = list["results"].as_array().unwrap();
    results.iter().map(|result| result[member].as_str().unwrap()).collect()
}
