//! What the routes stand on.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use commands::Commands;
use ipnet::IpNet;
use log::OpenPersonal;
use object_store::ObjectStore;
use object_store::signer::Signer;
use pool::PgPool;
use projections::Timeline;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::class::RateLimits;
use crate::hub::Live;

/// The state of the router: one pointer, as each layer has it cloned for each request.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the composition root hands in.
pub struct Parts {
    /// The write side.
    pub commands: Commands,
    /// For the read side.
    pub pool: PgPool,
    /// Opens personal data in the log.
    pub personal: Arc<dyn OpenPersonal>,
    /// Videos and posters.
    pub media: Arc<dyn ObjectStore>,
    /// Bytes of a file that are best written at once.
    pub media_chunk: usize,
    /// Has storage itself give files out; `None` where this program does.
    pub presigner: Option<Arc<dyn Signer>>,
    /// What happens, for those who watch.
    pub live: Live,
    /// What can be set from outside.
    pub settings: Settings,
    /// Whether everything that the program needs is there.
    pub health: Arc<dyn Health>,
    /// Cancelled when the program is to end: what could last comes to an end then.
    pub shutdown: CancellationToken,
    /// Writes the metrics in Prometheus' text format.
    pub metrics_render: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl App {
    /// What happened to products and orders.
    pub(crate) fn timeline(&self) -> Timeline<'_> {
        Timeline { pool: &self.pool, personal: &*self.personal }
    }
}

/// What of the configuration the API needs.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting that an operator switches")]
#[derive(Clone, Debug)]
pub struct Settings {
    /// What links start with.
    pub public_url: Url,
    /// Whether links follow the loopback name that was asked: no public address is configured.
    pub links_follow_loopback: bool,
    /// The largest video that is taken, in bytes.
    pub max_video_bytes: u64,
    /// Web origins that may call the API from a browser, as browsers write them.
    pub cors_allowed_origins: Vec<String>,
    /// Proxies whose word on where a request comes from counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How often one caller may ask.
    pub rate_limits: RateLimits,
    /// Refuse JSON that is not encrypted.
    pub require_payload_encryption: bool,
    /// Refuse a rejection that names no policy.
    pub require_policy: bool,
    /// Metrics and the details of readiness are served elsewhere, see [`crate::operations`].
    pub operations_apart: bool,
}

/// Whether the parts that the program needs are there.
#[async_trait]
pub trait Health: Send + Sync {
    /// Looks at all of them.
    async fn check(&self) -> Checked;
}

/// What was found out about the parts that the program needs, each with its name.
#[derive(Clone, Debug)]
pub struct Checked {
    /// `Err` says in one sentence what is wrong, without secrets: requests may fail.
    pub parts: Vec<(&'static str, Result<(), String>)>,
    /// What somebody should look at although requests are served; `Err` as in `parts`.
    pub remarks: Vec<(&'static str, Result<(), String>)>,
}
