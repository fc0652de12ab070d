//! Statements that are made in one place and run in another.

use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Encode, Error, Postgres, Type};

use crate::PgConnection;

/// A statement with its values, to be run in somebody else's transaction, as often as that is tried.
#[derive(Clone, Debug)]
pub struct Statement {
    sql: &'static str,
    values: PgArguments,
    /// Why a value cannot be sent.
    refused: Option<String>,
}

impl Statement {
    /// Without values yet.
    pub fn new(sql: &'static str) -> Self {
        Self { sql, values: PgArguments::default(), refused: None }
    }

    /// The next value: `$1`, `$2` and so on.
    #[must_use]
    pub fn bind<'q, T>(mut self, value: T) -> Self
    where
        T: Encode<'q, Postgres> + Type<Postgres> + 'q,
    {
        if let Err(error) = self.values.add(value) {
            self.refused.get_or_insert_with(|| error.to_string());
        }
        self
    }

    /// Runs it; how many rows it changed.
    pub async fn run(&self, conn: &mut PgConnection) -> Result<u64, Error> {
        if let Some(refused) = &self.refused {
            return Err(Error::Encode(BoxDynError::from(refused.as_str())));
        }
        let query = sqlx::query_with(self.sql, self.values.clone());
        Ok(query.execute(conn).await?.rows_affected())
    }
}
