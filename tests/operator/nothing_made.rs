//! Only what needs a new database makes one.

use super::{create, names, on_a_database, sentence};
use crate::support::program::Program;

const MAKES_NOTHING: [&[&str]; 11] = [
    &["api"],
    &["worker"],
    &["migrate"],
    &["users", "reset-second-factor", "--email", "ada@example.com"],
    &["projections", "verify"],
    &["projections", "rebuild"],
    &["audit", "replay", "--product", "01939c5e-7a3b-7c4d-8e5f-0123456789ab"],
    &["worker", "dead-letters", "list"],
    &["worker", "sweep"],
    &["keys", "rotate"],
    &["backup", "elsewhere"],
];

#[tokio::test]
async fn in_a_folder_without_data_no_subcommand_makes_a_database_by_the_way() {
    for (variables, folder) in [(&[][..], ".data"), (&[("DATA_DIR", "else/where")], "else/where")] {
        let variables = [variables, &[("BIND", "127.0.0.1:0")]].concat();
        for arguments in MAKES_NOTHING {
            let program = Program::new(&variables);

            let told = program.run(arguments).await.expect(1);

            let expected = format!("no data in {folder} and DATABASE_URL is unset: ");
            assert!(sentence(&told).starts_with(&expected), "{arguments:?}: {told:?}");
            assert_eq!(names(program.folder()), [""; 0], "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn a_sweep_of_a_folder_that_is_not_there_makes_none() {
    let (program, _database) = on_a_database().await;

    let told = program.run(&["worker", "sweep"]).await.expect(1);

    assert!(sentence(&told).contains("STORAGE_URL"), "{told:?}");
    assert_eq!(names(program.folder()), [""; 0]);
}

#[tokio::test]
async fn an_account_that_cannot_be_made_makes_no_database() {
    let program = Program::new(&[]);
    let words = ["users", "create", "--role", "STAFF", "--password-stdin", "--email"];
    for (email, password) in [("nowhere", super::PASSWORD), ("ada@example.com", "short")] {
        program.run_with(password, &[words.as_slice(), &[email]].concat()).await.expect(1);

        assert_eq!(names(program.folder()), [""; 0], "{email}");
    }
}

#[tokio::test]
async fn users_create_makes_a_private_database_that_others_then_use() {
    let program = Program::new(&[("DATA_DIR", "data"), ("RUST_LOG", "warn")]);

    create(&program, "ada@example.com").await.expect(0);

    program.run(&["projections", "verify"]).await.expect(0);
    let again = create(&program, "ada@example.com").await.expect(1);
    assert!(sentence(&again).contains("registered already"), "{again:?}");
}
