//! All read models, and what is done to them together.

use std::marker::PhantomData;

use domain::category::Category;
use domain::order::Order;
use domain::policy::Policy;
use domain::product::Product;
use domain::user::User;
use domain::{Aggregate, Recorded, StreamType};
use futures::future::BoxFuture;
use pool::PgConnection;
use serde::de::DeserializeOwned;

use crate::batch::Batch;
use crate::category::Counts;
use crate::compare::Comparing;
use crate::copy::Copying;
use crate::machine::{self, Fold, Table};
use crate::snapshot::{Alone, Shared, StreamRow};
use crate::streams::Source;
use crate::{
    CategoryRow, Drift, OrderRow, PolicyRow, ProductRow, ProjectionError, RebuildError, UserRow,
    category,
};

/// A read model, whatever its rows are.
pub(crate) trait Model: Send + Sync {
    /// What it is kept in.
    fn tables(&self) -> &'static [Table];

    /// The kinds of streams that it is made of.
    fn streams(&self) -> &'static [&'static dyn StreamRow];

    /// Folds a batch that is being appended.
    fn fold<'a>(&'a self, batch: &'a mut Batch<'_>) -> BoxFuture<'a, Result<(), ProjectionError>>;

    /// Fills the empty copies of the tables with that suffix with what the log makes of them.
    fn fill<'a>(
        &'a self,
        source: &'a Source<'a>,
        suffix: &'static str,
    ) -> BoxFuture<'a, Result<(), RebuildError>>;

    /// Compares the tables with what the log makes of them.
    fn compare<'a>(
        &'a self,
        source: &'a Source<'a>,
    ) -> BoxFuture<'a, Result<Vec<Drift>, RebuildError>>;

    /// Brings the copies of the tables with that suffix up to date with a batch.
    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>>;
}

/// A table whose rows the streams of one kind of aggregate make alone.
struct Of<A, F>(PhantomData<(A, F)>);

impl<A, F> Model for Of<A, F>
where
    A: Aggregate + Sync,
    F: Fold<Event = A::Event> + DeserializeOwned,
{
    fn tables(&self) -> &'static [Table] {
        const { &[F::TABLE] }
    }

    fn streams(&self) -> &'static [&'static dyn StreamRow] {
        const { &[&Alone::<A, F>::NEW] }
    }

    fn fold<'a>(&'a self, batch: &'a mut Batch<'_>) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(async move {
            let changes = batch.take::<F>().await?;
            batch.show(changes);
            Ok(())
        })
    }

    fn fill<'a>(
        &'a self,
        source: &'a Source<'a>,
        suffix: &'static str,
    ) -> BoxFuture<'a, Result<(), RebuildError>> {
        Box::pin(source.pour(Copying::<F>::start(source.pool, suffix), |_| {}))
    }

    fn compare<'a>(
        &'a self,
        source: &'a Source<'a>,
    ) -> BoxFuture<'a, Result<Vec<Drift>, RebuildError>> {
        Box::pin(async move {
            let drift = source.pour(Comparing::<F>::start(source).await?, |_| {}).await?;
            Ok(drift.into_iter().collect())
        })
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(async move {
            let changes = machine::fold::<F>(conn, suffix, recorded, |_| None).await?;
            machine::write(conn, suffix, &changes).await
        })
    }
}

/// Products, and categories, which count them: one can't be made again without the other.
struct Catalogue;

impl Model for Catalogue {
    fn tables(&self) -> &'static [Table] {
        const { &[ProductRow::TABLE, CategoryRow::TABLE] }
    }

    fn streams(&self) -> &'static [&'static dyn StreamRow] {
        const { &[&Alone::<Product, ProductRow>::NEW, &Shared::<Category>::NEW] }
    }

    fn fold<'a>(&'a self, batch: &'a mut Batch<'_>) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(batch.catalogue())
    }

    fn fill<'a>(
        &'a self,
        source: &'a Source<'a>,
        suffix: &'static str,
    ) -> BoxFuture<'a, Result<(), RebuildError>> {
        Box::pin(async move {
            let mut counts = Counts::default();
            let products = Copying::start(source.pool, suffix);
            source.pour(products, |row| counts.add(row)).await?;
            let categories = Copying::start(source.pool, suffix);
            source.pour(categories, |row| counts.give(row)).await
        })
    }

    fn compare<'a>(
        &'a self,
        source: &'a Source<'a>,
    ) -> BoxFuture<'a, Result<Vec<Drift>, RebuildError>> {
        Box::pin(async move {
            let mut counts = Counts::default();
            let products = Comparing::start(source).await?;
            let products = source.pour(products, |row| counts.add(row)).await?;
            let categories = Comparing::start(source).await?;
            let categories = source.pour(categories, |row| counts.give(row)).await?;
            Ok(products.into_iter().chain(categories).collect())
        })
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(async move {
            let products = machine::fold::<ProductRow>(conn, suffix, recorded, |_| None).await?;
            let categories = category::fold(conn, suffix, recorded, &products, |_| None).await?;
            machine::write(conn, suffix, &products).await?;
            machine::write(conn, suffix, &categories).await
        })
    }
}

/// Every read model that there is.
pub(crate) static MODELS: [&dyn Model; 4] = [
    &Catalogue,
    &Of::<Order, OrderRow>(PhantomData),
    &Of::<User, UserRow>(PhantomData),
    &Of::<Policy, PolicyRow>(PhantomData),
];

/// What the streams of a kind leave behind.
pub(crate) fn stream(kind: StreamType) -> Option<&'static dyn StreamRow> {
    let mut streams = MODELS.iter().flat_map(|model| model.streams());
    streams.find(|stream| stream.kind() == kind).copied()
}

/// What these models are kept in.
pub(crate) fn tables(models: &[&'static dyn Model]) -> impl Iterator<Item = &'static Table> {
    models.iter().flat_map(|model| model.tables())
}

/// Those that tables of these names are of; all of them where none is given.
pub(crate) fn named(names: Option<&[&str]>) -> Result<Vec<&'static dyn Model>, RebuildError> {
    let Some(names) = names else { return Ok(MODELS.to_vec()) };
    if let Some(name) = names.iter().find(|name| tables(&MODELS).all(|table| table.name != **name))
    {
        let known = tables(&MODELS).map(|table| table.name).collect::<Vec<_>>().join(", ");
        return Err(RebuildError::Unknown { name: (*name).to_owned(), known });
    }
    let is_named =
        |model: &&&dyn Model| model.tables().iter().any(|table| names.contains(&table.name));
    Ok(MODELS.iter().filter(is_named).copied().collect())
}

/// The read models that another version of their fold has made: rebuild these.
pub async fn outdated(conn: &mut PgConnection) -> Result<Vec<&'static str>, sqlx::Error> {
    let made: Vec<(String, i32)> =
        sqlx::query_as("SELECT name, version FROM read_models").fetch_all(conn).await?;
    let current = |table: &Table| {
        made.iter().any(|(name, version)| name == table.name && *version == table.version)
    };
    Ok(tables(&MODELS).filter(|table| !current(table)).map(|table| table.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_stream_is_in_a_read_model() {
        for kind in StreamType::ALL {
            assert!(stream(kind).is_some(), "{kind}: add its model to MODELS");
        }
    }
}
