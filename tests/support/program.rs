//! The real binary, with an environment and a folder of its own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

/// This version's.
pub const BINARY: &str = env!("CARGO_BIN_EXE_vetted");
/// What the program says once it serves.
const ANNOUNCEMENT: &str = "Vetted is at ";
/// The same of the workers alone.
const WORKING: &str = "The workers say how they are at ";

/// Runs the binary; what it writes stays in a folder that goes with the value.
pub struct Program {
    environment: Vec<(String, String)>,
    folder: TempDir,
}

/// What a subcommand came to.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A process that serves; it is killed with the value.
pub struct Server {
    process: Child,
    base: String,
    said: Lines,
}

/// What a process has written to standard output.
type Lines = Arc<Mutex<Vec<String>>>;

impl Program {
    pub fn new(environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let folder = tempfile::tempdir().unwrap();
        Self { environment: environment.iter().map(owned).collect(), folder }
    }

    /// Also where `.data` would be.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes a variable for what starts from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The same, unless it was given.
    pub fn set_default(&mut self, name: &str, value: &str) {
        if self.environment.iter().all(|(given, _)| given != name) {
            self.set(name, value);
        }
    }

    /// This version's, or another one's that `TEST_BINARY` names.
    fn binary(&self) -> &str {
        let named = self.environment.iter().rfind(|(name, _)| name == "TEST_BINARY");
        named.map_or(BINARY, |(_, path)| path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.with_environment(Command::new(self.binary()), arguments)
    }

    /// Nothing of the environment that the tests run in gets through but the way to programs.
    fn with_environment(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(self.folder()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand to its end.
    pub async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with("", arguments).await
    }

    /// The same, with something to read on standard input.
    pub async fn run_with(&self, input: &str, arguments: &[&str]) -> Outcome {
        Self::end(self.command(arguments), input).await
    }

    /// Runs a subcommand to its end, with one variable that nothing else gets.
    pub async fn run_with_variable(&self, name: &str, value: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command(arguments);
        command.env(name, value);
        Self::end(command, "").await
    }

    async fn end(command: Command, input: &str) -> Outcome {
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        // A program that reads nothing may have ended by now.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = process.wait_with_output().await.unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a subcommand whose reader has gone, as `head` does.
    pub async fn run_without_reader(&self, arguments: &[&str]) -> Outcome {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let output = command.kill_on_drop(true).spawn().unwrap().wait_with_output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Outcome { code: output.status.code(), stdout: String::new(), stderr }
    }

    /// Starts what serves, and waits until it does.
    pub async fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_with(&[], arguments).await
    }

    /// The same with variables that nothing else gets. It ends with the thread that starts it: the test's.
    pub async fn serve_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Server {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "--", self.binary()]);
        let mut command = self.with_environment(command, arguments);
        command.envs(variables.iter().copied());
        let mut process = self.start(command);
        let stdout = process.stdout.take().unwrap();
        let (announce, announced) = oneshot::channel();
        let (said, lines) = (Lines::default(), BufReader::new(stdout));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || watch(lines, &heard, announce));
        let Ok(base) = announced.await else {
            let status = process.wait();
            panic!("the program ended before it served ({status:?}):\n{}", self.stderr());
        };
        Server { process, base, said }
    }

    /// Starts what runs on, and waits for nothing.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.start(self.command(arguments))
    }

    fn start(&self, mut command: Command) -> Child {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(self.log());
        command.spawn().unwrap()
    }

    fn log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.folder().join("stderr")).unwrap()
    }

    /// What processes that serve have written to standard error.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder().join("stderr")).unwrap_or_default()
    }
}

/// Reads on to the end, so that the program never waits for its reader.
fn watch(lines: impl BufRead, heard: &Lines, announce: oneshot::Sender<String>) {
    let mut announce = Some(announce);
    for line in lines.lines().map_while(Result::ok) {
        heard.lock().unwrap().push(line.clone());
        let text = message(&line);
        let said = text.strip_prefix(ANNOUNCEMENT).or_else(|| text.strip_prefix(WORKING));
        let base = said.and_then(|rest| rest.split_whitespace().next());
        if let (Some(base), Some(announce)) = (base, announce.take_if(|_| base.is_some())) {
            let base = base.trim_end_matches("readyz").trim_end_matches(['/', '.']);
            // Nobody waits for it any more when the test has failed meanwhile.
            let _ = announce.send(base.to_owned());
        }
    }
}

/// What a line says, also with `LOG_FORMAT=json`.
fn message(line: &str) -> String {
    let event: Option<Value> = serde_json::from_str(line).ok();
    let message = event.and_then(|event| event["message"].as_str().map(str::to_owned));
    message.unwrap_or_else(|| line.to_owned())
}

impl Server {
    /// Where it is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The lines that it has printed.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// For signals.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<std::process::ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Outcome {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as one JSON value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }
}
