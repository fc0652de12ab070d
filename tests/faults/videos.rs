//! Workers die on videos, again and again. `make soak-videos` does more of it than `make test`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::Role;
use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{lapse, positions_are_contiguous};
use crate::support::program::Server;
use crate::support::{Bucket, Person, Proxy, TestApp, child, eventually, id, video, video_form};

const WORKERS: usize = 2;
/// Kills after which what the dead had claimed is free again. That takes it from the living as well, who
/// are presumed dead then, and it counts as a try of eight.
const KILLS_BEFORE_LAPSE: usize = 12;

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Files below a folder, without its name.
fn files(folder: &Path) -> Vec<String> {
    fn collect(folder: &Path, base: &Path, into: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                collect(&path, base, into);
            } else {
                into.push(path.strip_prefix(base).unwrap().display().to_string());
            }
        }
    }
    let mut found = vec![];
    collect(folder, folder, &mut found);
    found
}

async fn count(app: &TestApp, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&app.pool()).await.unwrap()
}

async fn still_processing(app: &TestApp) -> i64 {
    count(app, "SELECT count(*) FROM products WHERE processing_status = 'PROCESSING'").await
}

/// Kills a worker at a random moment, and starts another in its place.
async fn kill_one(app: &TestApp, workers: &mut [Server]) {
    let (pause, victim) = {
        let mut random = rand::rng();
        (random.random_range(20..1500), random.random_range(0..workers.len()))
    };
    sleep(Duration::from_millis(pause)).await;
    workers[victim].kill();
    workers[victim] = app.program.serve(&["worker"]).await;
}

async fn is_served_as_said(app: &TestApp, seller: &Person, product: &str) {
    let seen = app.see(seller, product).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    let whole = app.get(seen["video_url"].as_str().unwrap()).by(seller).send().await.expect(200);
    assert_eq!(seen["video"]["sha256"], hex::encode(Sha256::digest(&whole.bytes)));
}

#[tokio::test]
async fn videos_are_finished_once_however_often_workers_are_killed() {
    let (videos, kills) = (variable("SOAK_VIDEOS", 6), variable("SOAK_KILLS", 5));
    let app = TestApp::start_as(&["api"], &[]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    // Some are copied in a moment, some are converted, which takes a while.
    let films = [video::mp4(), video::to_be_converted(), video::silent(2)];
    let mut products = vec![];
    for number in 0..videos {
        let film = films[number % films.len()].clone();
        products.push(app.product_with(&seller, &category, film).await);
    }
    let mut workers = vec![];
    for _ in 0..WORKERS {
        workers.push(app.program.serve(&["worker"]).await);
    }

    let mut killed = 0;
    while killed < kills && still_processing(&app).await > 0 {
        kill_one(&app, &mut workers).await;
        killed += 1;
        if killed.is_multiple_of(KILLS_BEFORE_LAPSE) {
            lapse(&app.pool()).await;
        }
    }
    lapse(&app.pool()).await;
    let left = still_processing(&app).await;
    println!("{videos} videos, {killed} workers killed, {left} videos left after the last");
    for _ in 0..videos {
        let before = still_processing(&app).await;
        if before == 0 {
            break;
        }
        eventually("one more is finished", async || {
            (still_processing(&app).await < before).then_some(())
        })
        .await;
    }

    assert!(killed > 0);
    for product in &products {
        is_served_as_said(&app, &seller, product).await;
    }
    let finished: Vec<(String, i64)> = sqlx::query_as(
        "SELECT aggregate_id, count(*) FROM events WHERE event_type = 'VideoFinalized' GROUP BY 1",
    )
    .fetch_all(&app.pool())
    .await
    .unwrap();
    let once: BTreeMap<_, _> = products.iter().map(|product| (product.clone(), 1)).collect();
    assert_eq!(finished.into_iter().collect::<BTreeMap<_, _>>(), once);
    assert_eq!(count(&app, "SELECT count(*) FROM dead_letters").await, 0);
    eventually("every job is over", async || {
        (count(&app, "SELECT count(*) FROM video_jobs").await == 0).then_some(())
    })
    .await;
    nothing_is_left(&app, videos).await;
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn no_video_is_given_up_while_the_storage_is_away() {
    let bucket = Bucket::serve().await;
    let (proxy, address) = Proxy::before_server(bucket.address()).await;
    let mut app = bucket.app(&[]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    app.kill();
    // What answers has the storage, and what works loses it.
    let api = app.replica().await;
    let endpoint = format!("http://{address}");
    let worker = app.program.serve_with(&[("AWS_ENDPOINT", &endpoint)], &["worker"]).await;
    proxy.close();

    let form = video_form(&category, video::mp4());
    let submit = app.request_to(&api, "POST", "/products/").by(&seller).multipart(form);
    let product = id(&submit.send().await.expect(201));

    eventually("it was tried more than once", async || {
        // What waits; a claim is renewed once it has less than 20 seconds left.
        let hurry = "UPDATE effects SET due_at = now() WHERE subscriber = 'video-finalizer'
                     AND due_at BETWEEN now() + interval '1 s' AND now() + interval '19 s'";
        sqlx::query(hurry).execute(&app.pool()).await.unwrap();
        let tries =
            "SELECT coalesce(max(fence), 0) FROM effects WHERE subscriber = 'video-finalizer'";
        (count(&app, tries).await > 3).then_some(())
    })
    .await;
    let counted = "SELECT max(attempts)::bigint FROM effects WHERE subscriber = 'video-finalizer'";
    let counted = count(&app, counted).await;
    assert!(counted <= 1, "{counted} tries were counted");

    proxy.open();
    lapse(&app.pool()).await;
    eventually("the video is finished", async || {
        let path = format!("/products/{product}/");
        let seen = app.request_to(&api, "GET", &path).by(&seller).send().await.expect(200);
        (seen.json["processing_status"] == "READY").then_some(())
    })
    .await;
    drop(worker);
}

/// Of each video there is what is shown, and of the work on it nothing.
async fn nothing_is_left(app: &TestApp, videos: usize) {
    let media = app.data_dir().join("media");
    // What was being written when its writer died ends so, and is for the sweeper.
    let half_written = |file: &String| file.contains('#');
    eventually("originals and temporary objects are gone", async || {
        let files: Vec<_> = files(&media).into_iter().filter(|file| !half_written(file)).collect();
        let of = |folder: &str| files.iter().filter(|file| file.starts_with(folder)).count();
        let kept = (of("videos/"), of("posters/"), of("sprites/"));
        (kept == (videos, videos, 2 * videos) && files.len() == 4 * videos).then_some(())
    })
    .await;
    let scratch = app.data_dir().join("scratch");
    eventually("no work is left on disk", async || files(&scratch).is_empty().then_some(())).await;
    assert_eq!(child::tools_at_work(app.program.folder()), []);
}
