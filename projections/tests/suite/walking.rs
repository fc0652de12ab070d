//! Pages forward and back.

use domain::product::ProductStatus;
use pool::PgPool;
use projections::{Ordering, Page, ProductFilter, Products, Slice, SortBy, Visibility};
use uuid::Uuid;

use crate::database::{append, in_a_database};
use crate::making::*;

const ROWS: u128 = 250;

/// Half of them listed; few names and prices, so that there are ties, and some without a price.
async fn fill(pool: &PgPool) {
    let mut log = Log::default();
    let mut events = vec![log.category(BOOKS, "Books")];
    for number in 1..=ROWS {
        let price = match number % 7 {
            0 => None,
            some => Some(money(&some.to_string(), if number % 2 == 0 { "EUR" } else { "JPY" })),
        };
        let name = ["Zebra", "apple", "Émile", "apple pie"][usize::try_from(number % 4).unwrap()];
        let owner = if number % 3 == 0 { BOB } else { ALICE };
        events.push(log.product(product(number), submitted(owner, name, BOOKS, price)));
        if number % 2 == 0 {
            events.push(log.product(product(number), approved(1)));
        }
    }
    append(pool, &events).await;
}

async fn expected(pool: &PgPool, visible: &str, ordering: Ordering) -> Vec<Uuid> {
    let direction = if ordering.descending { "DESC" } else { "ASC" };
    let first = match ordering.by {
        SortBy::Created => String::new(),
        SortBy::Name => format!("sort_name {direction},"),
        SortBy::Price => {
            format!("price_currency IS NULL, price_currency {direction}, sort_price {direction},")
        }
    };
    let sql = format!(
        "SELECT id FROM products WHERE {visible} ORDER BY {first} created_position {direction}"
    );
    sqlx::query_scalar(&sql).fetch_all(pool).await.unwrap()
}

fn ids(slice: &Slice<projections::ProductView>) -> Vec<Uuid> {
    slice.items.iter().map(|view| view.row.id.uuid()).collect()
}

#[tokio::test]
async fn pages_show_every_row_once_forward_and_back_in_every_order() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let products = Products(pool.clone());
        let own = format!("listed OR owner_id = '{ALICE}'");
        for (visibility, visible) in
            [(Visibility::Everything, "true"), (Visibility::Own(ALICE), own.as_str())]
        {
            for name in Ordering::NAMES {
                let ordering = name.parse().unwrap();
                let expected = expected(&pool, visible, ordering).await;
                let filter = ProductFilter { ordering, ..ProductFilter::default() };
                let (mut page, mut pages) = (Page { limit: 20, cursor: None }, vec![]);
                loop {
                    let slice = products.list(visibility, &filter, &page).await.unwrap();
                    pages.push(ids(&slice));
                    assert_eq!(slice.previous.is_none(), pages.len() == 1, "{name}");
                    // As a client does it: the cursor goes out as text and comes back so.
                    let Some(next) = slice.next else { break };
                    page.cursor = Some(next.to_string().parse().unwrap());
                }
                assert_eq!(pages.concat(), expected, "{name} forward");

                let last = products.list(visibility, &filter, &page).await.unwrap();
                let (mut previous, mut back) = (last.previous, vec![pages.last().unwrap().clone()]);
                while let Some(cursor) = previous {
                    page.cursor = Some(cursor);
                    let slice = products.list(visibility, &filter, &page).await.unwrap();
                    assert!(slice.next.is_some(), "{name}");
                    back.push(ids(&slice));
                    previous = slice.previous;
                }
                back.reverse();
                assert_eq!(back, pages, "{name} back");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_whose_rows_have_gone_still_leads_back() {
    in_a_database(2, async |pool| {
        fill(&pool).await;
        let products = Products(pool.clone());
        let filter =
            ProductFilter { status: Some(ProductStatus::Pending), ..ProductFilter::default() };
        let list = async |cursor| {
            let page = Page { limit: 100, cursor };
            products.list(Visibility::Everything, &filter, &page).await.unwrap()
        };
        let first = list(None).await;
        sqlx::query("UPDATE products SET deleted = true WHERE created_position < $1")
            .bind(first.items.last().unwrap().row.created_position)
            .execute(&pool)
            .await
            .unwrap();

        let empty = list(first.next.clone()).await;

        assert_eq!((empty.items.len(), &empty.next), (0, &None));
        assert_eq!(ids(&list(empty.previous).await), ids(&first));
    })
    .await;
}
