//! Second factors, the security journal, and what people see of it.

mod activity;
mod enrolling;
mod erasing;
mod guessing;
mod journal;
mod required;
mod signing_in;

use crate::support::{Person, TestApp};

/// Has somebody's last proof of who they are be older than it may be.
async fn age_proof(app: &TestApp, person: &Person) {
    let sql = "UPDATE sessions SET authenticated_at = now() - interval '6 minutes'
               WHERE user_id = $1::uuid";
    let aged = sqlx::query(sql).bind(&person.id).execute(&app.pool()).await.unwrap();
    assert!(aged.rows_affected() > 0);
}
