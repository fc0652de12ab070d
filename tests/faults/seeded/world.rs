//! The program, and every part that it needs, each of which can fail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::Role;

use super::broker::Broker;
use super::clients::Shared;
use super::database::Database;
use super::fault::{FAULTS, Fault, Part};
use super::mail::MailService;
use super::processes::Processes;
use super::storage::Storage;
use crate::support::child::Scratch;
use crate::support::{Bucket, Call, REFUSED_DOMAIN, TestApp, clock, eventually};

pub struct World {
    pub shared: Arc<Shared>,
    // What is first ends first.
    pub processes: Processes,
    pub database: Database,
    broker: Broker,
    pub mail: MailService,
    pub storage: Storage,
    _scratch: Scratch,
}

impl World {
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        let (database, database_url, straight) = Database::start(&scratch).await;
        let (broker, nats) = Broker::start(&scratch).await;
        let (mail, smtp) = MailService::start().await;
        let (storage, endpoint) = Storage::start(&scratch).await;
        let settings = [
            ("DATABASE_URL", database_url.as_str()),
            ("NATS_URL", &nats),
            ("SMTP_URL", &smtp),
            ("RATE_LIMITS", "off"),
        ];
        let settings = [settings.as_slice(), &Bucket::variables(&endpoint)].concat();
        let app = TestApp::start_on(straight, &[], &settings).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;
        let http = app.client.clone();
        let processes = Processes::start(app).await;
        let mut shared = Shared::new(processes.bases(), seller, category, http);
        shared.other_domain = Some(REFUSED_DOMAIN);
        let shared = Arc::new(shared);
        Self { shared, processes, database, broker, mail, storage, _scratch: scratch }
    }

    /// What can fail on this machine; what can't is said.
    pub fn possible(&self) -> Vec<Fault> {
        let missing = |fault: &Fault| match fault {
            Fault::DatabaseDiskFull if !self.database.has_disks() => Some("nothing can be mounted"),
            Fault::StorageFull if !self.storage.has_disk() => Some("nothing can be mounted"),
            Fault::ApiClockFast
            | Fault::ApiClockSlow
            | Fault::WorkerClockFast
            | Fault::WorkerClockSlow
                if clock::off_by("+1h").is_none() =>
            {
                Some("libfaketime is not installed")
            }
            _ => None,
        };
        let can_fail = |fault: &Fault| {
            let missing = missing(fault);
            if let Some(why) = missing {
                eprintln!("{fault:?} is left out: {why}");
            }
            missing.is_none()
        };
        FAULTS.into_iter().filter(can_fail).collect()
    }

    pub async fn inflict(&mut self, fault: Fault) {
        match fault.part() {
            Part::Processes => {
                self.processes.inflict(fault).await;
                self.tell_bases();
            }
            Part::Line | Part::Servers => self.database.inflict(fault).await,
            Part::Broker => self.broker.inflict(fault, &self.processes.app).await,
            Part::Mail => self.mail.inflict(fault),
            Part::Storage => self.storage.inflict(fault),
        }
    }

    /// First what processes need to start.
    pub async fn heal(&mut self) {
        self.storage.heal();
        self.mail.heal();
        self.broker.heal().await;
        self.database.heal().await;
        self.processes.heal().await;
        self.tell_bases();
    }

    fn tell_bases(&self) {
        *self.shared.bases.lock().unwrap() = self.processes.bases();
    }

    /// Waits until each process that answers is ready. How long that took, and which parts were named meanwhile.
    pub async fn is_ready(&self) -> (Duration, BTreeSet<String>) {
        let start = Instant::now();
        let mut named = BTreeSet::new();
        for base in self.processes.bases() {
            eventually("it is ready again", async || {
                let call = Call::new(&self.shared.http, "GET", &format!("{base}/readyz"));
                let answer = call.try_send().await.ok()?;
                let errors = answer.json["errors"].as_object().into_iter().flatten();
                named.extend(errors.map(|(part, _)| part.clone()));
                (answer.status == 200).then_some(())
            })
            .await;
        }
        (start.elapsed(), named)
    }

    pub fn go_on(&self) {
        self.shared.stop.store(false, Ordering::Relaxed);
    }

    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}
