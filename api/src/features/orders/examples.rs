//! Examples of orders.

use domain::order::{EditOrder, OrderItem, OrderStatus, PlaceOrder};
use domain::product::ProductName;
use domain::{OrderId, ProductId, UserId};
use projections::Order;
use serde_json::json;
use uuid::Uuid;

use crate::features::accounts::examples::BUYER;
use crate::features::feature::Example;
use crate::features::products::examples::{PRODUCT, price};
use crate::features::samples::{APPROVED, id};

pub(super) const ORDER: Uuid = id(7);

/// Of each body.
pub(super) fn examples() -> Vec<Example> {
    vec![
        Example::request::<PlaceOrder>(json!({ "items": [{ "product": PRODUCT, "quantity": 2 }] })),
        Example::request::<EditOrder>(json!({ "products": [PRODUCT] })),
        Example::answer(&order()),
    ]
}

fn order() -> Order {
    let product = ProductId::from_uuid(PRODUCT);
    let name = ProductName::try_new("Desk lamp");
    let items = name.map(|name| OrderItem { product, name, price: price(), quantity: 2 });
    Order {
        id: OrderId::from_uuid(ORDER),
        user: UserId::from_uuid(BUYER),
        products: vec![product],
        items: items.into_iter().collect(),
        status: OrderStatus::Pending,
        total: price().map(|price| price.times(2)),
        version: 1,
        created_at: APPROVED,
        updated_at: APPROVED,
    }
}
