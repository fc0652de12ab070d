//! A person who was erased stays erased, also in a database that is restored from an older backup.

mod folder;
mod records;
mod restoring;

use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::{Outcome, Program};
use crate::support::{Person, TestApp, TestDatabase, eventually};

const REASON: &str = "The canary reason: too yellow.";

/// Storage and secrets, which outlive a database.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets.json")
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("STORAGE_URL", format!("file://{}", self.media().display())),
            ("SECRETS_FILE", self.secrets().display().to_string()),
        ]
    }

    /// A program on a database, with this storage and these secrets.
    async fn app_on(&self, database: TestDatabase, subcommand: &[&str]) -> TestApp {
        let variables = self.variables();
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        TestApp::start_on(database, subcommand, &variables).await
    }

    async fn app(&self) -> TestApp {
        self.app_on(TestDatabase::create().await, &[]).await
    }

    /// The records of erasures.
    fn records(&self) -> Vec<PathBuf> {
        files(&self.media().join("erasures"))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Whom a record is of.
fn person_of(record: &Path) -> String {
    record.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned()
}

/// A seller with an approved and a rejected product, and with an order; and those who judged and sold.
struct Past {
    seller: Person,
    staff: Person,
    admin: Person,
    approved: String,
    rejected: String,
    order: String,
}

impl Past {
    async fn of(app: &TestApp) -> Self {
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let (other, admin) = (app.user(Role::EndUser).await, app.user(Role::Admin).await);
        let category = app.category(&staff, "Lamps").await;
        let approved = app.approved_product(&seller, &staff, &category).await;
        let rejected = app.product(&seller, &category, "Lamp").await;
        app.reject(&staff, &rejected, REASON).await.expect(200);
        let sold = app.approved_product(&other, &staff, &category).await;
        let order = app.order(&seller, &[sold]).await;
        Self { seller, staff, admin, approved, rejected, order }
    }
}

/// Nothing is left of the person, whichever database this is.
async fn is_forgotten(app: &TestApp, past: &Past) {
    let Past { seller, approved, rejected, order, .. } = past;
    let admin = app.sign_in(&past.admin.email, &past.admin.password).await;
    app.login(&seller.email, &seller.password).await.expect(401);
    let refresh = json!({"refresh": seller.refresh});
    app.post("/token/refresh/").json(refresh).send().await.expect(401);
    let account = app.get(&format!("/users/{}/", seller.id)).by(&admin).send().await.expect(200);
    assert_eq!(account.json["email"], Value::Null);
    for product in [approved, rejected] {
        assert_eq!(app.see(&admin, product).await["status"], "CANCELLED");
    }
    let order = app.get(&format!("/orders/{order}/")).by(&admin).send().await.expect(200).json;
    assert_eq!(order["status"], "CANCELLED");
    let timeline = format!("/products/{rejected}/moderation/");
    let timeline = app.get(&timeline).by(&admin).send().await.expect(200).json;
    assert!(!timeline.to_string().contains("canary"), "{timeline}");
    let again = json!({"email": seller.email, "password": "a lamp in every window"});
    app.post("/register/").json(again).send().await.expect(201);
    eventually("an activation mail to the address that is free again", async || {
        app.mail_to(&seller.email).await.contains("/activate/").then_some(())
    })
    .await;
}

/// A folder for backups.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Everything that lies in it.
    fn names(&self) -> Vec<String> {
        files(self.0.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A program that nothing runs of, on a database; its secrets are where the test says.
fn program_on(database: &TestDatabase, place: &Place) -> Program {
    let mut program = Program::new(&[
        ("DATABASE_URL", database.url.as_str()),
        ("BIND", "127.0.0.1:0"),
        ("RUST_LOG", "warn"),
    ]);
    for (name, value) in place.variables() {
        program.set(name, &value);
    }
    program
}

/// Why the program ended, in one sentence.
#[track_caller]
fn sentence(outcome: &Outcome) -> &str {
    let last = outcome.stderr.lines().last().unwrap_or_default();
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    last.strip_prefix("vetted: ").unwrap_or_else(|| panic!("no sentence: {outcome:?}"))
}

async fn tables(database: &TestDatabase) -> i64 {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    sqlx::query_scalar(count).fetch_one(&database.pool().await).await.unwrap()
}

/// A backup of a program with a past, and the program.
async fn backed_up(place: &Place, shelf: &Shelf) -> (TestApp, Past, PathBuf) {
    let app = place.app().await;
    let past = Past::of(&app).await;
    let folder = shelf.path("monday");
    app.run(&["backup", text(&folder)]).await.expect(0);
    (app, past, folder)
}
