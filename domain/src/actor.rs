//! Who acts.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UserId;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Sells and buys; registration gives this role.
    EndUser,
    /// Moderates.
    Staff,
    /// Moderates and manages accounts.
    Admin,
    /// Reads everything that was decided, changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::EndUser, Self::Staff, Self::Admin, Self::Auditor];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "END_USER",
            Self::Staff => "STAFF",
            Self::Admin => "ADMIN",
            Self::Auditor => "AUDITOR",
        }
    }

    /// Whether the role judges products and settles orders.
    pub const fn moderates(self) -> bool {
        match self {
            Self::Staff | Self::Admin => true,
            Self::EndUser | Self::Auditor => false,
        }
    }

    /// Whether the role sees what others keep private.
    pub const fn sees_everything(self) -> bool {
        match self {
            Self::Staff | Self::Admin | Self::Auditor => true,
            Self::EndUser => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::input::named!(Role);

/// A part of the program that acts on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SystemActor {
    /// Somebody at the command line.
    Operator,
    /// The worker that finishes videos.
    VideoFinalizer,
}

/// Who gave a command; recorded with every event that came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody who is not signed in.
    Anonymous,
    /// Somebody signed in.
    User {
        /// The account.
        id: UserId,
        /// Its role when the command was given.
        role: Role,
    },
    /// The program itself.
    System(SystemActor),
}

impl Actor {
    /// The account behind the actor, if one is.
    pub const fn user_id(self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(id),
            Self::Anonymous | Self::System(_) => None,
        }
    }

    /// The role of the account behind the actor, if one is.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::User { role, .. } => Some(role),
            Self::Anonymous | Self::System(_) => None,
        }
    }

    /// Whether the actor is that account.
    pub fn is(self, user: UserId) -> bool {
        self.user_id() == Some(user)
    }

    /// Whether the actor has that role.
    pub fn has(self, role: Role) -> bool {
        self.role() == Some(role)
    }

    /// Whether the actor judges products and settles orders.
    pub fn moderates(self) -> bool {
        self.role().is_some_and(Role::moderates)
    }

    /// Whether the actor sees what others keep private.
    pub fn sees_everything(self) -> bool {
        match self {
            Self::User { role, .. } => role.sees_everything(),
            Self::System(_) => true,
            Self::Anonymous => false,
        }
    }
}
