//! What the program is told by its environment and by `.env`.
//!
//! Every wrong value stops the program with one sentence that names the variable.

mod hiding;
mod nats_address;
mod parse;
mod report;
mod service_tls;
mod tls;
mod variables;
mod videos;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use api::{ConnectionLimits, RateLimits};
use ipnet::IpNet;
use pool::Pooler;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use workers::ScannerAddress;
use workers::video::media::Limits;

pub use nats_address::{NatsAddress, NatsLogin};
pub use report::listing;
pub use tls::TlsFiles;
pub use variables::{Origin, Setting};

use service_tls::Addresses;
use variables::{Expected, Reader, Variables};

/// A setting that the program cannot work with; the text is meant for its user.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The value cannot be understood. Secret values are not repeated.
    #[error("{variable} must be {expected}{}", given.as_ref().map(|value| format!(", but is {value:?}")).unwrap_or_default())]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// What would be right, as the end of "must be …".
        expected: String,
        /// The value, unless it may hold a secret.
        given: Option<String>,
    },
    /// `.env` exists and cannot be read.
    #[error("the file .env must hold lines of the form NAME=value and be readable: {0}")]
    File(String),
}

/// Where uploaded and finished files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket that speaks S3.
    Bucket {
        /// The bucket's name.
        name: String,
        /// What every key starts with; empty, or without a slash at either end.
        prefix: String,
    },
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that can be set from outside. `None` means the embedded variant.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting that an operator switches")]
#[derive(Debug)]
pub struct Config {
    /// PostgreSQL; `None`: a private cluster under `data_dir`.
    pub database_url: Option<SecretString>,
    /// What stands between the program and the database at `database_url`.
    pub database_pooler: Pooler,
    /// The database at `database_url`, past a pooler that keeps no sessions.
    pub database_direct_url: Option<SecretString>,
    /// The database at `database_url`, by the role that owns the schema; `None`: the role of `database_url` does.
    pub migration_database_url: Option<SecretString>,
    /// Accept a database that may lose acknowledged commits.
    pub allow_unsafe_database: bool,
    /// NATS; `None`: a private server under `data_dir`.
    pub nats: Option<NatsAddress>,
    /// What names of streams and subjects start with, so that tests keep apart.
    pub nats_prefix: String,
    /// Servers of a NATS cluster that each keep the stream.
    pub nats_replicas: usize,
    /// Where files go.
    pub storage: Storage,
    /// What the S3 client is told: every `AWS_…` variable.
    pub aws: BTreeMap<String, SecretString>,
    /// Have a bucket give videos out by itself.
    pub s3_presigned_urls: bool,
    /// The mail server; `None`: each mail becomes a file in `mail_dir()`.
    pub smtp_url: Option<SecretString>,
    /// The sender of every mail.
    pub mail_from: String,
    /// The folder of everything that is kept on this machine.
    pub data_dir: PathBuf,
    /// Where the API listens.
    pub bind: SocketAddr,
    /// Where health details and metrics are served, if not with the API.
    pub operations_bind: Option<SocketAddr>,
    /// The certificate of the API; `None`: it is served without TLS.
    pub tls: Option<TlsFiles>,
    /// What links in mails start with, without a slash at the end.
    pub public_url: Url,
    /// Signing, wrapping and HMAC keys.
    pub secrets_file: PathBuf,
    /// Days without a refresh after which a session is over.
    pub session_idle_days: i32,
    /// Roles that do nothing else before they have a second factor.
    pub require_second_factor: Vec<domain::Role>,
    /// The largest video that is taken, in bytes.
    pub max_video_bytes: u64,
    /// What a video may be, and what finishing it may take.
    pub limits: Limits,
    /// A virus scanner.
    pub scanner: Option<ScannerAddress>,
    /// Web origins that may call the API from a browser.
    pub cors_allowed_origins: Vec<String>,
    /// Proxies whose word on where a request comes from counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How often one caller may ask.
    pub rate_limits: RateLimits,
    /// How many connections may be open.
    pub connection_limits: ConnectionLimits,
    /// Refuse requests whose payload is not encrypted.
    pub require_payload_encryption: bool,
    /// Refuse a rejection that names no policy.
    pub require_policy: bool,
    /// Text or JSON.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of `tracing`.
    pub log_filter: String,
    /// A collector that takes traces by OTLP over HTTP.
    pub traces_endpoint: Option<Url>,
    settings: Vec<Setting>,
}

impl Config {
    /// Reads the environment, then `.env` in the working directory for what it leaves unset.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_variables(Variables::read()?)
    }

    /// Whether links in mails would name no address that another machine can reach.
    pub fn links_lead_nowhere(&self) -> bool {
        let is_default = |setting: &Setting| {
            setting.variable == "PUBLIC_URL" && setting.origin == Origin::Default
        };
        self.bind.ip().is_unspecified() && self.settings.iter().any(is_default)
    }

    /// The folder that mails are written to when no mail server is set.
    pub fn mail_dir(&self) -> PathBuf {
        self.data_dir.join("mail")
    }

    /// The scheme of the API's addresses.
    pub fn scheme(&self) -> &'static str {
        tls::scheme(self.tls.as_ref())
    }

    /// What links start with once it is known where the API listens: port 0 leaves that to the
    /// system.
    pub fn public_url_at(&self, bound: SocketAddr) -> Url {
        match Url::parse(&format!("{}://{bound}", self.scheme())) {
            Ok(url) if self.public_url_follows_bind() => url,
            Ok(_) | Err(_) => self.public_url.clone(),
        }
    }

    /// Whether links start with where the API listens, as no other public address is set.
    pub fn public_url_follows_bind(&self) -> bool {
        Url::parse(&format!("{}://{}", self.scheme(), self.bind))
            .is_ok_and(|url| url == self.public_url)
    }

    /// The variables whose address has a password that everybody tries first.
    pub fn with_known_passwords(&self) -> Vec<&'static str> {
        const KNOWN: [&str; 7] =
            ["admin", "changeme", "password", "postgres", "secret", "test", "vetted"];
        let is_known = |url: &SecretString| {
            let url = Url::parse(url.expose_secret()).ok();
            url.is_some_and(|url| url.password().is_some_and(|password| KNOWN.contains(&password)))
        };
        let urls = [
            ("DATABASE_URL", &self.database_url),
            ("DATABASE_DIRECT_URL", &self.database_direct_url),
            ("MIGRATION_DATABASE_URL", &self.migration_database_url),
            ("SMTP_URL", &self.smtp_url),
        ];
        let known = urls.into_iter().filter(|(_, url)| url.as_ref().is_some_and(is_known));
        known.map(|(variable, _)| variable).collect()
    }

    /// Each setting in force with its origin, by name, secrets hidden.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    fn from_variables(variables: Variables) -> Result<Self, ConfigError> {
        let aws = variables.aws();
        let mut reader = Reader::new(variables);
        let data_dir = reader.value("DATA_DIR", ".data", parse::path)?;
        let (database_url, nats_url) = services(&mut reader, &data_dir)?;
        let database_pooler = reader.value("DATABASE_POOLER", "none", parse::pooler)?;
        let unset = "DATABASE_URL";
        let database_direct_url =
            reader.secret_url("DATABASE_DIRECT_URL", unset, parse::database_url)?;
        let migration_database_url = owner(&mut reader, database_url.as_ref())?;
        let nats = nats_url.as_ref().map(|url| NatsAddress::from_checked(url.expose_secret()));
        let nats_prefix = reader.value("NATS_PREFIX", "", parse::subject_prefix)?;
        let nats_replicas = reader.value("NATS_REPLICAS", "1", parse::replicas)?;
        let media = data_dir.join("media");
        let storage = reader.storage(&media, parse::storage)?;
        let s3_presigned_urls = reader.value("S3_PRESIGNED_URLS", "true", parse::switch)?;
        let mail = format!("each mail becomes a file in {}", data_dir.join("mail").display());
        let smtp_url = reader.secret_url("SMTP_URL", &mail, parse::smtp_url)?;
        if reader.value("REQUIRE_SERVICE_TLS", "false", parse::switch)? {
            let (database, direct) = (database_url.as_ref(), database_direct_url.as_ref());
            let migration = migration_database_url.as_ref();
            let (nats, smtp) = (nats_url.as_ref(), smtp_url.as_ref());
            Addresses { database, direct, migration, nats, smtp, storage: &storage, aws: &aws }
                .check()?;
        }
        let bind: SocketAddr = reader.value("BIND", "127.0.0.1:8000", parse::address)?;
        let operations_bind = reader.value("OPERATIONS_BIND", "", |text| apart(text, bind))?;
        let tls = tls::files(&mut reader)?;
        let public_url = format!("{}://{bind}", tls::scheme(tls.as_ref()));
        let secrets = data_dir.join("secrets.json");
        let max_video_bytes = reader.value("MAX_VIDEO_BYTES", "1073741824", parse::bytes)?;
        Ok(Self {
            database_url,
            database_pooler,
            database_direct_url,
            migration_database_url,
            nats,
            nats_prefix,
            nats_replicas,
            storage,
            aws,
            s3_presigned_urls,
            smtp_url,
            bind,
            operations_bind,
            tls,
            mail_from: reader.value("MAIL_FROM", "Vetted <no-reply@localhost>", parse::mailbox)?,
            public_url: reader.value("PUBLIC_URL", &public_url, parse::web_url)?,
            secrets_file: reader.value("SECRETS_FILE", &secrets.to_string_lossy(), parse::path)?,
            max_video_bytes,
            limits: videos::limits(&mut reader, max_video_bytes)?,
            scanner: videos::scanner(&mut reader)?,
            cors_allowed_origins: reader.value("CORS_ALLOWED_ORIGINS", "", parse::origins)?,
            trusted_proxies: reader.value("TRUSTED_PROXIES", "", parse::networks)?,
            rate_limits: reader.value("RATE_LIMITS", parse::RATE_LIMITS, parse::rate_limits)?,
            require_second_factor: reader.value("REQUIRE_SECOND_FACTOR", "", parse::roles)?,
            session_idle_days: reader.value("SESSION_IDLE_DAYS", "7", parse::session_days)?,
            connection_limits: reader.value(
                "CONNECTION_LIMITS",
                parse::CONNECTION_LIMITS,
                parse::connection_limits,
            )?,
            require_payload_encryption: reader.value(
                "REQUIRE_PAYLOAD_ENCRYPTION",
                "false",
                parse::switch,
            )?,
            require_policy: reader.value("REQUIRE_POLICY", "false", parse::switch)?,
            allow_unsafe_database: reader.value("ALLOW_UNSAFE_DATABASE", "false", parse::switch)?,
            log_format: reader.value("LOG_FORMAT", "text", parse::log_format)?,
            traces_endpoint: reader.value(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "",
                parse::optional_web_url,
            )?,
            log_filter: reader.value("RUST_LOG", DEFAULT_LOG_FILTER, parse::log_filter)?,
            data_dir,
            settings: reader.into_settings(),
        })
    }
}

// A client of HTTP/2 could have h2 write a warning for each connection.
const DEFAULT_LOG_FILTER: &str = "info,sqlx=warn,async_nats=warn,h2=error";

/// `DATABASE_URL` and `NATS_URL`.
type Services = (Option<SecretString>, Option<SecretString>);

fn services(reader: &mut Reader, data_dir: &std::path::Path) -> Result<Services, ConfigError> {
    let cluster = format!("a private PostgreSQL in {}", data_dir.join("pg").display());
    let database_url = reader.secret_url("DATABASE_URL", &cluster, parse::database_url)?;
    let server = format!("a private NATS server in {}", data_dir.join("nats").display());
    let nats_url = reader.secret_url("NATS_URL", &server, parse::nats_url)?;
    Ok((database_url, nats_url))
}

/// `MIGRATION_DATABASE_URL`. Alone it would leave the private database to serve.
fn owner(
    reader: &mut Reader,
    database_url: Option<&SecretString>,
) -> Result<Option<SecretString>, ConfigError> {
    let variable = "MIGRATION_DATABASE_URL";
    let owner = reader.secret_url(variable, "DATABASE_URL", parse::database_url)?;
    if owner.is_some() && database_url.is_none() {
        let expected = format!("set where {variable} is: to the address of the role that serves");
        return Err(ConfigError::Invalid { variable: "DATABASE_URL", expected, given: None });
    }
    Ok(owner)
}

/// An address of its own; port 0 takes a free one each time.
fn apart(text: &str, bind: SocketAddr) -> Result<Option<SocketAddr>, Expected> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(address) if address != bind || bind.port() == 0 => Ok(Some(address)),
        _ => Err("an IP address and a port other than BIND such as 127.0.0.1:9000".into()),
    }
}

/// How a failure before the configuration is known is written.
pub fn log_format() -> LogFormat {
    let variables = Variables::read().unwrap_or_default();
    let set = variables.text("LOG_FORMAT").and_then(|text| parse::log_format(text).ok());
    set.unwrap_or(LogFormat::Text)
}

#[cfg(test)]
mod tests;
