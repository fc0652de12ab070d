//! The subscriber that finishes uploaded videos, each exactly once in effect.
//!
//! The subscriber's claim lets one worker at a time try; the job's fence keeps one that was
//! presumed dead from changing anything; results get their lasting names only under the fence; and
//! the command counts only while the product still waits for that very upload.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use commands::{CommandError, Commands, Context, media as keys};
use domain::product::{
    FinishedVideo, Product, ProductEvent, ProductEventType, UploadedVideo, Video,
};
use domain::{
    Event, EventType, ProductId, Recorded, RefusalKind, RequestId, SystemActor, UploadId,
};
use object_store::ObjectStore;
use object_store::path::Path as Key;
use pool::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use super::announce::Announcer;
use super::job::{self, Job};
use super::media::{self, Failure, Finalized};
use super::readiness::Needs;
use super::scan::ScanError;
use super::scratch::WorkFolder;
use super::storage::{Storage, StorageError};
use crate::subscriber::{Failed, Handler};

/// Its name among subscribers and tasks.
pub(crate) const NAME: &str = "video-finalizer";

const EVENTS: [EventType; 1] = [EventType::Product(ProductEventType::VideoUploaded)];

/// Finishes videos.
pub(crate) struct Finalizer {
    pool: PgPool,
    commands: Commands,
    storage: Storage,
    needs: Arc<Needs>,
    announcer: Announcer,
}

/// Where a product stands towards one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// It waits for the result.
    Waits,
    /// It shows the result.
    Shows,
    /// The upload can't be shown, was replaced, or the product is gone.
    Dropped,
}

impl Finalizer {
    pub(crate) fn new(
        pool: PgPool,
        commands: Commands,
        media: Arc<dyn ObjectStore>,
        needs: Arc<Needs>,
        announcer: Announcer,
    ) -> Self {
        let storage = Storage::new(media, pool.clone());
        Self { pool, commands, storage, needs, announcer }
    }

    async fn finish(&self, product: ProductId, video: &UploadedVideo) -> Result<(), Failed> {
        if self.stand(product, video.upload).await? == Stand::Waits {
            let job = Job::begin(&self.pool, product, video.upload).await.map_err(database)?;
            let (progress, told) = watch::channel(0);
            tokio::select! {
                tried = self.try_to(&job, product, video, progress) => tried?,
                () = job.keep(told, &self.announcer) => {
                    return Err(Failed::Transient("another worker took over".to_owned()));
                }
            }
        }
        self.clean_up(product, video.upload).await
    }

    async fn try_to(
        &self,
        job: &Job,
        product: ProductId,
        video: &UploadedVideo,
        progress: watch::Sender<u8>,
    ) -> Result<(), Failed> {
        let work = WorkFolder::make(&self.needs.scratch).map_err(|error| {
            self.needs.doubt.notify_one();
            moving(error.into())
        })?;
        let input = work.path().join("original");
        self.storage.fetch(video, &input).await.map_err(moving)?;
        if let Some(found) = self.scan(&input).await? {
            return self.command_fail(product, video.upload, infected(&found)).await;
        }
        let report = |percent| {
            progress.send_replace(percent);
        };
        match media::finalize(&input, work.path(), &self.needs.limits, report).await {
            Ok(finished) => {
                self.publish(job, video.upload, &finished).await?;
                self.command_finish(product, video.upload, finished).await
            }
            Err(Failure::Rejected(reason)) => {
                self.command_fail(product, video.upload, reason.to_string()).await
            }
            Err(Failure::Tool(error)) => {
                self.needs.doubt.notify_one();
                Err(Failed::Transient(format!("a tool: {error}")))
            }
        }
    }

    async fn scan(&self, input: &Path) -> Result<Option<String>, Failed> {
        let Some(scanner) = &self.needs.scanner else { return Ok(None) };
        scanner.scan(input).await.map_err(|error| {
            self.needs.doubt.notify_one();
            match error {
                ScanError::Unreachable(_) => Failed::Outage(error.to_string()),
                ScanError::Refused(_) | ScanError::TooSlow => Failed::Transient(error.to_string()),
            }
        })
    }

    /// Puts the results where they will be looked for. Two workers that both believe in their
    /// claim write the same bytes there, and only one of them holds the fence.
    async fn publish(&self, job: &Job, upload: UploadId, done: &Finalized) -> Result<(), Failed> {
        let files = [
            (&done.video, keys::video(upload, &done.content_type)),
            (&done.poster, keys::poster(upload)),
        ];
        let sprite = done.sprite.iter().flat_map(|sprite| {
            [(&sprite.picture, keys::sprite(upload)), (&sprite.cues, keys::thumbnails(upload))]
        });
        for (file, key) in files.into_iter().chain(sprite) {
            self.publish_one(job, file, &key).await?;
        }
        Ok(())
    }

    async fn publish_one(&self, job: &Job, file: &Path, key: &str) -> Result<(), Failed> {
        let temporary = Key::from(format!("{}/{}/{key}", keys::UNFINISHED, job.fence()));
        self.storage.put(file, &temporary).await.map_err(moving)?;
        if job.advance(100).await.map_err(database)? {
            return self.storage.rename(&temporary, &Key::from(key)).await.map_err(moving);
        }
        self.storage.delete(&temporary).await.map_err(moving)?;
        Err(Failed::Transient("another worker took over".to_owned()))
    }

    async fn command_finish(
        &self,
        product: ProductId,
        upload: UploadId,
        done: Finalized,
    ) -> Result<(), Failed> {
        let video = FinishedVideo {
            upload,
            size: i64::try_from(done.size).unwrap_or(i64::MAX),
            sha256: done.sha256,
            content_type: done.content_type,
            duration_ms: done.duration_ms,
            width: done.width,
            height: done.height,
        };
        let commanded = self.commands.finish_video(&context(), product, video).await;
        unless_gone(commanded.map(drop))
    }

    async fn command_fail(
        &self,
        product: ProductId,
        upload: UploadId,
        reason: String,
    ) -> Result<(), Failed> {
        let commanded = self.commands.fail_video(&context(), product, upload, reason).await;
        unless_gone(commanded.map(drop))
    }

    /// Removes what nobody will ask for again. Runs after every outcome, also one that an earlier
    /// try reached without coming this far.
    async fn clean_up(&self, product: ProductId, upload: UploadId) -> Result<(), Failed> {
        match self.stand(product, upload).await? {
            Stand::Waits => return Err(Failed::Transient("the product still waits".to_owned())),
            Stand::Shows => {}
            Stand::Dropped => self.storage.delete_results(upload).await.map_err(moving)?,
        }
        self.storage.delete_original(upload).await.map_err(moving)?;
        self.storage.delete_unfinished(upload).await.map_err(moving)?;
        job::end(&self.pool, product, upload).await.map_err(database)
    }

    async fn stand(&self, product: ProductId, upload: UploadId) -> Result<Stand, Failed> {
        let product = self.commands.load::<Product>(product).await?;
        Ok(match product.listing().and_then(|listing| listing.video.as_ref()) {
            Some(Video::Uploaded(video)) if video.upload == upload => Stand::Waits,
            Some(Video::Finished(video)) if video.upload == upload => Stand::Shows,
            Some(Video::Uploaded(_) | Video::Finished(_) | Video::Failed { .. }) | None => {
                Stand::Dropped
            }
        })
    }
}

#[async_trait]
impl Handler for Finalizer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn events(&self) -> &'static [EventType] {
        &EVENTS
    }

    async fn handle(&self, event: &Recorded) -> Result<(), Failed> {
        let Event::Product(ProductEvent::VideoUploaded { video }) = &event.event else {
            return Ok(());
        };
        self.finish(ProductId::from_uuid(event.stream.id), video).await
    }
}

fn context() -> Context {
    Context::system(SystemActor::VideoFinalizer, RequestId::from_uuid(Uuid::now_v7()))
}

/// A product that was deleted meanwhile needs no video.
fn unless_gone(commanded: Result<(), CommandError>) -> Result<(), Failed> {
    match commanded {
        Err(CommandError::Refused(refusal)) if refusal.kind == RefusalKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

fn infected(found: &str) -> String {
    format!("The file is not accepted: a virus scanner found {found} in it.")
}

fn moving(error: StorageError) -> Failed {
    failed(&error, error.to_string())
}

fn database(error: sqlx::Error) -> Failed {
    failed(&error, format!("the database: {error}"))
}

/// What passes by itself is not held against a video.
fn failed(error: &(dyn std::error::Error + 'static), told: String) -> Failed {
    if commands::is_outage(error) { Failed::Outage(told) } else { Failed::Transient(told) }
}
