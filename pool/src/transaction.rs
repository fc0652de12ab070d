//! Transactions, and savepoints within them.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use sqlx::postgres::PgTransactionManager;
use sqlx::{Error, TransactionManager};
use tracing::Instrument;

use crate::{PgConnection, PgPool, PoolConnection};

/// A transaction, rolled back when it is dropped before it was committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    connection: Held<'c>,
    is_open: bool,
}

/// The connection of a transaction.
#[derive(Debug)]
enum Held<'c> {
    Borrowed(&'c mut PgConnection),
    Owned(PoolConnection),
}

impl PgPool {
    /// A transaction.
    pub async fn begin(&self) -> Result<Transaction<'static>, Error> {
        Transaction::begin(Held::Owned(self.acquire().await?), None).await
    }

    /// A transaction that begins with this statement.
    pub async fn begin_with(&self, statement: &'static str) -> Result<Transaction<'static>, Error> {
        Transaction::begin(Held::Owned(self.acquire().await?), Some(statement)).await
    }
}

impl PgConnection {
    /// A transaction, or a savepoint within one.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        Transaction::begin(Held::Borrowed(self), None).await
    }
}

impl<'c> Transaction<'c> {
    async fn begin(
        mut connection: Held<'c>,
        statement: Option<&'static str>,
    ) -> Result<Self, Error> {
        connection.begin(statement).await?;
        Ok(Self { connection, is_open: true })
    }

    /// Commits it.
    pub async fn commit(mut self) -> Result<(), Error> {
        let span = tracing::debug_span!("commit");
        PgTransactionManager::commit(&mut self.inner).instrument(span).await?;
        self.is_open = false;
        Ok(())
    }

    /// Rolls it back.
    pub async fn rollback(mut self) -> Result<(), Error> {
        PgTransactionManager::rollback(&mut self.inner).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // Sent with whatever the connection does next.
            PgTransactionManager::start_rollback(&mut self.inner);
        }
    }
}

impl PgConnection {
    pub(crate) fn is_in_transaction(&self) -> bool {
        PgTransactionManager::get_transaction_depth(&self.inner) > 0
    }

    /// One message begins a transaction and makes the settings its own.
    async fn begin_transaction(&mut self, statement: Option<&'static str>) -> Result<(), Error> {
        let statement = match &self.local {
            Some(local) if !self.is_in_transaction() => {
                Some(Cow::Owned(format!("{}{local}", statement.unwrap_or("BEGIN"))))
            }
            Some(_) | None => statement.map(Cow::Borrowed),
        };
        PgTransactionManager::begin(&mut self.inner, statement).await
    }
}

impl Held<'_> {
    async fn begin(&mut self, statement: Option<&'static str>) -> Result<(), Error> {
        match self {
            Self::Borrowed(connection) => connection.begin_transaction(statement).await,
            Self::Owned(connection) => connection.begin_transaction(statement).await,
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.connection {
            Held::Borrowed(connection) => connection,
            Held::Owned(connection) => connection,
        }
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.connection {
            Held::Borrowed(connection) => connection,
            Held::Owned(connection) => connection,
        }
    }
}
