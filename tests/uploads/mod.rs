//! Resumable uploads (tus 1.0.0), by hand, by clients that others wrote, and under faults.

mod bucket;
mod checksums;
mod clients;
mod creation;
mod cutter;
mod products;
mod protocol;
mod soak;
mod sweeping;
mod takeover;

use domain::Role;
use pool::PgPool;
use sha2::{Digest, Sha256};

use crate::support::{Answer, Call, Person, TestApp};

const OCTETS: &str = "application/offset+octet-stream";

/// Somebody who uploads.
struct Uploader {
    app: TestApp,
    person: Person,
}

impl Uploader {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::of(TestApp::start_with(variables).await).await
    }

    async fn of(app: TestApp) -> Self {
        let person = app.user(Role::EndUser).await;
        Self { app, person }
    }

    /// A request that speaks tus.
    fn call(&self, method: &str, path: &str) -> Call {
        self.app.request(method, path).by(&self.person).header("Tus-Resumable", "1.0.0")
    }

    /// The path of a new upload.
    async fn create(&self, length: usize) -> String {
        let call = self.call("POST", "/uploads/").header("Upload-Length", &length.to_string());
        location(&call.send().await)
    }

    /// One that has all of its bytes.
    async fn upload(&self, bytes: &[u8]) -> String {
        let path = self.create(bytes.len()).await;
        self.patch(&path, 0, bytes).await.expect(204);
        path
    }

    fn patching(&self, path: &str, offset: usize, bytes: &[u8]) -> Call {
        let call = self.call("PATCH", path).header("Upload-Offset", &offset.to_string());
        call.body(bytes.to_vec(), OCTETS)
    }

    async fn patch(&self, path: &str, offset: usize, bytes: &[u8]) -> Answer {
        self.patching(path, offset, bytes).send().await
    }

    async fn head(&self, path: &str) -> Answer {
        self.call("HEAD", path).send().await
    }

    /// How many bytes it has.
    async fn offset(&self, path: &str) -> usize {
        let answer = self.head(path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("upload-offset").parse().unwrap()
    }

    /// The bytes of a request's beginning, for a connection of one's own.
    fn raw_patch(&self, path: &str, offset: usize, length: usize) -> String {
        format!(
            "PATCH {path} HTTP/1.1\r\nHost: vetted.example\r\nAuthorization: Bearer {}\r\n\
             Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\nContent-Type: {OCTETS}\r\n\
             Content-Length: {length}\r\n\r\n",
            self.person.access
        )
    }
}

/// Where what was made is.
#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    let location = answer.header("location").to_owned();
    assert!(location.starts_with("/uploads/") && location.ends_with('/'), "{location}");
    location
}

/// What names it in a body.
fn id(path: &str) -> &str {
    path.trim_matches('/').rsplit('/').next().unwrap()
}

/// What the program took the bytes' SHA-256 to be, once they are all there.
async fn recorded_hash(pool: &PgPool, path: &str) -> Option<String> {
    let hash = "SELECT sha256 FROM uploads WHERE id = $1::uuid";
    sqlx::query_scalar(hash).bind(id(path)).fetch_one(pool).await.unwrap()
}

/// The keys of its parts, in the order of their bytes.
async fn parts(pool: &PgPool, path: &str) -> Vec<String> {
    let keys = "SELECT key FROM upload_parts WHERE upload = $1::uuid ORDER BY start";
    sqlx::query_scalar(keys).bind(id(path)).fetch_all(pool).await.unwrap()
}

/// The SHA-256 of the bytes that are in storage, read part by part.
async fn stored_hash(app: &TestApp, path: &str) -> String {
    let mut hash = Sha256::new();
    for key in parts(&app.pool(), path).await {
        hash.update(std::fs::read(app.data_dir().join("media").join(key)).unwrap());
    }
    hex::encode(hash.finalize())
}

/// Both have to be the SHA-256 of these bytes.
async fn arrived(app: &TestApp, path: &str, bytes: &[u8]) {
    let expected = hex::encode(Sha256::digest(bytes));
    assert_eq!(recorded_hash(&app.pool(), path).await.as_ref(), Some(&expected), "{path}");
    assert_eq!(stored_hash(app, path).await, expected, "{path}");
}

/// Bytes that no two places and no two seeds share, and the same each time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    use rand::{RngExt, SeedableRng};
    let mut block = vec![0; 64 << 10];
    rand::rngs::StdRng::seed_from_u64(seed).fill(block.as_mut_slice());
    let mut bytes = block.repeat(length.div_ceil(block.len()));
    for (number, block) in bytes.chunks_mut(block.len()).enumerate() {
        block[..8].copy_from_slice(&number.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The files in storage.
fn stored(app: &TestApp) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    let mut folders = vec![app.data_dir().join("media")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let is_of_erasures = path.ends_with("media/erasures");
            if path.is_dir() && !is_of_erasures {
                folders.push(path);
            } else if !path.is_dir() {
                found.push(path);
            }
        }
    }
    found
}

/// Its time is over.
async fn expire(app: &TestApp, path: &str) {
    let expire = "UPDATE uploads SET expires_at = now() - interval '2 minutes' WHERE id = $1::uuid";
    sqlx::query(expire).bind(id(path)).execute(&app.pool()).await.unwrap();
}
