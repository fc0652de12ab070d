//! What has come in for one reader: no more than it can hold.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{ProductId, UserId};
use projections::News;
use tokio::sync::Notify;

/// What waits for one reader at most. A slower one is told to read the state again.
const ROOM: usize = 64;

/// Something that readers may want to know.
#[derive(Clone)]
pub(super) enum Tidings {
    /// Something happened, and stands in the log.
    News(Arc<News>),
    /// A video is being worked on, which stands nowhere.
    Progress { product: ProductId, owner: UserId, percent: u8 },
}

/// Filled by the hub, emptied by one reader.
#[derive(Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Tidings>,
    overflowed: bool,
}

/// What a reader finds.
pub(super) enum Mail {
    Nothing,
    Some(Tidings),
    /// There was too much: what had come was thrown away.
    Overflow,
}

impl Mailbox {
    pub(super) fn put(&self, tidings: Tidings) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.len() < ROOM {
            if !state.overflowed {
                state.waiting.push_back(tidings);
            }
        } else {
            *state = State { waiting: VecDeque::new(), overflowed: true };
        }
        drop(state);
        self.wake.notify_one();
    }

    /// The oldest. An overflow is reported until the reader begins again.
    pub(super) fn take(&self) -> Mail {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.waiting.pop_front() {
            _ if state.overflowed => Mail::Overflow,
            Some(tidings) => Mail::Some(tidings),
            None => Mail::Nothing,
        }
    }

    /// Begins again after an overflow.
    pub(super) fn forgive(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Has the reader look around.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns once anything was put in, or the reader was woken, since it last returned.
    pub(super) async fn stirred(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(percent: u8) -> Tidings {
        let id = uuid::Uuid::nil();
        let (product, owner) = (ProductId::from_uuid(id), UserId::from_uuid(id));
        Tidings::Progress { product, owner, percent }
    }

    fn taken(mailbox: &Mailbox) -> Result<u8, &'static str> {
        match mailbox.take() {
            Mail::Some(Tidings::Progress { percent, .. }) => Ok(percent),
            Mail::Some(Tidings::News(_)) => Err("news"),
            Mail::Nothing => Err("nothing"),
            Mail::Overflow => Err("overflow"),
        }
    }

    #[test]
    fn what_came_first_is_taken_first() {
        let mailbox = Mailbox::default();
        (1..=3).for_each(|percent| mailbox.put(progress(percent)));

        assert_eq!([(); 4].map(|()| taken(&mailbox)), [Ok(1), Ok(2), Ok(3), Err("nothing")]);
    }

    #[test]
    fn what_does_not_fit_takes_the_rest_along_until_it_is_forgiven() {
        let mailbox = Mailbox::default();
        (0..100).for_each(|percent| mailbox.put(progress(percent)));

        assert_eq!([taken(&mailbox), taken(&mailbox)], [Err("overflow"); 2]);
        mailbox.forgive();
        assert_eq!(taken(&mailbox), Err("nothing"));
        mailbox.put(progress(7));
        assert_eq!(taken(&mailbox), Ok(7));
    }
}
