//! What has come in for one reader: no more than it can hold.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{ProductId, UserId};
use projections::News;
use tokio::sync::{Notify, mpsc};

/// What waits for one reader at most. A slower one is told to read the state again.
const ROOM: usize = 128;

/// Something that readers may want to know.
#[derive(Clone)]
pub(crate) enum Notice {
    /// Something happened, and stands in the log.
    News(Arc<News>),
    /// A video is being worked on, which stands nowhere.
    Progress { product: ProductId, owner: UserId, percent: u8 },
}

/// Filled by the hub, emptied by one reader.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Notice>,
    overflowed: bool,
    turn: Turn,
}

/// Whether the reader was woken for what is there.
#[derive(Default)]
enum Turn {
    /// Nothing has come since the reader last looked.
    #[default]
    None,
    /// It is to be woken.
    Asked,
    /// It is at work; dropped when it is done.
    Given { _until_done: mpsc::Sender<()> },
}

/// What a reader finds.
pub(crate) enum Mail {
    Nothing,
    Some(Notice),
    /// There was too much: what had come was thrown away.
    Overflow,
}

impl Mailbox {
    /// Whether the reader has to be given a turn for it.
    pub(crate) fn put(&self, notice: Notice) -> bool {
        let mut state = self.state();
        if state.waiting.len() >= ROOM {
            state.waiting.clear();
            state.overflowed = true;
        } else if !state.overflowed {
            state.waiting.push_back(notice);
        }
        let asks = matches!(state.turn, Turn::None);
        if asks {
            state.turn = Turn::Asked;
        }
        asks
    }

    /// Wakes the reader, who drops this when there is nothing left.
    pub(crate) fn give_turn(&self, until_done: mpsc::Sender<()>) {
        self.state().turn = Turn::Given { _until_done: until_done };
        self.wake.notify_one();
    }

    /// The oldest. An overflow is reported until the reader begins again.
    pub(crate) fn take(&self) -> Mail {
        let mut state = self.state();
        match state.waiting.pop_front() {
            _ if state.overflowed => Mail::Overflow,
            Some(notice) => Mail::Some(notice),
            None => {
                if matches!(state.turn, Turn::Given { .. }) {
                    state.turn = Turn::None;
                }
                Mail::Nothing
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins again after an overflow.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.overflowed = false;
    }

    /// Has the reader look around.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns once anything was put in, or the reader was woken, since it last returned.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(percent: u8) -> Notice {
        let id = uuid::Uuid::nil();
        let (product, owner) = (ProductId::from_uuid(id), UserId::from_uuid(id));
        Notice::Progress { product, owner, percent }
    }

    fn taken(mailbox: &Mailbox) -> Result<u8, &'static str> {
        match mailbox.take() {
            Mail::Some(Notice::Progress { percent, .. }) => Ok(percent),
            Mail::Some(Notice::News(_)) => Err("news"),
            Mail::Nothing => Err("nothing"),
            Mail::Overflow => Err("overflow"),
        }
    }

    #[test]
    fn what_came_first_is_taken_first() {
        let mailbox = Mailbox::default();
        for percent in 1..=3 {
            mailbox.put(progress(percent));
        }

        assert_eq!([(); 4].map(|()| taken(&mailbox)), [Ok(1), Ok(2), Ok(3), Err("nothing")]);
    }

    #[test]
    fn what_does_not_fit_takes_the_rest_along_until_it_is_forgiven() {
        let mailbox = Mailbox::default();
        for _ in 0..=ROOM {
            mailbox.put(progress(1));
        }

        assert_eq!([taken(&mailbox), taken(&mailbox)], [Err("overflow"); 2]);
        mailbox.reset();
        assert_eq!(taken(&mailbox), Err("nothing"));
        mailbox.put(progress(7));
        assert_eq!(taken(&mailbox), Ok(7));
    }
}
