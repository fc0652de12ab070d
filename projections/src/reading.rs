//! Another task that hands on what it reads.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::RebuildError;

/// Events, or rows, that are handed on together.
pub(crate) const BATCH: usize = 2_000;
/// Batches that wait to be taken: enough for both sides to be at work.
pub(crate) const AHEAD: usize = 4;

/// How a task ends that works beside another.
pub(crate) type Ended = Result<(), RebuildError>;

/// Batches that a task reads.
pub(crate) struct Reading<T> {
    batches: mpsc::Receiver<Vec<T>>,
    task: Option<JoinHandle<Ended>>,
}

impl<T> Reading<T> {
    /// `read` sends until it is through, or nobody takes any more.
    pub(crate) fn start<R: Future<Output = Ended> + Send + 'static>(
        read: impl FnOnce(mpsc::Sender<Vec<T>>) -> R,
    ) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        Self { batches, task: Some(tokio::spawn(read(sender))) }
    }

    /// The next batch; none any more once the task is through. One that failed is not through.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<T>>, RebuildError> {
        if let Some(batch) = self.batches.recv().await {
            return Ok(Some(batch));
        }
        match self.task.take() {
            Some(task) => ended(task).await.map(|()| None),
            None => Ok(None),
        }
    }
}

/// Waits for a task; one that panicked has failed.
pub(crate) async fn ended(task: JoinHandle<Ended>) -> Ended {
    task.await.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_is_not_taken_for_one_that_is_through() {
        let mut through = Reading::start(async |sender| {
            sender.send(vec![1, 2]).await.map_err(|_| RebuildError::Running)
        });
        let mut failed = Reading::<i32>::start(async |_| Err(RebuildError::Running));
        let mut panicked = Reading::<i32>::start(async |_| panic!("as a fault would have it"));

        assert_eq!(through.next().await.unwrap(), Some(vec![1, 2]));
        assert_eq!(through.next().await.unwrap(), None);
        assert_eq!(through.next().await.unwrap(), None);
        assert!(matches!(failed.next().await, Err(RebuildError::Running)));
        assert!(matches!(panicked.next().await, Err(RebuildError::Database(_))));
    }
}
