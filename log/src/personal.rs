//! Personal data in the log, which is sealed there: the keys open it for the folds.

use async_trait::async_trait;
use domain::Recorded;

use crate::BoxedError;

/// Makes personal data in events readable; of persons who were erased nothing comes back.
#[async_trait]
pub trait OpenPersonal: Send + Sync {
    /// Opens what the events hold.
    async fn open(&self, recorded: &mut [Recorded]) -> Result<(), BoxedError>;
}

/// For a log in which nothing is sealed.
#[async_trait]
impl OpenPersonal for () {
    async fn open(&self, _: &mut [Recorded]) -> Result<(), BoxedError> {
        Ok(())
    }
}
