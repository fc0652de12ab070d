//! A NATS server of a test's own, whose store can be lost or go back.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;

use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use super::child::{self, Scratch};
use super::eventually;

/// Runs until it is told to end, and never longer than its test.
pub struct Nats {
    home: PathBuf,
    address: String,
    process: Option<Child>,
}

impl Nats {
    pub async fn start(scratch: &Scratch) -> Self {
        let home = scratch.folder("nats", None);
        let mut server = Self { home, address: String::new(), process: None };
        server.run().await;
        server
    }

    /// Where it listens now: another port each time that it starts.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts it, if it does not run, and waits until it answers.
    pub async fn run(&mut self) {
        if self.process.is_some() {
            return;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::options().create(true).append(true).open(self.home.join("log")).unwrap();
        let mut command = child::command(Path::new("nats-server"), None, "KILL");
        command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]);
        command.arg(self.store()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().expect("nats-server starts"));
        self.address = format!("127.0.0.1:{port}");
        eventually("NATS answers", async || TcpStream::connect(&self.address).await.ok()).await;
    }

    fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    fn older(&self) -> PathBuf {
        self.home.join("older")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            child::signal(&[i32::try_from(process.id()).expect("a process id")], signal);
            let _ = process.wait();
        }
    }

    /// Loses all that it has; it must not run.
    pub fn lose_store(&self) {
        let _ = fs::remove_dir_all(self.store());
    }

    /// Stops it for as long as it takes to copy its store.
    pub async fn back_up(&mut self) {
        self.end(Signal::SIGTERM);
        let _ = fs::remove_dir_all(self.older());
        copy(&self.store(), &self.older());
        self.run().await;
    }

    /// Goes back to the copy; it must not run.
    pub fn restore(&self) {
        self.lose_store();
        fs::rename(self.older(), self.store()).expect("there is a copy");
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("a folder") {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() { copy(&from, &to) } else { fs::copy(from, to).map(drop).expect("a copy") }
    }
}
