//! `/policies/`.

pub(crate) mod examples;

use axum::extract::State;
use axum::response::Response;
use commands::{Made, Row};
use domain::policy::{CreatePolicy, EditPolicy, ReplacePolicy};
use domain::{PolicyId, StreamType};
use projections::{Policies, Policy, PolicyRow, ReadError};
use serde_json::{Map, Value};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, Needs, ReadPolicies, WritePolicies};
use crate::features::feature::{Feature, SampleId};
use crate::features::references::Referring;
use crate::features::resource::{
    Resource, Shown, Versioned, changed, created, expected, expected_of, get, show,
};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::Edit;
use crate::http::input::{Object, no_content};
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params, query};

const WRITABLE: [&str; 7] =
    ["title", "text", "severity", "parent", "dsa_category", "templates", "retired"];

query! {
    /// Which policies.
    pub(crate) struct PolicyQuery {
        /// Those that are retired, or those that are not.
        #[param(value_type = bool, required = false)]
        retired: Option<bool> = flag,
    }
}

/// What there is beside its routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("policies", "The rules of the marketplace"),
    ids: &[SampleId { kind: "PolicyId", noun: "policy", id: examples::POLICY }],
    examples: examples::examples,
    refusals: Vec::new,
    shown: Some(Shown::of::<Policy>()),
};

impl Resource for Policy {
    const KIND: StreamType = StreamType::Policy;

    type Id = PolicyId;

    async fn find(app: &App, _: &Caller, id: PolicyId) -> Result<Option<Self>, ReadError> {
        let row = Policies(app.pool.clone()).find(id).await?;
        Ok(row.map(Policy::from))
    }

    fn of_row(_: &App, _: &Caller, row: &Row) -> Option<Self> {
        Some(row.get::<PolicyRow>().cloned()?.into())
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/policies/{}/", self.id)
    }
}

/// Lists policies, newest first
#[utoipa::path(get, path = "/policies/", tag = "policies", operation_id = "listPolicies",
    params(PolicyQuery, PageQuery), responses((status = 200, body = List<Policy>), Needs<ReadPolicies>))]
pub(crate) async fn list(
    _: Allowed<ReadPolicies>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Policy>, Problem> {
    let PolicyQuery { retired } = params.query();
    let page = params.page();
    params.finish()?;
    let rows = Policies(app.pool.clone()).list(retired, &page).await?;
    Ok(here.list(rows.map(Policy::from)))
}

/// Creates a policy
///
/// By an ADMIN. `code` is unique and never changes. Decisions can name the policy from then on.
#[utoipa::path(post, path = "/policies/", tag = "policies", operation_id = "createPolicy",
    request_body = CreatePolicy, responses((status = 201, body = Policy), Needs<WritePolicies>),
    extensions(("x-problems" = json!(["policy_code_taken"]))))]
pub(crate) async fn create(
    Allowed(caller): Allowed<WritePolicies>,
    State(app): State<App>,
    Object(body): Object,
) -> Result<Versioned<Policy>, Problem> {
    let referring = Referring::of_policy(&body);
    match made(&app, &caller, body).await {
        Ok(made) => created(&app, &caller, &made).await,
        Err(problem) => Err(referring.beside(&app, &caller, problem).await),
    }
}

async fn made(
    app: &App,
    caller: &Caller,
    body: Map<String, Value>,
) -> Result<Made<PolicyId>, Problem> {
    let create: CreatePolicy = Edit::creation(body).read()?;
    Ok(app.commands.create_policy(&caller.context(), create).await?)
}

/// Gets a policy
#[utoipa::path(get, path = "/policies/{id}/", tag = "policies", operation_id = "getPolicy",
    params(("id" = PolicyId, Path)), responses((status = 200, body = Policy), (status = 304), Needs<ReadPolicies>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<ReadPolicies>,
    State(app): State<App>,
    Id(id): Id<PolicyId>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<Policy>(&app, &caller, id).await?.or_not_modified(&had))
}

/// Replaces a policy
///
/// By an ADMIN. `code` stays. Decisions that named the policy go on showing what it said then.
#[utoipa::path(put, path = "/policies/{id}/", tag = "policies", operation_id = "replacePolicy",
    params(("id" = PolicyId, Path)), request_body = ReplacePolicy,
    responses((status = 200, body = Policy), Needs<WritePolicies>),
    extensions(("x-problems" = json!(["read_only"]))))]
pub(crate) async fn replace(
    Allowed(caller): Allowed<WritePolicies>,
    State(app): State<App>,
    Id(id): Id<PolicyId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Policy>, Problem> {
    let whole = |edit: Edit| Ok(edit.read::<ReplacePolicy>()?.into());
    change(&app, &caller, id, &version, body, whole).await
}

/// Changes a policy
///
/// By an ADMIN. `retired: true` keeps decisions from naming it, `retired: false` lets them again.
#[utoipa::path(patch, path = "/policies/{id}/", tag = "policies", operation_id = "editPolicy",
    params(("id" = PolicyId, Path)), request_body = EditPolicy,
    responses((status = 200, body = Policy), Needs<WritePolicies>),
    extensions(("x-problems" = json!(["read_only"]))))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<WritePolicies>,
    State(app): State<App>,
    Id(id): Id<PolicyId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Policy>, Problem> {
    change(&app, &caller, id, &version, body, Edit::read).await
}

async fn change(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    version: &IfMatch,
    body: Object,
    read: impl Fn(Edit) -> Result<EditPolicy, Problem>,
) -> Result<Versioned<Policy>, Problem> {
    let current: Policy = get(app, caller, id).await?;
    let context = caller.context_at(expected_of(&current, version)?);
    let referring = Referring::of_policy(&body.0);
    let mut edit = Edit::new(body, &current);
    edit.keep_writable(&WRITABLE);
    let done = match read(edit) {
        Ok(edit) => app.commands.edit_policy(&context, id, edit).await?,
        Err(problem) => return Err(referring.beside(app, caller, problem).await),
    };
    changed(app, caller, id, &done).await
}

/// Deletes a policy that nothing has named
///
/// By an ADMIN. One that a decision or another policy has ever named stays: retire it.
#[utoipa::path(delete, path = "/policies/{id}/", tag = "policies", operation_id = "deletePolicy",
    params(("id" = PolicyId, Path)), responses((status = 204), Needs<WritePolicies>),
    extensions(("x-problems" = json!(["policy_in_use"]))))]
pub(crate) async fn delete(
    Allowed(caller): Allowed<WritePolicies>,
    State(app): State<App>,
    Id(id): Id<PolicyId>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<Policy>(&app, &caller, id, &version).await?);
    app.commands.delete_policy(&context, id).await?;
    Ok(no_content())
}
