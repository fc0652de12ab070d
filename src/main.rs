//! Vetted: a marketplace backend that keeps a provable history of every listing.

mod background;
mod config;
mod database;
mod embedded;
mod first_admin;
mod health;
mod healthcheck;
mod listeners;
mod metrics;
mod parts;
mod private;
mod progress;
mod read_models;
mod serve;
mod services;
mod storage;
mod subcommand;
mod telemetry;
mod tls;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Config;
use serve::Role;
use subcommand::{audit, demo, jwe_open, keys, migrate, projections, users, worker};
use uuid::Uuid;

/// Requests are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Without a command: the API, the workers and what they need, all in one.
#[derive(Parser)]
#[command(name = "vetted", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API alone
    Api,
    /// Run the workers alone, or look after what they gave up on
    Worker {
        #[command(subcommand)]
        command: Option<Worker>,
    },
    /// Bring the database up to date
    Migrate,
    /// Manage accounts
    #[command(subcommand)]
    Users(Users),
    /// Make or check the read models again from the log
    #[command(subcommand)]
    Projections(Projections),
    /// Tell what the log says
    #[command(subcommand)]
    Audit(Audit),
    /// Make data up, through the real commands
    Demo(demo::Demo),
    /// Manage the keys that sign tokens
    #[command(subcommand)]
    Keys(Keys),
    /// Print the configuration in force, secrets hidden
    Config {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command with a PostgreSQL and a NATS of its own
    ///
    /// The command finds them in TEST_DATABASE_URL and TEST_NATS_URL.
    Services {
        /// Keep the data in this folder instead of removing it at the end
        #[arg(long)]
        dir: Option<PathBuf>,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Ask the API or the worker on this machine whether it is well
    #[command(hide = true)]
    Healthcheck,
    /// Open one JWE, as the API does
    #[command(hide = true)]
    JweOpen,
}

#[derive(Subcommand)]
enum Worker {
    /// Events that a worker gave up on
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Remove expired uploads, and files that nothing refers to
    ///
    /// Workers do so every hour.
    Sweep(worker::Sweep),
}

#[derive(Subcommand)]
enum DeadLetters {
    /// List them, oldest first
    List {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Have one tried again, or all
    Retry {
        /// Which; all where none is given
        id: Option<Uuid>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Make a new signing key; the one before stays accepted
    Rotate,
}

#[derive(Subcommand)]
enum Users {
    /// Make an account that needs no activation
    Create(users::Create),
    /// Take the second factor away from somebody who has lost it; their sessions end
    ResetSecondFactor(users::ResetSecondFactor),
}

#[derive(Subcommand)]
enum Projections {
    /// Make read models again while the present ones serve
    Rebuild {
        /// Which; all where none is given
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare the read models with the log, row by row
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Tell a product's life, step by step
    Replay(audit::Replay),
}

fn main() -> ExitCode {
    // It fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    run(Cli::parse()).unwrap_or_else(|error| {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "vetted: {}", domain::one_line(&error.to_string()));
        ExitCode::FAILURE
    })
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
    telemetry::init(&config);
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
        Some(Command::Demo(demo)) => demo::run(config, &demo).await?,
        Some(Command::Config { json }) => config::print(config, json, &mut io::stdout().lock())?,
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
