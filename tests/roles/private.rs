//! The private cluster.

use sqlx::{Connection, PgConnection};

use super::found;
use crate::support::program::Program;

/// The superuser's connection.
async fn owner(program: &Program) -> PgConnection {
    let cluster = program.folder().join("data/pg").canonicalize().unwrap();
    let url = format!("postgres://vetted@localhost/vetted?host={}", cluster.display());
    PgConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_private_cluster_has_a_role_that_serves_also_where_an_earlier_version_made_it() {
    let program =
        Program::new(&[("DATA_DIR", "data"), ("BIND", "127.0.0.1:0"), ("RUST_LOG", "warn")]);
    let server = program.serve(&[]).await;
    let looked = program.run(&["doctor", "--quick", "--json"]).await.expect(0);
    let expected = (true, "vetted_serving may append to the log, and not change it.".to_owned());
    assert_eq!(found(&looked), expected);
    // As if nothing had ever been granted.
    let mut superuser = owner(&program).await;
    let rename = "ALTER ROLE vetted_serving RENAME TO former";
    sqlx::raw_sql(rename).execute(&mut superuser).await.unwrap();
    drop(superuser);
    drop(server);

    program.run(&["backup", "copy"]).await.expect(0);
    program.run(&["projections", "verify"]).await.expect(0);

    let _server = program.serve(&[]).await;
    let looked = program.run(&["doctor", "--quick", "--json"]).await.expect(0);
    assert_eq!(found(&looked), expected);
}
