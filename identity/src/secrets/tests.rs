use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A file as it was before payloads were encrypted.
fn without_encryption(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("secrets.json");
    Secrets::load_or_create(&path).unwrap();
    let mut stored = stored(&path);
    stored.as_object_mut().unwrap().remove("encryption").unwrap();
    fs::write(&path, stored.to_string()).unwrap();
    path
}

fn stored(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn kids(path: &Path) -> Vec<String> {
    let secrets = Secrets::load(path).unwrap();
    secrets.encryption.iter().map(|key| key.kid().to_owned()).collect()
}

#[test]
fn a_new_file_has_an_encryption_key_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.json");

    Secrets::load_or_create(&path).unwrap();
    let made = kids(&path);
    Secrets::load_or_create(&path).unwrap();

    assert_eq!(made.len(), 1);
    assert_eq!(kids(&path), made);
}

#[test]
fn a_file_without_an_encryption_key_gets_one_from_many_at_once_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = without_encryption(&folder);
    let before = stored(&path);

    let used: BTreeSet<String> = std::thread::scope(|scope| {
        let each = (0..8).map(|_| scope.spawn(|| Secrets::load_or_create(&path).unwrap()));
        let each: Vec<_> = each.collect();
        let each = each.into_iter().map(|thread| thread.join().unwrap());
        each.map(|secrets| secrets.encryption[0].kid().to_owned()).collect()
    });

    let mut after = stored(&path);
    assert_eq!(after["encryption"].as_array().map(Vec::len), Some(1));
    assert_eq!(used.into_iter().collect::<Vec<_>>(), kids(&path));
    after.as_object_mut().unwrap().remove("encryption");
    assert_eq!(after, before);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
}

#[test]
fn a_rotation_beside_those_that_complete_the_file_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = without_encryption(&folder);
    let before = kids(&path);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Secrets::load_or_create(&path).unwrap());
        }
        scope.spawn(|| Secrets::rotate(&path).unwrap());
    });

    let after = kids(&path);
    assert_eq!((after.len(), &after[1]), (2, &before[0]));
}

#[test]
fn a_rotated_key_is_published_once_all_have_read_it_and_the_one_before_stays_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.json");
    Secrets::load_or_create(&path).unwrap();
    let published =
        |path| Secrets::load(path).unwrap().published_encryption().unwrap().kid().to_owned();
    let first = kids(&path);

    Secrets::rotate(&path).unwrap();
    let second = kids(&path);
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    assert_eq!(published(&path), first[0]);

    let mut later = stored(&path);
    later["rotated_at"] = (later["rotated_at"].as_i64().unwrap() - NEW_KEY_WAITS).into();
    fs::write(&path, later.to_string()).unwrap();
    assert_eq!(published(&path), second[0]);

    Secrets::rotate(&path).unwrap();
    assert_eq!(kids(&path)[1..], second[..1]);
}

#[test]
fn a_key_that_somebody_made_up_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = without_encryption(&folder);
    let count: Vec<u8> = (0..32).collect();
    let pattern = [0xde, 0xad, 0xbe, 0xef].repeat(8);
    let text = b"change me before you go public!!".to_vec();
    let made_up = [vec![7; 32], vec![1, 2, 3], count, pattern, text].map(|key| BASE64.encode(key));
    for bad in made_up.into_iter().chain(["?".to_owned()]) {
        let mut file = stored(&path);
        file["encryption"] = serde_json::json!([bad]);
        fs::write(&path, file.to_string()).unwrap();

        assert!(matches!(Secrets::load_or_create(&path), Err(SecretsError::Invalid(_))), "{bad}");
    }
}
