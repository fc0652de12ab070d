//! What of the files somebody still refers to.

use commands::media;
use domain::UploadId;
use pool::PgPool;
use uuid::Uuid;

/// Uploads at a time.
const BATCH: i64 = 50;

/// Takes the parts from some uploads whose time has been over for a while, and gives their keys.
/// A product takes an upload only within its time, and what has taken one keeps it until its video
/// is finished, or is another.
pub(super) async fn expired(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "DELETE FROM upload_parts WHERE upload IN (
             SELECT id FROM uploads AS upload
             WHERE expires_at < now() - interval '1 minute'
             AND coalesce(lease_until, '-infinity') <= now()
             AND EXISTS (SELECT FROM upload_parts WHERE upload_parts.upload = upload.id)
             AND NOT EXISTS (
                 SELECT FROM products WHERE products.id = upload.product
                 AND video ->> 'upload' = upload.id::text AND processing_status = 'PROCESSING')
             ORDER BY expires_at LIMIT $1)
         RETURNING key",
    )
    .bind(BATCH)
    .fetch_all(pool)
    .await
}

/// Forgets uploads that expired long ago: until then their owners are told so.
pub(super) async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM uploads WHERE expires_at < now() - interval '1 day'
         AND NOT EXISTS (SELECT FROM upload_parts WHERE upload = uploads.id)",
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Those of the files that nothing refers to.
pub(super) async fn orphans(
    pool: &PgPool,
    keys: &[(UploadId, String)],
) -> Result<Vec<String>, sqlx::Error> {
    let (uploads, keys): (Vec<Uuid>, Vec<&str>) =
        keys.iter().map(|(upload, key)| (upload.uuid(), key.as_str())).unzip();
    sqlx::query_scalar(
        "SELECT key FROM (
             SELECT key, split_part(key, '/', 1) AS folder, upload
             FROM unnest($1::text[], $2::uuid[]) AS files (key, upload)
         ) AS file WHERE NOT CASE
             WHEN folder = $3 THEN
                 EXISTS (SELECT FROM upload_parts AS part
                         WHERE part.upload = file.upload AND part.key = file.key)
                 OR EXISTS (SELECT FROM uploads WHERE id = file.upload AND lease_until > now())
             WHEN folder = $4 THEN
                 EXISTS (SELECT FROM video_jobs
                         WHERE upload_id = file.upload AND lease_until > now())
             ELSE EXISTS (SELECT FROM products
                          WHERE video IS NOT NULL AND video ->> 'upload' = file.upload::text
                          AND CASE folder WHEN 'originals' THEN processing_status = 'PROCESSING'
                                          ELSE processing_status <> 'FAILED' END)
         END",
    )
    .bind(keys)
    .bind(uploads)
    .bind(media::PARTS)
    .bind(media::UNFINISHED)
    .fetch_all(pool)
    .await
}
