use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use utoipa::ToSchema;

use super::OrderStatus;
use crate::product::Offer;
use crate::{Actor, FieldErrors, Given, ProductId};

/// What can be asked of an order.
#[derive(Clone, Debug)]
pub enum OrderCommand {
    /// Makes it.
    Place {
        /// Who.
        by: Actor,
        /// What.
        lines: Vec<Line>,
    },
    /// Changes what is ordered, or settles it.
    Edit {
        /// Who.
        by: Actor,
        /// What is ordered from now on.
        lines: Option<Vec<Line>>,
        /// Where it is to go.
        status: Option<OrderStatus>,
    },
    /// Takes it out of every list.
    Delete {
        /// Who.
        by: Actor,
    },
}

/// One product that is asked for, and what it is offered as at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the body names it, for errors.
    pub field: String,
    /// Which.
    pub product: ProductId,
    /// How many.
    pub quantity: i64,
    /// What it is offered as; `None` where it can't be ordered.
    pub offer: Option<Offer>,
}

/// A product to order.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct Requested {
    /// The product's id.
    pub product: ProductId,
    /// The quantity.
    #[schema(value_type = i64, minimum = 1, maximum = 1000)]
    pub quantity: Quantity,
}

/// 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(pub i64);

impl<E: DeserializeError> Deserr<E> for Quantity {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match i64::deserialize_from_value(value, location)? {
            quantity @ 1..=1000 => Ok(Self(quantity)),
            _ => Err(crate::input::refuse("1 to 1000 is expected.".to_owned(), location)),
        }
    }
}

/// Body of `POST /orders/`: `products` or `items`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct PlaceOrder {
    /// The ids of products, one of each, 1 to 100 of them.
    #[deserr(default)]
    #[schema(value_type = Vec<ProductId>, required = false, min_items = 1, max_items = 100)]
    pub products: Given<Vec<ProductId>>,
    /// Products with quantities, 1 to 100 of them.
    #[deserr(default)]
    #[schema(value_type = Vec<Requested>, required = false, min_items = 1, max_items = 100)]
    pub items: Given<Vec<Requested>>,
}

/// Body of `PUT /orders/{id}/` and `PATCH /orders/{id}/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct EditOrder {
    /// The ids of the new products, one of each; set by the buyer.
    #[deserr(default)]
    #[schema(value_type = Vec<ProductId>, required = false, min_items = 1, max_items = 100)]
    pub products: Given<Vec<ProductId>>,
    /// The new items; set by the buyer.
    #[deserr(default)]
    #[schema(value_type = Vec<Requested>, required = false, min_items = 1, max_items = 100)]
    pub items: Given<Vec<Requested>>,
    /// The new state: CANCELLED, or SUCCESS (set by STAFF and ADMIN).
    #[deserr(default)]
    #[schema(value_type = OrderStatus, required = false)]
    pub status: Given<OrderStatus>,
}

/// How many lines an order may have.
pub const MAX_LINES: usize = 100;

/// A line without its offer: field, product, quantity.
pub type RequestedLine = (String, ProductId, i64);

impl PlaceOrder {
    /// The lines that it asks for.
    pub fn lines(&self) -> Result<Vec<RequestedLine>, FieldErrors> {
        lines(&self.products, &self.items)?.ok_or_else(|| {
            FieldErrors::one("products", "This field is required, or items instead.")
        })
    }
}

impl EditOrder {
    /// The lines that it asks for, if it names any.
    pub fn lines(&self) -> Result<Option<Vec<RequestedLine>>, FieldErrors> {
        lines(&self.products, &self.items)
    }
}

fn lines(
    products: &Given<Vec<ProductId>>,
    items: &Given<Vec<Requested>>,
) -> Result<Option<Vec<RequestedLine>>, FieldErrors> {
    let errors = wrong_lists(products.0.as_ref().map(Vec::len), items.0.as_ref().map(Vec::len));
    errors.into_result()?;
    let (field, asked): (_, Vec<_>) = match (&products.0, &items.0) {
        (None, None) => return Ok(None),
        (Some(products), _) => ("products", products.iter().map(|id| (*id, 1)).collect()),
        (None, Some(items)) => {
            ("items", items.iter().map(|item| (item.product, item.quantity.0)).collect())
        }
    };
    let at = |(index, (product, quantity))| (format!("{field}.{index}"), product, quantity);
    Ok(Some(asked.into_iter().enumerate().map(at).collect()))
}

/// What is wrong with the lists of a body, by how many products each of them has.
pub fn wrong_lists(products: Option<usize>, items: Option<usize>) -> FieldErrors {
    let mut errors = FieldErrors::default();
    for (field, length) in [("products", products), ("items", items)] {
        if length.is_some_and(|length| !(1..=MAX_LINES).contains(&length)) {
            errors.add(field, format!("1 to {MAX_LINES} products are expected."));
        }
    }
    if products.is_some() && items.is_some() {
        errors.add("items", "Send products or items, not both.");
    }
    errors
}
