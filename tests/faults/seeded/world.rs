//! Two processes that answer, two that work, and every part that they need behind something that can fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Role;
use rand::RngExt;
use rand::rngs::StdRng;

use super::clients::Shared;
use crate::support::program::Server;
use crate::support::{MailServer, Proxy, TestApp, TestDatabase, broker, eventually};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of the process that does everything.
    EverythingKilled,
    /// SIGKILL of one that only answers.
    ApiKilled,
    /// SIGKILL of one that only works.
    WorkerKilled,
    /// Every connection to the database ends, and none is made.
    DatabaseGone,
    /// Nothing gets through to the database, or back.
    DatabaseFrozen,
    /// The database ends all its sessions.
    SessionsEnded,
    /// Every connection to the broker ends, and none is made.
    BrokerGone,
    /// Nothing gets through to the broker, or back.
    BrokerFrozen,
    /// The broker has forgotten the stream.
    StreamLost,
    /// The mail server is away.
    MailGone,
    /// The mail server does not answer.
    MailFrozen,
}

const FAULTS: [Fault; 11] = [
    Fault::EverythingKilled,
    Fault::ApiKilled,
    Fault::WorkerKilled,
    Fault::DatabaseGone,
    Fault::DatabaseFrozen,
    Fault::SessionsEnded,
    Fault::BrokerGone,
    Fault::BrokerFrozen,
    Fault::StreamLost,
    Fault::MailGone,
    Fault::MailFrozen,
];

impl Fault {
    pub fn random(random: &mut StdRng) -> Self {
        FAULTS[random.random_range(0..FAULTS.len())]
    }
}

pub struct World {
    pub app: TestApp,
    pub mails: MailServer,
    pub shared: Arc<Shared>,
    api: Server,
    worker: Server,
    database: Proxy,
    broker: Proxy,
    mail: Proxy,
    killed: Vec<Fault>,
}

impl World {
    pub async fn start() -> Self {
        let database = TestDatabase::create().await;
        let mails = MailServer::serve(Duration::from_millis(5)).await;
        let (to_database, database_url) = Proxy::before_database(&database.url).await;
        let nats = broker::url();
        let (to_broker, nats) =
            Proxy::before_server(nats.rsplit('/').next().expect("an address")).await;
        let (to_mail, mail) = Proxy::before_server(mails.address()).await;
        let (nats, mail) = (format!("nats://{nats}"), format!("smtp://{mail}"));
        let settings = [
            ("DATABASE_URL", database_url.as_str()),
            ("NATS_URL", &nats),
            ("SMTP_URL", &mail),
            ("RATE_LIMITS", "off"),
        ];
        let app = TestApp::start_on(database, &[], &settings).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;
        let (api, worker) = (app.replica().await, app.program.serve(&["worker"]).await);
        let bases = vec![app.url(""), api.base().to_owned()];
        let shared = Shared::new(bases, seller, category, app.client.clone());
        Self {
            app,
            mails,
            shared: Arc::new(shared),
            api,
            worker,
            database: to_database,
            broker: to_broker,
            mail: to_mail,
            killed: vec![],
        }
    }

    pub async fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::EverythingKilled => self.app.kill(),
            Fault::ApiKilled => self.api.kill(),
            Fault::WorkerKilled => self.worker.kill(),
            Fault::DatabaseGone => self.database.close(),
            Fault::DatabaseFrozen => self.database.freeze(),
            Fault::SessionsEnded => self.end_sessions().await,
            Fault::BrokerGone => self.broker.close(),
            Fault::BrokerFrozen => self.broker.freeze(),
            Fault::StreamLost => self.app.lose_stream(),
            Fault::MailGone => self.mail.close(),
            Fault::MailFrozen => self.mail.freeze(),
        }
        self.killed.push(fault);
    }

    /// First what processes need to start.
    pub async fn heal(&mut self) {
        for proxy in [&self.database, &self.broker, &self.mail] {
            proxy.open();
        }
        for fault in std::mem::take(&mut self.killed) {
            match fault {
                Fault::EverythingKilled => self.app.restart().await,
                Fault::ApiKilled => self.api = self.app.replica().await,
                Fault::WorkerKilled => self.worker = self.app.program.serve(&["worker"]).await,
                _ => {}
            }
        }
        *self.shared.bases.lock().unwrap() = vec![self.app.url(""), self.api.base().to_owned()];
    }

    async fn end_sessions(&self) {
        let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'vetted'";
        sqlx::query(ended).execute(&self.app.pool()).await.unwrap();
    }

    pub async fn is_ready(&self) {
        let bases = self.shared.bases.lock().unwrap().clone();
        for base in bases {
            eventually("it is ready again", async || {
                let asked = self.shared.http.get(format!("{base}/readyz")).send().await;
                asked.is_ok_and(|answer| answer.status() == 200).then_some(())
            })
            .await;
        }
    }

    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}
