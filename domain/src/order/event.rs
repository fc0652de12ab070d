use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::product::ProductName;
use crate::{Money, ProductId, UserId};

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(OrderEventType),
    derive(IntoStaticStr, VariantNames),
    doc = "The types of such events."
)]
pub enum OrderEvent {
    /// It was placed.
    OrderPlaced {
        /// By whom.
        user: UserId,
        /// What.
        items: Vec<OrderItem>,
    },
    /// Its buyer changed what is ordered.
    OrderItemsChanged {
        /// Before.
        from: Vec<OrderItem>,
        /// After.
        to: Vec<OrderItem>,
    },
    /// Staff fulfilled it.
    OrderFulfilled,
    /// Its buyer or staff called it off.
    OrderCancelled,
    /// It left every list.
    OrderDeleted,
}

/// A product of an order, as it was when it was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderItem {
    /// The product's id.
    pub product: ProductId,
    /// Its name when it was ordered.
    #[schema(value_type = String)]
    pub name: ProductName,
    /// Its price when it was ordered; `null` where it had none.
    pub price: Option<Money>,
    /// The quantity.
    pub quantity: i64,
}

/// None of them does.
impl crate::HoldsPersonal for OrderEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}
