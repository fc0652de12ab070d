//! What a page costs: rows that the server touches for it, whatever the plan.

use domain::product::{ProcessingStatus, ProductStatus};
use domain::{CategoryId, UserId};
use pool::PgPool;
use projections::{
    OrderFilter, Orders, Page, ProductFilter, Products, ReadError, Slice, Visibility,
};
use uuid::Uuid;

use crate::database::in_a_database;

/// 20,000 products of 100 owners in 10 categories, half of them listed; every owner and category
/// has both kinds.
pub const PRODUCTS: &str = "INSERT INTO products SELECT \
    lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n / 2 % 100), 32, '0')::uuid, 'Lamp ' || n % 977, 'New', \
    lpad(to_hex(n / 2 % 10), 32, '0')::uuid, n % 1009, CASE WHEN n % 7 = 0 THEN NULL WHEN n % 3 = 0 THEN 'JPY' ELSE 'EUR' END, \
    CASE WHEN n % 2 = 0 THEN 'APPROVED' WHEN n % 20 = 1 THEN 'REJECTED' ELSE 'PENDING' END, \
    CASE WHEN n % 40 = 3 THEN 'FAILED' ELSE 'READY' END, NULL, false, 1, now(), now(), false, n % 2 = 0, n, \
    'lamp ' || n % 977, CASE WHEN n % 7 = 0 THEN 9223372036854775807 ELSE n % 1009 * 100 END \
    FROM generate_series(1, 20000) n";
const ORDERS: &str = "INSERT INTO orders SELECT lpad(to_hex(n), 32, '0')::uuid, \
    lpad(to_hex(n % 200), 32, '0')::uuid, '[]', \
    ARRAY[lpad(to_hex(n % 3), 32, '0')::uuid, lpad(to_hex(1000 + n % 5000), 32, '0')::uuid], \
    CASE WHEN n % 100 = 0 THEN 'PENDING' ELSE 'SUCCESS' END, 1, now(), now(), false, n \
    FROM generate_series(1, 20000) n";

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Rows of a table read by full scans, and by index, so far.
pub async fn touched(pool: &PgPool, table: &str) -> (i64, i64) {
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(pool).await.unwrap();
    sqlx::query_as(
        "SELECT seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = $1",
    )
    .bind(table)
    .fetch_one(pool)
    .await
    .unwrap()
}

/// Goes `pages` deep, and tells how many rows the last page had and how many it touched.
async fn cost<T>(
    pool: &PgPool,
    table: &str,
    pages: usize,
    list: impl AsyncFn(Page) -> Result<Slice<T>, ReadError>,
) -> (usize, i64, i64) {
    let mut cursor = None;
    for _ in 0..pages {
        cursor = list(Page { limit: 50, cursor }).await.unwrap().next;
        assert!(cursor.is_some(), "the list is too short");
    }
    let (scanned, fetched) = touched(pool, table).await;
    let slice = list(Page { limit: 50, cursor }).await.unwrap();
    let after = touched(pool, table).await;
    (slice.items.len(), after.0 - scanned, after.1 - fetched)
}

fn filters() -> Vec<(&'static str, ProductFilter, usize)> {
    let all = ProductFilter::default;
    vec![
        ("all", all(), 100),
        ("PENDING", ProductFilter { status: Some(ProductStatus::Pending), ..all() }, 1),
        ("APPROVED", ProductFilter { status: Some(ProductStatus::Approved), ..all() }, 100),
        ("category", ProductFilter { category: Some(CategoryId::from(uuid(3))), ..all() }, 15),
        ("own", ProductFilter { uploaded_by: Some(UserId::from(uuid(3))), ..all() }, 1),
        ("other's", ProductFilter { uploaded_by: Some(UserId::from(uuid(4))), ..all() }, 1),
    ]
}

#[tokio::test]
async fn a_page_of_products_costs_the_same_at_any_depth() {
    // One connection, so that its statistics are those of the queries.
    in_a_database(1, async |pool| {
        sqlx::raw_sql(&format!("{PRODUCTS}; ANALYZE")).execute(&pool).await.unwrap();
        let products = Products(pool.clone());
        for visibility in [Visibility::Everything, Visibility::Own(UserId::from(uuid(3)))] {
            for (name, filter, depth) in filters() {
                let list = async |page: Page| products.list(visibility, &filter, &page).await;
                let (rows, scanned, fetched) = cost(&pool, "products", depth, list).await;
                println!("{visibility:?} {name}: {rows} rows, {fetched} fetched");
                assert!(rows > 0, "{visibility:?} {name}");
                assert_eq!(scanned, 0, "{visibility:?} {name}");
                // A category's rows and one's own have no index together: a stretch may be sorted.
                let most = 2 * 51 + if name == "category" { 10 * 51 } else { 0 };
                assert!(fetched <= most, "{visibility:?} {name} touches {fetched} rows");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_in_any_order_costs_the_same_at_any_depth() {
    in_a_database(1, async |pool| {
        sqlx::raw_sql(&format!("{PRODUCTS}; ANALYZE")).execute(&pool).await.unwrap();
        let products = Products(pool.clone());
        for visibility in [Visibility::Everything, Visibility::Own(UserId::from(uuid(3)))] {
            for name in projections::Ordering::NAMES {
                let ordering = name.parse().unwrap();
                let filter = ProductFilter { ordering, ..ProductFilter::default() };
                let list = async |page: Page| products.list(visibility, &filter, &page).await;
                let (rows, scanned, fetched) = cost(&pool, "products", 100, list).await;
                println!("{visibility:?} {name}: {rows} rows, {fetched} fetched");
                assert_eq!((rows, scanned), (50, 0), "{visibility:?} {name}");
                // An owner's own 100 unlisted rows may be sorted.
                assert!(fetched <= 2 * 51 + 100, "{visibility:?} {name} touches {fetched} rows");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn stuck_videos_are_found_without_a_search_through_all() {
    in_a_database(1, async |pool| {
        sqlx::raw_sql(&format!("{PRODUCTS}; ANALYZE")).execute(&pool).await.unwrap();
        let products = Products(pool.clone());
        let failed = Some(ProcessingStatus::Failed);
        let failed = ProductFilter { processing_status: failed, ..ProductFilter::default() };
        let list = async |page: Page| products.list(Visibility::Everything, &failed, &page).await;
        let (rows, scanned, fetched) = cost(&pool, "products", 5, list).await;
        assert_eq!((rows, scanned), (50, 0));
        assert!(fetched <= 51, "{fetched}");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_orders_costs_the_same_at_any_depth() {
    in_a_database(1, async |pool| {
        sqlx::raw_sql(&format!("{ORDERS}; ANALYZE")).execute(&pool).await.unwrap();
        let orders = Orders(pool.clone());
        let own = Visibility::Own(UserId::from(uuid(3)));
        let all = OrderFilter::default;
        let pending = Some(domain::order::OrderStatus::Pending);
        for (name, visibility, filter, depth, most) in [
            ("all", Visibility::Everything, all(), 100, 51),
            ("own", own, all(), 1, 51),
            ("PENDING", Visibility::Everything, OrderFilter { status: pending, ..all() }, 2, 51),
            // A third of all orders have this one.
            (
                "popular",
                Visibility::Everything,
                OrderFilter { product: Some(uuid(2).into()), ..all() },
                50,
                10 * 51,
            ),
            // Four have this one, which are gathered once a short stretch did not fill the page.
            (
                "rare",
                Visibility::Everything,
                OrderFilter { product: Some(uuid(1234).into()), ..all() },
                0,
                10 * 51 + 51,
            ),
        ] {
            let list = async |page: Page| orders.list(visibility, &filter, &page).await;
            let (rows, scanned, fetched) = cost(&pool, "orders", depth, list).await;
            println!("{name}: {rows} rows, {fetched} fetched");
            assert!(rows > 0 && scanned == 0, "{name}");
            assert!(fetched <= most, "{name} touches {fetched} rows");
        }
    })
    .await;
}
