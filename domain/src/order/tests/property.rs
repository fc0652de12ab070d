//! Whatever anybody asks, in whatever order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Aggregate as _;

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let offer =
        (select(vec!["Lamp", "Lantern"]), option::of(0..3i64), select(vec!["EUR", "EUR", "USD"]))
            .prop_map(|(text, price, currency)| Offer {
                name: name(text),
                price: price.map(|minor| Money::new(minor, currency.parse().unwrap())),
            });
    let asked = (0..4u128, prop_oneof![1..4i64, 500..=1000i64], option::weighted(0.9, offer));
    vec(asked, 1..5).prop_map(|asked| {
        asked
            .into_iter()
            .enumerate()
            .map(|(index, (number, quantity, offer))| line(index, number, quantity, offer))
            .collect()
    })
}

fn commands() -> impl Strategy<Value = OrderCommand> {
    let status = || option::weighted(0.3, select(OrderStatus::ALL.to_vec()));
    prop_oneof![
        1 => (anybody(), lines()).prop_map(|(by, lines)| place_as(by, lines)),
        6 => (prop_oneof![anybody(), Just(end_user(ALICE))], option::of(lines()), status())
            .prop_map(|(by, lines, status)| OrderCommand::Edit { by, lines, status }),
        1 => anybody().prop_map(delete_as),
    ]
}

/// Where the order is, by its log alone; `None` before placing and after deletion.
fn status(log: &[OrderEvent]) -> Option<OrderStatus> {
    use OrderEvent as E;
    log.iter().fold(None, |status, event| match event {
        E::OrderPlaced { .. } => Some(OrderStatus::Pending),
        E::OrderItemsChanged { .. } => status,
        E::OrderFulfilled => Some(OrderStatus::Success),
        E::OrderCancelled => Some(OrderStatus::Cancelled),
        E::OrderDeleted => None,
    })
}

fn check_items(items: &[OrderItem]) -> Result<(), TestCaseError> {
    let products: BTreeSet<_> = items.iter().map(|item| item.product).collect();
    let currencies: BTreeSet<_> =
        items.iter().filter_map(|item| Some(item.price?.currency().code())).collect();
    prop_assert!(!items.is_empty() && products.len() == items.len());
    prop_assert!(currencies.len() <= 1);
    prop_assert!(items.iter().all(|item| (1..=1000).contains(&item.quantity)));
    prop_assert_eq!(total(items).is_some(), currencies.len() == 1);
    Ok(())
}

/// What may follow on what, by whom.
fn check(log: &[OrderEvent], by: Actor, event: &OrderEvent) -> Result<(), TestCaseError> {
    use OrderEvent as E;
    let buyer = match log.first() {
        Some(E::OrderPlaced { user, .. }) => by.is(*user) && !by.has(Role::Auditor),
        _ => false,
    };
    let status = status(log);
    match event {
        E::OrderPlaced { user, items } => {
            prop_assert!(log.is_empty() && by == end_user(*user));
            check_items(items)?;
        }
        E::OrderItemsChanged { from, to } => {
            prop_assert!(buyer && by.has(Role::EndUser));
            prop_assert_eq!(status, Some(OrderStatus::Pending));
            prop_assert_ne!(from, to);
            check_items(to)?;
            for item in to {
                let had = from.iter().find(|had| had.product == item.product);
                prop_assert!(
                    had.is_none_or(|had| had.name == item.name && had.price == item.price)
                );
            }
        }
        E::OrderFulfilled => {
            prop_assert!(by.moderates());
            prop_assert_eq!(status, Some(OrderStatus::Pending));
        }
        E::OrderCancelled => {
            prop_assert!(buyer || by.moderates());
            prop_assert_eq!(status, Some(OrderStatus::Pending));
        }
        E::OrderDeleted => {
            prop_assert!(buyer || by.has(Role::Admin));
            prop_assert!(matches!(status, Some(OrderStatus::Pending | OrderStatus::Cancelled)));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_sequence_of_commands_reaches_a_forbidden_state(
        first in lines().prop_map(|lines| place_as(end_user(ALICE), lines)),
        commands in vec(commands(), 0..30),
    ) {
        let mut order = Order::default();
        let mut log = vec![];
        for command in std::iter::once(first).chain(commands) {
            let by = match &command {
                OrderCommand::Place { by, .. }
                | OrderCommand::Edit { by, .. }
                | OrderCommand::Delete { by } => *by,
            };

            let events = order.decide(command).unwrap_or_default();

            for event in events {
                check(&log, by, &event)?;
                cqrs_es::Aggregate::apply(&mut order, event.clone());
                log.push(event);
            }
            prop_assert_eq!(&refolded::<Order>(&log), &order);
            prop_assert_eq!(order.version(), i64::try_from(log.len()).unwrap());
            prop_assert_eq!(order.purchase().map(|purchase| purchase.status), status(&log));
        }
    }
}
