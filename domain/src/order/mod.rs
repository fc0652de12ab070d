//! Purchases: what was approved, at the name and price of that moment.

mod command;
mod error;
mod event;
mod lines;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use command::{
    EditOrder, Line, MAX_LINES, OrderCommand, PlaceOrder, Requested, RequestedLine, wrong_lists,
};
pub use error::OrderError;
pub use event::{OrderEvent, OrderEventType, OrderItem};
pub use lines::{total, wrong_lines};

use crate::{Actor, Role, UserId};

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Its buyer may still change it.
    Pending,
    /// Fulfilled.
    Success,
    /// Called off.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Success, Self::Cancelled];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Cancelled => "CANCELLED",
        }
    }
}

crate::input::named!(OrderStatus);

/// An order as its events leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    version: i64,
    purchase: Option<Purchase>,
}

/// What was ordered, from placing to deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Purchase {
    /// Who ordered.
    pub user: UserId,
    /// What.
    pub items: Vec<OrderItem>,
    /// Where it is.
    pub status: OrderStatus,
}

crate::aggregate::aggregate!(Order, 1, OrderId, OrderCommand, OrderEvent, OrderError);

impl crate::HoldsPersonal for Order {
    /// None: what its events say about people is no part of its state.
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}

impl Order {
    /// What was ordered; `None` before placing and after deletion.
    pub const fn purchase(&self) -> Option<&Purchase> {
        self.purchase.as_ref()
    }

    /// Pure. An empty vec means "already so", which is success.
    pub fn decide(&self, command: OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
        use OrderCommand as C;
        if self.version == 0
            && let C::Place { by, lines } = command
        {
            let Actor::User { id: user, role: Role::EndUser } = by else {
                return Err(OrderError::Forbidden);
            };
            let items = lines::copy(lines, &[])?;
            return Ok(vec![OrderEvent::OrderPlaced { user, items }]);
        }
        let purchase = self.purchase.as_ref().ok_or(OrderError::NotFound)?;
        match command {
            C::Place { .. } => Ok(vec![]),
            C::Edit { by, lines, status } => purchase.edit(by, lines, status),
            C::Delete { by } => purchase.delete(by),
        }
    }

    fn evolve(&mut self, event: OrderEvent) {
        use OrderEvent as E;
        if let E::OrderPlaced { user, items } = event {
            self.purchase = Some(Purchase { user, items, status: OrderStatus::Pending });
            return;
        }
        let Some(purchase) = &mut self.purchase else { return };
        match event {
            E::OrderItemsChanged { to, .. } => purchase.items = to,
            E::OrderFulfilled => purchase.status = OrderStatus::Success,
            E::OrderCancelled => purchase.status = OrderStatus::Cancelled,
            E::OrderDeleted => self.purchase = None,
            E::OrderPlaced { .. } => {}
        }
    }
}

impl Purchase {
    /// Whether somebody may know of it.
    pub fn is_visible_to(&self, actor: Actor) -> bool {
        actor.sees_everything() || actor.is(self.user)
    }

    fn edit(
        &self,
        by: Actor,
        lines: Option<Vec<Line>>,
        status: Option<OrderStatus>,
    ) -> Result<Vec<OrderEvent>, OrderError> {
        self.is_known_to(by)?;
        let status = status.filter(|status| *status != self.status);
        self.may_settle(by, status)?;
        let to = self.reordered(by, lines)?;
        if status.is_some() && self.status != OrderStatus::Pending {
            return Err(OrderError::Closed);
        }
        let changed = to.map(|to| OrderEvent::OrderItemsChanged { from: self.items.clone(), to });
        let settled = status.and_then(|status| match status {
            OrderStatus::Pending => None,
            OrderStatus::Success => Some(OrderEvent::OrderFulfilled),
            OrderStatus::Cancelled => Some(OrderEvent::OrderCancelled),
        });
        Ok(changed.into_iter().chain(settled).collect())
    }

    /// What is ordered is its buyer's to change, while they buy and it is open. Sent back unchanged,
    /// it is no change.
    fn reordered(
        &self,
        by: Actor,
        lines: Option<Vec<Line>>,
    ) -> Result<Option<Vec<OrderItem>>, OrderError> {
        let Some(lines) = lines else { return Ok(None) };
        let to = lines::copy(lines, &self.items);
        if to.as_ref() == Ok(&self.items) {
            return Ok(None);
        }
        if !by.is(self.user) || !by.has(Role::EndUser) {
            return Err(OrderError::Forbidden);
        }
        if self.status != OrderStatus::Pending {
            return Err(OrderError::Closed);
        }
        to.map(Some)
    }

    /// Staff settle orders; a buyer may only call their own off.
    fn may_settle(&self, by: Actor, status: Option<OrderStatus>) -> Result<(), OrderError> {
        let buyer_or_staff = self.is_buyer(by) || by.moderates();
        let allowed = match status {
            None | Some(OrderStatus::Cancelled) => buyer_or_staff,
            Some(OrderStatus::Success) => by.moderates(),
            Some(OrderStatus::Pending) if buyer_or_staff => return Err(OrderError::Closed),
            Some(OrderStatus::Pending) => false,
        };
        if allowed { Ok(()) } else { Err(OrderError::Forbidden) }
    }

    fn delete(&self, by: Actor) -> Result<Vec<OrderEvent>, OrderError> {
        self.is_known_to(by)?;
        if !self.is_buyer(by) && !by.has(Role::Admin) {
            return Err(OrderError::Forbidden);
        }
        if self.status == OrderStatus::Success {
            return Err(OrderError::Closed);
        }
        Ok(vec![OrderEvent::OrderDeleted])
    }

    /// An AUDITOR changes nothing, not even what they ordered before they became one.
    fn is_buyer(&self, by: Actor) -> bool {
        by.is(self.user) && !by.has(Role::Auditor)
    }

    fn is_known_to(&self, by: Actor) -> Result<(), OrderError> {
        if self.is_visible_to(by) { Ok(()) } else { Err(OrderError::NotFound) }
    }
}
