//! The access matrix (contract §2) as types: a route names its permission, or does not compile.
//!
//! What depends on whose the resource is, the aggregates decide.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use domain::Role;
use http::request::Parts;

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// What a role may do.
pub(crate) trait Permission {
    /// Who gets through; always [`Caller`]. A type of the trait's, so that the extractor's
    /// pattern binds the caller alone.
    type Who: From<Caller> + Send;

    /// The roles that may.
    const ROLES: &'static [Role];
}

/// Somebody signed in whose role has the permission.
pub(crate) struct Allowed<P: Permission>(pub P::Who);

/// Anybody, signed in or not.
pub(crate) struct Visitor(pub Caller);

impl<P: Permission, S> FromRequestParts<S> for Allowed<P>
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::identified(parts, &App::from_ref(state))?;
        match caller.actor.role() {
            None => Err(Problem::not_signed_in()),
            Some(role) if P::ROLES.contains(&role) => Ok(Self(caller.into())),
            Some(_) => Err(Problem::permission_denied()),
        }
    }
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
}
