//! Videos and posters as they are given out: by links, in parts, and by a bucket.

mod bucket;
mod links;
mod parts;

use domain::Role;

use crate::support::{Person, TestApp, video};

/// A film that can be shown, and is not reviewed yet.
struct Cinema {
    app: TestApp,
    seller: Person,
    staff: Person,
    category: String,
    product: String,
}

impl Cinema {
    async fn open() -> Self {
        Self::of(TestApp::start().await).await
    }

    async fn of(app: TestApp) -> Self {
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Films").await;
        let product = app.product_with(&seller, &category, video::mp4()).await;
        let seen = app.processed(&seller, &product).await;
        assert_eq!(seen["processing_status"], "READY", "{seen}");
        Self { app, seller, staff, category, product }
    }

    /// The links to the video and its poster, as somebody gets them.
    async fn links(&self, person: &Person) -> [String; 2] {
        let seen = self.app.see(person, &self.product).await;
        ["video_url", "poster_url"].map(|name| seen[name].as_str().unwrap().to_owned())
    }
}
