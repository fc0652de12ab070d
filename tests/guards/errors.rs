//! What an error of the database is, is found by those that led to an error (`pool::sqlstate`, `is_outage`).

use super::{root, sources};

#[test]
fn no_error_hides_that_of_the_database() {
    let folders = ["identity", "log", "commands", "projections", "api", "workers"];
    let folders = folders.iter().map(|name| root().join(name).join("src"));
    let files = folders.chain([root().join("src")]).flat_map(|folder| sources(&folder));

    // What is transparent stands for its own cause: with that of the database it is no cause any more.
    let hiding = files.filter(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut variants = text.split("#[error(transparent)]").skip(1);
        variants.any(|variant| variant.lines().nth(1).is_some_and(|line| line.contains("sqlx::")))
    });

    assert_eq!(hiding.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}
