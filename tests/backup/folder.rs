//! `vetted backup`: what it writes, and that it leaves nothing where it fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::{Past, Place, Shelf, backed_up, program_on, sentence, tables, text};
use crate::support::{TestDatabase, eventually};

const PASSPHRASE: &str = "a lamp in every window\n";

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
