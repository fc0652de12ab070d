//! One try.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use domain::{DecodeError, Recorded};
use futures::FutureExt;
use projections::LogError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::effects::{Claim, Claimed, Place};
use super::{Failed, Handler, Subscriber};
use crate::supervise::Fault;

/// What a try may still take once the program is told to end.
const GRACE: Duration = Duration::from_secs(3);

/// What is to be done about the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: handled, or with the operator.
    Settled,
    /// It is to come again.
    Later(Duration),
    /// The log does not have that event.
    Unknown,
}

enum Ended {
    Done,
    Failed(Failed),
    /// Another process has taken over.
    Lost,
    /// The program ends.
    CutShort,
}

impl<H: Handler> Subscriber<H> {
    /// Tries once, if it is time to and nobody else is at it.
    pub(super) async fn attempt(
        &self,
        place: Place,
        message: Option<&Message>,
        stop: &CancellationToken,
    ) -> Result<Verdict, Fault> {
        let Some(event) = self.read(place).await? else { return Ok(Verdict::Unknown) };
        let claim = match self.effects.claim(place).await? {
            Claimed::Granted(claim) => claim,
            Claimed::Handled => return Ok(Verdict::Settled),
            Claimed::NotYet(wait) => return Ok(Verdict::Later(wait)),
        };
        let ended = if claim.attempts.unsigned_abs() > self.pace.attempts {
            Ended::Failed(Failed::Permanent("every try ended with the program itself".to_owned()))
        } else {
            self.run_under_lease(&event, place, claim, message, stop).await
        };
        self.conclude(&event, place, claim, ended).await
    }

    async fn read(&self, place: Place) -> Result<Option<Recorded>, Fault> {
        let mut conn = self.pool.acquire().await?;
        let before = place.position - 1;
        let read = projections::log::read(&mut conn, before, place.position, 1).await;
        let mut events = read.map_err(|error| unreadable(place, error))?;
        drop(conn);
        self.vault.open(&mut events).await.map_err(Fault::passing)?;
        let event = events.pop();
        Ok(event.filter(|event| event.event_id == place.event_id))
    }

    async fn run_under_lease(
        &self,
        event: &Recorded,
        place: Place,
        claim: Claim,
        message: Option<&Message>,
        stop: &CancellationToken,
    ) -> Ended {
        let cut_short = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = AssertUnwindSafe(self.handler.handle(event)).catch_unwind() => match result {
                Ok(Ok(())) => Ended::Done,
                Ok(Err(failed)) => Ended::Failed(failed),
                Err(_) => Ended::Failed(Failed::Transient("the worker panicked: see its log".to_owned())),
            },
            () = self.keep(place, claim, message) => Ended::Lost,
            () = cut_short => Ended::CutShort,
        }
    }

    /// Renews the claim, and tells the broker that somebody is at it; returns when it is lost.
    async fn keep(&self, place: Place, claim: Claim, message: Option<&Message>) {
        let mut renewed = Instant::now();
        while renewed.elapsed() < self.pace.lease {
            tokio::time::sleep(self.pace.lease / 3).await;
            if let Some(message) = message {
                // Without it the message comes again too soon, which does no harm.
                let _ = message.ack_with(AckKind::Progress).await;
            }
            match self.effects.renew(place, claim).await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(subscriber = self.handler.name(), %error, "not renewed");
                }
            }
        }
    }

    async fn conclude(
        &self,
        event: &Recorded,
        place: Place,
        claim: Claim,
        ended: Ended,
    ) -> Result<Verdict, Fault> {
        let outcome = match ended {
            Ended::Done => {
                self.effects.handled(place, claim).await?;
                "handled"
            }
            Ended::Lost => return Ok(Verdict::Later(self.pace.lease)),
            Ended::CutShort => {
                self.effects.give_back(place, claim).await?;
                return Ok(Verdict::Later(Duration::ZERO));
            }
            Ended::Failed(Failed::Transient(error))
                if claim.attempts.unsigned_abs() < self.pace.attempts =>
            {
                return self.put_off(event, place, claim, &error).await;
            }
            Ended::Failed(Failed::Transient(error) | Failed::Permanent(error)) => {
                self.bury(event, place, claim, &error).await?;
                "dead"
            }
        };
        self.count(outcome);
        Ok(Verdict::Settled)
    }

    async fn put_off(
        &self,
        event: &Recorded,
        place: Place,
        claim: Claim,
        error: &str,
    ) -> Result<Verdict, Fault> {
        let delay = self.pace.backoff.delay(claim.attempts.unsigned_abs());
        let (subscriber, position) = (self.handler.name(), place.position);
        let (event, attempts) = (event.event.name(), claim.attempts);
        tracing::warn!(
            subscriber,
            event,
            position,
            attempts,
            error,
            ?delay,
            "failed: trying later"
        );
        self.effects.put_off(place, claim, delay).await?;
        self.count("failed");
        Ok(Verdict::Later(delay))
    }

    async fn bury(
        &self,
        event: &Recorded,
        place: Place,
        claim: Claim,
        error: &str,
    ) -> Result<(), Fault> {
        let (subscriber, position) = (self.handler.name(), place.position);
        let (event, attempts) = (event.event.name(), claim.attempts);
        tracing::error!(subscriber, event, position, attempts, error, "given up: a dead letter");
        self.effects.bury(place, claim, event, error).await?;
        Ok(())
    }

    fn count(&self, outcome: &'static str) {
        let subscriber = self.handler.name();
        metrics::counter!("worker_events_total", "subscriber" => subscriber, "outcome" => outcome)
            .increment(1);
    }
}

/// What serde says may quote the event, so it is not repeated.
fn unreadable(place: Place, error: LogError) -> Fault {
    let at = place.position;
    match error {
        LogError::Database(error) => error.into(),
        LogError::Undecodable { source: DecodeError::Payload { event, .. }, .. } => {
            Fault::Halt(format!("the event at position {at}, {event}, cannot be read"))
        }
        error @ (LogError::Undecodable { .. }
        | LogError::StreamId { .. }
        | LogError::Gap { .. }) => Fault::Halt(error.to_string()),
    }
}
