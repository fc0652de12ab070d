//! The access matrix: who × every operation × whose, each on something fresh. Who: nobody, each
//! role, and an ADMIN who was deactivated.

mod asking;
mod nested;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::openapi::answers::names;
use crate::openapi::{document, resolved};
use crate::support::{Answer, TestApp};
use table::{CALLERS, Row};
use world::{Who, World};

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

#[tokio::test]
async fn everybody_reaches_what_watches_over_the_program() {
    holds(table::AROUND).await;
}

#[tokio::test]
async fn everybody_may_do_with_accounts_what_the_matrix_says() {
    holds(table::ACCOUNTS).await;
}

#[tokio::test]
async fn everybody_may_do_with_categories_what_the_matrix_says() {
    holds(table::CATEGORIES).await;
}

#[tokio::test]
async fn everybody_may_do_with_products_what_the_matrix_says() {
    holds(table::PRODUCTS).await;
}

#[tokio::test]
async fn everybody_may_do_with_orders_what_the_matrix_says() {
    holds(table::ORDERS).await;
}

#[tokio::test]
async fn everybody_may_do_with_policies_what_the_matrix_says() {
    holds(table::POLICIES).await;
}

#[tokio::test]
async fn everybody_may_do_with_uploads_what_the_matrix_says() {
    holds(table::UPLOADS).await;
}

/// Asks for every cell of the rows, and tells all that differ at once.
async fn holds(rows: &'static [Row]) {
    let world = World::start(rows).await;
    let document = document(&world.app).await;
    let mut wrong = vec![];
    for row in rows {
        for (whose, expected) in row.cells {
            // A deactivated person is anonymous, whatever they were.
            let deactivated = (Who::Deactivated, expected[0]);
            let callers = CALLERS.map(|role| role.map_or(Who::Nobody, Who::Role));
            for (who, expected) in callers.into_iter().zip(*expected).chain([deactivated]) {
                let answer = world.ask(row, *whose, who).await;
                let cell = format!("{}, {whose:?}, by {who:?}", row.operation);
                if answer.status != expected {
                    let body = String::from_utf8_lossy(&answer.bytes);
                    wrong.push(format!("{cell}: {} for {expected}: {body}", answer.status));
                } else if let Some(fault) = misshapen(&answer, expected)
                    // What would say more is left out there.
                    && !row.operation.starts_with("HEAD ")
                {
                    wrong.push(format!("{cell}: {fault}"));
                } else if !is_told(&document, row, &answer) {
                    wrong.push(format!("{cell}: the document does not tell of {}", answer.json));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    world.app.finish().await;
}

/// Whether the document tells of the answer, and of a refusal by its code.
fn is_told(document: &Value, row: &Row, answer: &Answer) -> bool {
    let [method, path, _] = row.words();
    let operation = &document["paths"][path][method.to_lowercase()];
    let response = resolved(document, &operation["responses"][answer.status.to_string()]);
    let has_code = answer.status >= 400 && method != "HEAD";
    !response.is_null() && (!has_code || names(document, response, answer))
}

/// What is wrong with the form of a refusal, if anything is.
fn misshapen(answer: &Answer, status: u16) -> Option<&'static str> {
    if status < 400 {
        return None;
    }
    if answer.header("content-type") != "application/problem+json"
        || answer.json["status"] != status
    {
        return Some("a refusal that is no problem");
    }
    let challenged = answer.header("www-authenticate").starts_with("Bearer");
    (challenged != (status == 401)).then_some("401 and WWW-Authenticate: Bearer belong together")
}

#[tokio::test]
async fn the_matrix_covers_every_operation_of_the_document_and_no_other() {
    let app = TestApp::start().await;

    let documented: BTreeSet<String> = operations(&app).await.into_keys().collect();
    let covered: BTreeSet<String> = table::all().map(Row::key).collect();

    let lacking: Vec<_> = documented.difference(&covered).collect();
    assert!(lacking.is_empty(), "add these to the table of the access matrix: {lacking:#?}");
    let gone: Vec<_> = covered.difference(&documented).collect();
    assert!(gone.is_empty(), "the table has what the document has not: {gone:#?}");
}

#[tokio::test]
async fn the_document_names_for_each_operation_the_roles_that_the_matrix_lets_in() {
    let app = TestApp::start().await;

    let documented = operations(&app).await;

    let mut wrong = vec![];
    for (operation, described) in &documented {
        let rows: Vec<&Row> = table::all().filter(|row| row.key() == *operation).collect();
        let roles = let_in(&rows);
        let anybody = rows.iter().any(|row| row.cells.iter().any(|(_, cell)| cell[0] != 401));
        let expected = if anybody { Value::Null } else { json!(roles) };
        if described["x-roles"] != expected {
            wrong.push(format!("{operation}: {} for {expected}", described["x-roles"]));
        }
        let is_open = described["security"].as_array().unwrap().is_empty();
        if is_open != anybody {
            wrong.push(format!("{operation}: security is {}", described["security"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Roles that are told more than "your role may not do this" by one of the rows.
fn let_in(rows: &[&Row]) -> Vec<&'static str> {
    // Nobody judges their own, and nobody manages their own account: that is not the role's doing.
    let let_in =
        |index: usize| rows.iter().any(|row| row.cells.iter().any(|(_, cell)| cell[index] != 403));
    let roles = CALLERS.into_iter().enumerate();
    roles.filter(|(index, _)| let_in(*index)).filter_map(|(_, who)| Some(who?.as_str())).collect()
}

/// The operations of the document by "METHOD path".
async fn operations(app: &TestApp) -> BTreeMap<String, Value> {
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            let operation = item.get(method)?;
            Some((format!("{} {path}", method.to_uppercase()), operation.clone()))
        })
    });
    each.collect()
}
