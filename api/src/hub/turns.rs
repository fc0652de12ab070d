//! Wakes readers a few at a time: what is told to thousands must not hold up the commands that it is about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::mailbox::Mailbox;

/// Readers that are at work at a time: a command waits for about as many, at each of its steps.
const AT_A_TIME: usize = 8;
/// One that has not looked by then does not hold up the others: its client may be slow.
const TURN_TIMEOUT: Duration = Duration::from_millis(5);

/// Those who wait to be woken.
pub(super) struct Turns {
    patience: Duration,
    waiting: Mutex<VecDeque<Arc<Mailbox>>>,
    some_wait: Notify,
}

impl Default for Turns {
    fn default() -> Self {
        Self { patience: TURN_TIMEOUT, waiting: Mutex::default(), some_wait: Notify::new() }
    }
}

impl Turns {
    /// After those who wait already.
    pub(super) fn add(&self, mailboxes: impl IntoIterator<Item = Arc<Mailbox>>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(mailboxes);
        self.some_wait.notify_one();
    }

    /// Wakes those who wait, for ever.
    pub(super) async fn run(&self) {
        loop {
            let next = self.next();
            if next.is_empty() {
                self.some_wait.notified().await;
                continue;
            }
            let (turn, mut over) = mpsc::channel(1);
            for mailbox in next {
                mailbox.give_turn(turn.clone());
            }
            drop(turn);
            // Nothing is sent: the channel closes once every reader has emptied its mailbox.
            let _late = timeout(self.patience, over.recv()).await;
        }
    }

    fn next(&self) -> Vec<Arc<Mailbox>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let some = AT_A_TIME.min(waiting.len());
        waiting.drain(..some).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use domain::{ProductId, UserId};
    use futures::FutureExt;

    use super::super::mailbox::{Mail, Notice};
    use super::*;

    fn notice() -> Notice {
        let id = uuid::Uuid::nil();
        let (product, owner) = (ProductId::from_uuid(id), UserId::from_uuid(id));
        Notice::Progress { product, owner, percent: 7 }
    }

    fn asking<const COUNT: usize>(turns: &Turns) -> [Arc<Mailbox>; COUNT] {
        let mailboxes = [(); COUNT].map(|()| Arc::<Mailbox>::default());
        for mailbox in &mailboxes {
            assert!(mailbox.put(notice()), "the first notice ask for a turn");
            assert!(!mailbox.put(notice()), "the others come along");
        }
        turns.add(mailboxes.clone());
        mailboxes
    }

    #[tokio::test]
    async fn readers_who_do_not_look_do_not_keep_the_others_from_their_turn() {
        let turns = Turns::default();
        let [.., last] = asking::<100>(&turns);

        tokio::select! {
            () = turns.run() => {}
            () = last.changed() => {}
        }

        let all = [(); 3].map(|()| matches!(last.take(), Mail::Some(_)));
        assert_eq!(all, [true, true, false]);
        assert!(last.put(notice()), "an empty mailbox asks again");
    }

    #[tokio::test]
    async fn no_more_are_woken_while_the_first_ones_are_at_work() {
        // None is given up, however slow the machine is.
        let turns = Turns { patience: Duration::MAX, ..Turns::default() };
        let mailboxes = asking::<20>(&turns);
        let woken = || mailboxes.iter().filter(|one| one.changed().now_or_never().is_some());
        let mut running = pin!(turns.run());

        assert!(running.as_mut().now_or_never().is_none());
        let first: Vec<_> = woken().collect();
        assert_eq!(first.len(), AT_A_TIME);
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(woken().count(), 0, "they are at work");

        for mailbox in first {
            while matches!(mailbox.take(), Mail::Some(_)) {}
        }
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(woken().count(), AT_A_TIME, "the next ones");
    }
}
