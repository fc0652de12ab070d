//! Containers of a compose file, which docker-compose starts as an operator would.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

/// First starts make clusters, and the machine may be busy.
const START_TIMEOUT: Duration = Duration::from_mins(5);
const PASSWORD: &str = "0123456789abcdef0123456789abcdef";

/// The containers of one compose file.
pub struct Stack {
    file: PathBuf,
    project: &'static str,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Stack {
    /// Nothing runs yet. Ports are free ones, so that it stands beside whatever runs on the machine.
    pub fn new(file: &str, project: &'static str) -> Self {
        let [http, mail] = super::free_ports();
        let variables = vec![
            ("POSTGRES_PASSWORD", PASSWORD.to_owned()),
            ("SERVING_PASSWORD", PASSWORD.chars().rev().collect()),
            ("HTTP_PORT", http.to_string()),
            ("MAIL_PORT", mail.to_string()),
            ("PUBLIC_URL", format!("http://localhost:{http}")),
            ("RATE_LIMITS", "off".to_owned()),
        ];
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let stack = Self { file, project, folder: tempfile::tempdir().unwrap(), variables };
        stack.write_settings();
        stack
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("env")
    }

    fn write_settings(&self) {
        let lines = self.variables.iter().map(|(name, value)| format!("{name}={value}\n"));
        std::fs::write(self.settings(), lines.collect::<String>()).unwrap();
    }

    pub fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().rev().find(|(given, _)| *given == name);
        &found.unwrap_or_else(|| panic!("{name} is not set")).1
    }

    /// As an operator changes a line of `.env`.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(given, _)| *given != name);
        self.variables.push((name, value.to_owned()));
        self.write_settings();
    }

    /// Where the program answers.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.variable("HTTP_PORT"))
    }

    /// What Docker calls a volume of the file.
    pub fn volume(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker-compose");
        command.arg("--file").arg(&self.file).args(["--project-name", self.project]);
        command.arg("--env-file").arg(self.settings()).args(arguments);
        command
    }

    /// Runs docker-compose, and fails where it does.
    pub async fn compose(&self, arguments: &[&str]) -> String {
        self.compose_with("", arguments).await
    }

    /// The same, with something to read on standard input.
    pub async fn compose_with(&self, input: &str, arguments: &[&str]) -> String {
        succeeded(run(self.command(arguments), input).await, arguments)
    }

    /// Starts what the file says, and waits until all of it is healthy.
    pub async fn up(&self, more: &[&str]) {
        let start = Instant::now();
        let up = [&["up", "--detach", "--no-build"], more].concat();
        self.compose(&up).await;
        self.healthy().await;
        super::say(&format!(
            "all containers are healthy after {:.1} s",
            start.elapsed().as_secs_f64()
        ));
    }

    /// Waits until every container is healthy, or has done its work.
    pub async fn healthy(&self) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let waiting = self.waiting_for().await;
            if waiting.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain for {waiting:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn waiting_for(&self) -> Vec<String> {
        let ids = self.compose(&["ps", "--quiet"]).await;
        let mut waiting = vec![];
        for id in ids.split_whitespace() {
            let seen = inspect(id).await;
            let state = &seen["State"];
            let is_well = match state["Health"]["Status"].as_str() {
                Some(health) => health == "healthy" && state["Running"] == true,
                None => state["Running"] == true || state["ExitCode"] == 0,
            };
            if !is_well {
                waiting.push(format!("{}: {state}", seen["Name"]));
            }
        }
        waiting
    }

    /// The containers of a service.
    pub async fn containers(&self, service: &str) -> Vec<String> {
        let ids = self.compose(&["ps", "--quiet", service]).await;
        ids.split_whitespace().map(str::to_owned).collect()
    }

    /// The first container of a service.
    pub async fn container(&self, service: &str) -> String {
        let mut ids = self.containers(service).await;
        assert!(!ids.is_empty(), "there is no container of {service}");
        ids.remove(0)
    }

    /// Where a service's first container is on the network of the containers.
    pub async fn address(&self, service: &str) -> String {
        let seen = inspect(&self.container(service).await).await;
        let networks = seen["NetworkSettings"]["Networks"].as_object().unwrap();
        let network = networks.values().next().expect("it is in a network");
        network["IPAddress"].as_str().unwrap().to_owned()
    }

    /// SIGKILL of a container's first process, as when memory runs out; its restart policy sees to the rest.
    pub async fn crash(&self, service: &str) {
        let seen = inspect(&self.container(service).await).await;
        let process = seen["State"]["Pid"].to_string();
        assert_ne!(process, "0", "{service} does not run");
        done("kill", &["-KILL", &process]).await;
        let was = &seen["State"]["StartedAt"];
        let deadline = Instant::now() + START_TIMEOUT;
        while inspect(seen["Id"].as_str().unwrap()).await["State"]["StartedAt"] == *was {
            assert!(Instant::now() < deadline, "{service} is not started again");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The whole of every container stops for a while, and goes on.
    pub async fn freeze(&self, service: &str, length: Duration) {
        self.compose(&["pause", service]).await;
        sleep(length).await;
        self.compose(&["unpause", service]).await;
    }

    /// Runs a subcommand of the program in a container of its own, as the documentation says.
    pub async fn vetted(&self, input: &str, service: &str, arguments: &[&str]) -> String {
        let run = [&["run", "--rm", "-T", "--no-deps", service], arguments].concat();
        self.compose_with(input, &run).await
    }

    /// Containers, networks and volumes.
    pub async fn down(&self) {
        self.compose(&["down", "--volumes", "--timeout", "5"]).await;
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut command = self.command(&["logs", "--no-color", "--tail", "15"]).into_std();
            if let Ok(logs) = command.stdin(Stdio::null()).output() {
                eprintln!("{}", String::from_utf8_lossy(&logs.stdout));
            }
        }
    }
}

/// Where a PostgreSQL of the file takes connections.
pub fn database_url(address: &str) -> String {
    format!("postgres://vetted:{PASSWORD}@{address}:5432/vetted")
}

async fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // What reads nothing may have ended by now.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes()).await;
    process.wait_with_output().await.unwrap()
}

#[track_caller]
fn succeeded(output: Output, what: &[&str]) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Runs a program, and fails where it does.
pub async fn done(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    succeeded(run(command, "").await, arguments)
}

/// What Docker knows of a container.
pub async fn inspect(container: &str) -> Value {
    let text = done("docker", &["inspect", container]).await;
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}
