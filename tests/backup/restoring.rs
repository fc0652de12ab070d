//! `vetted restore`: into a fresh place, and into no other.

use std::fs;
use std::path::PathBuf;

use domain::Role;
use serde_json::{Value, json};

use super::{Place, Shelf, backed_up, is_forgotten, program_on, sentence, tables, text};
use crate::support::program::Program;
use crate::support::{Bucket, TestApp, TestDatabase, video};

/// A program with a product whose video is finished, and its backup with copies of the files.
async fn backed_up_with_a_video(place: &Place, shelf: &Shelf) -> (TestApp, PathBuf) {
    let app = place.app().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    app.processed(&seller, &product).await;
    let whole = shelf.path("whole");
    app.run(&["backup", text(&whole), "--media"]).await.expect(0);
    (app, whole)
}

#[tokio::test]
async fn a_person_who_was_erased_after_the_backup_stays_erased_when_it_is_restored() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (app, past, folder) = backed_up(&place, &shelf).await;
    app.erase(&past.seller).await;
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
async fn a_restore_whose_files_could_not_be_put_back_can_be_done_again() {
    let (place, shelf) = (Place::new(), Shelf::new());
    let (_app, whole) = backed_up_with_a_video(&place, &shelf).await;
    let (elsewhere, database) = (Place::new(), TestDatabase::empty().await);
    let program = program_on(&database, &elsewhere);
    // There is a file where a folder has to be.
    std::fs::create_dir_all(elsewhere.media()).unwrap();
    std::fs::write(elsewhere.media().join("posters"), "").unwrap();

    program.run(&["restore", text(&whole)]).await.expect(1);

    std::fs::remove_file(elsewhere.media().join("posters")).unwrap();
    let restored = program.run(&["restore", text(&whole), "--json"]).await.expect(0).json();
    assert_eq!(restored["missing"]["files"], json!(0), "{restored}");
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
            *last ^= 1;
        } else {
            changed.push(b'{');
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
    let (_app, whole) = backed_up_with_a_video(&place, &shelf).await;
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
async fn files_of_a_bucket_are_copied_and_put_back() {
    let (bucket, other, shelf) = (Bucket::serve().await, Bucket::serve().await, Shelf::new());
    let (mut app, fresh) = (bucket.app(&[]).await, other.app(&[]).await);
    let person = app.user(Role::EndUser).await;
    let erased = app.user(Role::EndUser).await;
    app.erase(&erased).await;
    let folder = shelf.path("monday");
    app.run(&["backup", text(&folder), "--media"]).await.expect(0);
    app.kill();
    drop(fresh);
    let database = TestDatabase::empty().await;
    app.program.set("DATABASE_URL", &database.url);
    app.program.set("MIGRATION_DATABASE_URL", "");
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

    // As every first start makes it: the account that PostgreSQL runs as gets there.
    assert!(fs::symlink_metadata(to.folder().join("elsewhere/pg")).unwrap().is_dir());
    to.run(&["projections", "verify"]).await.expect(0);
    let again = to.run_with("a lamp in every window", &create).await.expect(1);
    assert!(sentence(&again).contains("registered already"), "{again:?}");
}
