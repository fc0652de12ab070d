//! A product as a client gets it.

use commands::Row;
use domain::{ProductId, StreamType};
use projections::{Product, ProductView, Products, ReadError, Visibility};

use crate::App;
use crate::access::caller::Caller;
use crate::features::media_links::Links;
use crate::features::resource::Resource;

impl Resource for Product {
    const KIND: StreamType = StreamType::Product;

    type Id = ProductId;

    async fn find(app: &App, caller: &Caller, id: ProductId) -> Result<Option<Self>, ReadError> {
        let products = Products(app.pool.clone());
        let view = products.find(Visibility::of(caller.actor), id).await?;
        Ok(view.map(|view| Links::of(app, caller).show(view)))
    }

    fn of_row(app: &App, caller: &Caller, row: &Row) -> Option<Self> {
        let view = row.get::<ProductView>().cloned()?;
        Some(Links::of(app, caller).show(view))
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/products/{}/", self.id)
    }

    /// It says its category's name, how far its video is, and links that are the caller's.
    fn stands_alone(&self) -> bool {
        false
    }
}
