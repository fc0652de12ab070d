//! Follows the log for all the readers of a process, and hands what happened to those whom it concerns.
//! Each has a `mailbox.rs`, and is woken when it is its turn (`turns.rs`).

mod mailbox;
mod turns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use commands::Commands;
use domain::product::ProcessingStatus;
use domain::{ProductId, UploadId, UserId};
use futures::StreamExt;
use futures::stream::BoxStream;
use log::OpenPersonal;
use pool::PgPool;
use projections::{News, Products, ReadError, RowVideo, Scope, Timeline};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use mailbox::Mailbox;
pub(crate) use mailbox::{Mail, Notice};
use turns::Turns;

/// Streams of one person: some windows on some devices.
pub(crate) const MAX_PER_USER: usize = 20;
/// Streams of one process, which has 10,000 connections for all there is.
const MAX_TOTAL: usize = 5_000;
/// Events of one read.
const BATCH: i64 = 500;
/// Before the log is read again where that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A worker said how far it is with a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoProgress {
    /// Whose video.
    pub product: ProductId,
    /// Of the uploads that a product may have had, this one.
    pub upload: UploadId,
    /// 0 to 100.
    pub percent: u8,
}

/// What happens, for those who watch. One per process; cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Hub>);

struct Hub {
    commands: Commands,
    pool: PgPool,
    personal: Arc<dyn OpenPersonal>,
    shutdown: CancellationToken,
    readers: Mutex<Readers>,
    turns: Turns,
}

/// Who reads what. Held for moments, also while notice are handed out: a reader who subscribes knows
/// from which position on they get everything.
struct Readers {
    /// Everything up to here has been handed out.
    told: i64,
    by_scope: HashMap<Scope, Vec<Arc<Mailbox>>>,
    by_user: HashMap<UserId, Vec<Arc<Mailbox>>>,
    seats: usize,
}

/// A reader's place, which is given up with the value.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    user: UserId,
    scope: Scope,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// Why a reader gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// The process has as many readers as it may have.
    Full,
    /// The person has [`MAX_PER_USER`] already.
    TooMany,
}

impl Live {
    /// Nobody reads yet. The log must be followed already: what came before is of no concern.
    pub fn new(
        commands: Commands,
        pool: PgPool,
        personal: Arc<dyn OpenPersonal>,
        shutdown: CancellationToken,
    ) -> Self {
        let readers = Readers {
            told: *commands.followed().borrow(),
            by_scope: HashMap::new(),
            by_user: HashMap::new(),
            seats: 0,
        };
        let (readers, turns) = (Mutex::new(readers), Turns::default());
        Self(Arc::new(Hub { commands, pool, personal, shutdown, readers, turns }))
    }

    /// Hands out what happens, until told to end.
    pub async fn run(self, progress: BoxStream<'static, VideoProgress>) {
        let hub = self.0;
        let work =
            async { tokio::join!(hub.hand_out(progress), hub.wake_ended(), hub.turns.run()) };
        hub.shutdown.run_until_cancelled(work).await;
    }

    /// When streams have to end.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// A place for a reader, and the position from which on everything will come to it.
    pub(crate) fn seat(&self, user: UserId, scope: Scope) -> Result<(Seat, i64), NoSeat> {
        let mut readers = self.0.readers();
        if readers.seats >= MAX_TOTAL {
            return Err(NoSeat::Full);
        }
        if readers.by_user.get(&user).is_some_and(|own| own.len() >= MAX_PER_USER) {
            return Err(NoSeat::TooMany);
        }
        let mailbox = Arc::new(Mailbox::default());
        readers.by_user.entry(user).or_default().push(Arc::clone(&mailbox));
        readers.by_scope.entry(scope).or_default().push(Arc::clone(&mailbox));
        readers.seats += 1;
        metrics::gauge!("vetted_live_streams").increment(1);
        let told = readers.told;
        drop(readers);
        Ok((Seat { hub: Arc::clone(&self.0), user, scope, mailbox }, told))
    }
}

impl Seat {
    /// Begins again after an overflow; gives the position from which on everything will come.
    pub(crate) fn begin_again(&self) -> i64 {
        let readers = self.hub.readers();
        self.mailbox.reset();
        readers.told
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut readers = self.hub.readers();
        remove(&mut readers.by_user, &self.user, &self.mailbox);
        remove(&mut readers.by_scope, &self.scope, &self.mailbox);
        readers.seats -= 1;
        metrics::gauge!("vetted_live_streams").decrement(1);
    }
}

fn remove<K: std::hash::Hash + Eq>(
    mailboxes: &mut HashMap<K, Vec<Arc<Mailbox>>>,
    key: &K,
    mailbox: &Arc<Mailbox>,
) {
    if let Some(same) = mailboxes.get_mut(key) {
        same.retain(|other| !Arc::ptr_eq(other, mailbox));
        if same.is_empty() {
            mailboxes.remove(key);
        }
    }
}

impl Readers {
    /// Those who have to be woken for it.
    fn hand(&self, product: ProductId, owner: UserId, notice: &Notice) -> Vec<Arc<Mailbox>> {
        let scopes = [Scope::One(product), Scope::OwnedBy(owner), Scope::All];
        let concerned = scopes.iter().filter_map(|scope| self.by_scope.get(scope)).flatten();
        concerned.filter(|mailbox| mailbox.put(notice.clone())).cloned().collect()
    }
}

impl Hub {
    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other, so that no percentage follows the end of its video.
    async fn hand_out(&self, progress: BoxStream<'static, VideoProgress>) {
        let mut followed = self.commands.followed();
        followed.mark_changed();
        let mut progress = progress.fuse();
        loop {
            let done = tokio::select! {
                Ok(()) = followed.changed() => {
                    let head = *followed.borrow_and_update();
                    self.hand_out_up_to(head).await
                }
                Some(progress) = progress.next() => self.hand_out_progress(progress).await,
                else => return,
            };
            if let Err(error) = done {
                tracing::warn!("what happens is not handed out for now: {error}");
                followed.mark_changed();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn hand_out_up_to(&self, head: i64) -> Result<(), ReadError> {
        while let Some(told) = self.behind(head) {
            let timeline = Timeline { pool: &self.pool, personal: &*self.personal };
            let news = timeline.news(Scope::All, (told, head), BATCH).await?;
            let is_full = i64::try_from(news.len()).unwrap_or(0) == BATCH;
            let up_to = news.last().filter(|_| is_full).map_or(head, |last| last.position);
            self.hand(news, up_to);
        }
        Ok(())
    }

    /// From where on there is something to hand out, if anybody reads.
    fn behind(&self, head: i64) -> Option<i64> {
        let mut readers = self.readers();
        if readers.seats == 0 {
            readers.told = readers.told.max(head);
        }
        (readers.told < head).then_some(readers.told)
    }

    fn hand(&self, news: Vec<News>, up_to: i64) {
        let mut readers = self.readers();
        for news in news {
            let (product, owner) = (news.view.row.id, news.view.row.owner_id);
            self.turns.add(readers.hand(product, owner, &Notice::News(Arc::new(news))));
        }
        readers.told = up_to;
    }

    /// Only for as long as the product waits for that very upload.
    async fn hand_out_progress(&self, progress: VideoProgress) -> Result<(), ReadError> {
        if self.readers().seats == 0 {
            return Ok(());
        }
        let VideoProgress { product, upload, percent } = progress;
        let views = Products(self.pool.clone()).all_of(&[product]).await?;
        let Some(row) = views.into_iter().map(|view| view.row).next() else { return Ok(()) };
        let waits = row.processing_status == ProcessingStatus::Processing && !row.deleted;
        let is_meant = |video: &RowVideo| match video {
            RowVideo::Uploaded(video) => video.upload == upload,
            RowVideo::Finished(_) => false,
        };
        if waits && row.video.is_some_and(|video| is_meant(&video.0)) {
            let owner = row.owner_id;
            let notice = Notice::Progress { product, owner, percent };
            self.turns.add(self.readers().hand(product, owner, &notice));
        }
        Ok(())
    }

    /// Has those look around whose tokens may have ended.
    async fn wake_ended(&self) {
        let mut ended = self.commands.ended();
        loop {
            let woken = match ended.recv().await {
                Ok(user) => self.readers().by_user.get(&user).cloned().unwrap_or_default(),
                Err(RecvError::Lagged(_)) => {
                    self.readers().by_user.values().flatten().cloned().collect()
                }
                Err(RecvError::Closed) => return,
            };
            for mailbox in woken {
                mailbox.wake();
            }
        }
    }
}
