//! Where the program listens: for the API, and for health and metrics if they are apart.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use api::{ConnectionLimits, Listening, Service};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::Error;
use crate::tls::Certificate;

/// File descriptors for what is no connection of a client: databases, files, videos.
const OTHER_FILES: u64 = 512;

/// Connections that the system may hold until they are accepted: in a flood, those of others wait
/// rather than being dropped and tried again after a second.
const BACKLOG: u32 = 4096;

/// Sockets that are bound, and what goes with them.
pub struct Listeners {
    api: TcpListener,
    /// Where the API listens.
    pub bound: SocketAddr,
    operations: Option<(TcpListener, SocketAddr)>,
    certificate: Option<Arc<Certificate>>,
}

impl Listeners {
    /// Binds them, and reads the certificate.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let certificate = config.tls.as_ref().map(Certificate::try_new).transpose()?;
        let (api, bound) = bind("BIND", config.bind)?;
        let operations =
            config.operations_bind.map(|address| bind("OPERATIONS_BIND", address)).transpose()?;
        Ok(Self { api, bound, operations, certificate: certificate.map(Arc::new) })
    }

    /// Where health and metrics are, if not with the API.
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(|(_, address)| *address)
    }

    /// Serves on all of them until told to end.
    pub fn serve(
        self,
        config: &Config,
        app: &api::App,
        service: Service,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        let limits = within_files(config.connection_limits);
        let listening = |listener, tls| Listening {
            listener,
            tls,
            limits,
            proxies: config.trusted_proxies.clone(),
        };
        let mut tls = None;
        if let Some(certificate) = self.certificate {
            tls = Some(Arc::new(certificate.server_config()?));
            tasks.spawn(certificate.follow(shutdown.clone()));
        }
        tasks.spawn(api::serve(listening(self.api, tls), service, shutdown.clone()));
        if let Some((listener, _)) = self.operations {
            let service = api::operations(app.clone());
            tasks.spawn(api::serve(listening(listener, None), service, shutdown.clone()));
        }
        Ok(())
    }
}

fn bind(variable: &'static str, bind: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Bind { variable, bind, source };
    let listener = listen(bind).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn listen(bind: SocketAddr) -> io::Result<TcpListener> {
    let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(bind)?;
    socket.listen(BACKLOG)
}

/// As many connections as the system has file descriptors for: of those it lets a program have
/// more than it gives it at first.
fn within_files(limits: ConnectionLimits) -> ConnectionLimits {
    let wanted = limits.total as u64 + OTHER_FILES;
    let mut files = getrlimit(Resource::Nofile);
    if files.current.is_some_and(|current| current < wanted) {
        files.current = Some(files.maximum.map_or(wanted, |most| most.min(wanted)));
        if let Err(error) = setrlimit(Resource::Nofile, files) {
            tracing::warn!("the limit of open files could not be raised: {error}");
        }
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if most >= wanted {
        return limits;
    }
    let total = usize::try_from(most.saturating_sub(OTHER_FILES).max(most / 2)).unwrap_or(1);
    tracing::warn!("{total} connections fit into the limit of {most} open files: raise it");
    ConnectionLimits { total, ..limits }
}
