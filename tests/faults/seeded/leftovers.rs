//! What nobody refers to any more: objects in the storage, and processes.

use std::path::Path;

use pool::PgPool;

use crate::support::child::{processes, tools_at_work};
use crate::support::{Bucket, TestApp, eventually};

/// Folders of the storage whose objects belong to products' videos.
const FOLDERS: [&str; 6] =
    ["uploads/", "originals/", "unfinished/", "videos/", "posters/", "sprites/"];

/// Once the sweeper was there, each object is of a product that has a video, and each of those is there.
pub async fn files_belong_to_products(app: &TestApp, bucket: &Bucket, pool: &PgPool) {
    app.run(&["worker", "sweep", "--older-than", "0"]).await.expect(0);
    let known = "SELECT video ->> 'upload' FROM products WHERE video IS NOT NULL";
    let known: Vec<String> = sqlx::query_scalar(known).fetch_all(pool).await.unwrap();

    let objects = bucket.objects();
    let of_videos = |object: &&String| FOLDERS.iter().any(|folder| object.starts_with(folder));
    let is_orphan = |object: &&String| !known.iter().any(|upload| object.contains(upload));
    let orphans: Vec<_> = objects.iter().filter(of_videos).filter(is_orphan).collect();
    assert!(orphans.is_empty(), "nothing refers to {orphans:?}");
    for folder in ["videos/", "posters/"] {
        let count = objects.iter().filter(|object| object.starts_with(folder)).count();
        assert_eq!(count, known.len(), "one object in {folder} for each product with a video");
    }
}

/// None that the program has started has ended without being asked how, and no tool outlives its work.
pub async fn no_process_is_left(ids: &[u32], folder: &Path) {
    eventually("no child is a zombie, and no tool is at work", async || {
        let is_theirs = |parent| u32::try_from(parent).is_ok_and(|parent| ids.contains(&parent));
        let mut all = processes().into_iter();
        let has_zombie = all.any(|process| process.state == 'Z' && is_theirs(process.parent));
        (!has_zombie && tools_at_work(folder).is_empty()).then_some(())
    })
    .await;
}
