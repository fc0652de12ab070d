//! Starts and subcommands with one role, with both, and with the one that serves alone.

use url::Url;

use super::{execute, found, may, serving};
use crate::support::program::Program;
use crate::support::{TestApp, TestDatabase, eventually};

/// A database of an earlier version, which has granted the role that serves more than it takes.
async fn behind() -> TestDatabase {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; \
                 GRANT USAGE ON SCHEMA public TO vetted_serving";
    execute(&pool, empty).await;
    let mut earlier = sqlx::migrate!("./migrations");
    earlier.migrations.to_mut().retain(|migration| migration.version < 17);
    earlier.run(&pool.straight().unwrap()).await.unwrap();
    execute(&pool, "GRANT ALL ON ALL TABLES IN SCHEMA public TO vetted_serving").await;
    database
}

/// The same program with the owner's address.
fn with_owner(mut program: Program, database: &TestDatabase) -> Program {
    program.set("MIGRATION_DATABASE_URL", &database.url);
    program
}

#[tokio::test]
async fn without_the_owner_a_schema_that_is_behind_is_refused_with_what_to_do() {
    let database = behind().await;
    let pool = database.pool().await;
    let program = serving(&database);

    for arguments in [&[][..], &["migrate"], &["projections", "rebuild"]] {
        let told = program.run(arguments).await.expect(1).stderr;
        let expected = "DATABASE_URL: the role vetted_serving may not change the schema: set MIGRATION_DATABASE_URL";
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    for arguments in [["api"], ["worker"]] {
        let told = program.run(&arguments).await.expect(1).stderr;
        assert!(told.contains("run `vetted migrate` first"), "{arguments:?}: {told}");
    }

    let program = with_owner(program, &database);
    program.run(&["migrate"]).await.expect(0);
    assert!(may(&pool, "snapshots", "SELECT").await && may(&pool, "snapshots", "DELETE").await);
    assert!(!may(&pool, "events", "UPDATE").await && !may(&pool, "events", "DELETE").await);
    let server = program.serve(&[]).await;
    drop(server);
    program.run(&["projections", "verify"]).await.expect(0);
}

#[tokio::test]
async fn a_database_that_is_up_to_date_is_served_without_its_owner() {
    let mut app = TestApp::start().await;
    app.program.set("MIGRATION_DATABASE_URL", "");

    app.restart().await;

    app.get("/readyz").send().await.expect(200);
    let told = app.run(&["projections", "rebuild"]).await.expect(1).stderr;
    assert!(told.contains("MIGRATION_DATABASE_URL"), "{told}");
    for arguments in [&["backup", "copy"][..], &["keys", "rotate"], &["worker", "sweep"]] {
        app.run(arguments).await.expect(0);
    }
    app.finish().await;
}

#[tokio::test]
async fn migrate_corrects_what_the_role_that_serves_may_do() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let change = "GRANT UPDATE, DELETE ON events TO vetted_serving; REVOKE SELECT ON products FROM vetted_serving";
    execute(&pool, change).await;
    let program = with_owner(serving(&database), &database);

    let told = program.run(&["api"]).await.expect(1).stderr;
    assert!(
        told.contains("lacks the right SELECT on the table products: run `vetted migrate`"),
        "{told}"
    );
    execute(&pool, "GRANT SELECT ON products TO vetted_serving").await;
    let (ok, detail) = found(&program.run(&["doctor", "--quick", "--json"]).await.expect(1));
    assert!(!ok && detail.contains("granted UPDATE"), "{detail}");
    program.run(&["migrate"]).await.expect(0);

    assert!(!may(&pool, "events", "UPDATE").await && !may(&pool, "events", "DELETE").await);
    assert!(may(&pool, "products", "SELECT").await);
    let looked = program.run(&["doctor", "--quick", "--json"]).await;
    assert_eq!(
        found(&looked),
        (true, "vetted_serving may append to the log, and not change it.".to_owned())
    );
}

#[tokio::test]
async fn one_role_for_both_serves_and_the_log_and_the_doctor_say_what_it_may() {
    let database = TestDatabase::create().await;
    let mut program = serving(&database);
    program.set("DATABASE_URL", &database.url);

    let server = program.serve(&[]).await;

    let warned = eventually("the start warns", async || {
        let log = program.stderr();
        let warnings: Vec<_> =
            log.lines().filter(|line| line.contains("may change what is in the log")).collect();
        (!warnings.is_empty()).then_some(warnings.len())
    });
    assert_eq!(warned.await, 1);
    let (ok, detail) = found(&program.run(&["doctor", "--quick", "--json"]).await);
    assert!(ok && detail.contains("superuser") && detail.contains("Two roles"), "{detail}");
    drop(server);
}

/// What the operator of a shared server has: an owner that is no superuser, and names that have to be quoted.
#[tokio::test]
async fn an_owner_that_is_no_superuser_is_enough() {
    let database = TestDatabase::empty().await;
    let pool = database.pool().await;
    let prepare = "DO $$ BEGIN
        IF to_regrole('\"Test owner\"') IS NULL THEN
            CREATE ROLE \"Test owner\" LOGIN; CREATE ROLE \"Test \"\"serving\"\"\" LOGIN;
        END IF;
        EXECUTE format('ALTER DATABASE %I OWNER TO \"Test owner\"', current_database());
    END $$";
    execute(&pool, prepare).await;
    let by = |role: &str| {
        let mut url = Url::parse(&database.url).unwrap();
        url.set_username(role).unwrap();
        url.to_string()
    };
    let mut program = serving(&database);
    program.set("DATABASE_URL", &by("Test \"serving\""));
    program.set("MIGRATION_DATABASE_URL", &by("Test owner"));

    program.run(&["migrate"]).await.expect(0);
    program.run(&["demo", "--products", "10"]).await.expect(0);
    program.run(&["projections", "rebuild"]).await.expect(0);
    let server = program.serve(&[]).await;

    let looked = program.run(&["doctor", "--json"]).await.expect(0);
    let expected = "Test \"serving\" may append to the log, and not change it.";
    assert_eq!(found(&looked), (true, expected.to_owned()));
    assert_eq!(program.stderr(), "");
    drop(server);
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_named() {
    let database = TestDatabase::create().await;
    let mut program = with_owner(serving(&database), &database);
    program.set("DATABASE_URL", &database.serving_url.replace("vetted_serving", "nobody%22s"));

    let told = program.run(&["migrate"]).await.expect(1).stderr;

    assert!(told.contains("there is no role nobody\"s: make it by CREATE ROLE"), "{told}");
}

#[tokio::test]
async fn a_backup_is_restored_by_the_owner_for_the_role_that_serves() {
    let mut app = TestApp::start().await;
    app.run(&["backup", "copy"]).await.expect(0);
    app.kill();
    let fresh = TestDatabase::create().await;
    app.program.set("DATABASE_URL", &fresh.serving_url);
    app.program.set("MIGRATION_DATABASE_URL", "");

    let refused = app.run(&["restore", "copy"]).await.expect(1).stderr;
    assert!(refused.contains("MIGRATION_DATABASE_URL"), "{refused}");
    app.program.set("MIGRATION_DATABASE_URL", &fresh.url);
    app.run(&["restore", "copy"]).await.expect(0);

    app.program.set("MIGRATION_DATABASE_URL", "");
    app.restart().await;
    app.get("/readyz").send().await.expect(200);
    let pool = fresh.pool().await;
    assert!(may(&pool, "events", "INSERT").await && !may(&pool, "events", "UPDATE").await);
}

#[tokio::test]
async fn what_a_killed_rebuild_left_stays_for_the_owner_to_drop() {
    let app = TestApp::start().await;
    let pool = app.pool();
    execute(&pool, "CREATE TABLE orders_rebuilt (LIKE orders)").await;
    let left = async || {
        let left = "SELECT to_regclass('orders_rebuilt') IS NOT NULL";
        sqlx::query_scalar::<_, bool>(left).fetch_one(&pool).await.unwrap()
    };

    let replica = app.replica().await;

    let told = app.request_to(&replica, "GET", "/readyz").send().await.expect(200);
    let told = told.json["checks"]["rebuilds"].as_str().unwrap().to_owned();
    assert!(told.contains("`vetted migrate` drops what it left"), "{told}");
    assert!(left().await);
    app.run(&["migrate"]).await.expect(0);
    assert!(!left().await);
    app.finish().await;
}

#[tokio::test]
async fn what_was_granted_beside_the_table_is_taken_away_too() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let too_much = "GRANT UPDATE (payload) ON events TO vetted_serving; GRANT DELETE ON log_head TO PUBLIC; \
                    GRANT SELECT ON orders TO PUBLIC";
    execute(&pool, too_much).await;
    let program = with_owner(serving(&database), &database);
    let (is_good, said) = found(&program.run(&["doctor", "--quick", "--json"]).await);
    assert!(!is_good && said.contains("on the table"), "{said}");

    program.run(&["migrate"]).await.expect(0);

    let column = "SELECT has_any_column_privilege('vetted_serving', 'events', 'UPDATE')";
    assert!(!sqlx::query_scalar::<_, bool>(column).fetch_one(&pool).await.unwrap());
    assert!(!may(&pool, "log_head", "DELETE").await && may(&pool, "log_head", "UPDATE").await);
    let everybody = "SELECT has_table_privilege('public', 'orders', 'SELECT')";
    assert!(sqlx::query_scalar::<_, bool>(everybody).fetch_one(&pool).await.unwrap());
    let (is_good, said) = found(&program.run(&["doctor", "--quick", "--json"]).await);
    assert!(is_good, "{said}");
}

#[tokio::test]
async fn names_mean_the_tables_of_the_schema_public_whatever_stands_before_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    // A schema that is named like the owner comes first by default.
    let trap = "CREATE FUNCTION pg_temp.trap() RETURNS void LANGUAGE plpgsql AS $$BEGIN
                    EXECUTE format('GRANT CREATE ON DATABASE %I TO vetted_serving', current_database());
                    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION vetted_serving', current_user);
                    EXECUTE format('CREATE TABLE %I.log_head ()', current_user);
                    EXECUTE format('CREATE VIEW %I._sqlx_migrations AS SELECT 1/0 AS version', current_user);
                END$$; SELECT pg_temp.trap()";
    execute(&pool, trap).await;
    let program = with_owner(serving(&database), &database);

    program.run(&["migrate"]).await.expect(0);
    program.run(&["projections", "rebuild"]).await.expect(0);

    let makes = "SELECT has_database_privilege('vetted_serving', current_database(), 'CREATE')";
    assert!(!sqlx::query_scalar::<_, bool>(makes).fetch_one(&pool).await.unwrap());
    program.run(&["projections", "verify"]).await.expect(0);
}

#[tokio::test]
async fn an_owners_address_of_another_database_is_refused() {
    let (database, other) = (TestDatabase::create().await, TestDatabase::create().await);
    let program = with_owner(serving(&database), &other);

    for arguments in [&["migrate"][..], &["projections", "rebuild"], &[]] {
        let told = program.run(arguments).await.expect(1).stderr;
        let expected = "MIGRATION_DATABASE_URL leads to another database than DATABASE_URL";
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}
