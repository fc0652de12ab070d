//! The command line: what each subcommand does, prints and ends with.

use domain::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::program::Program;
use crate::support::{TestApp, TestDatabase, eventually, video};

/// The program with a database, and nothing that serves.
async fn on_a_database() -> (Program, TestDatabase) {
    let database = TestDatabase::create().await;
    let program = Program::new(&[
        ("DATABASE_URL", database.url.as_str()),
        ("DATA_DIR", "data"),
        ("RUST_LOG", "warn"),
    ]);
    (program, database)
}

#[tokio::test]
async fn migrate_brings_an_empty_database_up_to_date_and_says_so_again() {
    let (program, database) = on_a_database().await;
    let pool = database.pool().await;
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&pool).await.unwrap();

    let early = program.run(&["projections", "verify"]).await.expect(1);
    assert!(early.stderr.contains("vetted migrate"), "{early:?}");
    let first = program.run(&["migrate"]).await.expect(0);
    let second = program.run(&["migrate"]).await.expect(0);

    assert_eq!(first.stdout, second.stdout);
    program.run(&["projections", "verify"]).await.expect(0);
}

#[tokio::test]
async fn users_create_makes_an_account_of_any_role_and_no_second_one() {
    let app = TestApp::start().await;
    let create = async |email: &str, role: &str, password: &str| {
        let arguments = ["users", "create", "--email", email, "--role", role, "--password-stdin"];
        app.program.run_with(password, &arguments).await
    };

    let made = create("root@example.com", "ADMIN", "a lamp in every window\n").await.expect(0);
    assert!(made.stdout.starts_with("Made ADMIN with id "), "{made:?}");
    let root = app.sign_in("root@example.com", "a lamp in every window").await;
    app.get("/users/").by(&root).send().await.expect(200);

    let taken = create("Root@Example.com", "STAFF", "a lamp in every window").await.expect(1);
    assert!(taken.stderr.contains("registered already"), "{taken:?}");
    let weak = create("other@example.com", "STAFF", "password").await.expect(1);
    assert!(weak.stderr.contains("password is too common"), "{weak:?}");
    let nowhere = create("nowhere", "STAFF", "a lamp in every window").await.expect(1);
    assert!(nowhere.stderr.contains("--email"), "{nowhere:?}");
    create("other@example.com", "KING", "a lamp in every window").await.expect(2);
}

#[tokio::test]
async fn verify_finds_what_was_changed_by_hand_and_rebuild_repairs_it() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.approved_product(&seller, &staff, &category).await;
    app.run(&["projections", "verify"]).await.expect(0);
    let change = "UPDATE products SET name = 'Forged', status = 'REJECTED'";
    sqlx::query(change).execute(&app.pool()).await.unwrap();
    sqlx::query("DELETE FROM categories").execute(&app.pool()).await.unwrap();

    let told = app.run(&["projections", "verify"]).await.expect(1);
    for words in ["products", &product, "name", "status", "categories", "missing"] {
        assert!(told.stdout.contains(words), "{words}: {told:?}");
    }
    let drift = app.run(&["projections", "verify", "--json"]).await.expect(1).json();
    let rows = |table: &str| {
        let tables = drift["drift"].as_array().unwrap();
        tables.iter().find(|drift| drift["table"] == table).map(|drift| drift["rows"].clone())
    };
    assert_eq!((rows("products"), rows("categories")), (Some(json!(1)), Some(json!(1))));
    assert_eq!(rows("users"), None);

    let one = app.run(&["projections", "rebuild", "users", "--json"]).await.expect(0).json();
    assert_eq!(one, json!({ "rebuilt": "users" }));
    app.run(&["projections", "verify"]).await.expect(1);
    // Categories count products: these two are made again together.
    app.run(&["projections", "rebuild", "products"]).await.expect(0);
    app.run(&["projections", "verify"]).await.expect(0);
    assert_eq!(app.see(&seller, &product).await["name"], "Lamp");
    let unknown = app.run(&["projections", "rebuild", "nothing"]).await.expect(1);
    assert!(unknown.stderr.contains("products, categories, orders"), "{unknown:?}");
    app.finish().await;
}

#[tokio::test]
async fn audit_replay_tells_what_changed_from_what_to_what() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.approved_product(&seller, &staff, &category).await;
    let body = json!({ "price": { "amount": "9.90", "currency": "EUR" } });
    let path = format!("/products/{product}/");
    app.patch(&path).by(&seller).json(body).send().await.expect(200);

    let told = app.run(&["audit", "replay", "--product", &product]).await.expect(0).stdout;

    assert!(told.contains("price: 12.50 EUR → 9.90 EUR"), "{told}");
    assert!(told.contains("status: APPROVED → PENDING"), "{told}");
    assert!(told.contains(&format!("by END_USER {}", seller.id)), "{told}");
    let steps = app.run(&["audit", "replay", "--product", &product, "--json"]).await.expect(0);
    assert_eq!(steps.json_lines().len(), 4);

    let missing = Uuid::now_v7().to_string();
    let none = app.run(&["audit", "replay", "--product", &missing]).await.expect(1);
    assert!(none.stderr.contains(&missing), "{none:?}");
    app.run(&["audit", "replay", "--product", "x"]).await.expect(2);
    app.run(&["audit", "replay", "--product", &product, "--to", "yesterday"]).await.expect(2);
}

#[tokio::test]
async fn demo_makes_data_through_the_real_commands() {
    let app = TestApp::start().await;

    let made = app.run(&["demo", "--products", "60", "--json"]).await.expect(0).json();

    assert_eq!(made["products"], 60);
    let text = |name: &str| made[name].as_str().unwrap();
    let seller = app.sign_in(text("seller"), text("password")).await;
    let moderator = app.sign_in(text("moderator"), text("password")).await;
    let own = app.get("/products/?limit=100").by(&seller).send().await.expect(200);
    assert_eq!(own.ids().len(), 60);
    let queue = app.get("/products/?status=PENDING").by(&moderator).send().await.expect(200);
    assert_eq!(queue.ids().len(), 6);
    app.finish().await;
}

#[tokio::test]
async fn config_says_what_is_in_force_and_hides_secrets() {
    let program = Program::new(&[
        ("DATABASE_URL", "postgres://vetted:hunter2@db.example/vetted"),
        ("NATS_URL", "nats://tok3n@nats.example:4222"),
        ("SMTP_URL", "smtp://mailer:hunter3@mail.example:587"),
        ("MAX_VIDEO_BYTES", "5000"),
    ]);
    std::fs::write(program.folder().join(".env"), "MAX_VIDEO_BYTES=7\nBIND=127.0.0.1:9\n").unwrap();

    let settings = program.run(&["config", "--json"]).await.expect(0);
    let list = program.run(&["config"]).await.expect(0);

    for secret in ["hunter2", "hunter3", "tok3n"] {
        assert!(!settings.stdout.contains(secret) && !list.stdout.contains(secret));
    }
    let settings = settings.json();
    let setting = |variable: &str| -> Value {
        let settings = settings.as_array().unwrap();
        settings.iter().find(|setting| setting["variable"] == variable).unwrap().clone()
    };
    assert!(setting("DATABASE_URL")["value"].as_str().unwrap().contains("db.example"));
    let given = setting("MAX_VIDEO_BYTES");
    assert_eq!((&given["value"], &given["origin"]), (&json!("5000"), &json!("environment")));
    assert_eq!(setting("BIND")["origin"], ".env");
    assert_eq!(setting("PUBLIC_URL")["origin"], "default");
    assert!(list.stdout.contains("MAX_VIDEO_BYTES"));
}

#[tokio::test]
async fn a_wrong_value_stops_the_program_with_one_sentence_that_names_the_variable() {
    let wrong = [
        ("DATABASE_URL", "mysql://vetted:hunter2@db.example/vetted"),
        ("NATS_URL", "http://nats.example"),
        ("STORAGE_URL", "ftp://files.example"),
        ("SMTP_URL", "mail.example"),
        ("BIND", "localhost"),
        ("PUBLIC_URL", "vetted.example"),
        ("MAX_VIDEO_BYTES", "1 GiB"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("REQUIRE_PAYLOAD_ENCRYPTION", "maybe"),
    ];

    for (variable, value) in wrong {
        for arguments in [&["config"][..], &["migrate"], &[]] {
            let told = Program::new(&[(variable, value)]).run(arguments).await.expect(1);
            let starts = format!("vetted: {variable} must be ");
            assert!(told.stderr.starts_with(&starts), "{told:?}");
            assert_eq!(told.stderr.lines().count(), 1, "{told:?}");
            assert!(!told.stderr.contains("hunter2") && told.stdout.is_empty(), "{told:?}");
        }
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_help_with_0() {
    let program = Program::new(&[]);

    for arguments in [
        &["nonsense"][..],
        &["users"],
        &["users", "create", "--email", "a@example.com", "--role", "ADMIN"],
        &["projections"],
        &["audit", "replay"],
        &["demo", "--products", "many"],
        &["worker", "dead-letters", "retry", "x"],
        &["keys"],
        &["config", "--yaml"],
    ] {
        let told = program.run(arguments).await.expect(2);
        assert!(told.stdout.is_empty() && !told.stderr.is_empty(), "{told:?}");
    }
    for arguments in [&["--help"][..], &["help", "projections"], &["--version"]] {
        program.run(arguments).await.expect(0);
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_tried_again() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let none = app.run(&["worker", "dead-letters", "list"]).await.expect(0);
    assert_eq!(none.stdout, "There are none.\n");

    let letter = a_video_whose_finishing_was_given_up(&app, &seller, &category).await;
    let listed =
        app.run(&["worker", "dead-letters", "list", "--json"]).await.expect(0).json_lines();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["attempts"]), (&json!(letter), &json!(9)));
    let list = app.run(&["worker", "dead-letters", "list"]).await.expect(0);
    assert!(list.stdout.contains("after 9 tries: the storage was full"), "{list:?}");

    let id = letter.to_string();
    let retry = ["worker", "dead-letters", "retry", &id, "--json"];
    assert_eq!(app.run(&retry).await.expect(0).json(), json!({ "retried": 1 }));
    app.run(&retry).await.expect(1);
    let none = app.run(&["worker", "dead-letters", "list"]).await.expect(0);
    assert_eq!(none.stdout, "There are none.\n");
    let all = app.run(&["worker", "dead-letters", "retry", "--json"]).await.expect(0).json();
    assert_eq!(all, json!({ "retried": 0 }));
    eventually("the worker has tried again", async || {
        let handled = "SELECT count(*) FROM effects WHERE handled_at IS NULL";
        let left: i64 = sqlx::query_scalar(handled).fetch_one(&app.pool()).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// As the worker leaves it when it gives up; the event is one that it knows.
async fn a_video_whose_finishing_was_given_up(
    app: &TestApp,
    seller: &crate::support::Person,
    category: &str,
) -> Uuid {
    let product = app.product_with(seller, category, video::silent(1)).await;
    app.processed(seller, &product).await;
    let id = Uuid::now_v7();
    let insert = "INSERT INTO dead_letters
            (id, subscriber, position, event_id, event_type, attempts, last_error)
         SELECT $1, 'video-finalizer', position, event_id, event_type, 9, 'the storage was full'
         FROM events WHERE event_type = 'VideoUploaded'";
    let inserted = sqlx::query(insert).bind(id).execute(&app.pool()).await.unwrap();
    assert_eq!(inserted.rows_affected(), 1);
    id
}

#[tokio::test]
async fn after_a_rotation_new_tokens_have_a_new_key_and_old_ones_stay_good() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let before = app.get("/.well-known/jwks.json").send().await.expect(200).json;

    app.run(&["keys", "rotate"]).await.expect(0);

    let after = app.get("/.well-known/jwks.json").send().await.expect(200).json;
    let ids = |keys: &Value| -> Vec<String> {
        let keys = keys["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "sig");
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&before).len(), ids(&after).len()), (1, 2));
    assert_eq!(ids(&after)[1], ids(&before)[0]);
    let again = eventually("a token of the new key", async || {
        let again = app.sign_in(&person.email, &person.password).await;
        (key_of(&again.access) == ids(&after)[0]).then_some(again)
    })
    .await;
    assert_eq!(key_of(&person.access), ids(&before)[0]);
    app.get("/me/").by(&again).send().await.expect(200);
    app.get("/me/").by(&person).send().await.expect(200);
}

/// The key that a token names in its header (RFC 7515).
fn key_of(token: &str) -> String {
    use base64::Engine;
    let (header, _) = token.split_once('.').unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}
