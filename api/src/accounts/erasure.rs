//! What goes before a person is forgotten. Each step can be repeated: a client that was cut off asks
//! again.

use domain::order::{EditOrder, OrderStatus};
use domain::product::ProductStatus;
use domain::{Actor, Given, Role};
use projections::{OrderFilter, Orders, Page, ProductFilter, Products, Visibility};

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// Withdraws the caller's products, and calls their open orders off.
pub(super) async fn withdraw_all(app: &App, caller: &Caller) -> Result<(), Problem> {
    // In the caller's own name, whatever their role: an AUDITOR owns what they did before.
    let owner = caller.acting_as(Actor::User { id: caller.user, role: Role::EndUser });
    for status in [ProductStatus::Pending, ProductStatus::Approved, ProductStatus::Rejected] {
        withdraw_products(app, &owner, status).await?;
    }
    cancel_orders(app, &owner).await
}

async fn withdraw_products(
    app: &App,
    owner: &Caller,
    status: ProductStatus,
) -> Result<(), Problem> {
    let filter = ProductFilter {
        status: Some(status),
        uploaded_by: Some(owner.user),
        ..ProductFilter::default()
    };
    let mut page = Page { limit: 100, cursor: None };
    loop {
        let visibility = Visibility::Own(owner.user);
        let slice = Products(app.pool.clone()).list(visibility, &filter, &page).await?;
        for product in slice.items {
            app.commands.cancel_product(&owner.context(), product.row.id).await?;
        }
        match slice.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

async fn cancel_orders(app: &App, owner: &Caller) -> Result<(), Problem> {
    let filter =
        OrderFilter { status: Some(OrderStatus::Pending), user: Some(owner.user), product: None };
    let mut page = Page { limit: 100, cursor: None };
    let cancel = EditOrder { status: Given(Some(OrderStatus::Cancelled)), ..EditOrder::default() };
    loop {
        let visibility = Visibility::Own(owner.user);
        let slice = Orders(app.pool.clone()).list(visibility, &filter, &page).await?;
        for order in slice.items {
            app.commands.edit_order(&owner.context(), order.id, &cancel).await?;
        }
        match slice.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(()),
        }
    }
}
