//! Values that nobody should send, for every parameter and every field of the program's own OpenAPI
//! document, as each role: whatever comes, nothing fails, nothing hangs, and each refusal is a
//! problem that is documented. `make test` asks a few thousand times, `make hostile` as often as
//! HOSTILE_REQUESTS says for each role; HOSTILE_SEED repeats a run, HOSTILE_ROLE narrows it down.

mod chance;
mod document;
mod forms;
mod json;
mod judge;
mod requests;
mod scalars;
mod text;
mod values;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use domain::Role;
use tokio::time::timeout;

use crate::support::{Answer, Call, TestApp};
use chance::Chance;
use document::Document;
use judge::{Codes, REQUEST_TIMEOUT};
use requests::Request;
use world::World;

/// Requests of each role, unless HOSTILE_REQUESTS says otherwise.
const USUAL: u64 = 600;
/// Each role's requests are asked by so many at a time.
const AT_A_TIME: u64 = 4;
/// Findings that are told.
const TOLD: usize = 20;

const ROLES: [Option<Role>; 5] =
    [None, Some(Role::EndUser), Some(Role::Staff), Some(Role::Admin), Some(Role::Auditor)];

/// What came of one role's requests.
#[derive(Default)]
struct Report {
    requests: u64,
    /// Whose tokens had ended: asked again by somebody who was signed in.
    repeated: u64,
    statuses: BTreeMap<u16, u64>,
    findings: Vec<String>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn whatever_is_sent_as_any_role_nothing_fails_and_every_refusal_is_documented() {
    // Sign-ins are told apart by where they come from, lest their failures keep all others out.
    let variables = [
        ("RATE_LIMITS", "off"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example"),
        ("RUST_LOG", "error"),
    ];
    let app = TestApp::start_with(&variables).await;
    let seed = number("HOSTILE_SEED").unwrap_or(1);
    let only = std::env::var("HOSTILE_ROLE").ok();
    let document = Document::read(app.get("/openapi.json").send().await.expect(200).json);
    let world = World::create(&app).await;
    let started = Instant::now();

    let wanted = |role: &Option<Role>| {
        only.as_deref().is_none_or(|name| name == role.map_or("nobody", Role::as_str))
    };
    let asked = ROLES.into_iter().filter(wanted).map(async |role| {
        let world = world.seen_by(&app, role).await;
        let parts = (0..AT_A_TIME).map(|part| ask(&app, &document, world.clone(), (seed, part)));
        let reports = futures::future::join_all(parts).await;
        (world.role_name(), reports.into_iter().reduce(Report::and).unwrap_or_default())
    });
    let reports = futures::future::join_all(asked).await;

    let mut findings = vec![];
    for (name, report) in reports {
        eprintln!("{}", report.told(name));
        findings.extend(report.findings);
    }
    eprintln!("HOSTILE_SEED={seed}, {:.0} s", started.elapsed().as_secs_f64());
    let log = app.stderr();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    app.finish().await;
}

/// Sends a number of requests, one after another.
async fn ask(
    app: &TestApp,
    document: &Document,
    mut world: World,
    (seed, part): (u64, u64),
) -> Report {
    let (codes, mut report) = (Codes::documented(), Report::default());
    let role = ROLES.iter().position(|role| *role == world.role).unwrap_or_default() as u64;
    let indices = part..number("HOSTILE_REQUESTS").unwrap_or(USUAL);
    for index in indices.step_by(usize::try_from(AT_A_TIME).unwrap()) {
        let make =
            |world: &World| requests::make(&mut Chance::of(seed, role, index), document, world);
        let mut request = make(&world);
        let mut answer = send(app, &request).await;
        if has_ended(&world, &request, &answer) {
            report.repeated += 1;
            world.sign_in_again(app).await;
            request = make(&world);
            answer = send(app, &request).await;
        }
        report.take(&codes, index, &request, &answer);
        if let Ok(answer) = &answer {
            world.learn(&request.path, answer);
        }
    }
    report
}

/// Whether the person's own token counts no longer.
fn has_ended(world: &World, request: &Request, answer: &Result<Answer, String>) -> bool {
    let is_refused = answer.as_ref().is_ok_and(|answer| answer.code() == "invalid_token");
    is_refused && world.person.as_ref().is_some_and(|person| request.is_by(person))
}

/// The answer, or what came instead. What fails for its own sake fails twice; a connection that was
/// being closed just then, or a machine that was stopped for a while, does not.
async fn send(app: &TestApp, request: &Request) -> Result<Answer, String> {
    match send_once(app, request).await {
        Err(_) => send_once(app, request).await,
        answer => answer,
    }
}

async fn send_once(app: &TestApp, request: &Request) -> Result<Answer, String> {
    let url = app.url(&request.path);
    let mut call = Call::new(&app.client, &request.method, &url);
    for (name, value) in &request.headers {
        call = call.header_value(name, value);
    }
    match timeout(REQUEST_TIMEOUT, call.bytes(request.body.clone()).try_send()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("no answer: {error:?}")),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

impl Report {
    fn and(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.repeated += other.repeated;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.findings.extend(other.findings);
        self
    }

    fn take(
        &mut self,
        codes: &Codes,
        index: u64,
        request: &Request,
        answer: &Result<Answer, String>,
    ) {
        self.requests += 1;
        let verdict = match answer {
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                codes.judge(request, answer)
            }
            Err(error) => Err(error.clone()),
        };
        if let Err(wrong) = verdict {
            let what = format!("{} #{index}: {wrong}\n{request}\n{answer:?}", request.operation);
            // At once: a long run may be cut short.
            eprintln!("{what}\n");
            self.findings.push(what);
        }
        self.findings.truncate(TOLD);
    }

    fn told(&self, role: &str) -> String {
        let mut told = format!("{role}: {} requests, {} repeated;", self.requests, self.repeated);
        for (status, count) in &self.statuses {
            write!(told, " {status}: {count}").expect("a string takes all");
        }
        write!(told, "; {} findings", self.findings.len()).expect("a string takes all");
        told
    }
}
