//! How PostgreSQL reads each list of products that the API offers: by every filter, alone and with
//! every other, in every order, forward and back, for those who see everything and those who don't.

use domain::product::{ProcessingStatus, ProductStatus};
use domain::{CategoryId, UserId};
use pool::PgConnection;
use serde_json::Value;
use sqlx::{Execute, Postgres, QueryBuilder};
use uuid::Uuid;

use super::list::{listing, scopes, uploads};
use super::{ProductFilter, ProductView};
use crate::listing::{Gathering, Listing};
use crate::page::{Cursor, Direction, Key};
use crate::scan::{PageRows, Scan};
use crate::{Ordering, Page, Slice, SortBy, Visibility};

#[path = "../../tests/suite/database.rs"]
#[expect(dead_code, reason = "these tests fill tables, not the log")]
mod database;

/// 20,000 products of 100 owners in 10 categories, of which one has most; half are listed. The planner
/// is told that there are 2,000,000: of few it would rather sort all.
const PRODUCTS: &str = "INSERT INTO products SELECT \
    lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(CASE WHEN n % 4 < 2 THEN 1 ELSE n / 2 % 100 END), 32, '0')::uuid, \
    'Lamp ' || n % 977, CASE WHEN n % 5000 = 7 THEN 'rare' ELSE 'New' END, \
    lpad(to_hex(CASE WHEN n % 3 = 0 THEN 1 ELSE n / 2 % 10 END), 32, '0')::uuid, \
    CASE WHEN n % 7 > 0 THEN n % 1009 END, CASE WHEN n % 7 > 0 THEN (ARRAY['EUR', 'JPY'])[1 + n % 2] END, \
    CASE WHEN n % 2 = 0 THEN 'APPROVED' WHEN n % 20 = 1 THEN 'REJECTED' ELSE 'PENDING' END, \
    CASE WHEN n % 40 = 3 THEN 'FAILED' ELSE 'READY' END, NULL, false, 1, now(), now(), false, n % 2 = 0, n, \
    'lamp ' || n % 977, CASE WHEN n % 7 = 0 THEN 9223372036854775807 ELSE n % 1009 * 100 END \
    FROM generate_series(1, 20000) n; ANALYZE; \
    UPDATE pg_class SET reltuples = 100 * reltuples WHERE relname ~ '^products'";

const OWN: UserId = UserId::from_uuid(Uuid::from_u128(1));
const OTHER: UserId = UserId::from_uuid(Uuid::from_u128(7));
const CATEGORY: CategoryId = CategoryId::from_uuid(Uuid::from_u128(1));

/// Every filter that there is, alone and with every other, in every order. A new member of the
/// filter has to be given its values here.
fn filters(q: Option<&str>) -> Vec<ProductFilter> {
    let mut filters = vec![];
    for status in [None, Some(ProductStatus::Pending), Some(ProductStatus::Approved)] {
        for processing_status in
            [None, Some(ProcessingStatus::Ready), Some(ProcessingStatus::Failed)]
        {
            for uploaded_by in [None, Some(OWN), Some(OTHER)] {
                for category in [None, Some(CATEGORY)] {
                    for currency in [None, Some("EUR".parse().unwrap())] {
                        for ordering in Ordering::NAMES {
                            let q = q.map(|q| q.parse().unwrap());
                            let ordering = ordering.parse().unwrap();
                            filters.push(ProductFilter {
                                status,
                                category,
                                currency,
                                uploaded_by,
                                processing_status,
                                q,
                                ordering,
                            });
                        }
                    }
                }
            }
        }
    }
    filters
}

/// The first page, and one that goes on or back from the middle. With words it is the same parts that
/// are looked through, so the first page says it.
fn pages(filter: &ProductFilter) -> Vec<Page> {
    if filter.q.is_some() {
        return vec![Page::default()];
    }
    let keys = match filter.ordering.by {
        SortBy::Created => vec![Key::Position(10_000)],
        SortBy::Name => vec![Key::Name("lamp 500".to_owned(), 10_000)],
        SortBy::Price if filter.currency.is_some() => {
            vec![Key::Price(Some("EUR".to_owned()), 50_000, 10_000)]
        }
        SortBy::Price => vec![
            Key::Price(Some("EUR".to_owned()), 50_000, 10_000),
            Key::Price(None, i64::MAX, 10_000),
        ],
    };
    let ordering = filter.ordering;
    let cursor = |direction, key| Cursor { direction, ordering, key, including: false };
    let cursors = keys.into_iter().flat_map(|key| {
        [Direction::Next, Direction::Previous].map(|direction| cursor(direction, key.clone()))
    });
    let cursors = std::iter::once(None).chain(cursors.map(Some));
    cursors.map(|cursor| Page { limit: 20, cursor }).collect()
}

async fn plan(conn: &mut PgConnection, mut sql: QueryBuilder<'static, Postgres>) -> Value {
    let text = format!("EXPLAIN (FORMAT JSON) {}", sql.sql());
    let arguments = sql.build().take_arguments().unwrap().unwrap();
    let plan: Value =
        sqlx::query_scalar_with(&text, arguments).persistent(false).fetch_one(conn).await.unwrap();
    plan[0]["Plan"].clone()
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// Whether the work of a node is bounded, whatever the tables hold.
fn is_bounded(node: &Value) -> bool {
    match node["Node Type"].as_str().unwrap() {
        "Limit" => children(node).all(is_streamed),
        "Result" => true,
        _ if node.get("Relation Name").is_some() => node["Relation Name"] != "products",
        // Also what sorts, or looks through, rows of which there are only so many.
        _ => children(node).all(is_bounded),
    }
}

/// Whether the work of a node is bounded by the rows that are taken from it.
fn is_streamed(node: &Value) -> bool {
    let has_filter = node.get("Filter").is_some() || node.get("Rows Removed by Filter").is_some();
    match node["Node Type"].as_str().unwrap() {
        "Index Scan" | "Index Only Scan" if node["Relation Name"] == "products" => !has_filter,
        "Merge Append" | "Append" | "Subquery Scan" | "Limit" if !has_filter => {
            children(node).all(is_streamed)
        }
        // The outer side drives; what it is joined with is found by its key.
        "Nested Loop" => children(node).take(1).all(is_streamed),
        _ => is_bounded(node),
    }
}

fn relations<'a>(node: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    if let Some(relation) = node["Relation Name"].as_str() {
        found.push((node["Node Type"].as_str().unwrap(), relation));
    }
    children(node).for_each(|child| relations(child, found));
}

async fn assert_bounded(conn: &mut PgConnection, listing: &Listing, filter: &ProductFilter) {
    for page in pages(filter) {
        let scan = Scan::try_new(&page, filter.ordering).unwrap();
        let scan = scan.in_currency(filter.currency).unwrap();
        for section in scan.sections() {
            let statements = if listing.rest.is_empty() {
                vec![listing.direct(&scan, section)]
            } else {
                let walk = |rows| listing.walk(&scan, section, rows);
                Listing::stretches(&scan).map(walk).into_iter().collect()
            };
            // Of an owner who has hardly more rows than a stretch, the planner would sort all rather than
            // look through so many: what counts there is that an index has them in order.
            let sorting = if listing.rest.is_empty() { "on" } else { "off" };
            let set = format!("SET enable_sort = {sorting}");
            sqlx::raw_sql(&set).execute(&mut *conn).await.unwrap();
            for sql in statements {
                let text = sql.sql().to_owned();
                let plan = plan(conn, sql).await;
                assert!(is_bounded(&plan), "{filter:?}\n{text}\n{plan:#}");
            }
        }
    }
}

#[tokio::test]
async fn no_list_sorts_or_filters_more_than_a_bounded_stretch_before_it_gathers_what_is_rare() {
    database::in_a_database(1, async |pool| {
        sqlx::raw_sql(PRODUCTS).execute(&pool).await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        for visibility in [Visibility::Everything, Visibility::Own(OWN)] {
            for filter in [filters(None), filters(Some("lamp"))].concat() {
                let scopes = scopes(visibility, &filter);
                if !scopes.is_empty() {
                    assert_bounded(&mut conn, &listing(&scopes, &filter), &filter).await;
                }
            }
        }
        let all = ProductFilter::default();
        assert_bounded(&mut conn, &listing(&uploads(OWN), &all), &all).await;
    })
    .await;
}

/// Whether a filter alone, or this pair, has an index in each order.
fn has_index(filter: &ProductFilter, visibility: Visibility) -> bool {
    let ProductFilter { status, category, currency, uploaded_by, processing_status, q, ordering } =
        filter;
    let by_price = ordering.by == SortBy::Price;
    let others = usize::from(status.is_some()) + usize::from(processing_status.is_some());
    let of_own = matches!(visibility, Visibility::Own(_));
    let currency_fits = currency.is_none() || by_price;
    let fits = match (category, uploaded_by) {
        (Some(_), Some(_)) => false,
        (Some(_), None) => !of_own && others == 0,
        (None, Some(_)) => ordering.by == SortBy::Created && processing_status.is_none(),
        (None, None) => !of_own && processing_status.is_none() || others == 0,
    };
    q.is_none() && currency_fits && fits
}

#[tokio::test]
async fn the_filters_that_are_used_most_need_no_look_at_rows_that_do_not_match() {
    for visibility in [Visibility::Everything, Visibility::Own(OWN)] {
        for filter in filters(None).iter().filter(|filter| has_index(filter, visibility)) {
            let rest = listing(&scopes(visibility, filter), filter).rest;
            assert!(rest.is_empty(), "{visibility:?} {filter:?}: {rest:?}");
        }
    }
}

#[tokio::test]
async fn rare_words_are_found_by_their_index_and_no_list_is_gathered_in_its_order() {
    database::in_a_database(1, async |pool| {
        sqlx::raw_sql(PRODUCTS).execute(&pool).await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        for visibility in [Visibility::Everything, Visibility::Own(OTHER)] {
            for filter in filters(Some("rare")) {
                let scopes = scopes(visibility, &filter);
                if scopes.is_empty() {
                    continue;
                }
                let listing = listing(&scopes, &filter);
                let page = Page::default();
                let scan = Scan::try_new(&page, filter.ordering).unwrap();
                let scan = scan.in_currency(filter.currency).unwrap();
                for section in scan.sections() {
                    let plan =
                        plan(&mut conn, listing.gather(&scan, section, Gathering::ByAnyIndex))
                            .await;
                    let mut found = vec![];
                    relations(&plan, &mut found);
                    let has_scan = found.contains(&("Seq Scan", "products"));
                    assert!(!has_scan, "{filter:?}\n{plan:#}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_is_the_same_whether_it_is_walked_or_gathered() {
    database::in_a_database(1, async |pool| {
        sqlx::raw_sql(PRODUCTS).execute(&pool).await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        for filter in filters(Some("lamp or rare")).iter().step_by(5) {
            let listing = listing(&scopes(Visibility::Own(OWN), filter), filter);
            for page in pages(filter) {
                let scan = Scan::try_new(&page, filter.ordering).unwrap();
                let scan = scan.in_currency(filter.currency).unwrap();
                for section in scan.sections().into_iter().filter(|_| !listing.parts.is_empty()) {
                    let [_, longest] = Listing::stretches(&scan);
                    let walked: PageRows<ProductView> =
                        listing.look_through(&mut conn, &scan, section, longest).await.unwrap();
                    let walked = walked.rows;
                    let mut gather = listing.gather(&scan, section, Gathering::ByAnyIndex);
                    let gathered: Vec<ProductView> =
                        gather.build_query_as().fetch_all(&mut *conn).await.unwrap();
                    // A stretch may have fewer, never others.
                    assert_eq!(walked, gathered[..walked.len()], "{filter:?}");
                }
            }
        }
    })
    .await;
}

/// The positions on each page, following the links that way.
async fn pages_of(
    products: &super::Products,
    filter: &ProductFilter,
    mut page: Page,
    link: impl Fn(&Slice<ProductView>) -> Option<Cursor>,
) -> Vec<Vec<i64>> {
    let mut found = vec![];
    loop {
        let slice = products.list(Visibility::Everything, filter, &page).await.unwrap();
        found.push(slice.items.iter().map(|view| view.row.created_position).collect());
        let Some(cursor) = link(&slice) else { return found };
        page.cursor = Some(cursor);
    }
}

#[tokio::test]
async fn the_few_rows_that_match_are_found_wherever_they_are() {
    database::in_a_database(1, async |pool| {
        sqlx::raw_sql(PRODUCTS).execute(&pool).await.unwrap();
        sqlx::raw_sql("UPDATE products SET description = 'antique' WHERE created_position <= 90")
            .execute(&pool)
            .await
            .unwrap();
        let products = super::Products(pool.clone());
        let q = Some("antique".parse().unwrap());
        let filter = ProductFilter { q, ..ProductFilter::default() };
        let next = |slice: &Slice<ProductView>| slice.next.clone();
        let found = pages_of(&products, &filter, Page::default(), next).await;
        assert_eq!(found.concat(), (1..=90).rev().collect::<Vec<_>>());
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 20, 20, 10]);
    })
    .await;
}

/// Of 2,000,000 rows, a quarter is expected to match. None of the first 15,000 does.
#[tokio::test]
async fn where_many_rows_match_but_none_of_a_stretch_the_page_is_short_and_the_next_goes_on() {
    database::in_a_database(1, async |pool| {
        let old = "UPDATE products SET description = 'antique' WHERE created_position <= 5000";
        let told = PRODUCTS.replacen("; ANALYZE;", &format!("; {old}; ANALYZE;"), 1);
        sqlx::raw_sql(&told).execute(&pool).await.unwrap();
        let products = super::Products(pool.clone());
        let expected: Vec<i64> = (1..=5000).rev().collect();
        for ordering in ["-created_at", "created_at"] {
            let ordering = ordering.parse().unwrap();
            let q = Some("antique".parse().unwrap());
            let filter = ProductFilter { q, ordering, ..ProductFilter::default() };
            let first = Page { limit: 100, cursor: None };

            let next = |slice: &Slice<ProductView>| slice.next.clone();
            let on = pages_of(&products, &filter, first, next).await;

            let mut found = on.concat();
            let [begins, ends] = [&on[0], &on[on.len() - 1]];
            if ordering.descending {
                assert!(begins.is_empty(), "5,000 rows were looked through: {begins:?}");
            } else {
                found.reverse();
                assert!(ends.is_empty(), "nothing follows: {ends:?}");
            }
            assert_eq!(found, expected);

            // The way back has the same rows.
            let key = Key::Position(if ordering.descending { 0 } else { 20_001 });
            let direction = Direction::Previous;
            let last = Some(Cursor { direction, ordering, key, including: false });
            let last = Page { limit: 100, cursor: last };
            let previous = |slice: &Slice<ProductView>| slice.previous.clone();
            let back = pages_of(&products, &filter, last, previous).await;
            let mut found: Vec<_> = back.into_iter().rev().flatten().collect();
            if !ordering.descending {
                found.reverse();
            }
            assert_eq!(found, expected);
        }
    })
    .await;
}
