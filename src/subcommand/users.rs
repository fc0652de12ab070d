//! `vetted users create`: an account that needs no activation; how the first ADMIN is made. And
//! `reset-second-factor`, for somebody who has lost theirs.

use std::fmt::Display;
use std::io::stdin;
use std::str::FromStr;

use commands::{CommandError, Commands, Reservation};
use domain::user::Password;
use domain::{EmailAddress, FieldErrors, NewEmailAddress, Role, UserId};
use identity::IfMissing;
use pool::PgPool;
use serde_json::json;

use crate::config::Config;
use crate::error::Error;
use crate::parts::{self, Database};
use crate::{database, read_models};

/// An account to create.
#[derive(clap::Args)]
pub struct Create {
    /// The account's e-mail address
    #[arg(long)]
    email: String,
    /// END_USER, STAFF, ADMIN or AUDITOR
    #[arg(long)]
    role: Role,
    /// Read the password from the first line of standard input
    ///
    /// There is no other way: arguments can be read by every account of the machine.
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whose second factor was lost.
#[derive(clap::Args)]
pub struct ResetSecondFactor {
    /// The account's e-mail address
    #[arg(long)]
    email: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Removes the second factor.
pub async fn reset_second_factor(config: &Config, reset: &ResetSecondFactor) -> Result<(), Error> {
    let email: EmailAddress = read_email(&reset.email)?;
    let known = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        let commands = parts::commands(config, pool, &config.public_url, IfMissing::Leave).await?;
        Ok(commands.reset_second_factor(&parts::operator(), &email).await?)
    })
    .await?;
    if !known {
        return Err(Error::Usage("no account has this e-mail address".to_owned()));
    }
    let line = "The account signs in with its password alone; all its sessions have ended.";
    super::tell(reset.json, &json!({ "reset": true }), line)
}

fn read_email<T: FromStr<Err: Display>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| Error::Usage(format!("--email: {error}")))
}

/// Makes the account.
pub async fn create(config: &Config, create: &Create) -> Result<(), Error> {
    let mut password = String::new();
    let what = "reading the password";
    stdin().read_line(&mut password).map_err(|source| Error::Io { what, source })?;
    let password = password.trim_end_matches(['\r', '\n']);
    let email: NewEmailAddress = read_email(&create.email)?;
    // Before a database is made for it.
    read_password(password)?;
    let user = Database::with_one(config, IfMissing::Create, async |pool| {
        prepare(config, pool).await?;
        let commands = parts::commands(config, pool, &config.public_url, IfMissing::Create).await?;
        make(&commands, &email, password, create.role).await
    })
    .await?;
    let line = format!("Made {} with id {user}.", create.role);
    super::tell(create.json, &json!({ "id": user, "role": create.role }), &line)
}

/// A private database may just have been made.
async fn prepare(config: &Config, pool: &PgPool) -> Result<(), Error> {
    let tables = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')";
    let has_tables: bool = sqlx::query_scalar(tables).fetch_one(pool).await?;
    if config.database_url.is_none() && !has_tables {
        read_models::ensure_up_to_date(config, pool).await?;
    }
    Ok(database::check_migrated(pool).await?)
}

/// Makes an account; also for the first start.
pub async fn make(
    commands: &Commands,
    email: &NewEmailAddress,
    password: &str,
    role: Role,
) -> Result<UserId, Error> {
    let password = read_password(password)?;
    match commands.create_user(&parts::operator(), email, &password, role).await {
        Err(CommandError::Taken(Reservation::Email)) => {
            Err(Error::Usage("this e-mail address is registered already".to_owned()))
        }
        Err(CommandError::Refused(refusal)) => Err(Error::Usage(match refusal.kind {
            domain::RefusalKind::Invalid(errors) => sentences(&errors),
            _ => refusal.detail,
        })),
        other => Ok(other?),
    }
}

fn read_password(password: &str) -> Result<Password, Error> {
    domain::read(serde_json::Value::from(password))
        .map_err(|errors| Error::Usage(format!("the password: {}", sentences(&errors))))
}

fn sentences(errors: &FieldErrors) -> String {
    errors.messages().collect::<Vec<_>>().join(" ")
}
