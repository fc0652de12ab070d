//! What an actor may see; a part of every query, so that a forgotten check shows nothing.

use domain::{Actor, Role, UserId};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// What an actor may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All there is.
    Everything,
    /// What is that account's own; of products also the listed ones.
    Own(UserId),
    /// Nothing: nobody is signed in.
    Nothing,
}

impl Visibility {
    /// Of products and orders (contract §2).
    pub fn of(actor: Actor) -> Self {
        match actor.user_id() {
            _ if actor.sees_everything() => Self::Everything,
            Some(user) => Self::Own(user),
            None => Self::Nothing,
        }
    }

    /// Of accounts, where STAFF sees no more than an END_USER.
    pub fn of_accounts(actor: Actor) -> Self {
        match actor {
            Actor::User { role: Role::Admin | Role::Auditor, .. } | Actor::System(_) => {
                Self::Everything
            }
            Actor::User { id, role: Role::Staff | Role::EndUser } => Self::Own(id),
            Actor::Anonymous => Self::Nothing,
        }
    }

    /// Whether what belongs to that account may be seen, be it listed or not.
    pub fn covers(self, owner: UserId) -> bool {
        match self {
            Self::Everything => true,
            Self::Own(user) => user == owner,
            Self::Nothing => false,
        }
    }

    /// Adds a condition on the column that names the owner.
    pub(crate) fn push(self, sql: &mut QueryBuilder<'_, Postgres>, owner: &str) {
        match self {
            Self::Everything => {}
            Self::Own(user) => {
                sql.push(format_args!(" AND {owner} = ")).push_bind(Uuid::from(user));
            }
            Self::Nothing => {
                sql.push(" AND false");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_sees_every_order_but_only_its_own_account() {
        let id = UserId::from_uuid(Uuid::from_u128(1));
        let staff = Actor::User { id, role: Role::Staff };
        assert_eq!(Visibility::of(staff), Visibility::Everything);
        assert_eq!(Visibility::of_accounts(staff), Visibility::Own(id));
    }

    #[test]
    fn nobody_in_particular_sees_nothing() {
        assert_eq!(Visibility::of(Actor::Anonymous), Visibility::Nothing);
        assert_eq!(Visibility::of_accounts(Actor::Anonymous), Visibility::Nothing);
    }
}
