//! The program: a process that does everything, one that answers and one that works.

use super::fault::Fault;
use crate::support::program::Server;
use crate::support::{TestApp, clock};

pub struct Processes {
    pub app: TestApp,
    api: Server,
    worker: Server,
    failed: Option<Fault>,
}

impl Processes {
    pub async fn start(app: TestApp) -> Self {
        let (api, worker) = (app.replica().await, app.program.serve(&["worker"]).await);
        Self { app, api, worker, failed: None }
    }

    /// Where they answer requests.
    pub fn bases(&self) -> Vec<String> {
        vec![self.app.url(""), self.api.base().to_owned()]
    }

    /// Their ids.
    pub fn ids(&mut self) -> Vec<u32> {
        vec![self.app.server().id(), self.api.id(), self.worker.id()]
    }

    pub async fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::EverythingKilled => self.app.kill(),
            Fault::ApiKilled => self.api.kill(),
            Fault::WorkerKilled => self.worker.kill(),
            Fault::ApiClockFast => self.api = self.replaced("api", "+1h").await,
            Fault::ApiClockSlow => self.api = self.replaced("api", "-1h").await,
            Fault::WorkerClockFast => self.worker = self.replaced("worker", "+1h").await,
            Fault::WorkerClockSlow => self.worker = self.replaced("worker", "-1h").await,
            other => unreachable!("{other:?} is of another part"),
        }
        self.failed = Some(fault);
    }

    async fn replaced(&mut self, subcommand: &str, offset: &str) -> Server {
        let before = if subcommand == "api" { &mut self.api } else { &mut self.worker };
        before.kill();
        let off = clock::off_by(offset).expect("libfaketime");
        let off = off.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.app.program.serve_with(&off, &[subcommand]).await
    }

    pub async fn heal(&mut self) {
        match self.failed.take() {
            Some(Fault::EverythingKilled) => self.app.restart().await,
            Some(Fault::ApiKilled | Fault::ApiClockFast | Fault::ApiClockSlow) => {
                self.api.kill();
                self.api = self.app.replica().await;
            }
            Some(_) => {
                self.worker.kill();
                self.worker = self.app.program.serve(&["worker"]).await;
            }
            None => {}
        }
    }
}
