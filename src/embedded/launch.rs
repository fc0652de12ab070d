//! Starting children that die with this process and run as another account.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Error, Result};

/// Who a child runs as when this program is root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// `setpriv` asks for SIGINT when the parent ends; a child whose parent ended before that exits here.
const GUARD: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

/// A command whose process ends when the **thread** that starts it ends.
///
/// It gets a process group of its own, so that Ctrl-C reaches only this program, and an
/// environment without settings for PostgreSQL (`PGPORT` and such) in it.
pub fn command(program: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=INT").args(identity(account));
    command.args(["--", "sh", "-c", GUARD, "sh"]).arg(std::process::id().to_string()).arg(program);
    command.env_clear().env("LANG", "C.UTF-8").env("TZ", "UTC");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.current_dir("/").process_group(0).stdin(Stdio::null());
    command
}

/// Whether the account may enter a folder, or run a program.
pub fn reaches(account: Account, path: &Path) -> Result<bool> {
    let mut command = Command::new("setpriv");
    command.args(identity(Some(account))).args(["--", "test", "-x"]).arg(path).current_dir("/");
    Ok(run(&mut command)?.status.success())
}

/// Runs a command to its end; without `setpriv` nothing can be started.
pub fn run(command: &mut Command) -> Result<std::process::Output> {
    command.output().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            Error::Missing { program: "setpriv".into(), variable: "DATABASE_URL and NATS_URL" }
        }
        _ => Error::Io { action: "run", path: "setpriv".into(), source },
    })
}

fn identity(account: Option<Account>) -> Vec<String> {
    account.map_or_else(Vec::new, |Account { uid, gid }| {
        vec![format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]
    })
}
