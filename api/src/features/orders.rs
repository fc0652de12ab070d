//! `/orders/`.

mod examples;

use axum::extract::State;
use axum::response::Response;
use commands::{Made, Row};
use domain::order::{EditOrder, OrderError, OrderStatus, PlaceOrder};
use domain::{FieldErrors, OrderId, ProductId, Refuse, StreamType};
use projections::{Order, OrderFilter, OrderRow, Orders, ReadError, TimelineEntry, Visibility};
use serde_json::{Map, Value};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{
    Allowed, DeleteOrders, EditOrders, Needs, PlaceOrders, ReadOrders,
};
use crate::features::feature::{Feature, SampleId};
use crate::features::references::Referring;
use crate::features::resource::{
    Resource, Shown, Versioned, changed, created, expected, expected_of, get, show,
};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::{Edit, same};
use crate::http::input::{Object, no_content};
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params, Person, query};

const WRITABLE: [&str; 3] = ["products", "items", "status"];

query! {
    /// Which orders.
    pub(crate) struct OrderQuery {
        /// Those in this state.
        #[param(value_type = OrderStatus, required = false)]
        status: Option<OrderStatus> = take,
        /// Those of this buyer: an id, or `me`.
        #[param(value_type = String, example = "me", required = false)]
        user: Option<Person> = person,
        /// Those with this product among their items.
        #[param(value_type = ProductId, required = false)]
        product: Option<ProductId> = id,
    }
}

/// What there is beside its routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("orders", "Orders"),
    ids: &[SampleId { kind: "OrderId", noun: "order", id: examples::ORDER }],
    examples: examples::examples,
    refusals: || [OrderError::Closed, OrderError::MixedCurrencies].map(|e| e.refusal()).into(),
    shown: Some(Shown::of::<Order>()),
};

impl Resource for Order {
    const KIND: StreamType = StreamType::Order;

    type Id = OrderId;

    async fn find(app: &App, caller: &Caller, id: OrderId) -> Result<Option<Self>, ReadError> {
        let visibility = Visibility::of(caller.actor);
        Ok(Orders(app.pool.clone()).find(visibility, id).await?.map(Self::from))
    }

    fn of_row(_: &App, _: &Caller, row: &Row) -> Option<Self> {
        row.get::<OrderRow>().cloned().map(Self::from)
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/orders/{}/", self.id)
    }
}

/// Lists orders, newest first
///
/// An END_USER sees their own orders, everybody else all of them.
#[utoipa::path(get, path = "/orders/", tag = "orders", operation_id = "listOrders",
    params(OrderQuery, PageQuery), responses((status = 200, body = List<Order>), Needs<ReadOrders>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<ReadOrders>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Order>, Problem> {
    let OrderQuery { status, user, product } = params.query();
    let page = params.page();
    params.finish()?;
    let filter = OrderFilter { status, user: user.map(|user| user.of(caller.user)), product };
    let visibility = Visibility::of(caller.actor);
    Ok(here.list(Orders(app.pool.clone()).list(visibility, &filter, &page).await?))
}

/// Places an order
///
/// Name and price of each product are copied as they are at this moment. Every product has to be
/// APPROVED, with its video READY; priced products of one order share one currency.
#[utoipa::path(post, path = "/orders/", tag = "orders", operation_id = "placeOrder",
    request_body = PlaceOrder, responses((status = 201, body = Order), Needs<PlaceOrders>),
    extensions(("x-problems" = json!(["mixed_currencies"]))))]
pub(crate) async fn place(
    Allowed(caller): Allowed<PlaceOrders>,
    State(app): State<App>,
    Object(body): Object,
) -> Result<Versioned<Order>, Problem> {
    let referring = Referring::of_order(&body, None);
    match placed(&app, &caller, body).await {
        Ok(made) => created(&app, &caller, &made).await,
        Err(problem) => Err(referring.beside(&app, &caller, problem).await),
    }
}

async fn placed(
    app: &App,
    caller: &Caller,
    body: Map<String, Value>,
) -> Result<Made<OrderId>, Problem> {
    let place: PlaceOrder = Edit::creation(body).read()?;
    Ok(app.commands.place_order(&caller.context(), &place).await?)
}

/// Gets an order
#[utoipa::path(get, path = "/orders/{id}/", tag = "orders", operation_id = "getOrder",
    params(("id" = OrderId, Path)), responses((status = 200, body = Order), (status = 304), Needs<ReadOrders>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<ReadOrders>,
    State(app): State<App>,
    Id(id): Id<OrderId>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<Order>(&app, &caller, id).await?.or_not_modified(&had))
}

/// Replaces the items of an order, or settles it
///
/// The buyer replaces `products` or `items`, or sets CANCELLED, while the order is PENDING. STAFF and
/// ADMIN set SUCCESS or CANCELLED.
#[utoipa::path(put, path = "/orders/{id}/", tag = "orders", operation_id = "replaceOrder",
    params(("id" = OrderId, Path)), request_body = EditOrder,
    responses((status = 200, body = Order), Needs<EditOrders>),
    extensions(("x-problems" = json!(["mixed_currencies", "read_only", "order_closed"]))))]
pub(crate) async fn replace(
    Allowed(caller): Allowed<EditOrders>,
    State(app): State<App>,
    Id(id): Id<OrderId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Order>, Problem> {
    let named = WRITABLE.iter().any(|name| body.0.contains_key(*name));
    let missing = FieldErrors::one("products", "This field is required.");
    change(app, caller, id, version, body, if named { FieldErrors::default() } else { missing })
        .await
}

/// Changes the items of an order, or settles it
///
/// The buyer changes `products` or `items`, or sets CANCELLED, while the order is PENDING. STAFF and
/// ADMIN set SUCCESS or CANCELLED.
#[utoipa::path(patch, path = "/orders/{id}/", tag = "orders", operation_id = "editOrder",
    params(("id" = OrderId, Path)), request_body = EditOrder,
    responses((status = 200, body = Order), Needs<EditOrders>),
    extensions(("x-problems" = json!(["mixed_currencies", "read_only", "order_closed"]))))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<EditOrders>,
    State(app): State<App>,
    Id(id): Id<OrderId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Order>, Problem> {
    change(app, caller, id, version, body, FieldErrors::default()).await
}

async fn change(
    app: App,
    caller: Caller,
    id: OrderId,
    version: IfMatch,
    body: Object,
    wrong: FieldErrors,
) -> Result<Versioned<Order>, Problem> {
    let current: Order = get(&app, &caller, id).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = prepared(body, &current);
    edit.wrong(wrong);
    let referring = Referring::of_order(&edit.body, Some(&current));
    let edited =
        async { Ok::<_, Problem>(app.commands.edit_order(&context, id, &edit.read()?).await?) };
    match edited.await {
        Ok(done) => changed(&app, &caller, id, &done).await,
        Err(problem) => Err(referring.beside(&app, &caller, problem).await),
    }
}

/// Deletes an order
///
/// Its buyer, or an ADMIN. It leaves every list; its history stays. An order that is a SUCCESS can't
/// be deleted.
#[utoipa::path(delete, path = "/orders/{id}/", tag = "orders", operation_id = "deleteOrder",
    params(("id" = OrderId, Path)), responses((status = 204), Needs<DeleteOrders>),
    extensions(("x-problems" = json!(["order_closed"]))))]
pub(crate) async fn delete(
    Allowed(caller): Allowed<DeleteOrders>,
    State(app): State<App>,
    Id(id): Id<OrderId>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<Order>(&app, &caller, id, &version).await?);
    app.commands.delete_order(&context, id).await?;
    Ok(no_content())
}

/// Lists what happened to an order, oldest first
///
/// Of a deleted order too.
#[utoipa::path(get, path = "/orders/{id}/history/", tag = "orders", operation_id = "getOrderHistory",
    params(("id" = OrderId, Path), PageQuery),
    responses((status = 200, body = List<TimelineEntry>), Needs<ReadOrders>))]
pub(crate) async fn history(
    Allowed(caller): Allowed<ReadOrders>,
    State(app): State<App>,
    Id(id): Id<OrderId>,
    here: Here,
    mut params: Params,
) -> Result<List<TimelineEntry>, Problem> {
    let page = params.page();
    params.finish()?;
    let visibility = Visibility::of(caller.actor);
    let slice = app.timeline().of::<OrderRow>(visibility, id.uuid(), &page).await?;
    slice.map(|slice| here.list(slice)).ok_or_else(Problem::not_found)
}

/// What a body changes, without what it repeats of the current order.
fn prepared(body: Object, current: &Order) -> Edit {
    let mut edit = Edit::new(body, current);
    edit.keep_writable(&WRITABLE);
    drop_copies(&mut edit);
    drop_unchanged(&mut edit);
    edit
}

/// Items may come as GET gave them, with the name and price that were copied; those can't change.
fn drop_copies(edit: &mut Edit) {
    let current = edit.current.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Array(items)) = edit.body.get_mut("items") else { return };
    let mut changed = vec![];
    for (index, item) in items.iter_mut().enumerate() {
        let Value::Object(item) = item else { continue };
        let had = current.iter().find(|had| had.get("product") == item.get("product"));
        for name in ["name", "price"] {
            let copied = had.and_then(|had| had.get(name));
            if let (Some(copied), Some(sent)) = (copied, item.get(name)) {
                if !same(sent, copied) {
                    changed.push(format!("items.{index}.{name}"));
                }
                item.remove(name);
            }
        }
    }
    for field in changed {
        edit.changed(field);
    }
}

/// What is ordered stands in both `products` and `items`: the one that was not changed is left
/// out, and both are where nothing was, since staff may settle an order but not change it.
fn drop_unchanged(edit: &mut Edit) {
    let unchanged = |body: &Map<String, Value>, name: &str| {
        let wanted = |item: &Value| (item.get("product").cloned(), item.get("quantity").cloned());
        match (body.get(name), edit.current.get(name)) {
            (Some(Value::Array(sent)), Some(Value::Array(had))) if name == "items" => {
                sent.len() == had.len()
                    && sent.iter().zip(had).all(|(sent, had)| wanted(sent) == wanted(had))
                    && sent.iter().all(|item| item.as_object().is_some_and(|item| item.len() == 2))
            }
            (Some(sent), Some(had)) => same(sent, had),
            _ => false,
        }
    };
    let both = edit.body.contains_key("products") && edit.body.contains_key("items");
    let (products, items) = (unchanged(&edit.body, "products"), unchanged(&edit.body, "items"));
    if products && (both || items || quantities_are_one(&edit.current)) {
        edit.body.remove("products");
    }
    if items {
        edit.body.remove("items");
    }
}

/// Whether `products` says all that there is to say.
fn quantities_are_one(current: &Map<String, Value>) -> bool {
    let items = current.get("items").and_then(Value::as_array);
    items.is_some_and(|items| items.iter().all(|item| item.get("quantity") == Some(&1.into())))
}

#[cfg(test)]
mod tests;
