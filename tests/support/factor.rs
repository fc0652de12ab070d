//! Second factors as people have them: an app that shows codes, and a slip of paper.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use totp_rs::{Builder, Secret, Totp};

use super::{Answer, Person, TestApp};

/// Seconds of a time step.
const STEP: u64 = 30;

/// An authenticator app.
pub struct Authenticator {
    /// In base32.
    pub secret: String,
    totp: Totp,
    /// The last step whose code was handed out.
    last: u64,
}

impl Authenticator {
    /// Set up with a secret in base32.
    pub fn new(secret: &str) -> Self {
        let bytes = Secret::try_from_base32(secret).unwrap();
        let totp = Builder::new().with_secret(bytes).build().unwrap();
        Self { secret: secret.to_owned(), totp, last: 0 }
    }

    /// A code that the program takes and that was not handed out yet. Those of three steps are taken
    /// at a time; after them it waits for the next.
    pub async fn next(&mut self) -> String {
        loop {
            let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap();
            let step = (now / STEP - 1).max(self.last + 1);
            // The oldest one must not end on its way.
            let is_ending = step < now / STEP && now % STEP > STEP - 4;
            if step <= now / STEP + 1 && !is_ending {
                self.last = step;
                return self.at(step);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The code that was handed out last.
    pub fn again(&self) -> String {
        self.at(self.last)
    }

    /// A code that is right now by no clock.
    pub fn wrong(&self) -> String {
        let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap() / STEP;
        let right: Vec<_> = (now - 2..=now + 3).map(|step| self.at(step)).collect();
        (0..10).map(|code| format!("{code:06}")).find(|code| !right.contains(code)).unwrap()
    }

    fn at(&self, step: u64) -> String {
        self.totp.generate(step * STEP).to_string()
    }
}

impl TestApp {
    /// Sets a second factor up for somebody who has just signed in; gives the recovery codes too.
    pub async fn enrol(&self, person: &Person) -> (Authenticator, Vec<String>) {
        let begun = self.post("/me/second-factor/").by(person).json(json!({})).send().await;
        let secret = begun.expect(200).json["secret"].as_str().unwrap().to_owned();
        let mut authenticator = Authenticator::new(&secret);
        let code = authenticator.next().await;
        let confirmed = self.confirm_factor(person, &code).await.expect(200).json;
        let codes = confirmed["recovery_codes"].as_array().unwrap().iter();
        (authenticator, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    pub async fn confirm_factor(&self, person: &Person, code: &str) -> Answer {
        let path = "/me/second-factor/confirm/";
        self.post(path).by(person).json(json!({"code": code})).send().await
    }

    /// Gives the right password of an account with a second factor.
    pub async fn challenge(&self, person: &Person) -> String {
        let asked = self.login(&person.email, &person.password).await.expect(401);
        assert_eq!(asked.code(), "second_factor_required");
        asked.json["challenge"].as_str().unwrap().to_owned()
    }

    pub async fn complete_login(&self, challenge: &str, code: &str) -> Answer {
        let body = json!({"challenge": challenge, "code": code});
        self.post("/login/second-factor/").json(body).send().await
    }
}
