//! Purchases.

use domain::order::{OrderEvent, OrderItem, OrderStatus, total};
use domain::{Money, OrderId, ProductId, Recorded, UserId};
use pool::{PgConnection, PgPool};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::listing::{Branch, Condition, Listing};
use crate::scan::{Keyed, Scan};
use crate::{
    Fold, Key, Ordering, Owned, Page, ProjectionError, ReadError, Slice, SortBy, Table, Visibility,
};

/// A row of `orders`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct OrderRow {
    /// Which order.
    #[sqlx(try_from = "Uuid")]
    pub id: OrderId,
    /// Who ordered.
    #[sqlx(try_from = "Uuid")]
    pub user_id: UserId,
    /// What.
    pub items: Json<Vec<OrderItem>>,
    /// The products among the items, for the index.
    pub products: Vec<Uuid>,
    /// Where it is.
    #[sqlx(try_from = "String")]
    pub status: OrderStatus,
    /// The stream's sequence.
    pub version: i64,
    /// When it was placed.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
    /// Whether it has left every list.
    pub deleted: bool,
    /// The position of its first event.
    pub created_position: i64,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// The id of the buyer.
    pub user: UserId,
    /// The ids of the ordered products.
    pub products: Vec<ProductId>,
    /// The ordered products, with name and price as they were when they were ordered.
    pub items: Vec<OrderItem>,
    /// Its state.
    pub status: OrderStatus,
    /// The sum of the priced items; `null` where no item has a price.
    pub total: Option<Money>,
    /// Its version: counts its events.
    pub version: i64,
    /// When it was placed.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

impl Fold for OrderRow {
    type Event = OrderEvent;

    const TABLE: Table = Table::new(
        "orders",
        1,
        &[
            "id",
            "user_id",
            "items",
            "products",
            "status",
            "version",
            "created_at",
            "updated_at",
            "deleted",
            "created_position",
        ],
    );

    fn fold(row: Option<Self>, event: &OrderEvent, recorded: &Recorded) -> Option<Self> {
        if let OrderEvent::OrderPlaced { user, items } = event {
            return Some(Self::placed(recorded, *user, items));
        }
        let mut row = row?;
        match event {
            OrderEvent::OrderPlaced { .. } => {}
            OrderEvent::OrderItemsChanged { to, .. } => row.set_items(to),
            OrderEvent::OrderFulfilled => row.status = OrderStatus::Success,
            OrderEvent::OrderCancelled => row.status = OrderStatus::Cancelled,
            OrderEvent::OrderDeleted => row.deleted = true,
        }
        row.version = recorded.sequence;
        row.updated_at = recorded.at;
        Some(row)
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

impl Owned for OrderRow {
    const OWNER: &'static str = "user_id";
}

impl OrderRow {
    fn placed(recorded: &Recorded, user: UserId, items: &[OrderItem]) -> Self {
        let mut row = Self {
            id: OrderId::from_uuid(recorded.stream.id),
            user_id: user,
            items: Json(vec![]),
            products: vec![],
            status: OrderStatus::Pending,
            version: recorded.sequence,
            created_at: recorded.at,
            updated_at: recorded.at,
            deleted: false,
            created_position: recorded.position,
        };
        row.set_items(items);
        row
    }

    fn set_items(&mut self, items: &[OrderItem]) {
        self.items = Json(items.to_vec());
        self.products = items.iter().map(|item| item.product.uuid()).collect();
    }
}

impl From<OrderRow> for Order {
    fn from(row: OrderRow) -> Self {
        let items = row.items.0;
        Self {
            id: row.id,
            user: row.user_id,
            products: items.iter().map(|item| item.product).collect(),
            total: total(&items),
            items,
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Keyed for OrderRow {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.created_position)
    }
}

/// Which orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Where they are.
    pub status: Option<OrderStatus>,
    /// Who ordered.
    pub user: Option<UserId>,
    /// What is among their items.
    pub product: Option<ProductId>,
}

/// Orders, to be found and listed.
#[derive(Clone, Debug)]
pub struct Orders(pub PgPool);

impl Orders {
    /// One order, unless it is deleted or out of sight.
    pub async fn find(
        &self,
        visibility: Visibility,
        id: OrderId,
    ) -> Result<Option<OrderRow>, ReadError> {
        let mut sql = Self::select();
        sql.push(" AND id = ").push_bind(id.uuid());
        // Written so that no index but the key serves it: a plan made while the table was empty would
        // read all orders of a buyer.
        visibility.push(&mut sql, "user_id::text::uuid");
        Ok(sql.build_query_as().fetch_optional(&self.0).await?)
    }

    /// A page of the orders that match, newest first.
    pub async fn list(
        &self,
        visibility: Visibility,
        filter: &OrderFilter,
        page: &Page,
    ) -> Result<Slice<OrderRow>, ReadError> {
        let scan = Scan::try_new(page, Ordering::NEWEST)?;
        let buyer = match visibility {
            Visibility::Everything => filter.user,
            Visibility::Own(user) if filter.user.is_none_or(|other| other == user) => Some(user),
            Visibility::Own(_) | Visibility::Nothing => return Ok(Slice::empty()),
        };
        let mut conn = self.0.acquire().await?;
        Ok(scan.slice(listing(buyer, filter).fetch(&mut conn, &scan).await?))
    }

    fn select() -> QueryBuilder<'static, sqlx::Postgres> {
        let columns = OrderRow::TABLE.column_list();
        QueryBuilder::new(format!("SELECT {columns} FROM orders WHERE NOT deleted"))
    }
}

/// How a page of orders is read.
fn listing(buyer: Option<UserId>, filter: &OrderFilter) -> Listing {
    let buyer = buyer.map(|user| Condition::Id("user_id = ", user.uuid()));
    let product = filter.product.map(|id| Condition::Ids("products @> ", vec![id.uuid()]));
    let status = filter.status.map(|status| Condition::named("status", status.as_str()));
    let gathered = [Some(SHELF), buyer.clone(), status, product.clone()];
    let columns = OrderRow::TABLE.column_list();
    Listing {
        table: OrderRow::TABLE.name,
        select: format!("SELECT {columns}"),
        columns,
        joins: "",
        needs: "",
        parts: parts(buyer, filter.status),
        rest: product.into_iter().collect(),
        gathered: vec![gathered.into_iter().flatten().collect()],
        is_narrow: false,
    }
}

const SHELF: Condition = Condition::sql("NOT deleted");

/// Always true: names the index of everybody's orders, which no other list may walk through.
const EVERYBODY: Condition = Condition::sql("created_at > '-infinity'");

/// Statuses are few, so one index serves a buyer's orders with and without that filter: a list without
/// it is merged of the parts of each status.
fn parts(buyer: Option<Condition>, status: Option<OrderStatus>) -> Vec<Branch> {
    let statuses = match (&buyer, status) {
        (_, Some(status)) => vec![status],
        (Some(_), None) => OrderStatus::ALL.to_vec(),
        (None, None) => return vec![vec![SHELF, EVERYBODY]],
    };
    let of = |status: &OrderStatus| Condition::named("status", status.as_str());
    let part =
        |status| [Some(SHELF), buyer.clone(), Some(of(status))].into_iter().flatten().collect();
    statuses.iter().map(part).collect()
}

/// Orders of a person that are PENDING.
pub(crate) async fn open_of(
    conn: &mut PgConnection,
    person: UserId,
) -> Result<Vec<OrderId>, ProjectionError> {
    let open = "SELECT id FROM orders WHERE user_id = $1 AND status = 'PENDING' AND NOT deleted";
    let open: Result<Vec<Uuid>, _> =
        sqlx::query_scalar(open).bind(person.uuid()).fetch_all(conn).await;
    let open = open.map_err(OrderRow::TABLE.failed())?;
    Ok(open.into_iter().map(OrderId::from_uuid).collect())
}
