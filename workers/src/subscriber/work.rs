//! Tries.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use domain::Recorded;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::effects::{Claim, Claimed, EventRef};
use super::{Failed, Handler, Subscriber};
use crate::give_way::give_way;
use crate::supervise::Fault;

/// What a try may still take once the program is told to end.
const GRACE: Duration = Duration::from_secs(3);

/// How long everything waits in an outage, on average: what waits is tried soon after its end.
const OUTAGE: Duration = Duration::from_secs(15);

/// How long an event waits where enough of its kind is under way.
const NOT_YET: Duration = Duration::from_secs(1);

/// What is to be done about the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// Nothing: handled, or with the operator.
    Settled,
    /// It is to come again.
    Later(Duration),
    /// The log does not have that event.
    Unknown,
}

/// An event that this process may try.
struct Try<'a> {
    event: &'a Recorded,
    event_ref: EventRef,
    claim: Claim,
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
    /// Tries each event once, if it is due and no other worker has it. The messages that told of
    /// them are kept meanwhile; the conclusions are in the events' order.
    pub(super) async fn attempt(
        &self,
        event_refs: &[EventRef],
        messages: &[Message],
        stop: &CancellationToken,
    ) -> Result<Vec<Conclusion>, Fault> {
        let events = self.read(event_refs).await?;
        let known: Vec<_> = event_refs
            .iter()
            .copied()
            .filter(|event_ref| events.contains_key(&event_ref.event_id))
            .collect();
        let claimed = self.effects.claim(&known).await?;
        let mut conclusions = HashMap::new();
        let mut tries = vec![];
        for (event_ref, claimed) in known.into_iter().zip(claimed) {
            match (claimed, events.get(&event_ref.event_id)) {
                (Claimed::Granted(claim), Some(event)) => {
                    tries.push(Try { event, event_ref, claim });
                }
                (Claimed::NotYet(wait), _) => {
                    conclusions.insert(event_ref.event_id, Conclusion::Later(wait));
                }
                (Claimed::Granted(_) | Claimed::Handled, _) => {
                    conclusions.insert(event_ref.event_id, Conclusion::Settled);
                }
            }
        }
        let mut ended = self.run_under_lease(&tries, messages, stop).await;
        self.make_lasting(&mut ended).await;
        let done = tries.iter().zip(&ended).filter(|(_, ended)| matches!(ended, Ended::Done));
        let done: Vec<_> = done.map(|(one, _)| (one.event_ref, one.claim)).collect();
        self.effects.handled(&done).await?;
        for (one, ended) in tries.iter().zip(ended) {
            conclusions.insert(one.event_ref.event_id, self.conclude(one, ended).await?);
        }
        let conclusion = |event_ref: &EventRef| {
            conclusions.remove(&event_ref.event_id).unwrap_or(Conclusion::Unknown)
        };
        Ok(event_refs.iter().map(conclusion).collect())
    }

    /// The events at these event_refs, where the log has them.
    async fn read(&self, event_refs: &[EventRef]) -> Result<HashMap<Uuid, Recorded>, Fault> {
        let positions: Vec<_> = event_refs.iter().map(|event_ref| event_ref.position).collect();
        let mut conn = self.pool.acquire().await?;
        let mut events = log::at(&mut conn, &positions).await?;
        drop(conn);
        self.vault.open(&mut events).await.map_err(Fault::passing)?;
        Ok(events.into_iter().map(|event| (event.event_id, event)).collect())
    }

    /// Tries one after another. What was not reached counts as what ended the whole.
    async fn run_under_lease(
        &self,
        tries: &[Try<'_>],
        messages: &[Message],
        stop: &CancellationToken,
    ) -> Vec<Ended> {
        let cut_short = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let mut ended = Vec::with_capacity(tries.len());
        let lost = tokio::select! {
            () = self.handle_all(tries, &mut ended) => false,
            () = self.keep(tries, messages) => true,
            () = cut_short => false,
        };
        ended.resize_with(tries.len(), || if lost { Ended::Lost } else { Ended::CutShort });
        ended
    }

    async fn handle_all(&self, tries: &[Try<'_>], ended: &mut Vec<Ended>) {
        for one in tries {
            give_way();
            ended.push(self.handle(one).await);
        }
    }

    async fn handle(&self, one: &Try<'_>) -> Ended {
        if one.claim.attempts.unsigned_abs() > self.pace.attempts {
            let error = "every try ended with the program itself".to_owned();
            Ended::Failed(Failed::Permanent(error))
        } else {
            let handled = self.handler.handle(one.event).instrument(self.span_of(one));
            match AssertUnwindSafe(handled).catch_unwind().await {
                Ok(Ok(())) => Ended::Done,
                Ok(Err(failed)) => Ended::Failed(failed),
                Err(_) => {
                    let error = "the worker panicked: see its log".to_owned();
                    Ended::Failed(Failed::Transient(error))
                }
            }
        }
    }

    fn span_of(&self, one: &Try<'_>) -> Span {
        let Try { event, event_ref, claim } = one;
        tracing::debug_span!(
            "try",
            subscriber = self.handler.name(),
            event = event.event.name(),
            position = event_ref.position,
            attempt = claim.attempts,
            request_id = event.metadata.request_id
        )
    }

    async fn make_lasting(&self, ended: &mut [Ended]) {
        if ended.iter().any(|ended| matches!(ended, Ended::Done))
            && let Err(failed) = self.handler.settle().await
        {
            for done in ended.iter_mut().filter(|ended| matches!(ended, Ended::Done)) {
                *done = Ended::Failed(failed.clone());
            }
        }
    }

    /// Renews the claims, and tells the broker that work is in progress; returns when one is lost.
    async fn keep(&self, tries: &[Try<'_>], messages: &[Message]) {
        let claims: Vec<_> = tries.iter().map(|one| (one.event_ref, one.claim)).collect();
        let renew = async || {
            for message in messages {
                // Without it the message comes again too soon, which does no harm.
                let _ = message.ack_with(AckKind::Progress).await;
            }
            self.effects.renew(&claims).await
        };
        pool::keep(self.pace.lease, renew).await;
    }

    async fn conclude(&self, one: &Try<'_>, ended: Ended) -> Result<Conclusion, Fault> {
        let Try { event, event_ref, claim } = *one;
        let outcome = match ended {
            Ended::Done => "handled",
            Ended::Lost => return Ok(Conclusion::Later(self.pace.lease)),
            Ended::CutShort => {
                self.effects.give_back(event_ref, claim).await?;
                return Ok(Conclusion::Later(Duration::ZERO));
            }
            Ended::Failed(wait @ (Failed::Outage(_) | Failed::NotYet)) => {
                let usual = if wait == Failed::NotYet { NOT_YET } else { OUTAGE };
                let delay = usual.mul_f64(rand::random_range(0.5..1.5));
                let (subscriber, position) = (self.handler.name(), event_ref.position);
                tracing::info!(subscriber, position, error = %wait, ?delay, "waits");
                self.effects.put_off_uncounted(event_ref, claim, delay).await?;
                return Ok(Conclusion::Later(delay));
            }
            Ended::Failed(Failed::Transient(error))
                if claim.attempts.unsigned_abs() < self.pace.attempts =>
            {
                return self.put_off(event, event_ref, claim, &error).await;
            }
            Ended::Failed(Failed::Transient(error) | Failed::Permanent(error)) => {
                self.bury(event, event_ref, claim, &error).await?;
                "dead"
            }
        };
        self.count(outcome);
        Ok(Conclusion::Settled)
    }

    async fn put_off(
        &self,
        event: &Recorded,
        event_ref: EventRef,
        claim: Claim,
        error: &str,
    ) -> Result<Conclusion, Fault> {
        let delay = self.pace.backoff.delay(claim.attempts.unsigned_abs());
        let (subscriber, position) = (self.handler.name(), event_ref.position);
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
        self.effects.put_off(event_ref, claim, delay).await?;
        self.count("failed");
        Ok(Conclusion::Later(delay))
    }

    async fn bury(
        &self,
        event: &Recorded,
        event_ref: EventRef,
        claim: Claim,
        error: &str,
    ) -> Result<(), Fault> {
        let (subscriber, position) = (self.handler.name(), event_ref.position);
        let (event, attempts) = (event.event.name(), claim.attempts);
        tracing::error!(subscriber, event, position, attempts, error, "given up: a dead letter");
        self.effects.bury(event_ref, claim, event, error).await?;
        Ok(())
    }

    fn count(&self, outcome: &'static str) {
        let subscriber = self.handler.name();
        metrics::counter!("vetted_worker_events_total", "subscriber" => subscriber, "outcome" => outcome)
            .increment(1);
    }
}
