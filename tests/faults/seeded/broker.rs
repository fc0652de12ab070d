//! NATS, and the way to it.

use super::fault::Fault;
use crate::support::child::Scratch;
use crate::support::nats::Nats;
use crate::support::{Proxy, TestApp};

pub struct Broker {
    server: Nats,
    line: Proxy,
    failed: Option<Fault>,
}

impl Broker {
    /// And the address that the program goes by.
    pub async fn start(scratch: &Scratch) -> (Self, String) {
        let server = Nats::start(scratch).await;
        let (line, address) = Proxy::before_server(server.address()).await;
        (Self { server, line, failed: None }, format!("nats://{address}"))
    }

    pub async fn inflict(&mut self, fault: Fault, app: &TestApp) {
        match fault {
            Fault::BrokerGone => self.line.close(),
            Fault::BrokerFrozen => self.line.freeze(),
            Fault::StreamLost => app.lose_stream_at(format!("nats://{}", self.server.address())),
            Fault::BrokerKilled => self.server.kill(),
            Fault::BrokerStoreLost => {
                self.server.kill();
                self.server.lose_store();
            }
            // It goes on until it is healed, and then goes back.
            Fault::BrokerStoreOlder => {
                self.server.back_up().await;
                self.line.lead_to(self.server.address());
            }
            other => unreachable!("{other:?} is of another part"),
        }
        self.failed = Some(fault);
    }

    pub async fn heal(&mut self) {
        if self.failed.take() == Some(Fault::BrokerStoreOlder) {
            self.server.kill();
            self.server.restore();
        }
        self.server.run().await;
        self.line.lead_to(self.server.address());
        self.line.open();
    }
}
