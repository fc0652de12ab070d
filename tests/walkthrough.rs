//! docs/walkthrough.md is run as it stands there.

use std::path::Path;

use tokio::process::Command;

#[tokio::test]
async fn the_walkthrough_can_be_pasted_and_shows_what_the_program_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));

    let done = Command::new(root.join("scripts/walkthrough"))
        .args(["--check", env!("CARGO_BIN_EXE_vetted")])
        .output()
        .await
        .unwrap();

    let (said, failed) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}{failed}");
}
