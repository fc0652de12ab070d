//! From what is asked for to what is ordered.

use super::{Line, OrderError, OrderItem};
use crate::{FieldErrors, Money};

const MAX_QUANTITY: i64 = 1_000;

/// Copies name and price of each product. A product that the order already has keeps its copy.
pub(super) fn copy(lines: Vec<Line>, had: &[OrderItem]) -> Result<Vec<OrderItem>, OrderError> {
    let mut items: Vec<OrderItem> = vec![];
    let mut errors = FieldErrors::default();
    for line in lines {
        if let Some(item) = items.iter_mut().find(|item| item.product == line.product) {
            item.quantity += line.quantity;
            if item.quantity > MAX_QUANTITY {
                errors.add(
                    line.field,
                    format!("At most {MAX_QUANTITY} of one product can be ordered."),
                );
            }
            continue;
        }
        match item(&line, had) {
            Some(item) => items.push(item),
            None => errors.add(line.field, "There is no such product that can be ordered."),
        }
    }
    errors.into_result().map_err(OrderError::Invalid)?;
    one_currency(&items)?;
    Ok(items)
}

fn item(line: &Line, had: &[OrderItem]) -> Option<OrderItem> {
    if let Some(had) = had.iter().find(|item| item.product == line.product) {
        return Some(OrderItem { quantity: line.quantity, ..had.clone() });
    }
    let offer = line.offer.clone()?;
    let (name, price) = (offer.name, offer.price);
    Some(OrderItem { product: line.product, name, price, quantity: line.quantity })
}

fn one_currency(items: &[OrderItem]) -> Result<(), OrderError> {
    let mut currencies = items.iter().filter_map(|item| item.price).map(Money::currency);
    let first = currencies.next();
    if currencies.all(|currency| Some(currency) == first) {
        Ok(())
    } else {
        Err(OrderError::MixedCurrencies)
    }
}

/// What the priced items cost together; `None` where none has a price.
pub fn total(items: &[OrderItem]) -> Option<Money> {
    items
        .iter()
        .filter_map(|item| item.price.map(|price| price.times(item.quantity)))
        .reduce(|sum, price| sum.plus(price).unwrap_or(sum))
}
