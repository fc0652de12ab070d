//! The open connections of a listener: how many there may be, and which are closed first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Version;
use ipnet::IpNet;
use tokio::sync::Notify;

use crate::http::forwarded::Client;
use crate::limits::counts::{Counted, Counts};

/// How long a connection may take until its first request has come, the TLS handshake included.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How long the head of a later request may take, from its first byte on.
const HEAD: Duration = Duration::from_secs(10);
/// How long it may rest between requests: longer than proxies keep theirs (nginx: 60 seconds), so
/// that it is they who end it, and never while a request is on its way.
const REST: Duration = Duration::from_secs(75);
/// How long a client may leave an answer unread.
const UNREAD: Duration = Duration::from_mins(1);
/// How long one that is told to end may take to write what is left.
const FAREWELL: Duration = Duration::from_secs(5);
/// Of as many connections one is closed to make room, in one go.
const SHARE: usize = 64;

/// How many connections may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All together.
    pub total: usize,
    /// From one IPv4 address, or one IPv6 network of /64.
    pub address: usize,
}

/// The open connections.
pub(super) struct Connections {
    limits: ConnectionLimits,
    proxies: Vec<IpNet>,
    began: Instant,
    by_network: Counts<IpNet>,
    open: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    connections: HashMap<u64, Arc<Open>>,
    /// How many of them were told to leave.
    leaving: usize,
}

/// No time.
const NONE: u64 = u64::MAX;

/// One connection.
pub(super) struct Open {
    began: Instant,
    is_proxy: bool,
    /// Requests that have come, and whose answers have not gone to their end.
    answering: AtomicUsize,
    has_asked: AtomicBool,
    /// When it began to wait for a request, in milliseconds.
    waits_since: AtomicU64,
    /// When the first byte of the next request came, in milliseconds; [`NONE`] before that.
    head_since: AtomicU64,
    /// In HTTP/2 bytes also come between requests.
    is_http2: AtomicBool,
    /// Parts of answers that wait for the client to read, and when the last one went on.
    unread: AtomicUsize,
    read_at: AtomicU64,
    is_leaving: AtomicBool,
    /// Whether the body of its last request was not read to its end.
    owes_body: AtomicBool,
    orders: Mutex<Option<Order>>,
    told: Notify,
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To end with the requests that have come, and once all is written.
    Finish,
    /// To end now, unless a request has come.
    Leave,
    /// To end now, whatever has come.
    Cut,
}

/// An open connection's place; dropped, it makes room.
pub(super) struct Place {
    all: Arc<Connections>,
    number: u64,
    pub open: Arc<Open>,
    _of_network: Option<Counted<IpNet>>,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits, proxies: Vec<IpNet>) -> Arc<Self> {
        let (by_network, open) = (Counts::default(), Mutex::default());
        Arc::new(Self { limits, proxies, began: Instant::now(), by_network, open })
    }

    /// A place for a new connection; `None` where there are too many.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        // What comes through a proxy has the proxy's address, not the client's.
        let is_proxy = self.proxies.iter().any(|proxy| proxy.contains(&peer));
        let of_network = if is_proxy {
            None
        } else {
            let network = Client(peer).network();
            Some(
                self.by_network
                    .take(network, self.limits.address)
                    .or_else(|| refused("address"))?,
            )
        };
        let mut table = self.table();
        if table.staying() >= self.limits.total && !table.make_room() {
            return refused("total");
        }
        let open = Arc::new(Open::new(self.began, is_proxy));
        let number = table.insert(Arc::clone(&open));
        Some(Place { all: Arc::clone(self), number, open, _of_network: of_network })
    }

    /// Closes connections that wait for a request, the longest waiting ones first.
    pub(super) fn make_room(&self) {
        self.table().make_room();
    }

    /// Closes those whose time is up.
    pub(super) fn sweep(&self) {
        let table = self.table();
        for open in table.connections.values() {
            if let Some((order, why)) = open.overdue() {
                closed(why);
                open.tell(order);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        metrics::gauge!("vetted_http_connections").set(table.connections.len() as f64);
    }

    /// Has all end with what they have begun.
    pub(super) fn finish(&self) {
        self.table().connections.values().for_each(|open| open.tell(Order::Finish));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn insert(&mut self, open: Arc<Open>) -> u64 {
        self.next += 1;
        self.connections.insert(self.next, open);
        self.next
    }

    fn staying(&self) -> usize {
        self.connections.len() - self.leaving
    }

    /// Whether any could be closed. Looking for them takes time, so several are closed in one go.
    fn make_room(&mut self) -> bool {
        let waiting = self.connections.iter().filter(|(_, open)| open.may_leave());
        let mut waiting: Vec<_> =
            waiting.map(|(number, open)| (open.rank(), open.waiting_since(), *number)).collect();
        let count = (self.staying() / SHARE).clamp(1, waiting.len().max(1));
        if waiting.len() > count {
            waiting.select_nth_unstable(count);
            waiting.truncate(count);
        }
        for (_, _, number) in &waiting {
            if let Some(open) = self.connections.get(number) {
                closed("room");
                self.leaving += 1;
                open.is_leaving.store(true, Relaxed);
                open.tell(Order::Leave);
            }
        }
        !waiting.is_empty()
    }
}

impl Open {
    fn new(began: Instant, is_proxy: bool) -> Self {
        let now = AtomicU64::new(millis(began.elapsed()));
        Self {
            began,
            is_proxy,
            answering: AtomicUsize::new(0),
            has_asked: AtomicBool::new(false),
            waits_since: now,
            head_since: AtomicU64::new(NONE),
            is_http2: AtomicBool::new(false),
            unread: AtomicUsize::new(0),
            read_at: AtomicU64::new(0),
            is_leaving: AtomicBool::new(false),
            owes_body: AtomicBool::new(false),
            orders: Mutex::new(None),
            told: Notify::new(),
        }
    }

    /// Bytes have come.
    pub(super) fn heard(&self) {
        if self.is_waiting() && !self.is_http2.load(Relaxed) {
            let _earlier = self.head_since.compare_exchange(NONE, self.now(), Relaxed, Relaxed);
        }
    }

    /// A request has come.
    pub(super) fn begin(&self, version: Version) {
        self.is_http2.store(version == Version::HTTP_2, Relaxed);
        self.head_since.store(NONE, Relaxed);
        self.has_asked.store(true, Relaxed);
        self.answering.fetch_add(1, Relaxed);
    }

    /// Its answer has gone to its end.
    pub(super) fn end(&self) {
        self.waits_since.store(self.now(), Relaxed);
        self.answering.fetch_sub(1, Relaxed);
    }

    /// A part of an answer waits for the client to read.
    pub(super) fn offer(&self) {
        self.read_at.store(self.now(), Relaxed);
        self.unread.fetch_add(1, Relaxed);
    }

    /// It need not wait any more.
    pub(super) fn taken(&self) {
        self.read_at.store(self.now(), Relaxed);
        self.unread.fetch_sub(1, Relaxed);
    }

    /// The connection ends while its client still sends a body.
    pub(super) fn owe_body(&self) {
        self.owes_body.store(true, Relaxed);
    }

    /// Whether its client may still send what nobody reads.
    pub(super) fn owes_body(&self) -> bool {
        self.owes_body.load(Relaxed)
    }

    /// Waits for an order.
    pub(super) async fn told(&self) -> Order {
        loop {
            self.told.notified().await;
            if let Some(order) = *self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
                return order;
            }
        }
    }

    /// Whether it waits for a request, so that nothing is lost with it.
    pub(super) fn is_waiting(&self) -> bool {
        self.answering.load(Relaxed) == 0
    }

    /// Whether a request has ever come.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Relaxed)
    }

    fn may_leave(&self) -> bool {
        self.is_waiting() && !self.is_leaving.load(Relaxed)
    }

    fn tell(&self, order: Order) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        self.told.notify_one();
    }

    fn overdue(&self) -> Option<(Order, &'static str)> {
        let since = |then: u64| Duration::from_millis(self.now().saturating_sub(then));
        if self.is_waiting() {
            let head = self.head_since.load(Relaxed);
            if self.has_asked() && head != NONE && since(head) > HEAD {
                return Some((Order::Cut, "slow"));
            }
            let patience = if self.has_asked() { REST } else { FIRST_REQUEST };
            match since(self.waiting_since()).checked_sub(patience) {
                Some(over) if over > FAREWELL => Some((Order::Cut, "silent")),
                Some(_) => Some((Order::Finish, "silent")),
                None => None,
            }
        } else {
            let is_unread = self.unread.load(Relaxed) > 0;
            (is_unread && since(self.read_at.load(Relaxed)) > UNREAD)
                .then_some((Order::Cut, "unread"))
        }
    }

    /// Those that were never heard of go first, and those to a proxy last: it may be about to send
    /// somebody's request.
    fn rank(&self) -> u8 {
        match (self.is_proxy, self.has_asked()) {
            (false, false) => 0,
            (false, true) => 1,
            (true, _) => 2,
        }
    }

    fn waiting_since(&self) -> u64 {
        self.waits_since.load(Relaxed)
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.all.table();
        table.connections.remove(&self.number);
        if self.open.is_leaving.load(Relaxed) {
            table.leaving -= 1;
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn refused<T>(why: &'static str) -> Option<T> {
    closed(why);
    None
}

fn closed(why: &'static str) {
    metrics::counter!("vetted_http_connections_closed_total", "reason" => why).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits { total: 4, address: 2 };

    fn connections() -> Arc<Connections> {
        Connections::new(LIMITS, vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn admit(all: &Arc<Connections>, peer: &str) -> Option<Place> {
        all.admit(peer.parse().unwrap())
    }

    fn order(place: &Place) -> Option<Order> {
        *place.open.orders.lock().unwrap()
    }

    #[test]
    fn an_address_has_a_bound_of_its_own_and_a_proxy_none() {
        let all = connections();

        let mut held: Vec<_> =
            ["192.0.2.1", "::ffff:192.0.2.1"].map(|peer| admit(&all, peer)).into();

        assert!(held.iter().all(Option::is_some));
        assert!(admit(&all, "192.0.2.1").is_none());
        held.pop();
        held.push(admit(&all, "192.0.2.1"));
        let proxied = ["10.0.0.1"; 3].map(|peer| admit(&all, peer));
        assert!(held.iter().chain(&proxied).all(Option::is_some));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let all = connections();

        let held = ["2001:db8::1", "2001:db8::2"].map(|peer| admit(&all, peer));

        assert!(held.iter().all(Option::is_some));
        assert!(admit(&all, "2001:db8::3").is_none());
        assert!(admit(&all, "2001:db8:0:1::3").is_some());
    }

    #[test]
    fn room_is_made_of_those_that_were_never_heard_of_first() {
        let all = connections();
        let places = ["10.0.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
        let [proxy, asked, busy, silent] = places.map(|peer| admit(&all, peer).unwrap());
        for place in [&asked, &busy] {
            place.open.begin(Version::HTTP_11);
        }
        asked.open.end();

        let mut held = vec![];
        for (victim, newcomer) in
            [(&silent, "192.0.2.4"), (&asked, "192.0.2.5"), (&proxy, "192.0.2.6")]
        {
            let newcomer = admit(&all, newcomer).unwrap();
            assert_eq!(order(victim), Some(Order::Leave));
            newcomer.open.begin(Version::HTTP_11);
            held.push(newcomer);
        }

        assert_eq!(order(&busy), None);
        assert!(admit(&all, "192.0.2.7").is_none());
        busy.open.end();
        assert!(admit(&all, "192.0.2.7").is_some());
    }
}
