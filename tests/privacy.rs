//! What the program leaves on disk and in its log, with real videos and hostile ones.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::json;

use crate::refusal::refused;
use crate::support::{TestApp, video};

/// Everything below a folder, with its mode.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        if data.is_dir() {
            found.extend(modes(&path));
        }
        found.push((path, data.mode() & 0o777));
    }
    found
}

/// Those that others than their owner may open.
fn open_to_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    modes(folder).into_iter().filter(|(_, mode)| mode & 0o077 != 0).collect()
}

#[tokio::test]
async fn nothing_that_the_program_writes_is_for_other_accounts() {
    let elsewhere = tempfile::tempdir().unwrap();
    let storage = format!("file://{}", elsewhere.path().join("films").display());
    for variables in [vec![], vec![("STORAGE_URL", storage.as_str())]] {
        let app = TestApp::start_with(&variables).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Films").await;
        let product = app.product_with(&seller, &category, video::mp4()).await;
        let seen = app.processed(&seller, &product).await;
        app.reject(&staff, &product, "Too short.").await.expect(200);
        app.mail_to(&seller.email).await;

        let media = app.data_dir().join("media");
        let media = if variables.is_empty() { &media } else { elsewhere.path() };
        let written = modes(media);

        assert_eq!(seen["processing_status"], "READY", "{seen}");
        for kind in ["mp4", "jpg", "vtt"] {
            let is_there =
                |(path, _): &(PathBuf, u32)| path.extension().is_some_and(|it| it == kind);
            assert!(written.iter().any(is_there), "no {kind} in {written:?}");
        }
        assert_eq!(open_to_others(app.data_dir()), vec![]);
        assert_eq!(open_to_others(media), vec![]);
    }
}

#[tokio::test]
async fn whatever_a_video_makes_the_tools_print_is_one_line_of_the_log() {
    for format in ["text", "json"] {
        let app = TestApp::start_with(&[("LOG_FORMAT", format)]).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Films").await;

        for film in hostile() {
            let product = app.product_with(&seller, &category, film).await;
            let seen = app.processed(&seller, &product).await;
            assert_eq!(seen["processing_status"], "FAILED", "{seen}");
        }

        let said = app.stderr();
        assert!(said.contains("a media tool failed"), "{said}");
        for line in said.lines() {
            let is_event = match format {
                "json" => serde_json::from_str::<serde_json::Value>(line).is_ok(),
                _ => line.starts_with("20") && line.as_bytes().get(10) == Some(&b'T'),
            };
            assert!(is_event, "a line of its own: {line:?} in {said}");
            assert!(!line.contains(domain::is_hidden), "{line:?}");
        }
    }
}

/// Files that are taken for videos and that no tool can read: without an index, and with an index
/// that has a text in it.
fn hostile() -> Vec<Vec<u8>> {
    let text = b"forged\n2026-11-28T00:00:00.000000Z  INFO vetted: all is well\x1b[2J\xe2\x80\xae";
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes(), kind.as_slice(), content].concat()
    };
    let start = boxed(b"ftyp", b"isom\0\0\x02\0isomiso2mp41");
    let no_index = [start.clone(), boxed(b"mdat", text)].concat();
    let no_tracks = [start, boxed(b"moov", &boxed(b"udta", text)), boxed(b"mdat", text)].concat();
    vec![no_index, no_tracks]
}

#[tokio::test]
async fn what_people_typed_starts_no_line_of_what_is_printed_for_people() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let reason = "Dim.\n#9 2026-11-28T00:00:00Z  ProductApproved  by nobody\u{1b}[2J\u{202e}";
    app.reject(&staff, &product, reason).await.expect(200);

    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0).stdout;

    assert!(replay.contains("reason: Dim.\\n#9"), "{replay}");
    assert!(replay.lines().all(|line| !line.starts_with("#9")), "{replay}");
    assert!(!replay.contains('\u{1b}') && !replay.contains('\u{202e}'), "{replay:?}");
}

#[tokio::test]
async fn no_new_account_squats_on_an_address_that_looks_like_anothers() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let old = app.user_by_command(Role::EndUser).await;
    let registered = |email: &str| {
        let body = json!({"email": email, "password": "three green lamps"});
        app.post("/register/").json(body).send()
    };

    for local in ["ｖictim", "vic\u{200b}tim", "ﬁona", "\u{2067}victim", "ju\u{308}rgen"] {
        let email = format!("{local}@example.com");
        let answer = refused(registered(&email).await, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["email"], "{email:?}");
        let change = app.patch("/me/").by(&person).json(json!({ "email": email })).send().await;
        assert_eq!(refused(change, 400, "invalid_input").wrong(), ["email"], "{email:?}");
        let create = ["users", "create", "--email", &email, "--role", "STAFF", "--password-stdin"];
        let made = app.program.run_with("a secret of mine", &create).await;
        assert!(made.code == Some(1) && made.stderr.contains("--email"), "{made:?}");
    }
    registered("jürgen@example.com").await.expect(201);
    // A person who has such an address from before signs in as before: by its folded form.
    let wide = old.email.replacen("end", "ｅｎｄ", 1);
    assert_ne!(wide, old.email);
    app.sign_in(&wide, &old.password).await;
}
