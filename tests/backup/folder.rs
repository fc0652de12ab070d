//! `vetted backup` and `vetted restore`, into a fresh place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Past, Place, is_forgotten};
use crate::support::program::{Outcome, Program};
use crate::support::{Bucket, TestApp, TestDatabase, eventually, video};

const PASSPHRASE: &str = "a lamp in every window\n";

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
        super::files(self.0.path())
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

#[tokio::test]
async fn a_person_who_was_erased_after_the_backup_stays_erased_when_it_is_restored() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, past, folder) = backed_up(&place, &shelf).await;
    app.delete("/me/").by(&past.seller).send().await.expect(204);
    let fresh = TestDatabase::empty().await;
    let program = program_on(&fresh, &place);

    let restored = program.run(&["restore", text(&folder), "--json"]).await.expect(0);

    let told = restored.json();
    assert_eq!((&told["erased_again"], &told["missing"]["files"]), (&json!(1), &json!(0)));
    assert_eq!(told["drift"], json!([]));
    assert!(restored.stderr.contains("persons were erased again"), "{restored:?}");
    let app = place.app_on(fresh, &[]).await;
    is_forgotten(&app, &past).await;
    let staff = app.sign_in(&past.staff.email, &past.staff.password).await;
    assert_eq!(app.see(&staff, &past.rejected).await["name"], "Lamp");
    app.finish().await;
}

#[tokio::test]
async fn a_fresh_place_gets_the_database_the_keys_and_the_copied_files() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let app = place.app().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    app.processed(&seller, &product).await;
    let film = app.get(&format!("/products/{product}/video/")).by(&seller).send().await.expect(200);
    let (bare, whole) = (shelf.path("bare"), shelf.path("whole"));
    app.run(&["backup", text(&bare)]).await.expect(0);
    app.run(&["backup", text(&whole), "--media"]).await.expect(0);

    let elsewhere = [Place::new(), Place::new()];
    let databases = [TestDatabase::empty().await, TestDatabase::create().await];
    let told =
        program_on(&databases[0], &elsewhere[0]).run(&["restore", text(&bare)]).await.expect(0);
    let copied =
        program_on(&databases[1], &elsewhere[1]).run(&["restore", text(&whole), "--json"]).await;

    let video = copied.expect(0).json();
    assert_eq!(video["missing"]["files"], json!(0), "{video}");
    for words in
        ["The storage lacks", "videos/", "posters/", "Every read model is what the log says."]
    {
        assert!(told.stdout.contains(words), "{words}: {told:?}");
    }
    let [_, database] = databases;
    let app = elsewhere[1].app_on(database, &[]).await;
    let seller = app.sign_in(&seller.email, &seller.password).await;
    let again =
        app.get(&format!("/products/{product}/video/")).by(&seller).send().await.expect(200);
    assert_eq!(again.bytes, film.bytes);
    app.finish().await;
}

#[tokio::test]
async fn a_backup_says_what_it_is_made_of_and_is_for_its_owner_alone() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, _, folder) = backed_up(&place, &shelf).await;

    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.join("backup.json")).unwrap()).unwrap();
    let position: i64 =
        sqlx::query_scalar("SELECT position FROM log_head").fetch_one(&app.pool()).await.unwrap();
    assert_eq!(manifest["head"]["position"], position);
    for name in ["database.dump", "media.jsonl", "keys/secrets.json"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes));
        assert_eq!(manifest["files"][name]["sha256"], sha256, "{name}");
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for name in ["", "keys"] {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let master: Value = serde_json::from_slice(&fs::read(place.secrets()).unwrap()).unwrap();
    let dump = fs::read(folder.join("database.dump")).unwrap();
    let master = master["master"].as_str().unwrap().as_bytes();
    assert!(!dump.windows(master.len()).any(|bytes| bytes == master));
    assert_eq!(shelf.names(), ["monday"]);
}

#[tokio::test]
async fn encrypted_keys_open_only_by_the_right_passphrase_or_identity() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, past, _) = backed_up(&place, &shelf).await;
    let (locked, sealed) = (shelf.path("locked"), shelf.path("sealed"));
    let words = ["backup", text(&locked), "--passphrase-stdin"];
    app.program.run_with(PASSPHRASE, &words).await.expect(0);
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    app.run(&["backup", text(&sealed), "--encrypt-to", &recipient]).await.expect(0);
    let file = |name, identity: &age::x25519::Identity| {
        let key = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        fs::write(shelf.path(name), format!("# a comment\n{key}\n")).unwrap();
        shelf.path(name)
    };
    let (own, other) = (file("own", &identity), file("other", &age::x25519::Identity::generate()));
    for folder in [&locked, &sealed] {
        assert!(!folder.join("keys/secrets.json").exists());
        let keys = fs::read(folder.join("keys/secrets.json.age")).unwrap();
        assert!(keys.starts_with(b"age-encryption.org/v1"));
    }
    let fresh = TestDatabase::empty().await;
    let elsewhere = Place::new();
    let program = program_on(&fresh, &elsewhere);

    for (input, words, told) in [
        ("", vec!["restore", text(&locked)], "are encrypted"),
        ("another one\n", vec!["restore", text(&locked), "--passphrase-stdin"], "does not decrypt"),
        ("", vec!["restore", text(&locked), "--passphrase-stdin"], "is empty"),
        ("", vec!["restore", text(&sealed), "--identity", text(&other)], "no identity in"),
    ] {
        let refused = program.run_with(input, &words).await.expect(1);
        assert!(sentence(&refused).contains(told), "{refused:?}");
        assert!(!elsewhere.secrets().exists());
        assert_eq!(tables(&fresh).await, 0);
    }
    let words = ["restore", text(&locked), "--passphrase-stdin"];
    program.run_with(PASSPHRASE, &words).await.expect(0);
    let second = TestDatabase::empty().await;
    let words = ["restore", text(&sealed), "--identity", text(&own)];
    program_on(&second, &Place::new()).run(&words).await.expect(0);

    assert_eq!(fs::read(elsewhere.secrets()).unwrap(), fs::read(place.secrets()).unwrap());
    let app = elsewhere.app_on(fresh, &[]).await;
    app.sign_in(&past.seller.email, &past.seller.password).await;
}

#[tokio::test]
async fn a_backup_that_was_changed_is_refused_before_anything_is_touched() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, _, _) = backed_up(&place, &shelf).await;
    let whole = shelf.path("whole");
    app.run(&["backup", text(&whole), "--media"]).await.expect(0);
    let (fresh, elsewhere) = (TestDatabase::empty().await, Place::new());
    let program = program_on(&fresh, &elsewhere);
    let name_of_manifest = whole.join("backup.json");
    let manifest = fs::read_to_string(&name_of_manifest).unwrap();
    let newer = manifest.replace("\"format\": 1", "\"format\": 2");

    for name in ["database.dump", "media.jsonl", "keys/secrets.json"] {
        let path = whole.join(name);
        let kept = fs::read(&path).unwrap();
        let mut changed = kept.clone();
        if let Some(last) = changed.last_mut() {
            *last ^= 1
        } else {
            changed.push(b'{')
        }
        fs::write(&path, &changed).unwrap();
        let refused = program.run(&["restore", text(&whole)]).await.expect(1);
        assert!(
            sentence(&refused).starts_with(&format!("{name} of this backup is not")),
            "{refused:?}"
        );
        fs::remove_file(&path).unwrap();
        program.run(&["restore", text(&whole)]).await.expect(1);
        fs::write(&path, kept).unwrap();
    }
    for (content, told) in [("{}", "backup.json of this backup"), (newer.as_str(), "a newer")] {
        fs::write(&name_of_manifest, content).unwrap();
        let refused = program.run(&["restore", text(&whole)]).await.expect(1);
        assert!(sentence(&refused).contains(told), "{refused:?}");
    }

    assert_eq!(tables(&fresh).await, 0);
    assert!(!elsewhere.secrets().exists());
    fs::write(&name_of_manifest, manifest).unwrap();
    program.run(&["restore", text(&whole)]).await.expect(0);
}

#[tokio::test]
async fn copies_of_files_that_were_changed_are_refused_too() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let app = place.app().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    app.processed(&seller, &product).await;
    let whole = shelf.path("whole");
    app.run(&["backup", text(&whole), "--media"]).await.expect(0);
    let poster = super::files(&whole.join("media/posters")).remove(0);
    fs::write(&poster, "another picture").unwrap();
    let fresh = TestDatabase::empty().await;

    let refused = program_on(&fresh, &Place::new()).run(&["restore", text(&whole)]).await.expect(1);

    assert!(sentence(&refused).starts_with("media/posters/"), "{refused:?}");
    assert_eq!(tables(&fresh).await, 0);
}

#[tokio::test]
async fn a_dump_of_another_log_or_of_other_keys_leaves_nothing() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (_app, _, folder) = backed_up(&place, &shelf).await;
    let path = folder.join("backup.json");
    let manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (fresh, elsewhere) = (TestDatabase::create().await, Place::new());
    let program = program_on(&fresh, &elsewhere);
    let mut later = manifest.clone();
    later["head"]["position"] = json!(1_000_000);
    let mut foreign = manifest.clone();
    foreign["secrets_check"] = json!("00".repeat(32));
    // Keys, check value and hashes of another installation, which fit each other.
    let (other, other_shelf) = (Place::new(), Shelf::new());
    let (_other, _, theirs) = backed_up(&other, &other_shelf).await;
    let theirs: Value =
        serde_json::from_slice(&fs::read(theirs.join("backup.json")).unwrap()).unwrap();
    let mut mixed = manifest.clone();
    mixed["secrets_check"] = theirs["secrets_check"].clone();
    mixed["files"]["keys/secrets.json"] = theirs["files"]["keys/secrets.json"].clone();
    let own = fs::read(place.secrets()).unwrap();

    for (changed, keys, told) in [
        (later, &own, "the backup says 1000000"),
        (foreign, &own, "not those of its database"),
        (mixed, &fs::read(other.secrets()).unwrap(), "database.dump of this backup is not"),
    ] {
        fs::write(&path, changed.to_string()).unwrap();
        fs::write(folder.join("keys/secrets.json"), keys).unwrap();
        let refused = program.run(&["restore", text(&folder)]).await.expect(1);
        assert!(sentence(&refused).contains(told), "{told}: {refused:?}");
    }
    fs::write(folder.join("keys/secrets.json"), own).unwrap();

    assert_eq!(tables(&fresh).await, 0);
    assert!(!elsewhere.secrets().exists());
    fs::write(&path, manifest.to_string()).unwrap();
    program.run(&["restore", text(&folder)]).await.expect(0);
}

#[tokio::test]
async fn a_database_that_has_events_or_other_tables_is_not_restored_into() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, past, folder) = backed_up(&place, &shelf).await;
    let used = TestDatabase::create().await;
    let other = place_of(&used).await;
    let foreign = TestDatabase::create().await;
    sqlx::raw_sql("CREATE TABLE invoices (id int)").execute(&foreign.pool().await).await.unwrap();

    let itself = app.run(&["restore", text(&folder)]).await.expect(1);
    let others = program_on(&used, &other).run(&["restore", text(&folder)]).await.expect(1);
    let shared =
        program_on(&foreign, &Place::new()).run(&["restore", text(&folder)]).await.expect(1);

    assert!(sentence(&itself).contains("has events"), "{itself:?}");
    assert!(sentence(&others).contains("has other keys than this backup"), "{others:?}");
    assert!(sentence(&shared).contains("has a table invoices"), "{shared:?}");
    app.sign_in(&past.seller.email, &past.seller.password).await;
    app.finish().await;
}

/// Another installation, with an account.
async fn place_of(database: &TestDatabase) -> Place {
    let place = Place::new();
    let create =
        ["users", "create", "--email", "a@example.com", "--role", "STAFF", "--password-stdin"];
    program_on(database, &place).run_with("a lamp in every window", &create).await.expect(0);
    place
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing_and_takes_no_folder_that_is_in_use() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (mut app, _, folder) = backed_up(&place, &shelf).await;
    let before = fs::read(folder.join("backup.json")).unwrap();

    let taken = app.run(&["backup", text(&folder)]).await.expect(1);
    let next = shelf.path("tuesday");
    let without =
        app.run_with_variable("PG_BIN", "/nowhere", &["backup", text(&next)]).await.expect(1);
    app.run(&["backup"]).await.expect(2);
    app.run(&["backup", text(&next), "--encrypt-to", "somebody"]).await.expect(2);

    assert!(sentence(&taken).contains("is not empty"), "{taken:?}");
    assert_eq!(fs::read(folder.join("backup.json")).unwrap(), before);
    assert!(sentence(&without).starts_with("pg_dump of PostgreSQL"), "{without:?}");
    assert_eq!(shelf.names(), ["monday"]);
    fs::create_dir(&next).unwrap();
    app.run(&["backup", text(&next), "--json"]).await.expect(0).json();
    app.kill();
    let restore = ["restore", text(&next)];
    let fresh = TestDatabase::empty().await;
    let lacking =
        program_on(&fresh, &place).run_with_variable("PG_BIN", "/nowhere", &restore).await;
    assert!(sentence(&lacking.expect(1)).starts_with("pg_restore of PostgreSQL"));
    assert_eq!(tables(&fresh).await, 0);
}

#[tokio::test]
async fn an_interrupted_backup_leaves_nothing() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let (place, shelf) = (Place::new(), Shelf::new());
    let app = place.app().await;
    Past::of(&app).await;
    let pool = app.pool();
    let mut held = pool.begin().await.unwrap();
    // pg_dump waits for it.
    let lock = "LOCK TABLE recovery_codes IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut *held).await.unwrap();
    let mut backup = app.program.spawn(&["backup", text(&shelf.path("monday"))]);
    eventually("pg_dump waits", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'pg_dump' AND wait_event_type = 'Lock'";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&pool).await.unwrap();
        (waiting == 1).then_some(())
    })
    .await;
    assert!(is_at_work_in(shelf.0.path()));
    assert_eq!(shelf.names().len(), 1);

    kill(Pid::from_raw(backup.id().cast_signed()), Signal::SIGTERM).unwrap();

    let status = eventually("it ends", async || backup.try_wait().unwrap()).await;
    assert_eq!((status.code(), shelf.names()), (Some(1), vec![]));
    assert!(app.stderr().contains("interrupted by a signal"), "{}", app.stderr());
    eventually("pg_dump has ended", async || (!is_at_work_in(shelf.0.path())).then_some(())).await;
}

/// Whether there is a process that has something below a folder on its command line.
fn is_at_work_in(folder: &Path) -> bool {
    let lines = super::files(Path::new("/proc"));
    let lines = lines.iter().filter_map(|process| fs::read(process.join("cmdline")).ok());
    let folder = text(folder);
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(folder))
}

#[tokio::test]
async fn files_of_a_bucket_are_copied_and_put_back() {
    let (bucket, other, shelf) = (Bucket::serve().await, Bucket::serve().await, Shelf::new());
    let (mut app, fresh) = (bucket.app(&[]).await, other.app(&[]).await);
    let person = app.user(Role::EndUser).await;
    let erased = app.user(Role::EndUser).await;
    app.delete("/me/").by(&erased).send().await.expect(204);
    let folder = shelf.path("monday");
    app.run(&["backup", text(&folder), "--media"]).await.expect(0);
    app.kill();
    drop(fresh);
    let database = TestDatabase::empty().await;
    app.program.set("DATABASE_URL", &database.url);
    app.program.set("AWS_ENDPOINT", &format!("http://{}", other.address()));

    let restored = app.run(&["restore", text(&folder), "--json"]).await.expect(0).json();

    assert_eq!((&restored["missing"]["files"], &restored["erased_again"]), (&json!(0), &json!(0)));
    assert_eq!(other.objects(), bucket.objects());
    assert_eq!(bucket.objects().len(), 1);
    app.restart().await;
    app.sign_in(&person.email, &person.password).await;
}

#[tokio::test]
async fn keys_that_were_rotated_too_often_since_the_backup_give_way_to_its_own() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (mut app, past, folder) = backed_up(&place, &shelf).await;
    for _ in 0..2 {
        app.run(&["keys", "rotate"]).await.expect(0);
    }
    app.kill();
    let fresh = TestDatabase::empty().await;
    let program = program_on(&fresh, &place);

    let refused = program.run(&["restore", text(&folder)]).await.expect(1);

    assert!(sentence(&refused).contains("was rotated since this backup"), "{refused:?}");
    assert_eq!(tables(&fresh).await, 0);
    fs::rename(place.secrets(), shelf.path("rotated.json")).unwrap();
    program.run(&["restore", text(&folder)]).await.expect(0);
    let app = place.app_on(fresh, &[]).await;
    app.sign_in(&past.seller.email, &past.seller.password).await;
}

#[tokio::test]
async fn a_restore_of_what_is_no_backup_makes_nothing() {
    let program = Program::new(&[]);

    for folder in ["nowhere", "."] {
        let told = program.run(&["restore", folder]).await.expect(1);
        assert!(sentence(&told).contains("name the folder of a finished backup"), "{told:?}");
    }

    assert_eq!(super::files(program.folder()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn private_servers_are_backed_up_and_restored_too() {
    let (from, shelf) = (Program::new(&[("DATA_DIR", "data"), ("RUST_LOG", "warn")]), Shelf::new());
    let create =
        ["users", "create", "--email", "a@example.com", "--role", "ADMIN", "--password-stdin"];
    from.run_with("a lamp in every window", &create).await.expect(0);
    fs::create_dir(from.folder().join("data/media")).unwrap();
    let folder = shelf.path("private");

    from.run(&["backup", text(&folder)]).await.expect(0);
    let to = Program::new(&[("DATA_DIR", "elsewhere"), ("RUST_LOG", "warn")]);
    to.run(&["restore", text(&folder)]).await.expect(0);

    to.run(&["projections", "verify"]).await.expect(0);
    let again = to.run_with("a lamp in every window", &create).await.expect(1);
    assert!(sentence(&again).contains("registered already"), "{again:?}");
}
