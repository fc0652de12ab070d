//! The access matrix as types: a route names its permission, or does not compile.
//!
//! What depends on whose the resource is, the aggregates decide.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use domain::Role;
use http::request::Parts;
use identity::Limit;
use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::{RefOr, Response};

use crate::App;
use crate::access::caller::Caller;
use crate::http::policy::{Access, Policy};
use crate::http::problem::Problem;

/// The extension of an operation of the OpenAPI document that names the roles that may call it.
pub(crate) const ROLES_EXTENSION: &str = "x-roles";

/// What a role may do.
pub(crate) trait Permission {
    /// Who gets through; always [`Caller`]. A type of the trait's, so that the extractor's
    /// pattern binds the caller alone.
    type Who: From<Caller> + Send;

    /// The roles that may.
    const ROLES: &'static [Role];

    /// What somebody may have to do first, such as change a password, without being kept from this.
    const OPEN_BEFORE: &'static [Limit] = &[];
}

/// Somebody signed in whose role has the permission.
pub(crate) struct Allowed<P: Permission>(pub P::Who);

/// Somebody whose role has the permission and who has proved within the last 5 minutes who they are (step-up).
pub(crate) struct Recent<P: Permission>(pub P::Who);

/// Anybody, signed in or not.
pub(crate) struct Visitor(pub Caller);

/// In a route's `responses`: it needs somebody signed in with that permission.
pub(crate) struct Needs<P>(PhantomData<P>);

impl<P: Permission> IntoResponses for Needs<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let names: Vec<_> = P::ROLES.iter().map(|role| role.as_str()).collect();
        let roles = ExtensionsBuilder::new().add(ROLES_EXTENSION, json!(names)).build();
        let mut forbidden = Response::default();
        forbidden.extensions = Some(roles);
        BTreeMap::from([
            ("401".to_owned(), RefOr::T(Response::default())),
            ("403".to_owned(), RefOr::T(forbidden)),
        ])
    }
}

impl<P: Permission, S> FromRequestParts<S> for Allowed<P>
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        allowed::<P>(parts, &App::from_ref(state)).await.map(|caller| Self(caller.into()))
    }
}

impl<P: Permission, S> FromRequestParts<S> for Recent<P>
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let app = App::from_ref(state);
        let caller = allowed::<P>(parts, &app).await?;
        check_recent(&caller, &app).await?;
        Ok(Self(caller.into()))
    }
}

async fn allowed<P: Permission>(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let access = Policy::of(&parts.extensions).access();
    debug_assert_eq!(access, Access::SignedIn, "as the table of contents says");
    let caller = Caller::identified(parts, app)?;
    check_standing::<P>(&caller, app).await?;
    Ok(caller)
}

/// Refuses a caller whose role has not the permission, or who has to do something else first.
pub(crate) async fn check_standing<P: Permission>(
    caller: &Caller,
    app: &App,
) -> Result<(), Problem> {
    let role = caller.actor.role().ok_or_else(Problem::not_signed_in)?;
    if !P::ROLES.contains(&role) {
        return Err(Problem::permission_denied());
    }
    check_limit(caller, app, P::OPEN_BEFORE).await
}

/// The token says that something had to be done first when it was issued; the account, whether that
/// is still so. Roles that need a second factor are asked about each time: it may have been disabled.
async fn check_limit(caller: &Caller, app: &App, open_before: &[Limit]) -> Result<(), Problem> {
    let Some(standing) = caller.standing else { return Ok(()) };
    if standing.who.limit.is_none() && !app.commands.requires_second_factor(standing.who.role) {
        return Ok(());
    }
    match app.commands.limit_of(caller.user).await? {
        Some(limit) if !open_before.contains(&limit) => Err(Problem::limited_to(limit)),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a caller who has not proved of late who they are.
pub(crate) async fn check_recent(caller: &Caller, app: &App) -> Result<(), Problem> {
    let session = caller.session.ok_or_else(Problem::not_signed_in)?;
    if app.commands.is_recently_authenticated(session).await? {
        return Ok(());
    }
    Err(Problem::reauthentication_required())
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Caller::anonymous(parts)))
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])+ $name:ident: $($role:ident),+;)*) => {$(
        $(#[$doc])+
        pub(crate) struct $name;

        impl Permission for $name {
            type Who = Caller;
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )*};
}

/// What secures one's own account.
pub(crate) struct SecureAccount;

impl Permission for SecureAccount {
    type Who = Caller;
    const ROLES: &'static [Role] = &Role::ALL;
    const OPEN_BEFORE: &'static [Limit] = &[Limit::PasswordChange, Limit::SecondFactor];
}

/// One's own second factor. A password that others may have read is changed before it is set up.
pub(crate) struct OwnSecondFactor;

impl Permission for OwnSecondFactor {
    type Who = Caller;
    const ROLES: &'static [Role] = &Role::ALL;
    const OPEN_BEFORE: &'static [Limit] = &[Limit::SecondFactor];
}

permissions! {
    /// One's own account.
    OwnAccount: EndUser, Staff, Admin, Auditor;
    /// List and read accounts.
    ReadUsers: Admin, Auditor;
    /// Roles and access.
    ManageUsers: Admin;
    /// List and read categories.
    ReadCategories: EndUser, Staff, Admin, Auditor;
    /// Create, edit and delete categories.
    WriteCategories: Staff, Admin;
    /// See products: which ones, the query decides.
    ReadProducts: EndUser, Staff, Admin, Auditor;
    /// Create, edit, withdraw and delete products: whose, the aggregate decides.
    WriteProducts: EndUser, Staff, Admin;
    /// Approve and reject.
    ModerateProducts: Staff, Admin;
    /// One's own uploads with their timelines.
    ReadOwnUploads: EndUser, Staff, Admin;
    /// Upload files that products may take: one's own.
    UploadFiles: EndUser, Staff, Admin;
    /// See orders: which ones, the query decides.
    ReadOrders: EndUser, Staff, Admin, Auditor;
    /// Place an order.
    PlaceOrders: EndUser;
    /// Change or settle an order: which, the aggregate decides.
    EditOrders: EndUser, Staff, Admin;
    /// Delete an order: whose, the aggregate decides.
    DeleteOrders: EndUser, Admin;
    /// List and read policies.
    ReadPolicies: EndUser, Staff, Admin, Auditor;
    /// Create, edit and delete policies.
    WritePolicies: Admin;
}
