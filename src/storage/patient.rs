//! A storage that hangs, or is gone: nothing waits for it for ever, and nothing is put in its place.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use tokio::time::timeout;

/// Without progress: a part of a file, a piece of an answer.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// For parts to become one file, which is told of at its end only.
const COPY_TIMEOUT: Duration = Duration::from_mins(2);

/// A storage whose operations end.
#[derive(Debug)]
pub struct Patient<T> {
    pub store: T,
    /// A folder that is there for as long as the storage is.
    pub marker: Option<PathBuf>,
}

impl<T> Patient<T> {
    async fn check_is_there(&self) -> Result<()> {
        let Some(marker) = &self.marker else { return Ok(()) };
        match tokio::fs::try_exists(marker).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let source = format!("{} is gone: is its disk mounted?", marker.display()).into();
                Err(Error::Generic { store: "storage", source })
            }
            Err(source) => Err(Error::Generic { store: "storage", source: source.into() }),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Patient<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(formatter)
    }
}

async fn within<T>(patience: Duration, asked: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(patience, asked).await.unwrap_or_else(|_| Err(hangs(patience)))
}

fn hangs(patience: Duration) -> Error {
    let source = format!("no progress for {} seconds", patience.as_secs()).into();
    Error::Generic { store: "storage", source }
}

/// Ends with an error where the next piece does not come.
fn flowing<T: Send + 'static>(
    pieces: BoxStream<'static, Result<T>>,
) -> BoxStream<'static, Result<T>> {
    let next = |rest: Option<BoxStream<'static, Result<T>>>| async move {
        let mut pieces = rest?;
        match timeout(STALL_TIMEOUT, pieces.next()).await {
            Ok(Some(piece)) => Some((piece, Some(pieces))),
            Ok(None) => None,
            Err(_) => Some((Err(hangs(STALL_TIMEOUT)), None)),
        }
    };
    futures::stream::unfold(Some(pieces), next).boxed()
}

#[async_trait]
impl<T: ObjectStore> ObjectStore for Patient<T> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.check_is_there().await?;
        within(STALL_TIMEOUT, self.store.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check_is_there().await?;
        let begun = within(STALL_TIMEOUT, self.store.put_multipart_opts(location, options)).await?;
        Ok(Box::new(PatientUpload(begun)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check_is_there().await?;
        let mut found = within(STALL_TIMEOUT, self.store.get_opts(location, options)).await?;
        found.payload = match found.payload {
            GetResultPayload::Stream(pieces) => GetResultPayload::Stream(flowing(pieces)),
            file @ GetResultPayload::File(..) => file,
        };
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        flowing(self.store.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        flowing(self.store.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        within(STALL_TIMEOUT, self.store.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check_is_there().await?;
        within(COPY_TIMEOUT, self.store.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct PatientUpload(Box<dyn MultipartUpload>);

#[async_trait]
impl MultipartUpload for PatientUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        within(STALL_TIMEOUT, self.0.put_part(data)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        within(COPY_TIMEOUT, self.0.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        within(STALL_TIMEOUT, self.0.abort()).await
    }
}
