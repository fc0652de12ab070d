//! Lists of a database that has hardly any rows yet: their statements are planned now, and kept.

use crate::support::{Shop, TestApp, eventually};

/// How often tables that lists read were read as a whole, and by an index.
async fn scans(app: &TestApp) -> Vec<(String, i64, i64)> {
    let sql = "SELECT relname::text, seq_scan, idx_scan FROM pg_stat_user_tables
               WHERE relname IN ('products', 'categories', 'orders', 'users', 'policies') ORDER BY relname";
    sqlx::query_as(sql).fetch_all(&app.pool()).await.unwrap()
}

#[tokio::test]
async fn lists_of_a_few_rows_are_read_by_indexes_as_they_are_kept_for_many() {
    let shop = Shop::open().await;
    let listed = shop.approved().await;
    shop.app.order(&shop.seller, &[&listed]).await;
    let admin = shop.app.user(domain::Role::Admin).await;
    shop.app.policy(&admin, "Returns").await;
    let before = scans(&shop.app).await;

    // The server plans a statement by its values for the first five times.
    for _ in 0..10 {
        for path in [
            "/products/",
            "/products/?ordering=name",
            "/categories/",
            "/orders/",
            "/users/",
            "/policies/",
            "/policies/?retired=false",
        ] {
            shop.get(path, &admin).await;
        }
    }

    eventually("the server has counted", async || {
        let counted = scans(&shop.app).await;
        let is_counted =
            |(now, then): (&(String, i64, i64), &(String, i64, i64))| now.2 >= then.2 + 10;
        counted.iter().zip(&before).all(is_counted).then_some(())
    })
    .await;
    let whole = |scans: Vec<(String, i64, i64)>| -> Vec<_> {
        scans.into_iter().map(|(table, whole, _)| (table, whole)).collect()
    };
    assert_eq!(whole(scans(&shop.app).await), whole(before));
}
