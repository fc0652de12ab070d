//! What the system that Vetted replaces did wrong: none of it may happen here. The numbers are
//! those of the list of its faults.

mod accounts;
mod catalogue;
mod encryption;
mod operations;
mod orders;
mod passwords;
mod requests;
mod review;
mod videos;

use std::path::Path;

use domain::Role;
use serde_json::Value;

use crate::support::{Person, TestApp};

/// Somebody who sells, somebody who moderates, somebody who buys, and a category.
struct Shop {
    app: TestApp,
    seller: Person,
    staff: Person,
    buyer: Person,
    category: String,
}

impl Shop {
    async fn open() -> Self {
        Self::of(TestApp::start().await).await
    }

    async fn of(app: TestApp) -> Self {
        let (seller, staff, buyer) = (
            app.user(Role::EndUser).await,
            app.user(Role::Staff).await,
            app.user(Role::EndUser).await,
        );
        let category = app.category(&staff, "Lamps").await;
        Self { app, seller, staff, buyer, category }
    }

    async fn pending(&self) -> String {
        self.app.product(&self.seller, &self.category, "Lamp").await
    }

    async fn approved(&self) -> String {
        self.app.approved_product(&self.seller, &self.staff, &self.category).await
    }

    /// What happened to a product, oldest first.
    async fn timeline(&self, product: &str) -> Vec<Value> {
        let path = format!("/products/{product}/moderation/");
        let told = self.app.get(&path).by(&self.staff).send().await.expect(200).json;
        told["results"].as_array().unwrap().clone()
    }
}

/// The types of the events in a timeline.
fn kinds(timeline: &[Value]) -> Vec<&str> {
    timeline.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

/// Files below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}
