//! Vetted: a marketplace backend that keeps a provable history of every listing.

mod background;
mod backup;
mod config;
mod database;
mod embedded;
mod erasures;
mod error;
mod first_admin;
mod health;
mod healthcheck;
mod listeners;
mod metrics;
mod output;
mod parts;
mod private;
mod progress;
mod reach;
mod read_models;
mod rights;
mod role;
mod secrets;
mod serve;
mod servers;
mod services;
mod start;
mod storage;
mod subcommand;
mod telemetry;
mod tls;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::{Config, LogFormat};
use role::Role;
use subcommand::{
    audit, backup as backups, demo, doctor, jwe_open, keys, migrate, projections, users, worker,
};
use uuid::Uuid;

/// Requests are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A marketplace backend that keeps a provable history of every listing
///
/// Without a command it runs the API and the workers, and starts a private PostgreSQL and NATS
/// server where DATABASE_URL and NATS_URL are unset.
#[derive(Parser)]
#[command(name = "vetted", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the API without the workers
    Api,
    /// Run the workers without the API, or manage their work
    Worker {
        #[command(subcommand)]
        command: Option<Worker>,
    },
    /// Bring the database schema up to date, and rebuild outdated read models
    Migrate,
    /// Manage accounts
    #[command(subcommand)]
    Users(Users),
    /// Rebuild the read models from the event log, or compare them with it
    #[command(subcommand)]
    Projections(Projections),
    /// Read the event log
    #[command(subcommand)]
    Audit(Audit),
    /// Back everything up into a folder: database, keys, and a list of the files
    ///
    /// It may run while the program serves. Without a private PostgreSQL it needs pg_dump of the
    /// server's version or a newer one.
    Backup(backups::Backup),
    /// Restore a backup into an empty database
    ///
    /// Persons who were erased since the backup are erased again. Stop the program first.
    Restore(backups::Restore),
    /// Fill a database with made-up accounts, categories and products
    ///
    /// Refuses where there are accounts already, unless --yes is given.
    Demo(demo::Demo),
    /// Manage the keys in SECRETS_FILE
    #[command(subcommand)]
    Keys(Keys),
    /// Print every setting, its value and where it comes from, with secrets hidden
    Config {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at everything that the program needs, and say what to do; exit with 1 where something is wrong
    Doctor {
        /// Leave out the comparison of the read models with the log
        #[arg(long)]
        quick: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command, such as a test suite, beside a PostgreSQL and a NATS server of its own
    ///
    /// The command finds their addresses in TEST_DATABASE_URL and TEST_NATS_URL. Both servers stop
    /// when it ends.
    Services {
        /// Keep the data of both servers in this folder, instead of removing them at the end
        #[arg(long)]
        dir: Option<PathBuf>,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Exit with 0 if the API or the worker on this machine is healthy
    #[command(hide = true)]
    Healthcheck,
    /// Decrypt one JWE, as the API does
    #[command(hide = true)]
    JweOpen,
}

#[derive(Subcommand)]
enum Worker {
    /// Manage events whose handling failed for good
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Remove expired uploads, and files that nothing refers to
    ///
    /// Workers do this every hour.
    Sweep(worker::Sweep),
}

#[derive(Subcommand)]
enum DeadLetters {
    /// List the dead letters, oldest first
    List {
        /// Print each as a JSON object on a line of its own
        #[arg(long)]
        json: bool,
    },
    /// Have workers handle one dead letter again, or all
    Retry {
        /// The id of the dead letter; without it all are retried
        #[arg(value_parser = subcommand::id, value_name = "ID")]
        id: Option<Uuid>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Add new keys for signing, for encryption and for wrapping persons' keys
    ///
    /// The keys before them stay accepted, older ones are dropped. It may run while the program
    /// serves.
    Rotate,
}

#[derive(Subcommand)]
enum Users {
    /// Create an account that is active at once
    Create(users::Create),
    /// Remove the second factor of somebody who has lost it, and end their sessions
    ResetSecondFactor(users::ResetSecondFactor),
}

#[derive(Subcommand)]
enum Projections {
    /// Rebuild read models from the event log; the present ones serve until it is done
    Rebuild {
        /// products, categories, orders, users or policies; without it all are rebuilt
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare the read models with the event log; exit with 1 where a row differs
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Print a product's history, step by step
    Replay(audit::Replay),
}

fn main() -> ExitCode {
    // It fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::try_parse() {
        Ok(cli) => run(cli).unwrap_or_else(|error| failed(&*error)),
        Err(error) => misused(&error),
    }
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    let is_closed_pipe = |error: &error::Error| matches!(error, error::Error::Print(print) if print.is_closed_pipe());
    if error.downcast_ref().is_some_and(is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    output::failure(config::log_format(), error);
    ExitCode::FAILURE
}

/// Prints help, or what is wrong with the arguments.
fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && config::log_format() == LogFormat::Json {
        output::failure(LogFormat::Json, error);
    } else {
        output::usage(error);
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    if !matches!(cli.command, Some(Command::Services { .. })) {
        // That one runs a command of the caller's, which keeps the caller's mask.
        private::files();
    }
    if matches!(cli.command, Some(Command::JweOpen)) {
        // It needs nothing that is configured.
        jwe_open::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load()?;
    let _telemetry = telemetry::init(&config)?;
    private::folders(&config.data_dir);
    tokio::runtime::Runtime::new()?.block_on(carry_out(&config, cli.command))
}

async fn carry_out(config: &Config, command: Option<Command>) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        None => serve::run(config, Role::Everything).await?,
        Some(Command::Api) => serve::run(config, Role::Api).await?,
        Some(Command::Worker { command: None }) => serve::run(config, Role::Worker).await?,
        Some(Command::Worker { command: Some(Worker::DeadLetters(letters)) }) => match letters {
            DeadLetters::List { json } => worker::list(config, json).await?,
            DeadLetters::Retry { id, json } => worker::retry(config, id, json).await?,
        },
        Some(Command::Worker { command: Some(Worker::Sweep(sweep)) }) => {
            worker::sweep(config, &sweep).await?;
        }
        Some(Command::Keys(Keys::Rotate)) => keys::rotate(config).await?,
        Some(Command::Migrate) => migrate::run(config).await?,
        Some(Command::Users(Users::Create(create))) => users::create(config, &create).await?,
        Some(Command::Users(Users::ResetSecondFactor(reset))) => {
            users::reset_second_factor(config, &reset).await?;
        }
        Some(Command::Projections(Projections::Rebuild { name, json })) => {
            projections::rebuild(config, name.as_deref(), json).await?;
        }
        Some(Command::Projections(Projections::Verify { json })) => {
            return Ok(projections::verify(config, json).await?);
        }
        Some(Command::Audit(Audit::Replay(replay))) => audit::replay(config, &replay).await?,
        Some(Command::Backup(backup)) => backups::make(config, backup).await?,
        Some(Command::Restore(restore)) => return Ok(backups::restore(config, &restore).await?),
        Some(Command::Demo(demo)) => demo::run(config, &demo).await?,
        Some(Command::Doctor { quick, json }) => {
            return Ok(doctor::run(config, quick, json).await?);
        }
        Some(Command::Config { json }) => print_config(config, json)?,
        Some(Command::Services { dir, command }) => {
            return Ok(services::run(dir.as_deref(), &command).await?);
        }
        Some(Command::Healthcheck) if healthcheck::is_healthy(config).await => {}
        Some(Command::Healthcheck) => return Ok(ExitCode::FAILURE),
        // Carried out before: it needs nothing that is configured.
        Some(Command::JweOpen) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn print_config(config: &Config, json: bool) -> Result<(), error::Error> {
    if json {
        return Ok(output::json(&config.settings())?);
    }
    Ok(config::listing(config).iter().try_for_each(|line| output::line(line))?)
}
