//! Each way to get tokens beside each way to end access, on two replicas: once both replicas know,
//! no token that came of the race works for what was ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Role;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::{NEW_PASSWORD, admin};
use crate::support::program::Server;
use crate::support::{Answer, Call, Person, TestApp, eventually, in_query, link_in};

/// Rounds of each pair; `make races` has 200.
fn rounds() -> usize {
    std::env::var("RACE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Login,
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    PasswordChange,
    PasswordReset,
    Demotion,
    Deactivation,
    Erasure,
    AllSessions,
    UndoneAddress,
    Logout,
}

const ENDS: [End; 8] = [
    End::PasswordChange,
    End::PasswordReset,
    End::Demotion,
    End::Deactivation,
    End::Erasure,
    End::AllSessions,
    End::UndoneAddress,
    End::Logout,
];

struct Race {
    app: TestApp,
    replica: Server,
    admin: Person,
    /// Signs in and out.
    probe: Person,
    /// Each sign-in comes from an address of its own: many fail, which one address may not.
    addresses: AtomicU32,
}

impl Race {
    /// The request that ends access, ready to be sent.
    async fn end(&self, end: End, person: &mut Person) -> Call {
        let app = &self.app;
        let path = format!("/users/{}/", person.id);
        match end {
            End::PasswordChange => {
                let body =
                    json!({"current_password": person.password, "new_password": NEW_PASSWORD});
                app.post("/password/change/").by(person).json(body)
            }
            End::PasswordReset => {
                let body = super::reset_by_mail(app, &person.email, 1).await;
                app.post("/password/reset/confirm/").json(body)
            }
            End::Demotion => self.manage(&path, json!({"role": "END_USER"})).await,
            End::Deactivation => self.manage(&path, json!({"is_active": false})).await,
            End::Erasure => app.delete("/me/").by(person),
            End::AllSessions => app.delete("/me/sessions/").by(person),
            End::UndoneAddress => {
                let undo = self.moved(person).await;
                app.post("/email/undo/").json(undo)
            }
            End::Logout => app.post("/logout/").by(person).json(json!({"refresh": person.refresh})),
        }
    }

    /// Signed in for each, as the rounds take longer than a token lives.
    async fn manage(&self, path: &str, body: Value) -> Call {
        let admin = self.app.sign_in(&self.admin.email, &self.admin.password).await;
        self.app.patch(path).by(&admin).json(body)
    }

    /// Moves the account to another address; what the mail to the former one leads to.
    async fn moved(&self, person: &mut Person) -> Value {
        let new = format!("new-{}", person.email);
        super::ask_for_address(&self.app, person, &new).await.expect(200);
        let confirm = link_in(&self.app.mail_to(&new).await);
        self.app.get(&confirm).send().await.expect(200);
        let told = self.app.mail_to(&person.email).await;
        person.email = new;
        in_query(&link_in(&told))
    }

    fn get_tokens(&self, way: Way, person: &Person) -> Call {
        match way {
            Way::Login => {
                let body = json!({"email": person.email, "password": person.password});
                let [_, a, b, c] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                let call = self.app.request_to(&self.replica, "POST", "/login/").json(body);
                call.header("X-Forwarded-For", &format!("10.{a}.{b}.{c}"))
            }
            Way::Refresh => {
                let body = json!({"refresh": person.refresh});
                self.app.request_to(&self.replica, "POST", "/token/refresh/").json(body)
            }
        }
    }

    /// One round; what is wrong with it, if anything.
    async fn round(&self, way: Way, end: End, delay: Duration) -> Option<String> {
        let mut person = self.app.user(Role::Staff).await;
        let ending = self.end(end, &mut person).await;
        let getting = self.get_tokens(way, &person);
        let (ended, tokens) = tokio::join!(ending.send(), async {
            sleep(delay).await;
            getting.send().await
        });
        assert!(matches!(ended.status, 200 | 204 | 205), "{end:?}: {ended:?}");
        if tokens.status != 200 {
            return None;
        }
        self.wrong(end, way, &person, &tokens).await
    }

    /// What the tokens may do that they may not, once both replicas know of the end.
    async fn wrong(&self, end: End, way: Way, person: &Person, tokens: &Answer) -> Option<String> {
        self.wait().await;
        let text = |member: &str| tokens.json[member].as_str().unwrap().to_owned();
        let gotten = Person { access: text("access"), refresh: text("refresh"), ..person.clone() };
        let wrong = match (end, way) {
            // The session that changed the password goes on, and logging out ends no other one.
            (End::PasswordChange, Way::Refresh) | (End::Logout, Way::Login) => false,
            // A demoted person goes on as what they are now.
            (End::Demotion, _) => self.moderates(&gotten).await,
            // Who signs in after that is in.
            (End::AllSessions | End::UndoneAddress, Way::Login) => {
                !self.issued_since(&gotten.access).await && self.lives(&gotten).await
            }
            _ => self.lives(&gotten).await,
        };
        wrong.then(|| format!("{way:?} beside {end:?}"))
    }

    /// Whether the token is of the account's newest access generation.
    async fn issued_since(&self, access: &str) -> bool {
        let claims = crate::sessions::part(access, 1);
        let sql = "SELECT access_generation FROM credentials WHERE user_id = $1::uuid";
        let newest: i64 = sqlx::query_scalar(sql)
            .bind(claims["sub"].as_str().unwrap())
            .fetch_one(&self.app.pool())
            .await
            .unwrap();
        claims["gen"].as_i64().unwrap() >= newest
    }

    /// Whether any of the replicas takes one of the tokens.
    async fn lives(&self, person: &Person) -> bool {
        let here = self.app.get("/me/").by(person).send().await;
        let there = self.app.request_to(&self.replica, "GET", "/me/").by(person).send().await;
        let refreshed = super::refresh(&self.app, &person.refresh).await;
        [here, there, refreshed].iter().any(|answer| answer.status == 200)
    }

    async fn moderates(&self, person: &Person) -> bool {
        let body = json!({"name": format!("Shelf {}", uuid::Uuid::now_v7())});
        let call = self.app.request_to(&self.replica, "POST", "/categories/").by(person);
        let there = call.json(body).send().await;
        let later = super::refresh(&self.app, &person.refresh).await;
        there.status == 201 || later.json["user"]["role"] == "STAFF"
    }

    /// Until the replica has read the log to its present end: it knows of a logout that came last.
    async fn wait(&self) {
        let Person { email, password, .. } = &self.probe;
        let probe = self.app.sign_in(email, password).await;
        let body = json!({"refresh": probe.refresh});
        self.app.post("/logout/").by(&probe).json(body).send().await.expect(205);
        eventually("the replica has read on", async || {
            let asked = self.app.request_to(&self.replica, "GET", "/me/").by(&probe).send().await;
            (asked.status == 401).then_some(())
        })
        .await;
    }
}

/// Rounds run side by side.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn no_way_to_get_tokens_outruns_a_way_to_end_access() {
    let app =
        TestApp::start_with(&[("RATE_LIMITS", "off"), ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (replica, admin) = (app.replica().await, admin(&app).await);
    let probe = app.user_by_command(Role::EndUser).await;
    let race = Race { app, replica, admin, probe, addresses: AtomicU32::new(1) };
    let took = race.duration_of_a_login().await;
    let mut all = BTreeMap::<(Way, End), usize>::new();
    let pairs = [Way::Login, Way::Refresh].into_iter();
    let pairs = pairs.flat_map(|way| ENDS.into_iter().map(move |end| (way, end)));
    let tries = pairs.flat_map(|(way, end)| (0..rounds()).map(move |round| (way, end, round)));

    let outcomes = futures::stream::iter(tries.map(|(way, end, round)| {
        let race = &race;
        // From before the end to after it.
        let delay = took * u32::try_from(round % 8).unwrap() / 8;
        async move { ((way, end), race.round(way, end, delay).await) }
    }));
    let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;

    let wrong: Vec<_> = outcomes.iter().filter_map(|(_, wrong)| wrong.as_ref()).collect();
    for (pair, _) in &outcomes {
        *all.entry(*pair).or_default() += 1;
    }
    println!("{} rounds of {} pairs", outcomes.len(), all.len());
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), outcomes.len());
    race.app.finish().await;
}

impl Race {
    /// How far apart the two requests of a race may be for them to be under way together.
    async fn duration_of_a_login(&self) -> Duration {
        let person = self.app.user_by_command(Role::EndUser).await;
        let begun = Instant::now();
        self.app.login(&person.email, &person.password).await.expect(200);
        begun.elapsed()
    }
}
