//! What can be got by id, with a version: every command answers with one.

mod versioned;

use axum::response::{IntoResponse, Response};
use commands::{Done, Made, Row};
use domain::StreamType;
use futures::future::BoxFuture;
use projections::ReadError;
use serde::Serialize;
use uuid::Uuid;

use crate::App;
use crate::access::caller::Caller;
use crate::http::conditional::{IfMatch, Tags};
use crate::http::problem::Problem;

pub(crate) use versioned::Versioned;

/// A representation that a client may get, with its version.
pub(crate) trait Resource: Serialize + Send + Sized {
    /// The kind of the streams that it shows.
    const KIND: StreamType;

    /// What names one.
    type Id: Copy + Send + From<Uuid>;

    /// The one of that id, if the caller may know of it.
    fn find(
        app: &App,
        caller: &Caller,
        id: Self::Id,
    ) -> impl Future<Output = Result<Option<Self>, ReadError>> + Send;

    /// The one that the row of a read model shows.
    fn of_row(app: &App, caller: &Caller, row: &Row) -> Option<Self>;

    /// Counts what happened to it.
    fn version(&self) -> i64;

    /// Its path.
    fn location(&self) -> String;

    /// Whether its version alone tells what it says: to everybody the same, now and later.
    fn stands_alone(&self) -> bool {
        true
    }
}

/// The one of that id; 404 where there is none that the caller may know of.
pub(crate) async fn get<R: Resource>(app: &App, caller: &Caller, id: R::Id) -> Result<R, Problem> {
    R::find(app, caller, id).await?.ok_or_else(Problem::not_found)
}

/// Answers with the one of that id; 404 where there is none that the caller may know of.
pub(crate) async fn show<R: Resource>(
    app: &App,
    caller: &Caller,
    id: R::Id,
) -> Result<Versioned<R>, Problem> {
    get(app, caller, id).await.map(Versioned::ok)
}

/// What a command made of it, as an answer.
pub(crate) async fn changed<R: Resource>(
    app: &App,
    caller: &Caller,
    id: R::Id,
    done: &Done,
) -> Result<Versioned<R>, Problem> {
    after(app, caller, id, done).await.map(Versioned::ok)
}

/// What a POST made, as an answer.
pub(crate) async fn created<R: Resource>(
    app: &App,
    caller: &Caller,
    made: &Made<R::Id>,
) -> Result<Versioned<R>, Problem> {
    after(app, caller, made.id, &made.done).await.map(Versioned::created)
}

/// Who may change a resource may see it, and the command knows how it left it; only where it
/// does not, as after one that changed nothing, is it looked up.
async fn after<R: Resource>(
    app: &App,
    caller: &Caller,
    id: R::Id,
    done: &Done,
) -> Result<R, Problem> {
    match done.row.as_ref().and_then(|row| R::of_row(app, caller, row)) {
        Some(resource) => Ok(resource),
        None => get(app, caller, id).await,
    }
}

/// The version that a command may meet. Looked up where the client named any, so that
/// what it may not know of stays 404 whatever it names.
pub(crate) async fn expected<R: Resource>(
    app: &App,
    caller: &Caller,
    id: R::Id,
    named: &IfMatch,
) -> Result<Option<i64>, Problem> {
    match &named.0 {
        None => Ok(None),
        Some(tags) => covered(tags, &get::<R>(app, caller, id).await?).map(Some),
    }
}

/// The version that `If-Match` expects of a resource that has been read already.
pub(crate) fn expected_of<R: Resource>(
    resource: &R,
    named: &IfMatch,
) -> Result<Option<i64>, Problem> {
    named.0.as_ref().map(|tags| covered(tags, resource)).transpose()
}

fn covered<R: Resource>(tags: &Tags, resource: &R) -> Result<i64, Problem> {
    let version = resource.version();
    if tags.cover(version) { Ok(version) } else { Err(Problem::version_mismatch(version)) }
}

/// A resource that commands answer with, whatever its type.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    /// The kind of its streams.
    pub kind: StreamType,
    /// Shows the one of an id again, where the first answer was lost.
    pub again: Again,
}

type Again =
    for<'a> fn(&'a App, &'a Caller, Uuid, bool) -> BoxFuture<'a, Result<Response, Problem>>;

impl Shown {
    /// Resources of that type.
    pub(crate) const fn of<R: Resource + 'static>() -> Self {
        Self {
            kind: R::KIND,
            again: |app, caller, id, is_new| Box::pin(again::<R>(app, caller, id, is_new)),
        }
    }
}

async fn again<R: Resource>(
    app: &App,
    caller: &Caller,
    id: Uuid,
    is_new: bool,
) -> Result<Response, Problem> {
    let resource: R = get(app, caller, id.into()).await?;
    let answer = if is_new { Versioned::created(resource) } else { Versioned::ok(resource) };
    Ok(answer.into_response())
}
