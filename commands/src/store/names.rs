//! Names that may be held once: claimed, freed, and kept for their former owner, all in the
//! append's own transaction.

use domain::UserId;
use pool::Statement;
use uuid::Uuid;

use super::condition::{Condition, Reservation, Unmet};

/// A name that may be held once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct NameClaim {
    pub reservation: Reservation,
    pub name: String,
}

impl NameClaim {
    pub(crate) fn kind(&self) -> &'static str {
        self.reservation.kind()
    }

    /// Claims the name. Its present owner may come back, and a name whose time of being kept is over has a new
    /// one; nobody else can be inserting, as the head is locked.
    pub(super) fn take(&self, owner: Uuid) -> Condition {
        let statement = Statement::new(
            "INSERT INTO reservations AS had (kind, name, owner) VALUES ($1, $2, $3)
             ON CONFLICT (kind, name) DO UPDATE SET owner = excluded.owner, held_until = NULL
             WHERE had.owner = excluded.owner OR had.held_until < now()",
        );
        let unmet = Unmet::Taken(self.reservation);
        Condition { statement: self.bound(statement, owner), unmet }
    }

    /// Frees the name.
    pub(super) fn free(&self, owner: Uuid) -> Statement {
        let free = "DELETE FROM reservations WHERE kind = $1 AND name = $2 AND owner = $3";
        self.bound(Statement::new(free), owner)
    }

    /// Keeps the name for its owner for 7 days, though it leads to nobody.
    pub(super) fn hold(&self, owner: Uuid) -> Statement {
        let statement = Statement::new(
            "UPDATE reservations SET held_until = now() + interval '7 days'
             WHERE kind = $1 AND name = $2 AND owner = $3",
        );
        self.bound(statement, owner)
    }

    fn bound(&self, statement: Statement, owner: Uuid) -> Statement {
        statement.bind(self.kind()).bind(self.name.as_str()).bind(owner)
    }
}

/// Keeps no name for a person any more.
pub(crate) fn forget_held(person: UserId) -> Statement {
    Statement::new("DELETE FROM reservations WHERE owner = $1 AND held_until IS NOT NULL")
        .bind(person.uuid())
}
