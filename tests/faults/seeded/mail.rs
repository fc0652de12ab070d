//! The mail server, and the way to it. It refuses everybody at one domain all along.

use std::time::Duration;

use super::fault::Fault;
use crate::support::{MailServer, Manner, Proxy};

/// Longer than mails take, and much shorter than the program waits.
const TARPIT: Duration = Duration::from_secs(2);

pub struct MailService {
    pub server: MailServer,
    line: Proxy,
}

impl MailService {
    /// And the address that the program goes by.
    pub async fn start() -> (Self, String) {
        let server = MailServer::serve(Duration::from_millis(5)).await;
        let (line, address) = Proxy::before_server(server.address()).await;
        (Self { server, line }, format!("smtp://{address}"))
    }

    pub fn inflict(&self, fault: Fault) {
        match fault {
            Fault::MailGone => self.line.close(),
            Fault::MailFrozen => self.line.freeze(),
            Fault::MailTarpit => self.server.set_manner(Manner::Tarpit(TARPIT)),
            Fault::MailPutOff => self.server.set_manner(Manner::PuttingOff),
            other => unreachable!("{other:?} is of another part"),
        }
    }

    pub fn heal(&self) {
        self.line.open();
        self.server.set_manner(Manner::Prompt);
    }
}
