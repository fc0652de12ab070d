//! Vetted: a marketplace backend that can answer for its listings.

#[expect(dead_code, reason = "serving, which is not built yet, reads the rest")]
mod config;
mod database;
mod embedded;
mod healthcheck;
#[expect(dead_code, reason = "serving, which is not built yet, uses the rest")]
mod parts;
mod progress;
mod read_models;
mod services;
#[expect(dead_code, reason = "serving, which is not built yet, uses it")]
mod storage;
mod subcommand;
mod telemetry;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Config;
use subcommand::{audit, demo, migrate, projections, users};

/// Without a command: the API, the workers and what they need, all in one.
#[derive(Parser)]
#[command(name = "vetted", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
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
    /// Ask the API on this machine whether it is well
    #[command(hide = true)]
    Healthcheck,
}

#[derive(Subcommand)]
enum Users {
    /// Make an account that needs no activation
    Create(users::Create),
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
        let _ = writeln!(io::stderr(), "vetted: {error}");
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::load()?;
    telemetry::init(&config);
    tokio::runtime::Runtime::new()?.block_on(carry_out(&config, cli.command))
}

async fn carry_out(config: &Config, command: Option<Command>) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        None => return Err("serving is not built yet".into()),
        Some(Command::Migrate) => migrate::run(config).await?,
        Some(Command::Users(Users::Create(create))) => users::create(config, &create).await?,
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
        Some(Command::Healthcheck) if healthcheck::is_healthy(config.bind).await => {}
        Some(Command::Healthcheck) => return Ok(ExitCode::FAILURE),
    }
    Ok(ExitCode::SUCCESS)
}
