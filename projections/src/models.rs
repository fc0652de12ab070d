//! All read models, and what is done to them together.

use std::marker::PhantomData;

use domain::{CategoryId, Recorded};
use futures::future::BoxFuture;
use sqlx::PgConnection;

use crate::machine::{self, Entry, Fold, Table};
use crate::{
    CategoryRow, OrderRow, ProductRow, ProjectionError, RebuildError, TimelineRow, UserRow,
};

/// A read model, whatever its rows are.
pub(crate) trait Model: Send + Sync {
    fn table(&self) -> Table;

    /// Brings the table, or its copy with that suffix, up to date with a batch.
    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>>;
}

struct Folded<F>(PhantomData<F>);

impl<F: Fold> Model for Folded<F> {
    fn table(&self) -> Table {
        F::TABLE
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(machine::fold::<F>(conn, suffix, recorded))
    }
}

struct Appended<E>(PhantomData<E>);

impl<E: Entry> Model for Appended<E> {
    fn table(&self) -> Table {
        E::TABLE
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(machine::append::<E>(conn, suffix, recorded))
    }
}

/// Every read model that there is.
pub(crate) static MODELS: [&dyn Model; 5] = [
    &Folded::<ProductRow>(PhantomData),
    &Folded::<CategoryRow>(PhantomData),
    &Folded::<OrderRow>(PhantomData),
    &Folded::<UserRow>(PhantomData),
    &Appended::<TimelineRow>(PhantomData),
];

/// Those of these names; all of them where none is given.
pub(crate) fn named(names: Option<&[&str]>) -> Result<Vec<&'static dyn Model>, RebuildError> {
    let Some(names) = names else { return Ok(MODELS.to_vec()) };
    let find = |name: &&str| {
        MODELS.into_iter().find(|model| model.table().name == *name).ok_or_else(|| {
            let known = MODELS.map(|model| model.table().name).join(", ");
            RebuildError::Unknown { name: (*name).to_owned(), known }
        })
    };
    names.iter().map(find).collect()
}

/// The read models as the append keeps them.
pub struct ReadModels;

impl ReadModels {
    /// Folds events that were just appended, within the append's own transaction.
    pub async fn apply(
        conn: &mut PgConnection,
        recorded: &[Recorded],
    ) -> Result<(), ProjectionError> {
        for model in MODELS {
            model.apply(conn, "", recorded).await?;
        }
        Ok(())
    }
}

impl ReadModels {
    /// Whether no product is in a category; under the log's lock it stays so.
    pub async fn category_is_empty(
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, ProjectionError> {
        let count: Option<i64> =
            sqlx::query_scalar("SELECT product_count FROM categories WHERE id = $1")
                .bind(category.uuid())
                .fetch_optional(conn)
                .await
                .map_err(|source| ProjectionError::Database { table: "categories", source })?;
        Ok(count.unwrap_or(0) == 0)
    }
}

/// The read models that another version of their fold has made: rebuild these.
pub async fn outdated(conn: &mut PgConnection) -> Result<Vec<&'static str>, sqlx::Error> {
    let made: Vec<(String, i32)> =
        sqlx::query_as("SELECT name, version FROM read_models").fetch_all(conn).await?;
    let current = |table: &Table| {
        made.iter().any(|(name, version)| name == table.name && *version == table.version)
    };
    let tables = MODELS.map(Model::table).into_iter();
    Ok(tables.filter(|table| !current(table)).map(|table| table.name).collect())
}
