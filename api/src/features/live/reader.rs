//! One stream: first the events that the client missed, then new ones, until its token or link expires.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use futures::{Stream, StreamExt};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use identity::Standing;
use projections::{News, Product, Scope, Visibility};
use rand::RngExt;
use tokio::time::Instant;

use super::event::LiveEvent;
use crate::App;
use crate::access::caller::Caller;
use crate::features::media_links::Links;
use crate::http::list::List;
use crate::http::payload::Recipient;
use crate::http::problem::Problem;
use crate::hub::{MAX_PER_USER, Mail, NoSeat, Notice, Seat};

/// Events of what was missed that are read at once.
const PAGE: i64 = 100;
/// When a client whose stream was cut may come again: not all at once.
const RETRY_MILLIS: std::ops::Range<u64> = 1_000..4_000;

/// One stream.
pub(super) struct Reader {
    app: App,
    seat: Seat,
    standing: Standing,
    visibility: Visibility,
    scope: Scope,
    links: Links,
    recipient: Recipient,
    deadline: Instant,
    /// What happened up to here has been sent, or is of no concern.
    sent: i64,
    /// What happened up to here does not come by the mailbox, everything after it does.
    caught_up: i64,
    ready: VecDeque<(Option<i64>, LiveEvent)>,
    over: bool,
}

impl Reader {
    /// For a caller whom there is room for.
    pub(super) fn admitted(
        app: &App,
        caller: &Caller,
        scope: Scope,
        recipient: Recipient,
    ) -> Result<Self, Problem> {
        let standing = caller.standing.ok_or_else(Problem::not_signed_in)?;
        let (seat, caught_up) = app.live.seat(caller.user, scope).map_err(no_seat)?;
        Ok(Self {
            app: app.clone(),
            seat,
            standing,
            visibility: Visibility::of(caller.actor),
            scope,
            links: Links::of(app, caller),
            recipient,
            deadline: Instant::now() + standing.left(),
            sent: caught_up,
            caught_up,
            ready: VecDeque::new(),
            over: false,
        })
    }

    /// Whatever happens after this position comes by itself.
    pub(super) const fn caught_up(&self) -> i64 {
        self.caught_up
    }

    /// Begins with the current state, as of that position.
    pub(super) fn begin(&mut self, position: i64, list: List<Product>) {
        self.sent = position;
        self.ready.push_back((Some(position), LiveEvent::snapshot(list)));
    }

    /// Begins after that position.
    pub(super) const fn resume(&mut self, position: i64) {
        self.sent = position;
    }

    /// Goes on after that position, with the word that what came before is missing.
    pub(super) fn lost(&mut self, position: i64) {
        metrics::counter!("vetted_live_resyncs_total").increment(1);
        self.sent = position;
        self.ready.push_back((Some(position), LiveEvent::resync()));
    }

    /// The events, as they are sent.
    pub(super) fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        let pause = Duration::from_millis(rand::rng().random_range(RETRY_MILLIS));
        let opening = Event::default().retry(pause);
        let events = futures::stream::unfold(self, |mut reader| async {
            reader.event().await.map(|event| (Ok(event), reader))
        });
        futures::stream::iter([Ok(opening)]).chain(events)
    }

    /// The next event; `None` ends the stream.
    async fn event(&mut self) -> Option<Event> {
        loop {
            // Asked before each: nothing is sent to whom it may no longer be sent.
            let ends = self.app.live.shutdown().is_cancelled();
            if ends || !self.app.commands.stands(&self.standing) {
                return None;
            }
            if let Some((id, event)) = self.ready.pop_front() {
                return event.written(id, &self.recipient);
            }
            if self.over {
                return None;
            }
            if self.sent < self.caught_up {
                self.read_missed().await?;
                continue;
            }
            match self.seat.mailbox.take() {
                Mail::Some(notice) => self.take(notice),
                Mail::Overflow => {
                    let position = self.seat.begin_again();
                    self.lost(position);
                }
                Mail::Nothing => {
                    tokio::select! {
                        () = self.app.live.shutdown().cancelled() => return None,
                        () = tokio::time::sleep_until(self.deadline) => return None,
                        () = self.seat.mailbox.changed() => {}
                    }
                }
            }
        }
    }

    /// Reads on from the log. A stream that can't ends: its client comes again.
    async fn read_missed(&mut self) -> Option<()> {
        let between = (self.sent, self.caught_up);
        let read = self.app.timeline().news(self.scope, between, PAGE).await;
        let missed = read.map_err(|error| Problem::fault(&error)).ok()?;
        let is_full = i64::try_from(missed.len()).unwrap_or(0) == PAGE;
        for news in missed {
            self.tell(&news);
        }
        if !is_full {
            self.sent = self.caught_up;
        }
        Some(())
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::News(news) => self.tell(&news),
            Notice::Progress { product, owner, percent } => {
                if self.visibility.covers(owner) {
                    let progress = LiveEvent::progress(product, percent);
                    self.ready.push_back((None, progress));
                }
            }
        }
    }

    /// What of it this reader may know. Who reads one product and may no longer, is done.
    fn tell(&mut self, news: &News) {
        if news.position <= self.sent || self.over {
            return;
        }
        self.sent = news.position;
        let row = &news.view.row;
        let covered = self.visibility.covers(row.owner_id);
        let happened = covered.then(|| news.entry.clone());
        let event = if !row.deleted && (covered || row.listed) {
            LiveEvent::changed(self.links.show(news.view.clone()), happened)
        } else {
            self.over = matches!(self.scope, Scope::One(_));
            LiveEvent::gone(row.id, happened)
        };
        self.ready.push_back((Some(news.position), event));
    }
}

fn no_seat(why: NoSeat) -> Problem {
    match why {
        NoSeat::Full => Problem::overloaded(),
        NoSeat::TooMany => too_many(),
    }
}

fn too_many() -> Problem {
    let detail = format!("You have {MAX_PER_USER} streams open: close one, then try again.");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail)
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}
