//! Products that take an upload for their video.

use domain::Role;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Uploader, expire, id, noise, stored};
use crate::refusal::refused;
use crate::support::{Answer, Person, eventually, video};

struct Seller {
    uploader: Uploader,
    staff: Person,
    category: String,
}

impl Seller {
    async fn start() -> Self {
        let uploader = Uploader::start().await;
        let staff = uploader.app.user(Role::Staff).await;
        let category = uploader.app.category(&staff, "Lamps").await;
        Self { uploader, staff, category }
    }

    fn body(&self, upload: &str) -> Value {
        json!({ "name": "Lamp", "category_id": self.category, "upload_id": upload })
    }

    async fn submit(&self, upload: &str) -> Answer {
        let app = &self.uploader.app;
        app.post("/products/").by(&self.uploader.person).json(self.body(upload)).send().await
    }

    /// Which product has the upload.
    async fn taken_by(&self, upload: &str) -> Option<uuid::Uuid> {
        let taken = "SELECT product FROM uploads WHERE id = $1::uuid";
        let pool = self.uploader.app.pool();
        sqlx::query_scalar(taken).bind(upload).fetch_one(&pool).await.unwrap()
    }
}

#[track_caller]
fn refused_for_the_upload(answer: Answer) {
    assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["upload_id"]);
}

#[tokio::test]
async fn an_upload_in_parts_becomes_a_video_and_leaves_nothing_else() {
    let seller = Seller::start().await;
    let app = &seller.uploader.app;
    let film = video::mp4();
    let path = seller.uploader.create(film.len()).await;
    let mut offset = 0;
    for piece in film.chunks(film.len() / 3) {
        seller.uploader.patch(&path, offset, piece).await.expect(204);
        offset += piece.len();
    }

    let made = seller.submit(id(&path)).await.expect(201);

    assert_eq!(made.json["processing_status"], "PROCESSING");
    let payload = "SELECT payload #> '{VideoUploaded,video}' FROM events
                   WHERE event_type = 'VideoUploaded'";
    let event: Value = sqlx::query_scalar(payload).fetch_one(&app.pool()).await.unwrap();
    let sha256 = hex::encode(Sha256::digest(&film));
    assert_eq!(event, json!({ "upload": id(&path), "size": film.len(), "sha256": sha256 }));
    let product = made.json["id"].as_str().unwrap();
    let seen = app.processed(&seller.uploader.person, product).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    eventually("the parts are removed", async || {
        (!stored(app).iter().any(|file| file.to_string_lossy().contains("/uploads/"))).then_some(())
    })
    .await;
    let video = app.get(&format!("/products/{product}/video/")).by(&seller.uploader.person);
    assert!(!video.send().await.expect(200).bytes.is_empty());
    refused_for_the_upload(seller.submit(id(&path)).await);
    seller.uploader.app.finish().await;
}

#[tokio::test]
async fn a_form_and_an_edit_take_an_upload_too() {
    let seller = Seller::start().await;
    let Seller { uploader, category, .. } = &seller;
    let (app, person) = (&uploader.app, &uploader.person);
    let film = video::mp4();
    let (first, second, third) =
        (uploader.upload(&film).await, uploader.upload(&film).await, uploader.upload(&film).await);
    let form = |upload: &str| {
        let form = Form::new().text("name", "Lamp").text("category_id", category.clone());
        form.text("upload_id", upload.to_owned())
    };

    let both = form(id(&first)).part("video", Part::bytes(film.clone()).file_name("film.mp4"));
    refused_for_the_upload(app.post("/products/").by(person).multipart(both).send().await);
    let made = app.post("/products/").by(person).multipart(form(id(&first))).send().await;
    let made = made.expect(201).json;
    let path = format!("/products/{}/", made["id"].as_str().unwrap());
    let edit = json!({ "upload_id": id(&second) });
    let edited = app.patch(&path).by(person).json(edit).send().await.expect(200).json;
    let replaced = app.put(&path).by(person).json(seller.body(id(&third))).send().await;
    let replaced = replaced.expect(200).json;

    assert!(edited["version"].as_i64() > made["version"].as_i64());
    assert!(replaced["version"].as_i64() > edited["version"].as_i64());
    let seen = app.processed(person, made["id"].as_str().unwrap()).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    let history = app.get(&format!("{path}moderation/")).by(person).send().await.expect(200).json;
    let uploads = history["results"].as_array().unwrap().iter();
    assert_eq!(uploads.filter(|entry| entry["type"] == "VideoUploaded").count(), 3);
    seller.uploader.app.finish().await;
}

#[tokio::test]
async fn only_ones_own_finished_upload_that_is_in_time_is_taken() {
    let seller = Seller::start().await;
    let uploader = &seller.uploader;
    let (unfinished, empty) = (uploader.create(10).await, uploader.create(0).await);
    let (late, whole) = (uploader.upload(b"bytes").await, uploader.upload(b"bytes").await);
    expire(&uploader.app, &late).await;

    for path in [&unfinished, &empty, &late] {
        refused_for_the_upload(seller.submit(id(path)).await);
    }
    refused_for_the_upload(seller.submit("nonsense").await);
    refused_for_the_upload(seller.submit("0197f0a0-0000-7000-8000-000000000000").await);
    let call = uploader.app.post("/products/").by(&seller.staff).json(seller.body(id(&whole)));
    refused_for_the_upload(call.send().await);
    assert_eq!(seller.taken_by(id(&whole)).await, None);
}

#[tokio::test]
async fn a_refused_command_leaves_the_upload_to_be_used() {
    let seller = Seller::start().await;
    let uploader = &seller.uploader;
    let path = uploader.upload(&video::mp4()).await;
    let other = seller.staff.clone();
    let others = uploader.app.product(&other, &seller.category, "Chair").await;
    let send = async |body: Value| {
        uploader.app.post("/products/").by(&uploader.person).json(body).send().await
    };
    let body = |name: &str, category: &str| json!({ "name": name, "category_id": category, "upload_id": id(&path) });

    send(body("", &seller.category)).await.expect(400);
    send(body("Lamp", "0197f0a0-0000-7000-8000-000000000000")).await.expect(400);
    let edit = uploader.app.patch(&format!("/products/{others}/")).by(&uploader.person);
    edit.json(json!({ "upload_id": id(&path) })).send().await.expect(404);

    assert_eq!(seller.taken_by(id(&path)).await, None);
    seller.submit(id(&path)).await.expect(201);
}

#[tokio::test]
async fn of_products_that_race_for_an_upload_one_gets_it() {
    let seller = Seller::start().await;
    let replica = seller.uploader.app.replica().await;
    for round in 0..5 {
        let path = seller.uploader.upload(&noise(1000, round)).await;
        let submit = |number: usize| {
            let app = &seller.uploader.app;
            let call = match number % 2 {
                0 => app.post("/products/"),
                _ => app.request_to(&replica, "POST", "/products/"),
            };
            call.by(&seller.uploader.person).json(seller.body(id(&path))).send()
        };

        let answers = futures::future::join_all((0..8).map(submit)).await;

        let (made, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        lost.into_iter().for_each(refused_for_the_upload);
    }
    seller.uploader.app.finish().await;
}

#[tokio::test]
async fn what_a_product_has_taken_is_not_taken_away() {
    let seller = Seller::start().await;
    let uploader = &seller.uploader;
    let path = uploader.upload(&video::mp4()).await;
    let made = seller.submit(id(&path)).await.expect(201);

    let answer = uploader.call("DELETE", &path).send().await;

    // Unless the video was finished just now.
    assert!(matches!(answer.status, 404 | 409), "{answer:?}");
    let product = made.json["id"].as_str().unwrap();
    let seen = uploader.app.processed(&uploader.person, product).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
}
