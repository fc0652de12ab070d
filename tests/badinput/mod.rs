//! Input that is wrong in every way: a clear answer, and nothing lost or left behind.

mod bounds;
mod connections;
mod fields;
mod files;
mod mutations;
mod queries;

use pool::PgPool;

use crate::support::TestApp;

/// How many events there are.
async fn events(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(pool).await.unwrap()
}

/// The files in storage.
fn stored(app: &TestApp) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    let mut folders = vec![app.data_dir().join("media")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
