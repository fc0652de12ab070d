//! What the role that serves may not do, and what it may.

use domain::Role;
use sqlx::{Executor, PgConnection};

use crate::support::TestApp;

/// `insufficient_privilege`.
const REFUSED: Option<&str> = Some("42501");

async fn code(serving: &mut PgConnection, statement: &str) -> Option<String> {
    let error = serving.execute(statement).await.err();
    serving.execute("ROLLBACK").await.unwrap();
    Some(error?.as_database_error()?.code()?.into_owned())
}

#[tokio::test]
async fn the_role_that_serves_can_change_neither_the_log_nor_the_schema() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    app.approved_product(&seller, &staff, &category).await;
    let owner = "SELECT current_user::text";
    let owner: String = sqlx::query_scalar(owner).fetch_one(&app.pool()).await.unwrap();
    let become_owner = format!("SET ROLE {owner}");
    let mut serving = app.serving().await;

    for statement in [
        // What happened.
        "UPDATE events SET payload = '{}'",
        "UPDATE events SET recorded_at = now() WHERE position = 1",
        "DELETE FROM events",
        "TRUNCATE events",
        "SELECT FROM events FOR UPDATE",
        "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE",
        "INSERT INTO events SELECT * FROM events \
         ON CONFLICT (position) DO UPDATE SET payload = excluded.payload",
        "MERGE INTO events USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "DELETE FROM log_head",
        "INSERT INTO log_head (position, recorded_at) VALUES (0, now())",
        "UPDATE secrets_check SET value = ''",
        "DELETE FROM secrets_check",
        // The schema.
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "ALTER TABLE events ADD COLUMN forged text",
        "ALTER TABLE events OWNER TO vetted_serving",
        "DROP TABLE events",
        "CREATE INDEX ON events (salt)",
        "CREATE RULE keep AS ON INSERT TO events DO INSTEAD NOTHING",
        "CREATE TABLE forged (id uuid)",
        "CREATE TEMPORARY TABLE events (LIKE products)",
        "CREATE FUNCTION forged() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA forged",
        "ALTER TABLE products RENAME TO forged",
        "DROP TABLE products",
        "TRUNCATE products",
        "UPDATE _sqlx_migrations SET success = false",
        "UPDATE read_models SET version = 0",
        // A way around both.
        become_owner.as_str(),
        "SET session_replication_role = replica",
        "ALTER ROLE vetted_serving SUPERUSER",
        "CREATE ROLE forged",
        "ALTER SYSTEM SET fsync = off",
        "COPY events TO PROGRAM 'true'",
    ] {
        assert_eq!(code(&mut serving, statement).await.as_deref(), REFUSED, "{statement}");
    }
    // PostgreSQL only warns that it grants nothing.
    assert_eq!(code(&mut serving, "GRANT UPDATE ON events TO vetted_serving").await, None);
    assert!(!super::may(&app.pool(), "events", "UPDATE").await);
    app.finish().await;
}

/// What roles other than the owner may do with the read models.
async fn granted(app: &TestApp) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT relname::text,
                string_agg(grantee::regrole || ' ' || privilege_type, ', ' ORDER BY grantee, privilege_type)
         FROM pg_class, aclexplode(relacl)
         WHERE relname IN ('products', 'categories', 'orders', 'users', 'policies') AND grantee <> relowner
         GROUP BY relname ORDER BY relname",
    )
    .fetch_all(&app.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_rebuild_leaves_every_role_what_it_may_do() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.approved_product(&seller, &staff, &category).await;
    // As for somebody who makes reports.
    super::execute(&app.pool(), "GRANT SELECT ON orders TO PUBLIC").await;
    let before = granted(&app).await;
    assert_eq!(before.len(), 5);

    app.run(&["projections", "rebuild"]).await.expect(0);

    assert_eq!(granted(&app).await, before);
    app.approved_product(&seller, &staff, &category).await;
    app.delete(&format!("/products/{product}/")).by(&seller).send().await.expect(204);
    app.finish().await;
}
