//! The role that serves, and the one that owns the schema.

mod private;
mod refused;
mod starts;

use pool::PgPool;
use serde_json::Value;
use uuid::Uuid;

use crate::support::program::{Outcome, Program};
use crate::support::{TestDatabase, broker};

/// What has no owner's address: the program by the role that serves.
fn serving(database: &TestDatabase) -> Program {
    let (nats, prefix) = (broker::url(), format!("t{}_", Uuid::now_v7().simple()));
    Program::new(&[
        ("DATABASE_URL", database.serving_url.as_str()),
        ("NATS_URL", &nats),
        ("NATS_PREFIX", &prefix),
        ("DATA_DIR", "data"),
        ("BIND", "127.0.0.1:0"),
        ("RUST_LOG", "warn"),
    ])
}

async fn execute(pool: &PgPool, statements: &str) {
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

async fn may(pool: &PgPool, table: &str, privilege: &str) -> bool {
    let may = "SELECT has_table_privilege('vetted_serving', $1, $2)";
    sqlx::query_scalar(may).bind(table).bind(privilege).fetch_one(pool).await.unwrap()
}

/// What the doctor says of the role.
#[track_caller]
fn found(looked: &Outcome) -> (bool, String) {
    let findings = looked.json();
    let is_role = |finding: &&Value| finding["part"] == "role";
    let finding = findings.as_array().unwrap().iter().find(is_role);
    let finding = finding.unwrap_or_else(|| panic!("nothing of the role: {looked:?}"));
    (finding["ok"] == true, finding["detail"].as_str().unwrap().to_owned())
}
