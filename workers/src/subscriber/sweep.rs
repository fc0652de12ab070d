//! The log and the due tries, looked through without any message: what JetStream forgot.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::work::Conclusion;
use super::{Handler, Subscriber};
use crate::supervise::Fault;

type Tries = JoinSet<Result<Vec<Conclusion>, Fault>>;

const CLEARING: Duration = Duration::from_hours(1);

impl<H: Handler> Subscriber<H> {
    pub(super) async fn sweep(self: Arc<Self>, stop: CancellationToken) -> Result<(), Fault> {
        let mut tries: Tries = JoinSet::new();
        let (mut searched, mut cleared) = (None, None);
        while !stop.is_cancelled() {
            if is_due(&mut searched, self.pace.sweep) {
                self.effects.catch_up(self.handler.events()).await?;
            }
            if is_due(&mut cleared, CLEARING) {
                self.effects.clear().await?;
            }
            self.begin_due(&mut tries, &stop).await?;
            let _ = tokio::time::timeout(self.pace.tick, stop.cancelled()).await;
            while let Some(ended) = tries.try_join_next() {
                self.settle(ended)?;
            }
        }
        while let Some(ended) = tries.join_next().await {
            self.settle(ended)?;
        }
        Ok(())
    }

    async fn begin_due(
        self: &Arc<Self>,
        tries: &mut Tries,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let free = self.slots.available_permits();
        let due = if free == 0 { vec![] } else { self.effects.due(free * self.pace.batch).await? };
        for event_refs in due.chunks(due.len().div_ceil(free.max(1)).max(1)) {
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { break };
            let (subscriber, event_refs, stop) =
                (Arc::clone(self), event_refs.to_vec(), stop.clone());
            tries.spawn(async move {
                let _slot = slot;
                subscriber.attempt(&event_refs, &[], &stop).await
            });
        }
        Ok(())
    }

    fn settle(
        &self,
        ended: Result<Result<Vec<Conclusion>, Fault>, JoinError>,
    ) -> Result<(), Fault> {
        match ended.map_err(Fault::passing).and_then(|conclusions| conclusions) {
            Ok(conclusions) if conclusions.contains(&Conclusion::Unknown) => {
                Err(Fault::Halt("an event of the log is gone".to_owned()))
            }
            Ok(_) => Ok(()),
            Err(halt @ Fault::Halt(_)) => Err(halt),
            Err(Fault::Passing(error)) => {
                let (subscriber, error) = (self.handler.name(), error.to_string());
                tracing::warn!(subscriber, error, "a try was cut short");
                Ok(())
            }
        }
    }
}

fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= every);
    if due {
        *last = Some(Instant::now());
    }
    due
}
