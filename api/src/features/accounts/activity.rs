//! `/me/activity/`: what happened around one's own account.

use axum::extract::State;
use projections::{Activity, ActivityCursor, ActivityEntry};

use crate::App;
use crate::access::permission::{Allowed, Needs, OwnAccount};
use crate::http::list::{Here, List};
use crate::http::problem::Problem;
use crate::http::query::{Params, query};

query! {
    /// A list's page; its cursors are of another kind than those of other lists.
    pub(crate) struct ActivityQuery {
        /// The number of results on a page.
        #[param(minimum = 1, maximum = 100, default = 20, required = false)]
        limit: i64 = limit,
        /// The cursor of another page, from `next` or `previous`.
        #[param(value_type = String, required = false)]
        cursor: Option<ActivityCursor> = take,
    }
}

/// Lists sign-ins, failures, ended sessions and changes of your account, newest first
///
/// Sign-ins and failures are kept for 90 days, the newest 100 of either. No other account can see
/// them.
#[utoipa::path(get, path = "/me/activity/", tag = "accounts", operation_id = "listActivity",
    params(ActivityQuery), responses((status = 200, body = List<ActivityEntry>), Needs<OwnAccount>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<OwnAccount>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<ActivityEntry>, Problem> {
    let ActivityQuery { limit, cursor } = params.query();
    params.finish()?;
    let page = Activity(app.pool.clone()).list(caller.user, limit, cursor).await?;
    Ok(List {
        next: page.next.map(|cursor| here.at(&cursor)),
        previous: page.previous.map(|cursor| here.at(&cursor)),
        results: page.items,
    })
}
