//! How many rows PostgreSQL's planner expects a statement to read, by its statistics.

use pool::PgConnection;
use serde_json::Value;
use sqlx::{Execute, Postgres, QueryBuilder};

use crate::ReadError;

/// Entries of an index that cost as much as a row.
const ENTRIES: f64 = 8.0;

/// What the statement reads of a table, in rows, before it filters them. It is not run.
pub(crate) async fn expected_rows(
    conn: &mut PgConnection,
    mut statement: QueryBuilder<'static, Postgres>,
    table: &str,
) -> Result<f64, ReadError> {
    let explain = format!("EXPLAIN (FORMAT JSON) {}", statement.sql());
    let mut query = statement.build();
    let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
    let explain = sqlx::query_scalar_with(&explain, arguments).persistent(false);
    let plan: Value = explain.fetch_one(conn).await?;
    Ok(read_by(&plan[0]["Plan"], table))
}

/// What a node and those below it read. A bitmap scan reads what its indexes have found together; its own
/// filter comes after.
fn read_by(node: &Value, table: &str) -> f64 {
    if node["Relation Name"] != table {
        children(node).map(|child| read_by(child, table)).sum()
    } else if node["Node Type"] == "Bitmap Heap Scan" {
        children(node).map(|bitmap| rows(bitmap) + entries(bitmap) / ENTRIES).sum()
    } else {
        rows(node)
    }
}

/// What is read of indexes to combine them.
fn entries(bitmap: &Value) -> f64 {
    children(bitmap).map(|part| entries(part).max(rows(part))).sum()
}

fn rows(node: &Value) -> f64 {
    node["Plan Rows"].as_f64().unwrap_or_default()
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bitmap_scan_reads_what_its_index_finds() {
        let index = json!({"Node Type": "Bitmap Index Scan", "Plan Rows": 900});
        let heap = json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "products", "Plan Rows": 3, "Plans": [index]});
        let scan = json!({"Node Type": "Index Scan", "Relation Name": "products", "Plan Rows": 20});
        let other =
            json!({"Node Type": "Index Scan", "Relation Name": "categories", "Plan Rows": 70});
        let append = json!({"Node Type": "Append", "Plan Rows": 23, "Plans": [heap, scan]});
        let plan = json!({"Node Type": "Nested Loop", "Plan Rows": 23, "Plans": [append, other]});

        assert_eq!(read_by(&plan, "products").to_string(), "920");
    }

    #[test]
    fn of_two_indexes_it_reads_all_that_each_finds_to_tell_what_both_do() {
        let owner = json!({"Node Type": "Bitmap Index Scan", "Plan Rows": 2_400});
        let words = json!({"Node Type": "Bitmap Index Scan", "Plan Rows": 80_000});
        let both = json!({"Node Type": "BitmapAnd", "Plan Rows": 50, "Plans": [owner, words]});
        let heap =
            json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "products", "Plans": [both]});

        assert_eq!(read_by(&heap, "products").to_string(), "10350");
    }
}
