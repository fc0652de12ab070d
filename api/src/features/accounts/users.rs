//! `/users/`: people, as an ADMIN manages them.

use axum::extract::State;
use axum::response::Response;
use commands::Row;
use domain::user::ManageUser;
use domain::{EmailAddress, Role, StreamType, UserId};
use projections::{ReadError, Slice, User, UserFilter, UserRow, Users, Visibility};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, ManageUsers, Needs, ReadUsers};
use crate::features::resource::{Resource, Versioned, changed, expected_of, get, show};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::Edit;
use crate::http::input::Object;
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params, query};

const WRITABLE: [&str; 2] = ["role", "is_active"];

query! {
    /// Which accounts.
    pub(crate) struct UserQuery {
        /// The account that signs in with this address: all of it, in any case.
        #[param(value_type = String, format = "email", max_length = 254, required = false)]
        q: Option<EmailAddress> = take,
        /// Those with this role.
        #[param(value_type = Role, required = false)]
        role: Option<Role> = take,
        /// Those that may, or may not, sign in.
        #[param(value_type = bool, required = false)]
        is_active: Option<bool> = flag,
    }
}

impl Resource for User {
    const KIND: StreamType = StreamType::User;

    type Id = UserId;

    async fn find(app: &App, caller: &Caller, id: UserId) -> Result<Option<Self>, ReadError> {
        let visibility = Visibility::of_accounts(caller.actor);
        Ok(Users(app.pool.clone()).find(visibility, id).await?.map(Self::from))
    }

    fn of_row(_: &App, _: &Caller, row: &Row) -> Option<Self> {
        row.get::<UserRow>().cloned().map(Self::from)
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/users/{}/", self.id)
    }
}

/// Lists accounts, newest first
///
/// `q` finds an account by its whole address; parts of addresses are not searched.
#[utoipa::path(get, path = "/users/", tag = "accounts", operation_id = "listUsers",
    params(UserQuery, PageQuery), responses((status = 200, body = List<User>), Needs<ReadUsers>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<ReadUsers>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<User>, Problem> {
    let UserQuery { q: address, role, is_active } = params.query();
    let page = params.page();
    params.finish()?;
    let id = match address {
        None => None,
        Some(address) => match app.commands.holder_of(&address).await? {
            Some(user) => Some(user),
            None => return Ok(here.list(Slice::<UserRow>::empty())),
        },
    };
    let filter = UserFilter { id, role, is_active };
    let visibility = Visibility::of_accounts(caller.actor);
    Ok(here.list(Users(app.pool.clone()).list(visibility, &filter, &page).await?))
}

/// Gets an account
#[utoipa::path(get, path = "/users/{id}/", tag = "accounts", operation_id = "getUser",
    params(("id" = UserId, Path)), responses((status = 200, body = User), (status = 304), Needs<ReadUsers>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<ReadUsers>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<User>(&app, &caller, id).await?.or_not_modified(&had))
}

/// Changes an account's role, or whether its person may sign in
///
/// The account's access tokens stop working at once.
#[utoipa::path(patch, path = "/users/{id}/", tag = "accounts", operation_id = "manageUser",
    params(("id" = UserId, Path)), request_body = ManageUser,
    responses((status = 200, body = User), Needs<ManageUsers>),
    extensions(("x-problems" = json!(["own_account", "last_admin"]))))]
pub(crate) async fn manage(
    Allowed(caller): Allowed<ManageUsers>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<User>, Problem> {
    let current: User = get(&app, &caller, id).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = Edit::new(body, &current);
    edit.keep_writable(&WRITABLE);
    let done = app.commands.manage_user(&context, id, edit.read()?).await?;
    changed(&app, &caller, id, &done).await
}
