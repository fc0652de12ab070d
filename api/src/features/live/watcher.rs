//! Who watches live events: the caller that the header `Authorization` speaks for, or the holder
//! of a `live_url`, since an `EventSource` sends no header.

use axum::extract::{FromRef, FromRequestParts};
use domain::ProductId;
use http::request::Parts;

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{ReadProducts, check_standing};
use crate::features::media_links::{AskedBy, wrong_link};
use crate::http::problem::Problem;

/// Who asks for live events, before it is known of what.
pub(crate) struct Watcher(AskedBy);

impl<S> FromRequestParts<S> for Watcher
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        AskedBy::from_request_parts(parts, state).await.map(Self)
    }
}

impl Watcher {
    /// The caller who may watch these events: one product's, or all that concern the caller.
    pub(super) async fn admitted(
        self,
        app: &App,
        product: Option<ProductId>,
    ) -> Result<Caller, Problem> {
        match self.0 {
            AskedBy::SignedIn(caller) => Ok(caller),
            AskedBy::Link(signature, caller) => by_link(app, product, &signature, caller).await,
        }
    }
}

/// The link's holder, for as long as the link works and their access does not end.
async fn by_link(
    app: &App,
    product: Option<ProductId>,
    signature: &str,
    caller: Caller,
) -> Result<Caller, Problem> {
    let link = app.commands.read_live_link(product, signature);
    let (holder, expires) = link.ok_or_else(wrong_link)?;
    let standing = app.commands.standing_of_holder(holder, expires).await?;
    let standing = standing.ok_or_else(Problem::not_found)?;
    let mut caller = caller.held_by(holder, standing.who.role);
    caller.standing = Some(standing);
    check_standing::<ReadProducts>(&caller, app).await?;
    Ok(caller)
}
