//! From what is asked for to what is ordered.

use std::collections::BTreeMap;

use super::{Line, OrderError, OrderItem};
use crate::{FieldErrors, Money, ProductId};

const MAX_QUANTITY: i64 = 1_000;

/// Copies name and price of each product. A product that the order already has keeps its copy.
pub(super) fn copy(lines: Vec<Line>, had: &[OrderItem]) -> Result<Vec<OrderItem>, OrderError> {
    let is_had = |product| had.iter().any(|item| item.product == product);
    wrong_lines(&lines, is_had).into_result().map_err(OrderError::Invalid)?;
    let mut items: Vec<OrderItem> = vec![];
    for line in lines {
        match items.iter_mut().find(|item| item.product == line.product) {
            Some(item) => item.quantity += line.quantity,
            None => items.extend(item(&line, had)),
        }
    }
    one_currency(&items)?;
    Ok(items)
}

/// What is wrong with lines, where the order may have products already.
pub fn wrong_lines(lines: &[Line], is_had: impl Fn(ProductId) -> bool) -> FieldErrors {
    let mut quantities: BTreeMap<ProductId, i64> = BTreeMap::new();
    let mut errors = FieldErrors::default();
    for Line { field, product, quantity, offer } in lines {
        if let Some(sum) = quantities.get_mut(product) {
            *sum += quantity;
            if *sum > MAX_QUANTITY {
                let message = format!("At most {MAX_QUANTITY} of one product can be ordered.");
                errors.add(field, message);
            }
        } else if offer.is_some() || is_had(*product) {
            quantities.insert(*product, *quantity);
        } else {
            errors.add(field, "There is no such product that can be ordered.");
        }
    }
    errors
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
