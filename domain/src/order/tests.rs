//! Given, when, then: an order's facts and commands, as the tests in `tests/` name them.

mod editing;
mod input;
mod placing;
mod property;
mod settling;

use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::*;
use crate::product::{Offer, ProductName};
use crate::testing::{
    ALICE, BOB, SYSTEM, admin, anybody, auditor, end_user, money, product, refolded, staff, wrong,
};
use crate::{FieldErrors, Money, ProductId};

fn name(text: &str) -> ProductName {
    ProductName::try_new(text).unwrap()
}

/// What is asked for at place `index` of the body.
fn line(index: usize, number: u128, quantity: i64, offer: Option<Offer>) -> Line {
    Line { field: format!("items.{index}"), product: product(number), quantity, offer }
}

fn lamp_offer() -> Offer {
    Offer { name: name("Lamp"), price: Some(money("12.50", "EUR")) }
}

fn lamps(index: usize, quantity: i64) -> Line {
    line(index, 1, quantity, Some(lamp_offer()))
}

fn chairs(index: usize, quantity: i64) -> Line {
    let price = Some(money("40.00", "EUR"));
    line(index, 2, quantity, Some(Offer { name: name("Chair"), price }))
}

fn lamp_items(quantity: i64) -> OrderItem {
    let price = Some(money("12.50", "EUR"));
    OrderItem { product: product(1), name: name("Lamp"), price, quantity }
}

fn chair_items(quantity: i64) -> OrderItem {
    let price = Some(money("40.00", "EUR"));
    OrderItem { product: product(2), name: name("Chair"), price, quantity }
}

fn placed(items: Vec<OrderItem>) -> OrderEvent {
    OrderEvent::OrderPlaced { user: ALICE, items }
}

fn changed(from: Vec<OrderItem>, to: Vec<OrderItem>) -> OrderEvent {
    OrderEvent::OrderItemsChanged { from, to }
}

/// Alice's order of one lamp, in each status.
fn of_alice(status: OrderStatus) -> Vec<OrderEvent> {
    let then = match status {
        OrderStatus::Pending => None,
        OrderStatus::Success => Some(OrderEvent::OrderFulfilled),
        OrderStatus::Cancelled => Some(OrderEvent::OrderCancelled),
    };
    std::iter::once(placed(vec![lamp_items(1)])).chain(then).collect()
}

fn place_as(by: Actor, lines: Vec<Line>) -> OrderCommand {
    OrderCommand::Place { by, lines }
}

fn order_as(by: Actor, lines: Vec<Line>) -> OrderCommand {
    OrderCommand::Edit { by, lines: Some(lines), status: None }
}

fn settle_as(by: Actor, status: OrderStatus) -> OrderCommand {
    OrderCommand::Edit { by, lines: None, status: Some(status) }
}

fn delete_as(by: Actor) -> OrderCommand {
    OrderCommand::Delete { by }
}

fn given(events: Vec<OrderEvent>) -> AggregateTestExecutor<Order> {
    TestFramework::<Order>::with(()).given(events)
}
