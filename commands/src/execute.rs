//! Load, decide, append; again where the race was lost.

use std::time::Duration;

use cqrs_es::event_sink::EventSink;
use domain::{Aggregate, RefusalKind, Refuse, StreamId};
use rand::RngExt;
use tracing::Instrument;

use crate::idempotency::{Outcome, keep_outcome};
use crate::store::{Guard, Loaded, Side, StoreError};
use crate::{CommandError, Commands, Context, Done};

/// Tries before a lost race is given up.
const TRIES: u32 = 5;
/// The longest pause before the second try; it doubles with each. Without pauses two processes
/// that take turns at one stream could outrun a third for ever.
const PAUSE_MICROS: u64 = 2_000;

impl Commands {
    /// The current state of an aggregate.
    pub async fn load<A: Aggregate>(&self, id: A::Id) -> Result<A, CommandError> {
        Ok(self.parts.store.load_afresh::<A>(id).await?.aggregate)
    }

    /// An aggregate as this process last saw it, if that was at this version or a later one; else
    /// current state. Accounts are never behind by more than the follower is.
    pub async fn recall<A: Aggregate>(&self, id: A::Id, since: i64) -> Result<A, CommandError> {
        let seen = self.parts.store.load::<A>(id).await?;
        if seen.version >= since { Ok(seen.aggregate) } else { self.load(id).await }
    }

    /// Carries out a command with nothing beside its events.
    pub(crate) async fn execute<A>(
        &self,
        context: &Context,
        id: A::Id,
        command: A::Command,
    ) -> Result<Done, CommandError>
    where
        A: Aggregate<Command: Clone + Sync>,
    {
        self.execute_with::<A, _>(context, id, move |_| Ok((command.clone(), Side::default())))
            .await
    }

    /// Carries out a command that depends on the state it meets, with what goes into the same
    /// transaction.
    pub(crate) async fn execute_with<A, F>(
        &self,
        context: &Context,
        id: A::Id,
        prepare: F,
    ) -> Result<Done, CommandError>
    where
        A: Aggregate,
        F: Fn(&A) -> Result<(A::Command, Side), CommandError> + Send + Sync + 'static,
    {
        self.execute_on(Stream::Known, context, id, prepare).await
    }

    /// Executes a command on a stream that exists or, with [`Stream::New`], is begun by it. Runs to its end even when the
    /// caller goes away.
    pub(crate) async fn execute_on<A, F>(
        &self,
        stream: Stream,
        context: &Context,
        id: A::Id,
        prepare: F,
    ) -> Result<Done, CommandError>
    where
        A: Aggregate,
        F: Fn(&A) -> Result<(A::Command, Side), CommandError> + Send + Sync + 'static,
    {
        let (commands, context) = (self.clone(), context.clone());
        let task = async move {
            match stream {
                Stream::New => match commands.once(&context, Loaded::fresh(id), &prepare).await {
                    Attempt::Decided(done) | Attempt::Appended(done) => done,
                    Attempt::Lost => Err(CommandError::Conflict),
                },
                Stream::Known => commands.retried(&context, id, prepare).await,
            }
        };
        let span = tracing::debug_span!("command", aggregate = A::STREAM.as_str(), id = %id.into());
        tokio::spawn(task.instrument(span)).await.map_err(CommandError::fault)?
    }

    async fn retried<A, F>(
        &self,
        context: &Context,
        id: A::Id,
        prepare: F,
    ) -> Result<Done, CommandError>
    where
        A: Aggregate,
        F: Fn(&A) -> Result<(A::Command, Side), CommandError> + Send + Sync,
    {
        let stream = StreamId { kind: A::STREAM, id: id.into() };
        let turn = self.parts.store.turn(stream);
        let _turn = turn.lock().await;
        for attempt in 0..TRIES {
            if attempt > 0 {
                let longest = PAUSE_MICROS << attempt;
                let pause = rand::rng().random_range(0..longest);
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
            let loaded = self.parts.store.load::<A>(id).await?;
            let cached = loaded.cached;
            let mut attempt = self.once(context, loaded, &prepare).await;
            if cached && matches!(attempt, Attempt::Decided(_)) {
                // A cached state may be behind: only a fresh one may say no, or "already so".
                let fresh = self.parts.store.load_afresh::<A>(id).await?;
                attempt = self.once(context, fresh, &prepare).await;
            }
            match attempt {
                Attempt::Decided(done) | Attempt::Appended(done) => return done,
                Attempt::Lost => metrics::counter!("vetted_append_conflicts_total").increment(1),
            }
        }
        Err(CommandError::Conflict)
    }

    async fn once<A: Aggregate>(
        &self,
        context: &Context,
        mut loaded: Loaded<A>,
        prepare: &(impl Fn(&A) -> Result<(A::Command, Side), CommandError> + Sync),
    ) -> Attempt {
        let version = loaded.version;
        let events = match decide(context, &mut loaded, prepare).await {
            Ok(events) if events.is_empty() => {
                return Attempt::Decided(Ok(Done { version, row: None }));
            }
            Ok(events) => events,
            Err(error) => return Attempt::Decided(Err(error)),
        };
        loaded.side.guards.extend(context.person().map(Guard::NotErased));
        loaded.metadata = Some(context.metadata.clone());
        if let Some(claim) = &context.idempotency {
            let outcome = Outcome { kind: A::STREAM, id: loaded.id.into(), created: version == 0 };
            loaded.side.conditions.push(keep_outcome(claim, outcome));
        }
        match self.parts.store.commit_loaded(events, loaded).await {
            Ok(done) => Attempt::Appended(Ok(done)),
            Err(StoreError::Conflict) => Attempt::Lost,
            Err(error) => Attempt::Appended(Err(error.into())),
        }
    }
}

/// The events that the command leads to; the loaded aggregate is in its new state then. What the
/// actor may not know of stays unknown: a version is compared only after that.
#[tracing::instrument(level = "debug", skip_all)]
async fn decide<A: Aggregate>(
    context: &Context,
    loaded: &mut Loaded<A>,
    prepare: &(impl Fn(&A) -> Result<(A::Command, Side), CommandError> + Sync),
) -> Result<Vec<A::Event>, CommandError> {
    let current = loaded.version;
    let (command, side) = prepare(&loaded.aggregate)?;
    loaded.side = side;
    let sink = EventSink::default();
    let handled = loaded.aggregate.handle(command, &(), &sink).await;
    let refusal = handled.err().map(|error| error.refusal());
    let hidden = refusal.as_ref().is_some_and(|refusal| match refusal.kind {
        RefusalKind::NotFound | RefusalKind::Forbidden => true,
        RefusalKind::Conflict | RefusalKind::Invalid(_) => false,
    });
    if !hidden && context.expected.is_some_and(|expected| expected != current) {
        return Err(CommandError::VersionMismatch { current });
    }
    match refusal {
        Some(refusal) => Err(refusal.into()),
        None => Ok(sink.collect().await),
    }
}

/// Whether there is anything to load.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// The id was just made up.
    New,
    /// The log may have it.
    Known,
}

/// How a try ended.
enum Attempt {
    /// Somebody else was quicker.
    Lost,
    /// Decided without writing: true only if the state was fresh.
    Decided(Result<Done, CommandError>),
    /// The log has it, or would not take it.
    Appended(Result<Done, CommandError>),
}
