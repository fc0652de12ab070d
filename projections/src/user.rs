//! Accounts.

use domain::user::UserEvent;
use domain::{Recorded, Role, UserId};
use pool::{PgConnection, PgPool};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::listing::{Branch, Condition, Listing};
use crate::scan::{Keyed, Scan};
use crate::{
    Fold, Key, Ordering, Page, ProjectionError, ReadError, Slice, SortBy, Table, Visibility,
};

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct UserRow {
    /// Which account.
    #[sqlx(try_from = "Uuid")]
    pub id: UserId,
    /// Where mails go; `None` once the person has been erased.
    pub email: Option<String>,
    /// What it may do.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// Whether its address has been confirmed.
    pub activated: bool,
    /// Whether an ADMIN has shut it, or its person was erased.
    pub deactivated: bool,
    /// Whether its person may sign in.
    pub is_active: bool,
    /// When it was made.
    #[serde(with = "crate::timestamp")]
    pub date_joined: OffsetDateTime,
    /// The stream's sequence.
    pub version: i64,
    /// When anything last happened to it.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
    /// The position of its first event.
    pub created_position: i64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// Its e-mail address; `null` once the person has been erased.
    #[schema(format = "email")]
    pub email: Option<String>,
    /// Its role.
    pub role: Role,
    /// Whether its person may sign in.
    pub is_active: bool,
    /// When it was registered.
    #[serde(with = "crate::timestamp")]
    pub date_joined: OffsetDateTime,
    /// Its version: counts its events.
    pub version: i64,
}

impl Fold for UserRow {
    type Event = UserEvent;

    const TABLE: Table = Table::new(
        "users",
        1,
        &[
            "id",
            "email",
            "role",
            "activated",
            "deactivated",
            "is_active",
            "date_joined",
            "version",
            "updated_at",
            "created_position",
        ],
    );

    fn fold(row: Option<Self>, event: &UserEvent, recorded: &Recorded) -> Option<Self> {
        if let UserEvent::UserRegistered { email, role } = event {
            return Some(Self {
                id: UserId::from_uuid(recorded.stream.id),
                email: email.text.clone(),
                role: *role,
                activated: false,
                deactivated: false,
                is_active: false,
                date_joined: recorded.at,
                version: recorded.sequence,
                updated_at: recorded.at,
                created_position: recorded.position,
            });
        }
        let mut row = row?;
        row.evolve(event);
        row.is_active = row.activated && !row.deactivated;
        row.version = recorded.sequence;
        row.updated_at = recorded.at;
        Some(row)
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

impl UserRow {
    fn evolve(&mut self, event: &UserEvent) {
        use UserEvent as E;
        match event {
            E::UserActivated => self.activated = true,
            E::EmailChanged { email } | E::EmailRestored { email, .. } => {
                self.email.clone_from(&email.text);
            }
            E::RoleChanged { to, .. } => self.role = *to,
            E::UserDeactivated => self.deactivated = true,
            E::UserReactivated => self.deactivated = false,
            E::ErasureRequested | E::PersonErased => {
                self.email = None;
                self.deactivated = true;
            }
            E::UserRegistered { .. }
            | E::RegistrationRepeated
            | E::ActivationRequested
            | E::EmailChangeRequested { .. }
            | E::PasswordResetRequested { .. }
            | E::PasswordReset
            | E::PasswordChanged
            | E::PasswordChangeRequired
            | E::AllSessionsEnded
            | E::SecondFactorEnabled
            | E::SecondFactorDisabled
            | E::SecondFactorReset
            | E::RecoveryCodesReplaced
            | E::SessionEnded { .. } => {}
        }
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            role: row.role,
            is_active: row.is_active,
            date_joined: row.date_joined,
            version: row.version,
        }
    }
}

impl Keyed for UserRow {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.created_position)
    }
}

/// Which accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The one of that id.
    pub id: Option<UserId>,
    /// What they may do.
    pub role: Option<Role>,
    /// Whether their person may sign in.
    pub is_active: Option<bool>,
}

impl UserFilter {
    /// The parts that the list is merged of. Roles are few, so one index serves every filter: a list
    /// without one of them is merged of the parts of each of its values.
    fn parts(&self) -> Vec<Branch> {
        if self.role.is_none() && self.is_active.is_none() {
            return vec![vec![Condition::sql("date_joined > '-infinity'")]];
        }
        let roles = self.role.map_or(Role::ALL.to_vec(), |role| vec![role]);
        let active = self.is_active.map_or(vec![true, false], |active| vec![active]);
        let part = |role: Role, active: bool| {
            let active = if active { "is_active" } else { "NOT is_active" };
            vec![Condition::named("role", role.as_str()), Condition::sql(active)]
        };
        roles.iter().flat_map(|role| active.iter().map(|active| part(*role, *active))).collect()
    }
}

/// Accounts, to be found and listed; see [`Visibility::of_accounts`].
#[derive(Clone, Debug)]
pub struct Users(pub PgPool);

impl Users {
    /// One account, unless it is out of sight.
    pub async fn find(
        &self,
        visibility: Visibility,
        id: UserId,
    ) -> Result<Option<UserRow>, ReadError> {
        let mut sql = Self::select(visibility);
        sql.push(" AND id = ").push_bind(id.uuid());
        Ok(sql.build_query_as().fetch_optional(&self.0).await?)
    }

    /// Those of these accounts that are in sight, in no order.
    pub async fn find_by_ids(
        &self,
        visibility: Visibility,
        ids: &[UserId],
    ) -> Result<Vec<UserRow>, ReadError> {
        let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
        let mut sql = Self::select(visibility);
        sql.push(" AND id = ANY(").push_bind(ids).push(")");
        Ok(sql.build_query_as().fetch_all(&self.0).await?)
    }

    /// A page of the accounts in sight that match, newest first.
    pub async fn list(
        &self,
        visibility: Visibility,
        filter: &UserFilter,
        page: &Page,
    ) -> Result<Slice<UserRow>, ReadError> {
        let scan = Scan::try_new(page, Ordering::NEWEST)?;
        let only = match visibility {
            Visibility::Everything => filter.id,
            Visibility::Own(user) if filter.id.is_none_or(|id| id == user) => Some(user),
            Visibility::Own(_) | Visibility::Nothing => return Ok(Slice::empty()),
        };
        let mut parts = filter.parts();
        if let Some(user) = only {
            for part in &mut parts {
                part.push(Condition::Id("id = ", user.uuid()));
            }
        }
        let columns = UserRow::TABLE.column_list();
        let listing = Listing {
            table: UserRow::TABLE.name,
            select: format!("SELECT {columns}"),
            columns,
            joins: "",
            needs: "",
            parts,
            rest: vec![],
            gathered: vec![],
            is_narrow: false,
        };
        let mut conn = self.0.acquire().await?;
        Ok(scan.slice(listing.fetch(&mut conn, &scan).await?))
    }

    fn select(visibility: Visibility) -> QueryBuilder<'static, sqlx::Postgres> {
        let columns = UserRow::TABLE.column_list();
        let mut sql = QueryBuilder::new(format!("SELECT {columns} FROM users WHERE true"));
        visibility.push(&mut sql, "id");
        sql
    }
}

/// Whether there is an active ADMIN besides an account; under the log's lock it stays true.
pub(crate) async fn another_admin_is_active(
    conn: &mut PgConnection,
    than: UserId,
) -> Result<bool, ProjectionError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM users WHERE role = 'ADMIN' AND is_active AND id <> $1)",
    )
    .bind(than.uuid())
    .fetch_one(conn)
    .await
    .map_err(UserRow::TABLE.failed())
}
