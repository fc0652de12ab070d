//! Running statements.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArguments, PgConnection as Straight, PgQueryResult, PgRow, PgStatement, PgTypeInfo,
};
use sqlx::{Describe, Either, Error, Execute, Executor, Postgres};
use tracing::{Instrument, Span};

use crate::{PgConnection, PgPool};

/// What comes of a statement: its rows, and how many it has changed.
type Step = Either<PgQueryResult, PgRow>;

/// A statement that PostgreSQL forgets once it has run.
struct Unnamed<'q> {
    sql: &'q str,
    arguments: Option<PgArguments>,
}

impl<'q> Unnamed<'q> {
    fn try_new(mut query: impl Execute<'q, Postgres>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        Ok(Self { sql: query.sql(), arguments })
    }

    /// One message: it is prepared by nobody, and runs in a transaction of its own.
    fn is_simple(&self) -> bool {
        self.arguments.is_none()
    }
}

impl<'q> Execute<'q, Postgres> for Unnamed<'q> {
    fn sql(&self) -> &'q str {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement<'q>> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        false
    }
}

impl PgConnection {
    /// Behind a pooler that changes connections between transactions. Nothing is told of a statement
    /// before its transaction is committed.
    async fn run_pooled<'q>(
        &mut self,
        query: impl Execute<'q, Postgres>,
    ) -> Result<Vec<Step>, Error> {
        let statement = Unnamed::try_new(query)?;
        if statement.is_simple() || self.is_in_transaction() {
            return self.inner.fetch_many(statement).try_collect().await;
        }
        let mut transaction = self.begin().await?;
        let steps = transaction.inner.fetch_many(statement).try_collect().await?;
        transaction.commit().await?;
        Ok(steps)
    }
}

fn first_row(steps: Vec<Step>) -> Option<PgRow> {
    steps.into_iter().find_map(Either::right)
}

fn each<'e>(
    steps: impl Future<Output = Result<Vec<Step>, Error>> + Send + 'e,
) -> BoxStream<'e, Result<Step, Error>> {
    let steps = steps.map(|steps| Ok::<_, Error>(stream::iter(steps?.into_iter().map(Ok))));
    stream::once(steps).try_flatten().boxed()
}

/// The span of a statement, by the names of OpenTelemetry's semantic conventions for databases. Values are
/// parameters, so its text tells of nobody.
fn span_of<'q>(query: &impl Execute<'q, Postgres>) -> Span {
    tracing::debug_span!("query", db.system.name = "postgresql", db.query.text = query.sql())
}

/// The span ends with the steps.
fn spanned<T: 'static>(span: Span, steps: BoxStream<'_, T>) -> BoxStream<'_, T> {
    if span.is_disabled() {
        return steps;
    }
    steps.inspect(move |_| _ = &span).boxed()
}

/// The span ends with the answer.
fn spanning<'a, T: 'a>(span: Span, answer: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
    if span.is_disabled() { answer } else { answer.instrument(span).boxed() }
}

impl<'c> Executor<'c> for &'c mut PgConnection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let span = span_of(&query);
        let steps = if self.local.is_none() {
            self.inner.fetch_many(query)
        } else if self.is_in_transaction() {
            // As they come: there may be more than memory takes.
            match Unnamed::try_new(query) {
                Ok(statement) => self.inner.fetch_many(statement),
                Err(error) => stream::once(async { Err(error) }).boxed(),
            }
        } else {
            each(self.run_pooled(query))
        };
        spanned(span, steps)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let span = span_of(&query);
        let row = if self.local.is_none() {
            self.inner.fetch_optional(query)
        } else {
            self.run_pooled(query).map(|steps| steps.map(first_row)).boxed()
        };
        spanning(span, row)
    }

    fn prepare_with<'e, 'q: 'e>(
        self,
        sql: &'q str,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement<'q>, Error>>
    where
        'c: 'e,
    {
        straight(self).prepare_with(sql, parameters)
    }

    fn describe<'e, 'q: 'e>(self, sql: &'q str) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        straight(self).describe(sql)
    }
}

fn straight(connection: &mut PgConnection) -> &mut Straight {
    &mut connection.inner
}

impl<'p> Executor<'p> for &'_ PgPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (span, pool) = (span_of(&query), self.clone());
        let steps = if self.keeps_sessions() {
            self.inner.fetch_many(query)
        } else {
            each(async move { pool.acquire().await?.run_pooled(query).await })
        };
        spanned(span, steps)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (span, pool) = (span_of(&query), self.clone());
        let row = if self.keeps_sessions() {
            self.inner.fetch_optional(query)
        } else {
            async move { Ok(first_row(pool.acquire().await?.run_pooled(query).await?)) }.boxed()
        };
        spanning(span, row)
    }

    fn prepare_with<'e, 'q: 'e>(
        self,
        sql: &'q str,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement<'q>, Error>>
    where
        'p: 'e,
    {
        self.inner.prepare_with(sql, parameters)
    }

    fn describe<'e, 'q: 'e>(self, sql: &'q str) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        self.inner.describe(sql)
    }
}
