//! The row that says who finishes a product's video, and how far they are.

use std::time::Duration;

use domain::{ProductId, UploadId};
use pool::{Lease, Leased, PgPool, interval};
use tokio::sync::watch;
use uuid::Uuid;

use super::announce::{Announcer, VideoProgress};

/// How long nobody else is expected to be at it.
pub(super) const LEASE: Duration = Duration::from_secs(30);
const JOBS: Leased = Leased { table: "video_jobs", key: "product_id", until: "lease_until" };
/// Progress is told twice a second at most.
const PAUSE: Duration = Duration::from_millis(500);

/// One try at one video. A later try, or one at a video that replaced this, has a higher fence,
/// and from then on this one changes nothing.
#[derive(Clone, Debug)]
pub(super) struct Job {
    lease: Lease<Uuid>,
    product: ProductId,
    upload: UploadId,
}

impl Job {
    /// Takes the job over from another worker: the subscriber's claim decides who may try.
    pub(super) async fn begin(
        pool: &PgPool,
        product: ProductId,
        upload: UploadId,
    ) -> Result<Self, sqlx::Error> {
        let fence = sqlx::query_scalar(
            "INSERT INTO video_jobs AS job (product_id, upload_id, fence, lease_until, attempts) \
             VALUES ($1, $2, 1, now() + $3, 1) ON CONFLICT (product_id) DO UPDATE SET \
             upload_id = excluded.upload_id, fence = job.fence + 1, \
             lease_until = excluded.lease_until, progress = 0, updated_at = now(), \
             attempts = CASE WHEN job.upload_id = excluded.upload_id THEN job.attempts + 1 ELSE 1 END \
             RETURNING fence",
        )
        .bind(product.uuid())
        .bind(upload.uuid())
        .bind(interval(LEASE))
        .fetch_one(pool)
        .await?;
        let lease = Lease::new(pool.clone(), &JOBS, product.uuid(), fence, LEASE);
        Ok(Self { lease, product, upload })
    }

    /// Tells this try from others.
    pub(super) const fn fence(&self) -> i64 {
        self.lease.fence()
    }

    /// Keeps the lease, and tells progress as it comes; returns when the job was taken over.
    pub(super) async fn keep(&self, progress: watch::Receiver<u8>, announcer: &Announcer) {
        tokio::select! {
            () = self.lease.keep() => {}
            () = self.tell(progress, announcer) => {}
        }
    }

    async fn tell(&self, mut progress: watch::Receiver<u8>, announcer: &Announcer) {
        while progress.changed().await.is_ok() {
            let percent = *progress.borrow_and_update();
            match self.advance(percent).await {
                Ok(true) => {
                    let (product, upload) = (self.product, self.upload);
                    announcer.tell(VideoProgress { product, upload, percent }).await;
                }
                Ok(false) => return,
                // The next one may get through; without a database nothing can be finished anyway.
                Err(error) => tracing::warn!(product = %self.product, %error, "progress is lost"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        // The media are done; the lease is kept meanwhile.
        std::future::pending::<()>().await;
    }

    /// Writes progress down. Whether the job still is ours.
    pub(super) async fn advance(&self, percent: u8) -> Result<bool, sqlx::Error> {
        let update = sqlx::query(
            "UPDATE video_jobs SET progress = greatest(progress, $3), updated_at = now() \
             WHERE product_id = $1 AND fence = $2",
        )
        .bind(self.product.uuid())
        .bind(self.fence())
        .bind(i16::from(percent.min(100)));
        Ok(update.execute(self.lease.pool()).await?.rows_affected() == 1)
    }
}

/// Removes the job of a video that is done with, one way or the other.
pub(super) async fn end(
    pool: &PgPool,
    product: ProductId,
    upload: UploadId,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM video_jobs WHERE product_id = $1 AND upload_id = $2")
        .bind(product.uuid())
        .bind(upload.uuid())
        .execute(pool)
        .await
        .map(drop)
}
