//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): an act is done once, and its
//! first answer is given again.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use commands::{Answered, Begun, IdempotencyClaim, Outcome, StoredAnswer};
use domain::Role;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument;
use uuid::Uuid;

use crate::App;
use crate::access::bearer::identify;
use crate::access::caller::{Caller, ClaimedKey};
use crate::features::feature::Feature;
use crate::http::fingerprint::{self, Digest};
use crate::http::forwarded::Client;
use crate::http::input::collect;
use crate::http::name::AskedFor;
use crate::http::policy::{Access, Policy};
use crate::http::problem::{Problem, render};
use crate::http::tus::{EXPIRES, OFFSET};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST_KEY: usize = 255;
/// Answers to keep are single resources.
const LARGEST_ANSWER: usize = 4_000_000;

/// What the layer stands on.
#[derive(Clone)]
pub(crate) struct Keys {
    app: App,
    features: &'static [Feature],
}

impl Keys {
    /// Acts of these features are carried out once.
    pub(crate) const fn new(app: App, features: &'static [Feature]) -> Self {
        Self { app, features }
    }

    /// What an act led to, with the rights of now.
    async fn show(&self, caller: &Caller, outcome: Outcome) -> Result<Response, Problem> {
        let shown = self.features.iter().filter_map(|feature| feature.shown);
        let shown = shown.into_iter().find(|shown| shown.kind == outcome.kind);
        let shown = shown.ok_or_else(Problem::not_found)?;
        (shown.again)(&self.app, caller, outcome.id, outcome.created).await
    }
}

/// Whose keys they are: under one scope a key means one act.
#[derive(Clone, Copy)]
struct Owner {
    scope: Uuid,
    role: Option<Role>,
}

/// Around the routes: a POST whose route takes a key is carried out once under it.
pub(crate) async fn once_per_key(
    State(keys): State<Keys>,
    request: Request,
    next: Next,
) -> Response {
    let policy = Policy::of(request.extensions());
    if !policy.takes_key() || request.method() != Method::POST {
        return next.run(request).await;
    }
    match owner(policy.access(), &keys.app, &request) {
        Some(owner) => of_owner(keys, owner, request, next).await,
        // The route answers 401.
        None => next.run(request).await,
    }
}

/// Strangers share a scope only where they share a network; `None` where somebody has to be signed in,
/// and is not.
fn owner(access: Access, app: &App, request: &Request) -> Option<Owner> {
    match access {
        Access::Anybody => Some(Owner { scope: scope_of_stranger(app, request), role: None }),
        Access::SignedIn => {
            let who = identify(request.extensions(), &app.commands).ok().flatten()?.who;
            Some(Owner { scope: who.user.uuid(), role: Some(who.role) })
        }
    }
}

/// Stands for the client's network and the endpoint, without telling which network it is.
fn scope_of_stranger(app: &App, request: &Request) -> Uuid {
    let network = request.extensions().get::<Client>().map(|client| client.network().to_string());
    let network = network.unwrap_or_default();
    let digest = fingerprint::of_parts(&[
        b"idempotency scope",
        network.as_bytes(),
        request.uri().path().as_bytes(),
    ]);
    let mut id = [0; 16];
    id.copy_from_slice(&app.commands.keyed_digest(&digest)[..16]);
    // No user has an id of version 8.
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

async fn of_owner(keys: Keys, owner: Owner, request: Request, next: Next) -> Response {
    let key = match read_key(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => key,
        Err(problem) => return problem.into_response(),
    };
    // In a task of its own: a client that hangs up must not leave the key without its answer.
    let Owner { scope, role } = owner;
    let claim = IdempotencyClaim::new(scope, key, role);
    let task = tokio::spawn(once(keys, claim, request, next).in_current_span());
    match task.await {
        Ok(answer) => answer.unwrap_or_else(IntoResponse::into_response),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Problem::internal().into_response(),
    }
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_printable = |key: &&str| key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = |key: &&str| (1..=LONGEST_KEY).contains(&key.len());
    let key = value.to_str().ok().filter(is_printable).filter(fits);
    match key {
        Some(key) if values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad(
            "invalid_idempotency_key",
            "Send one Idempotency-Key of 1 to 255 printable ASCII characters.",
        )),
    }
}

async fn once(
    keys: Keys,
    claim: IdempotencyClaim,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match keys.app.commands.idempotency().begin(&claim).await? {
        Begun::First => first(keys.app, claim, request, next).await,
        Begun::Running => Err(Problem::new(
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "The first request with this Idempotency-Key is still running: ask again in a moment.",
        )),
        Begun::Answered(answered) => repeated(&keys, &claim, request, answered).await,
        Begun::Outcome(outcome) => {
            let (parts, body) = request.into_parts();
            let fingerprint = fingerprint_of(&keys.app, &parts, body).await?;
            again(&keys, &claim, &parts, &fingerprint, outcome).await
        }
    }
}

/// The answer that was given before. What was made for another role is not given again: what the
/// act led to is shown as the caller may see it now.
async fn repeated(
    keys: &Keys,
    claim: &IdempotencyClaim,
    request: Request,
    Answered { answer, fingerprint, role, outcome }: Answered,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let sent = fingerprint_of(&keys.app, &parts, body).await?;
    if fingerprint.is_some_and(|first| first != keys.app.commands.keyed_digest(&sent)) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another request: use a new one.",
        ));
    }
    if role == claim.role {
        return Ok(replay(answer));
    }
    let outcome = outcome.ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "role_changed",
            "Your role has changed since this Idempotency-Key was first used: send the request \
             with a new one.",
        )
    })?;
    again(keys, claim, &parts, &sent, outcome).await
}

/// Carries the request out, and keeps its answer.
async fn first(
    app: App,
    claim: IdempotencyClaim,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let cell = Arc::new(OnceLock::new());
    let (request, path) = match prepared(&app, request, &claim, &cell).await {
        Ok(prepared) => prepared,
        Err(problem) => {
            release(&app, &claim).await;
            return Err(problem);
        }
    };
    let watched = std::panic::AssertUnwindSafe(next.run(request));
    let watched = futures::FutureExt::catch_unwind(watched);
    let response = match app.commands.idempotency().keeping(&claim, watched).await {
        Ok(response) => render(response, &path),
        Err(panic) => {
            release(&app, &claim).await;
            std::panic::resume_unwind(panic);
        }
    };
    let status = response.status();
    let Some(fingerprint) = cell.get().filter(|_| is_kept(status)) else {
        release(&app, &claim).await;
        return Ok(response);
    };
    keep(&app, &claim, fingerprint, response).await
}

/// The request with the claim; its body's fingerprint is taken here unless it is an upload,
/// whose route takes it while the bytes pass.
async fn prepared(
    app: &App,
    request: Request,
    claim: &IdempotencyClaim,
    cell: &Arc<OnceLock<[u8; 32]>>,
) -> Result<(Request, String), Problem> {
    let (mut parts, mut body) = request.into_parts();
    let path = asked_for(&parts);
    if !fingerprint::is_upload(&parts) {
        let bytes = collect(&parts.headers, body).await?;
        cell.get_or_init(|| Digest::of_bytes(&parts, &bytes));
        body = Body::from(bytes);
    }
    let (claim, fingerprint) = (claim.clone(), Arc::clone(cell));
    let recorded = recorded(app, &claim);
    parts.extensions.insert(ClaimedKey { claim, recorded, fingerprint });
    Ok((Request::from_parts(parts, body), path))
}

/// A key in the form in which events hold it: only somebody who has the key can find it, its owner
/// and SECRETS_FILE, and what was typed stays unknown.
fn recorded(app: &App, claim: &IdempotencyClaim) -> String {
    let parts = [b"idempotency key".as_slice(), claim.scope.as_bytes(), claim.key.as_bytes()];
    hex::encode(app.commands.keyed_digest(&fingerprint::of_parts(&parts)))
}

async fn keep(
    app: &App,
    claim: &IdempotencyClaim,
    fingerprint: &[u8; 32],
    response: Response,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST_ANSWER).await.map_err(|error| Problem::fault(&error))?;
    let headers = [CONTENT_TYPE, ETAG, LOCATION, OFFSET, EXPIRES].into_iter().filter_map(|name| {
        let value = parts.headers.get(&name)?.to_str().ok()?.to_owned();
        Some((name.to_string(), value))
    });
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    let (idempotency, fingerprint) =
        (app.commands.idempotency(), app.commands.keyed_digest(fingerprint));
    let kept = idempotency.finish(claim, Some(&fingerprint), &answer).await;
    if let Err(error) = kept {
        // The act is done and its outcome is stored with it: a repetition renders that.
        tracing::error!("an answer could not be kept for its Idempotency-Key: {error}");
    }
    Ok(Response::from_parts(parts, body.into()))
}

/// What did nothing, or may do something the next time, is not kept.
fn is_kept(status: StatusCode) -> bool {
    !status.is_server_error()
        && status != StatusCode::UNAUTHORIZED
        && status != StatusCode::TOO_MANY_REQUESTS
}

async fn release(app: &App, claim: &IdempotencyClaim) {
    if let Err(error) = app.commands.idempotency().abandon(claim).await {
        // The claim lapses by itself.
        tracing::warn!("an Idempotency-Key could not be released: {error}");
    }
}

fn replay(answer: StoredAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    marked(response)
}

fn marked(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The act was done, but there is no answer to it that the caller may have: what it led to is shown
/// with the rights of now, and kept.
async fn again(
    keys: &Keys,
    claim: &IdempotencyClaim,
    parts: &Parts,
    fingerprint: &[u8; 32],
    outcome: Outcome,
) -> Result<Response, Problem> {
    let response = if let Some(answer) = Policy::of(&parts.extensions).lost_answer() {
        answer
    } else {
        let caller = Caller::identified(parts, &keys.app)?;
        keys.show(&caller, outcome).await?
    };
    keep(&keys.app, claim, fingerprint, response).await.map(marked)
}

/// Reads a body to its end for its fingerprint alone.
async fn fingerprint_of(app: &App, parts: &Parts, body: Body) -> Result<[u8; 32], Problem> {
    if fingerprint::is_upload(parts) {
        return fingerprint::of_upload(app, parts, body).await;
    }
    let bytes = collect(&parts.headers, body).await?;
    Ok(Digest::of_bytes(parts, &bytes))
}

fn asked_for(parts: &Parts) -> String {
    parts.extensions.get::<AskedFor>().map(|asked| asked.0.clone()).unwrap_or_default()
}
