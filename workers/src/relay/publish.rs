//! A batch on its way into the stream.

use async_nats::jetstream::context::{PublishAckFuture, PublishError};
use async_nats::jetstream::message::PublishMessage;
use log::Envelope;

use super::stream::Tail;
use super::{NAME, Relay};
use crate::give_way::give_way;
use crate::nats::POSITION;
use crate::supervise::Fault;

impl Relay {
    /// Publishes events in order, all of them in flight at once, and remembers how far it came.
    pub(super) async fn publish(
        &self,
        batch: &[Envelope],
        tail: &mut Tail,
        fence: i64,
    ) -> Result<(), Fault> {
        let before = tail.position;
        let sent = self.send_all(batch, tail).await;
        if tail.position > before {
            metrics::counter!("vetted_relay_published_total")
                .increment(tail.position.abs_diff(before));
            self.remember(tail, fence).await?;
        }
        sent
    }

    async fn send_all(&self, batch: &[Envelope], tail: &mut Tail) -> Result<(), Fault> {
        let mut in_flight = Vec::with_capacity(batch.len());
        let mut failed = None;
        for (envelope, expected) in batch.iter().zip(tail.sequence..) {
            give_way();
            match self.send(envelope, expected).await {
                Ok(ack) => in_flight.push((envelope.position, ack)),
                Err(fault) => {
                    failed = Some(fault);
                    break;
                }
            }
        }
        for (position, ack) in in_flight {
            let ack = ack.await.map_err(Fault::passing)?;
            tail.position = position;
            tail.sequence = tail.sequence.max(ack.sequence);
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send(&self, envelope: &Envelope, expected: u64) -> Result<PublishAckFuture, Fault> {
        let body = serde_json::to_vec(envelope).map_err(Fault::passing)?;
        let message = PublishMessage::build()
            .payload(body.into())
            .message_id(envelope.event_id.to_string())
            .header(POSITION, envelope.position.to_string().as_str())
            .expected_last_sequence(expected);
        let subject = self.names.subject(&envelope.stream_type, &envelope.event_type);
        let sent = self.jetstream.send_publish(subject, message).await;
        sent.map_err(|error: PublishError| Fault::passing(error))
    }

    /// A later holder of the lease has the last word.
    pub(super) async fn remember(&self, tail: &Tail, fence: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO checkpoints AS known \
             (subscriber, position, fence, stream_created, stream_sequence) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subscriber) DO UPDATE SET \
             position = excluded.position, fence = excluded.fence, \
             stream_created = excluded.stream_created, \
             stream_sequence = excluded.stream_sequence, updated_at = now() \
             WHERE known.fence <= excluded.fence",
        )
        .bind(NAME)
        .bind(tail.position)
        .bind(fence)
        .bind(tail.created)
        .bind(i64::try_from(tail.sequence).unwrap_or(i64::MAX))
        .execute(&self.progress)
        .await
        .map(drop)
    }
}
