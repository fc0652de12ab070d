//! What can fail, and in which order it does.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL of the process that does everything.
    EverythingKilled,
    /// SIGKILL of one that only answers.
    ApiKilled,
    /// SIGKILL of one that only works.
    WorkerKilled,
    /// One that only answers goes on with a clock that is an hour fast.
    ApiClockFast,
    /// The same, an hour slow.
    ApiClockSlow,
    /// One that only works goes on with a clock that is an hour fast.
    WorkerClockFast,
    /// The same, an hour slow.
    WorkerClockSlow,
    /// Every connection to the database ends, and none is made.
    DatabaseGone,
    /// Nothing gets through to the database, or back.
    DatabaseFrozen,
    /// The database ends all its sessions.
    SessionsEnded,
    /// One connection to the database ends in 200 pieces that are sent through it.
    ConnectionsCut,
    /// One row in 200 can't be written.
    StatementsFail,
    /// SIGKILL of the server that takes writes.
    PrimaryKilled,
    /// It is restarted.
    PrimaryRestarted,
    /// It is lost, the standby takes its place, and it becomes the standby.
    FailedOver,
    /// SIGKILL of the server that confirms commits.
    StandbyKilled,
    /// It does not run on.
    StandbyFrozen,
    /// Nothing gets through between the two servers.
    ReplicationFrozen,
    /// No table of the database can grow.
    DatabaseDiskFull,
    /// Every connection to the broker ends, and none is made.
    BrokerGone,
    /// Nothing gets through to the broker, or back.
    BrokerFrozen,
    /// SIGKILL of the broker.
    BrokerKilled,
    /// The broker has forgotten the stream.
    StreamLost,
    /// The broker starts again with nothing.
    BrokerStoreLost,
    /// The broker starts again with what it had before.
    BrokerStoreOlder,
    /// The mail server is away.
    MailGone,
    /// The mail server does not answer.
    MailFrozen,
    /// The mail server takes seconds over each answer.
    MailTarpit,
    /// The mail server takes no mail now.
    MailPutOff,
    /// The storage is away.
    StorageGone,
    /// The storage does not answer.
    StorageFrozen,
    /// The storage has no room.
    StorageFull,
}

/// Of a part only one thing fails at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// First, as a process that is started needs the others.
    Processes,
    Storage,
    Line,
    Servers,
    Broker,
    Mail,
}

pub const FAULTS: [Fault; 32] = [
    Fault::EverythingKilled,
    Fault::ApiKilled,
    Fault::WorkerKilled,
    Fault::ApiClockFast,
    Fault::ApiClockSlow,
    Fault::WorkerClockFast,
    Fault::WorkerClockSlow,
    Fault::DatabaseGone,
    Fault::DatabaseFrozen,
    Fault::SessionsEnded,
    Fault::ConnectionsCut,
    Fault::StatementsFail,
    Fault::PrimaryKilled,
    Fault::PrimaryRestarted,
    Fault::FailedOver,
    Fault::StandbyKilled,
    Fault::StandbyFrozen,
    Fault::ReplicationFrozen,
    Fault::DatabaseDiskFull,
    Fault::BrokerGone,
    Fault::BrokerFrozen,
    Fault::BrokerKilled,
    Fault::StreamLost,
    Fault::BrokerStoreLost,
    Fault::BrokerStoreOlder,
    Fault::MailGone,
    Fault::MailFrozen,
    Fault::MailTarpit,
    Fault::MailPutOff,
    Fault::StorageGone,
    Fault::StorageFrozen,
    Fault::StorageFull,
];

impl Fault {
    pub fn part(self) -> Part {
        match self {
            Self::EverythingKilled
            | Self::ApiKilled
            | Self::WorkerKilled
            | Self::ApiClockFast
            | Self::ApiClockSlow
            | Self::WorkerClockFast
            | Self::WorkerClockSlow => Part::Processes,
            Self::DatabaseGone
            | Self::DatabaseFrozen
            | Self::SessionsEnded
            | Self::ConnectionsCut
            | Self::StatementsFail => Part::Line,
            Self::PrimaryKilled
            | Self::PrimaryRestarted
            | Self::FailedOver
            | Self::StandbyKilled
            | Self::StandbyFrozen
            | Self::ReplicationFrozen
            | Self::DatabaseDiskFull => Part::Servers,
            Self::BrokerGone
            | Self::BrokerFrozen
            | Self::BrokerKilled
            | Self::StreamLost
            | Self::BrokerStoreLost
            | Self::BrokerStoreOlder => Part::Broker,
            Self::MailGone | Self::MailFrozen | Self::MailTarpit | Self::MailPutOff => Part::Mail,
            Self::StorageGone | Self::StorageFrozen | Self::StorageFull => Part::Storage,
        }
    }
}

/// Gives faults in the order of a seed: of every part once before one of them comes again, and every fault once
/// before any comes again.
pub struct Deck {
    possible: Vec<Fault>,
    left: Vec<Fault>,
}

impl Deck {
    pub fn new(possible: Vec<Fault>) -> Self {
        Self { possible, left: vec![] }
    }

    /// One, or once in a while two of different parts.
    pub fn draw(&mut self, random: &mut StdRng) -> Vec<Fault> {
        let first = self.next(random, None);
        let mut faults = vec![first];
        if random.random_range(0..4) == 0 {
            faults.push(self.next(random, Some(first.part())));
        }
        faults.sort_by_key(|fault| fault.part());
        faults
    }

    fn next(&mut self, random: &mut StdRng, not: Option<Part>) -> Fault {
        let fits = |fault: &Fault| not != Some(fault.part());
        if !self.left.iter().any(fits) {
            self.shuffle(random);
        }
        let index = self.left.iter().position(fits).expect("there is more than one part");
        self.left.remove(index)
    }

    fn shuffle(&mut self, random: &mut StdRng) {
        let mut faults = self.possible.clone();
        faults.shuffle(random);
        let nth = |index: usize| {
            let before =
                faults[..index].iter().filter(|other| other.part() == faults[index].part());
            before.count()
        };
        let mut order: Vec<_> = (0..faults.len()).map(|index| (nth(index), index)).collect();
        order.sort_unstable();
        self.left.extend(order.into_iter().map(|(_, index)| faults[index]));
    }
}
