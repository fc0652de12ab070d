//! The first ADMIN of the embedded default, so that `make run` gives something to sign in with. The
//! password that is printed has to be changed before anything else is done.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use commands::Commands;
use domain::{NewEmailAddress, Role};
use pool::PgPool;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Error;
use crate::output;
use crate::parts;
use crate::subcommand::users;

const EMAIL: &str = "admin@vetted.example";

/// Makes an ADMIN where there is no account at all, and prints its credentials, once.
pub async fn make(config: &Config, pool: &PgPool, commands: &Commands) -> Result<(), Error> {
    let known: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(pool).await?;
    if known {
        return Ok(());
    }
    let email: NewEmailAddress =
        EMAIL.parse().map_err(|error| Error::Usage(format!("{EMAIL}: {error}")))?;
    // 244 random bits.
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
    let password = BASE64.encode(random.as_flattened());
    let user = users::make(commands, &email, &password, Role::Admin).await?;
    commands.require_password_change(&parts::operator(), user).await?;
    let told = format!("The first ADMIN is {EMAIL} with the password {password}");
    let members = [("email", EMAIL), ("password", password.as_str())];
    output::announce(config.log_format, &told, &members);
    let data = config.data_dir.display();
    let once =
        format!("(printed only once; change it at the first sign-in; the data are in {data})");
    output::announce(config.log_format, &once, &[]);
    Ok(())
}
