//! Messages from JetStream.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::{AckKind, Message};
use domain::EventType;
use log::Envelope;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::effects::EventRef;
use super::work::Conclusion;
use super::{Handler, Subscriber};
use crate::Backoff;
use crate::supervise::Fault;

/// How long one request for a message stands.
const REQUEST: Duration = Duration::from_secs(15);
/// Without a broker, the search of the log goes on; the lanes come back soon after it does.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(4) };

impl<H: Handler> Subscriber<H> {
    /// Takes messages about one type of event, a batch at a time. Only what must not be skipped
    /// ends it.
    pub(super) async fn consume(
        self: Arc<Self>,
        event: EventType,
        stop: CancellationToken,
    ) -> Result<(), Fault> {
        let mut failures = 0;
        while !stop.is_cancelled() {
            match self.receive(event, &stop, &mut failures).await {
                Ok(()) => {}
                Err(halt @ Fault::Halt(_)) => return Err(halt),
                Err(Fault::Passing(error)) => {
                    failures += 1;
                    let (subscriber, error) = (self.handler.name(), error.to_string());
                    tracing::debug!(
                        subscriber,
                        event = event.name(),
                        failures,
                        error,
                        "no messages"
                    );
                    let delay = BACKOFF.delay(failures);
                    let _ = tokio::time::timeout(delay, stop.cancelled()).await;
                }
            }
        }
        Ok(())
    }

    async fn receive(
        &self,
        event: EventType,
        stop: &CancellationToken,
        failures: &mut u32,
    ) -> Result<(), Fault> {
        let consumer = self.consumer(event).await?;
        while !stop.is_cancelled() {
            let request = consumer.batch().max_messages(self.pace.batch).expires(REQUEST);
            let messages = request.messages().await.map_err(Fault::passing)?;
            let batches = messages.chunks_timeout(self.pace.batch, self.pace.gather);
            let mut batches = pin!(batches);
            loop {
                let next = tokio::select! {
                    next = batches.next() => next,
                    () = stop.cancelled() => None,
                };
                let Some(batch) = next else { break };
                let batch: Result<Vec<_>, _> = batch.into_iter().collect();
                *failures = 0;
                self.take(batch.map_err(Fault::passing)?, stop).await?;
            }
            *failures = 0;
        }
        Ok(())
    }

    async fn consumer(&self, event: EventType) -> Result<Consumer<pull::Config>, Fault> {
        let config = pull::Config {
            durable_name: Some(self.names.consumer(self.handler.name(), event.name())),
            // Servers before 2.10 know one filter per consumer, and ignore several.
            filter_subject: self.names.subject(event.stream().as_str(), event.name()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.pace.lease,
            // PostgreSQL counts the tries. These only bound how often it is asked.
            max_deliver: i64::from(self.pace.attempts) * 4,
            ..pull::Config::default()
        };
        let made = self.jetstream.create_consumer_on_stream(config, self.names.stream());
        made.await.map_err(Fault::passing)
    }

    async fn take(&self, messages: Vec<Message>, stop: &CancellationToken) -> Result<(), Fault> {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages {
            if let Ok(envelope) = serde_json::from_slice::<Envelope>(&message.payload) {
                let event_ref =
                    EventRef { position: envelope.position, event_id: envelope.event_id };
                batch.push((event_ref, message));
            } else {
                let subject = message.subject.as_str();
                tracing::warn!(subject, "not one of our messages: dropped");
                answer(&message, AckKind::Term).await?;
            }
        }
        let (event_refs, messages): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let Some(_slot) = self.slot(&messages, stop).await? else { return Ok(()) };
        match self.attempt(&event_refs, &messages, stop).await {
            Ok(conclusions) => {
                for (message, conclusion) in messages.iter().zip(conclusions) {
                    let kind = match conclusion {
                        Conclusion::Settled => AckKind::Ack,
                        Conclusion::Unknown => AckKind::Term,
                        Conclusion::Later(delay) => AckKind::Nak(Some(delay)),
                    };
                    answer(message, kind).await?;
                }
                Ok(())
            }
            Err(fault) => {
                for message in &messages {
                    // Whether that arrives or not, the message comes again.
                    let _ = answer(message, AckKind::Nak(Some(Duration::from_secs(2)))).await;
                }
                Err(fault)
            }
        }
    }

    /// Waits for its turn, and keeps the messages meanwhile; `None` when the program ends.
    async fn slot(
        &self,
        messages: &[Message],
        stop: &CancellationToken,
    ) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        loop {
            tokio::select! {
                slot = Arc::clone(&self.slots).acquire_owned() => return Ok(slot.ok()),
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(self.pace.lease / 3) => {
                    for message in messages {
                        answer(message, AckKind::Progress).await?;
                    }
                }
            }
        }
    }
}

async fn answer(message: &Message, kind: AckKind) -> Result<(), Fault> {
    message.ack_with(kind).await.map_err(Fault::passing)
}
