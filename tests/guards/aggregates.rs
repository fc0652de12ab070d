//! What knows of every aggregate is told in docs/adding-an-aggregate.md: each such place is one more to change
//! with every aggregate that is added.

use super::{root, sources};

const DOCUMENT: &str = include_str!("../../docs/adding-an-aggregate.md");
/// What an aggregate is called in code, in any case: `Category`, `category_id`.
const AGGREGATES: [&str; 4] = ["category", "order", "product", "user"];
/// Folders and files of one of them.
const OF_ONE: [&str; 6] = ["accounts", "category", "categories", "order", "orders", "product"];

#[test]
fn every_place_that_knows_of_every_aggregate_is_told() {
    let folders = ["domain", "log", "identity", "commands", "projections", "api", "workers"];
    let folders = folders.iter().map(|name| root().join(name).join("src"));
    let files = folders.chain([root().join("src")]).flat_map(|folder| sources(&folder));

    let knowing: Vec<_> = files
        .filter(|file| AGGREGATES.iter().all(|name| program(file).contains(name)))
        .map(|file| file.strip_prefix(root()).unwrap().display().to_string())
        .filter(|file| !file.split(['/', '.']).any(is_of_one))
        .collect();

    assert!(knowing.len() > 10, "{knowing:?}");
    let told = |file: &String| DOCUMENT.contains(&format!("`{file}`"));
    let untold: Vec<_> = knowing.iter().filter(|file| !told(file)).collect();
    assert!(untold.is_empty(), "docs/adding-an-aggregate.md does not name {untold:?}");
}

#[test]
fn the_number_of_registries_is_that_of_those_that_are_marked() {
    let marked: Vec<_> = DOCUMENT.lines().filter(|line| line.contains(".rs` **R** |")).collect();

    let told = format!("{} of the program's files are **registries**", marked.len());

    assert!(DOCUMENT.contains(&told), "{told}: {marked:#?}");
}

fn is_of_one(part: &str) -> bool {
    OF_ONE.contains(&part) || part.ends_with("products") || part == "user" || part == "users"
}

/// Without comments and tests, in lower case.
fn program(file: &std::path::Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let program = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n").to_lowercase()
}
