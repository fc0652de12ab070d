//! How often a password or a code may be tried, and a mail be sent to an address that somebody names; counted in
//! PostgreSQL so that replicas share the count.
//!
//! Of tries only failures count. Of each budget the table has one moment: a failure or a mail
//! moves it ahead, and a try is refused while it is too far ahead (GCRA, as of ATM traffic).

use std::net::IpAddr;
use std::time::Duration;

use domain::UserId;
use pool::PgPool;

use crate::error::IdentityError;
use crate::identity::Identity;

/// So many tries, and then one more whenever so many seconds have passed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Budget {
    tries: f64,
    seconds: f64,
}

/// Of an account, from one address.
const PAIR: Budget = Budget { tries: 10.0, seconds: 30.0 };
/// Of an address, over all accounts that it is a stranger to.
const ADDRESS: Budget = Budget { tries: 100.0, seconds: 3.0 };
/// Of an account, from all addresses that are strangers to it. Beyond it nobody is locked out,
/// but each stranger gets no more than [`STRANGER`].
const STRANGERS: Budget = Budget { tries: 100.0, seconds: 3.0 };
const STRANGER: Budget = Budget { tries: 1.0, seconds: 600.0 };
/// Of codes of one account, from one address or one who is signed in: there are only 10⁶, and three
/// of them are right.
const CODES: Budget = Budget { tries: 10.0, seconds: 300.0 };
/// Of codes of one account, from all addresses that no right code of it came from. Beyond it they wait: they
/// all know the password, so a person who has to share this sets another.
const CODES_OF_STRANGERS: Budget = Budget { tries: 20.0, seconds: 300.0 };
/// Of mails of one kind to one address that anybody can ask for.
const MAILS: Budget = Budget { tries: 5.0, seconds: 600.0 };
/// Of mails of all kinds to one address that anybody can ask for.
const MAILS_OF_ALL_KINDS: Budget = Budget { tries: 12.0, seconds: 300.0 };

impl Budget {
    /// Seconds until the next try, for a moment that is so far ahead.
    fn wait(self, ahead: f64) -> f64 {
        ahead - self.slack()
    }

    /// Seconds that the moment may be ahead.
    fn slack(self) -> f64 {
        (self.tries - 1.0) * self.seconds
    }
}

/// What is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    Password,
    Code,
}

impl Secret {
    const fn strangers(self) -> Budget {
        match self {
            Self::Password => STRANGERS,
            Self::Code => CODES_OF_STRANGERS,
        }
    }

    fn count(self, outcome: &'static str) {
        match self {
            Self::Password => {
                metrics::counter!("vetted_password_checks_total", "outcome" => outcome)
            }
            Self::Code => {
                metrics::counter!("vetted_second_factor_checks_total", "outcome" => outcome)
            }
        }
        .increment(1);
    }
}

/// Whose budgets a try draws on; the names tell nothing without the key.
pub struct Tries {
    secret: Secret,
    pair: String,
    address: Option<String>,
    account: Option<String>,
}

/// A try that is within its budgets.
pub struct Admitted {
    pair: Budget,
    familiar: bool,
}

/// How many seconds ahead each moment is.
#[derive(Default, sqlx::FromRow)]
struct Ahead {
    pair: f64,
    address: f64,
    account: f64,
    /// Whether the account has been signed in to from the address.
    familiar: bool,
}

impl Identity {
    /// Signing in to the account that has this look-up name, if any has, from a client's network.
    pub fn tries(&self, account: Option<&str>, client: IpAddr) -> Tries {
        let (account, client) = (account.unwrap_or_default().as_bytes(), client.to_string());
        Tries {
            secret: Secret::Password,
            pair: self.subject(&[b"pair", account, client.as_bytes()]),
            address: Some(self.subject(&[b"address", client.as_bytes()])),
            account: Some(self.subject(&[b"account", account])),
        }
    }

    /// Confirming who one is, signed in already.
    pub fn tries_of(&self, user: UserId) -> Tries {
        let pair = self.subject(&[b"user", user.uuid().as_bytes()]);
        Tries { secret: Secret::Password, pair, address: None, account: None }
    }

    /// Giving a code after the right password, from a client's network.
    pub fn code_tries(&self, user: UserId, client: IpAddr) -> Tries {
        let (user, client) = (user.uuid(), client.to_string());
        Tries {
            secret: Secret::Code,
            pair: self.subject(&[b"code pair", user.as_bytes(), client.as_bytes()]),
            address: Some(self.subject(&[b"address", client.as_bytes()])),
            account: Some(self.subject(&[b"code account", user.as_bytes()])),
        }
    }

    /// Giving a code, signed in already.
    pub fn code_tries_of(&self, user: UserId) -> Tries {
        let pair = self.subject(&[b"code user", user.uuid().as_bytes()]);
        Tries { secret: Secret::Code, pair, address: None, account: None }
    }

    /// Whether one more mail may go to the address that has this look-up name and that the caller
    /// has not proved to be theirs; counts it then. It takes as long whether somebody has the address
    /// or not. Mails of one kind have a budget, so that a flood of them leaves the links of others,
    /// and all kinds have one together.
    pub async fn admits_mail(
        &self,
        pool: &PgPool,
        kind: &str,
        name: &str,
    ) -> Result<bool, sqlx::Error> {
        let of_kind = self.admits(pool, kind, name, MAILS).await?;
        let of_all = self.admits(pool, "", name, MAILS_OF_ALL_KINDS).await?;
        Ok(of_kind && of_all)
    }

    async fn admits(
        &self,
        pool: &PgPool,
        kind: &str,
        name: &str,
        budget: Budget,
    ) -> Result<bool, sqlx::Error> {
        let admitted: Option<i32> = sqlx::query_scalar(
            "INSERT INTO attempts AS had (subject, until)
             VALUES ($1, now() + make_interval(secs => $2))
             ON CONFLICT (subject) DO UPDATE
             SET until = greatest(had.until, now()) + make_interval(secs => $2)
             WHERE had.until <= now() + make_interval(secs => $3) RETURNING 1",
        )
        .bind(self.subject(&[b"mail", kind.as_bytes(), name.as_bytes()]))
        .bind(budget.seconds)
        .bind(budget.slack())
        .fetch_optional(pool)
        .await?;
        Ok(admitted.is_some())
    }
}

impl Tries {
    /// Refuses a try that is beyond a budget.
    pub async fn admit(&self, pool: &PgPool) -> Result<Admitted, IdentityError> {
        let ahead: Ahead = sqlx::query_as(
            "SELECT greatest(0, max(ahead) FILTER (WHERE subject = $1)) AS pair,
                    greatest(0, max(ahead) FILTER (WHERE subject = $2)) AS address,
                    greatest(0, max(ahead) FILTER (WHERE subject = $3)) AS account,
                    EXISTS (SELECT FROM familiar_addresses WHERE subject = $1) AS familiar
             FROM (SELECT subject, extract(epoch FROM until - now())::float8 AS ahead
                   FROM attempts WHERE subject IN ($1, $2, $3)) AS held",
        )
        .bind(&self.pair)
        .bind(&self.address)
        .bind(&self.account)
        .fetch_one(pool)
        .await?;
        judge(self.secret, &ahead).map_err(|seconds| {
            self.secret.count("throttled");
            IdentityError::TooManyAttempts { retry_after: Duration::from_secs_f64(seconds.ceil()) }
        })
    }

    /// Counts a failure.
    pub async fn failed(&self, pool: &PgPool, how: Admitted) -> Result<(), IdentityError> {
        self.secret.count("wrong");
        let mut drawn = vec![(&self.pair, how.pair.seconds)];
        if !how.familiar {
            drawn.extend(self.address.as_ref().map(|name| (name, ADDRESS.seconds)));
            drawn.extend(self.account.as_ref().map(|name| (name, self.secret.strangers().seconds)));
        }
        let (names, seconds): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
        // In one order, so that no two wait for each other.
        sqlx::query(
            "INSERT INTO attempts AS had (subject, until)
             SELECT subject, now() + make_interval(secs => seconds)
             FROM unnest($1::text[], $2::float8[]) AS failed (subject, seconds) ORDER BY subject
             ON CONFLICT (subject) DO UPDATE
             SET until = greatest(had.until, now()) + (excluded.until - now())",
        )
        .bind(names)
        .bind(seconds)
        .execute(pool)
        .await?;
        Ok(())
    }

    /// Resets the tries after a right password, and remembers the address.
    pub async fn succeeded(&self, pool: &PgPool) -> Result<(), IdentityError> {
        self.secret.count("right");
        sqlx::query("DELETE FROM attempts WHERE subject = $1")
            .bind(&self.pair)
            .execute(pool)
            .await?;
        if self.account.is_some() {
            sqlx::query(
                "INSERT INTO familiar_addresses AS known (subject) VALUES ($1)
                 ON CONFLICT (subject) DO UPDATE SET seen_at = now()
                 WHERE known.seen_at < now() - interval '1 day'",
            )
            .bind(&self.pair)
            .execute(pool)
            .await?;
        }
        Ok(())
    }
}

/// The budget of the pair, or the seconds to wait.
fn judge(secret: Secret, ahead: &Ahead) -> Result<Admitted, f64> {
    let familiar = ahead.familiar;
    let account = if familiar { 0.0 } else { secret.strangers().wait(ahead.account) };
    let (pair, account) = match secret {
        Secret::Password if account > 0.0 => (STRANGER, 0.0),
        Secret::Password => (PAIR, 0.0),
        Secret::Code => (CODES, account),
    };
    let address = if familiar { 0.0 } else { ADDRESS.wait(ahead.address) };
    let wait = pair.wait(ahead.pair).max(address).max(account);
    if wait > 0.0 { Err(wait) } else { Ok(Admitted { pair, familiar }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a budget stands after so many failures at once.
    fn after(failures: f64, budget: Budget) -> f64 {
        failures * budget.seconds
    }

    #[test]
    fn ten_failures_are_free_and_then_one_every_half_minute() {
        let wait = |failures| {
            judge(Secret::Password, &Ahead { pair: after(failures, PAIR), ..Ahead::default() })
                .err()
        };
        assert_eq!([wait(9.0), wait(10.0), wait(11.0)], [None, Some(30.0), Some(60.0)]);
    }

    #[test]
    fn an_account_that_many_strangers_try_gives_each_of_them_one_try() {
        let account = after(150.0, STRANGERS);
        let stranger = Ahead { account, ..Ahead::default() };
        assert_eq!(judge(Secret::Password, &stranger).unwrap().pair, STRANGER);
        let again = Ahead { pair: after(1.0, STRANGER), account, ..Ahead::default() };
        assert_eq!(judge(Secret::Password, &again).err(), Some(600.0));
    }

    #[test]
    fn codes_run_out_for_all_strangers_together_and_not_for_who_gave_one_before() {
        let beset = Ahead { account: after(20.0, CODES_OF_STRANGERS), ..Ahead::default() };
        assert_eq!(judge(Secret::Code, &beset).err(), Some(300.0));
        let known = Ahead { familiar: true, ..beset };
        assert_eq!(judge(Secret::Code, &known).unwrap().pair, CODES);
    }

    #[test]
    fn who_signed_in_from_there_before_is_not_touched_by_what_others_do() {
        let (account, address) = (after(1e4, STRANGERS), after(1e4, ADDRESS));
        let known = Ahead { account, address, familiar: true, ..Ahead::default() };
        assert_eq!(judge(Secret::Password, &known).unwrap().pair, PAIR);
        let stranger = Ahead { familiar: false, ..known };
        assert!(judge(Secret::Password, &stranger).is_err());
    }
}
