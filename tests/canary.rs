//! Canaries: an address, passwords, tokens and a reason that are sent everywhere, and may be found
//! only where they belong.

use std::collections::BTreeMap;

use domain::Role;
use pool::PgPool;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Person, TestApp, eventually, link_in};

/// Everything that can be said, and everything that we say ourselves.
const LOUDLY: &str = "debug,vetted=trace,api=trace,commands=trace,domain=trace,projections=trace,\
    workers=trace,tower_http=trace,sqlx=debug";

const ADDRESS: &str = "canary-address";
const PASSWORD: &str = "finch-password";
const TOKEN: &str = "canary-token";
const REASON: &str = "canary-reason";

const EMAIL: &str = "canary-address@example.com";
const NEW_EMAIL: &str = "canary-address-new@example.com";
const SECRET: &str = "finch-password of old";
const NEW_SECRET: &str = "finch-password of late";

/// What must not be found, with what it is.
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    fn in_text(&self, text: &str) -> Vec<&'static str> {
        let found = self.0.iter().filter(|(_, canary)| text.contains(canary.as_str()));
        found.map(|(name, _)| *name).collect()
    }

    fn add(&mut self, name: &'static str, canary: &str) {
        self.0.push((name, canary.to_owned()));
    }

    /// A part that no other token shares.
    fn add_token(&mut self, name: &'static str, token: &str) {
        self.add(name, &token[token.len() - 30..]);
    }

    fn add_tokens(&mut self, person: &Person) {
        self.add_token("an access token", &person.access);
        self.add_token("a refresh token", &person.refresh);
    }
}

/// A life in which everything personal is said once.
struct Life {
    app: TestApp,
    canaries: Canaries,
    person: Person,
    staff: Person,
    admin: Person,
    stranger: Person,
    ids: [String; 5],
}

impl Life {
    async fn lived() -> Self {
        let app = TestApp::start_with(&[("RUST_LOG", LOUDLY)]).await;
        let mut canaries = Canaries(vec![
            ("the address", ADDRESS.to_owned()),
            ("a password", PASSWORD.to_owned()),
            ("a made-up token", TOKEN.to_owned()),
            ("the reason", REASON.to_owned()),
        ]);
        let (staff, admin) = (app.user(Role::Staff).await, app.user(Role::Admin).await);
        let stranger = app.user(Role::EndUser).await;
        let person = grown_up(&app, &mut canaries).await;
        let (authenticator, codes) = app.enrol(&stranger).await;
        canaries.add("the secret of a second factor", &authenticator.secret);
        canaries.add("a recovery code", &codes[0]);
        canaries.add("a recovery code without hyphens", &codes[1].replace('-', ""));
        for person in [&staff, &admin, &stranger] {
            canaries.add_tokens(person);
            canaries.add("the password of another", &person.password);
        }
        let category = app.category(&staff, "Lamps").await;
        let product = app.product(&person, &category, "Lamp").await;
        app.reject(&staff, &product, REASON).await.expect(200);
        let listed = app.approved_product(&stranger, &staff, &category).await;
        let order = app.order(&person, &[&listed]).await;
        let policy = app.policy(&admin, "Returns").await;
        let ids = [category, product, order, person.id.clone(), policy];
        Self { app, canaries, person, staff, admin, stranger, ids }
    }
}

/// Registered, activated, under another address, and with another password twice.
async fn grown_up(app: &TestApp, canaries: &mut Canaries) -> Person {
    let account = json!({"email": EMAIL, "password": "finch-password of yore"});
    let register = app.post("/register/").header("Idempotency-Key", "once");
    register.json(account.clone()).send().await.expect(201);
    let link = link_in(&app.mail_to(EMAIL).await);
    canaries.add_token("an activation token", link.trim_end_matches('/'));
    app.get(&link).send().await.expect(200);
    app.post("/register/").json(account).send().await.expect(201);
    let asked = json!({"email": EMAIL});
    app.post("/password/reset/").json(asked).send().await.expect(202);
    let link = eventually("the mail with the reset link", async || {
        app.mails(EMAIL).iter().find(|mail| mail.contains("/password/reset/")).map(|m| link_in(m))
    })
    .await;
    let query = link.split_once('?').unwrap().1;
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let mut body: BTreeMap<String, String> = pairs.collect();
    canaries.add_token("a reset token", &body["token"]);
    body.insert("password".to_owned(), SECRET.to_owned());
    app.post("/password/reset/confirm/").json(json!(body)).send().await.expect(204);
    let person = app.sign_in(EMAIL, SECRET).await;
    let change = json!({"current_password": SECRET, "new_password": NEW_SECRET});
    app.post("/password/change/").by(&person).json(change).send().await.expect(204);
    app.patch("/me/").by(&person).json(json!({"email": NEW_EMAIL})).send().await.expect(200);
    let link = link_in(&app.mail_to(NEW_EMAIL).await);
    app.get(&link).send().await.expect(200);
    let person = app.sign_in(NEW_EMAIL, NEW_SECRET).await;
    canaries.add_tokens(&person);
    person
}

/// What is sent for a member of a body, as somebody may who means well or not.
fn said(member: &str) -> String {
    match member {
        _ if member.contains("email") => "Canary <canary-address@example.com".to_owned(),
        _ if member.contains("password") => PASSWORD.to_owned(),
        "refresh" | "token" | "uid" => TOKEN.to_owned(),
        // These are for everybody.
        "name" | "description" | "video" | "title" | "text" | "dsa_category" => "A lamp".to_owned(),
        _ => REASON.to_owned(),
    }
}

/// A body and its media type, if there is one.
type Body = Option<(Vec<u8>, &'static str)>;

/// The members of what an operation takes of a media type.
fn members(document: &Value, operation: &Value, kind: &str) -> Option<Map<String, Value>> {
    let schema = &operation["requestBody"]["content"][kind]["schema"];
    let reference = schema["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    let schema = reference.and_then(|reference| document.pointer(reference)).unwrap_or(schema);
    schema["properties"].as_object().cloned()
}

/// A form, whose texts may be more than that.
fn form(document: &Value, operation: &Value) -> Option<Vec<u8>> {
    let members = members(document, operation, "multipart/form-data")?;
    let part = |name: &String| {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        format!("--b\r\n{head}\r\n\r\n{}\r\n", said(name))
    };
    Some((members.keys().map(part).collect::<String>() + "--b--\r\n").into_bytes())
}

/// Bodies for an operation: members as they should be, others for what they are, no JSON, a form.
fn bodies(document: &Value, operation: &Value) -> Vec<Body> {
    const JSON: &str = "application/json";
    let Some(members) = members(document, operation, JSON) else { return vec![None] };
    let with = |value: &dyn Fn(&str) -> Value| {
        let body: Map<_, _> = members.keys().map(|name| (name.clone(), value(name))).collect();
        serde_json::to_vec(&body).unwrap()
    };
    let text = with(&|name| json!(said(name)));
    let list = with(&|name| json!([said(name), {"id": said(name)}]));
    let address = with(&|name| json!(if name == "email" { EMAIL.to_owned() } else { said(name) }));
    let mut cut = text.clone();
    cut.truncate(cut.len() - 1);
    let json = [text, list, address, cut].into_iter().map(|body| (body, JSON));
    let form = form(document, operation).map(|body| (body, "multipart/form-data; boundary=b"));
    json.chain(form).map(Some).collect()
}

/// Every operation of the document, with everything that may hold a canary.
async fn say_everything_everywhere(life: &Life) -> Vec<(String, Answer)> {
    let app = &life.app;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let callers =
        [None, Some(&life.person), Some(&life.stranger), Some(&life.staff), Some(&life.admin)];
    let mut answers = vec![];
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // A person who ends their own sessions says nothing after that.
            let is_the_end = matches!(template.as_str(), "/me/" | "/me/sessions/");
            if method == "parameters" || (method == "delete" && is_the_end) {
                continue;
            }
            let own = match template.split('/').nth(1) {
                Some("categories") => &life.ids[0],
                Some("products") => &life.ids[1],
                Some("orders") => &life.ids[2],
                Some("policies") => &life.ids[4],
                _ => &life.ids[3],
            };
            for id in [own.as_str(), TOKEN] {
                let path =
                    ["{id}", "{uid}", "{token}"].iter().fold(template.clone(), |path, name| {
                        path.replace(name, if *name == "{id}" { id } else { TOKEN })
                    });
                let query = format!("?q={REASON}&cursor={TOKEN}&email={EMAIL}&user={TOKEN}");
                for caller in callers {
                    for (body, query) in bodies(&document, operation)
                        .into_iter()
                        .flat_map(|body| [(body.clone(), ""), (body, query.as_str())])
                    {
                        let mut call =
                            app.request(&method.to_uppercase(), &format!("{path}{query}"));
                        call = match caller {
                            Some(person) => call.by(person),
                            None => call.header("cookie", &format!("session={TOKEN}")),
                        };
                        if let Some((body, kind)) = body {
                            call = call.body(body, kind);
                        }
                        let told = format!("{method} {template} by {:?}", caller.map(|p| &p.email));
                        answers.push((told, call.send().await));
                    }
                }
                let forged = app.request(&method.to_uppercase(), &path).bearer(TOKEN).send().await;
                answers.push((format!("{method} {template} with a made-up token"), forged));
            }
        }
    }
    answers
}

/// What the whole of a table holds, as text.
async fn tables(pool: &PgPool) -> Vec<(String, String)> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut tables = vec![];
    for name in names {
        let all = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{name}\" t");
        let text: String = sqlx::query_scalar(&all).fetch_one(pool).await.unwrap();
        tables.push((name, text));
    }
    tables
}

#[tokio::test]
async fn what_is_personal_is_found_nowhere_but_where_it_belongs() {
    let life = Life::lived().await;
    let Life { app, canaries, person, stranger, .. } = &life;
    let mut found = vec![];
    let answers = say_everything_everywhere(&life).await;
    for status in [200, 201, 202, 400, 401, 403, 404, 409, 429] {
        assert!(answers.iter().any(|(_, answer)| answer.status == status), "nothing was {status}");
    }

    for (told, answer) in answers {
        assert!(answer.status < 500, "{told}: {answer:?}");
        if answer.status >= 400 {
            let mut problem = answer.json.clone();
            // The path as the client wrote it.
            if let Some(problem) = problem.as_object_mut() {
                problem.remove("instance");
            }
            let names = canaries.in_text(&format!("{problem}{:?}", answer.headers));
            found.extend(
                names.iter().map(|name| format!("{name} in the error of {told}: {problem}")),
            );
        }
        if told.contains(&stranger.email) {
            let body = String::from_utf8_lossy(&answer.bytes);
            // A filter stands in the links of its pages.
            let names = canaries.in_text(&body.replace(&format!("q={REASON}"), ""));
            let others = names.into_iter().filter(|name| *name != "a made-up token");
            found.extend(others.map(|name| format!("{name} for a stranger, {told}: {body}")));
        }
    }
    let log = app.stderr();
    assert!(log.lines().count() > 1_000, "the program was quiet");
    for line in log.lines() {
        found
            .extend(canaries.in_text(line).iter().map(|name| format!("{name} in the log: {line}")));
    }
    let events: i64 =
        sqlx::query_scalar("SELECT position FROM log_head").fetch_one(&app.pool()).await.unwrap();
    let messages = eventually("every event is published", async || {
        let messages = app.messages().await;
        (messages.len() >= usize::try_from(events).unwrap()).then_some(messages)
    })
    .await;
    for message in messages {
        found.extend(canaries.in_text(&message).iter().map(|name| format!("{name} in {message}")));
    }
    for (table, text) in tables(&app.pool()).await {
        // What is shown to those whom it belongs to.
        let shown = |name: &str| match table.as_str() {
            "users" => name == "the address",
            "timeline" => name == "the reason",
            _ => false,
        };
        let names = canaries.in_text(&text);
        assert_eq!(names.iter().any(|name| shown(name)), matches!(&*table, "users" | "timeline"));
        let names = names.into_iter().filter(|name| !shown(name));
        found.extend(names.map(|name| format!("{name} in the table {table}")));
    }
    found.sort();
    found.dedup();
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found[..found.len().min(40)].join("\n")
    );
    app.erase(person).await;
    assert_eq!(canaries.in_text(&app.stderr()), Vec::<&str>::new());
    for (table, text) in tables(&app.pool()).await {
        for canary in [NEW_EMAIL, REASON] {
            assert!(!text.contains(canary), "{canary} in {table} after the erasure");
        }
    }
}
