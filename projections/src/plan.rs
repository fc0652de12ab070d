//! How many rows PostgreSQL's planner expects a statement to read, by its statistics.

use serde_json::Value;
use sqlx::{Execute, PgConnection, Postgres, QueryBuilder};

use crate::ReadError;

/// Rows of a table that the statement reads, before it filters them. It is not run.
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

/// Rows that a node and those below it read of a table. What a bitmap scan reads is what its indexes
/// find; its own filter comes after.
fn read_by(node: &Value, table: &str) -> f64 {
    let children = || node["Plans"].as_array().into_iter().flatten();
    let expected = |node: &Value| node["Plan Rows"].as_f64().unwrap_or_default();
    if node["Relation Name"] != table {
        children().map(|child| read_by(child, table)).sum()
    } else if node["Node Type"] == "Bitmap Heap Scan" {
        children().map(expected).sum()
    } else {
        expected(node)
    }
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

        assert_eq!(read_by(&plan, "products"), 920.0);
    }
}
