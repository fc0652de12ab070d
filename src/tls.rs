//! The certificate that the program shows where it ends TLS by itself; read again when its files
//! change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why the files cannot be used; the text is meant for the program's user.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{variable} {} cannot be read: {source}", path.display())]
    Unreadable { variable: &'static str, path: PathBuf, source: std::io::Error },
    #[error("TLS_CERT_FILE {} must hold certificates in PEM, the server's own first", .0.display())]
    Certificate(PathBuf),
    #[error("TLS_KEY_FILE {} must hold one private key in PEM, without a password", .0.display())]
    Key(PathBuf),
    #[error("TLS_KEY_FILE {} must hold the key of the certificate in TLS_CERT_FILE", .0.display())]
    Mismatch(PathBuf),
}

/// What is shown to clients.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    shown: RwLock<Arc<CertifiedKey>>,
}

/// What the files hold.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads the files.
    pub fn try_new(files: &TlsFiles) -> Result<Self, TlsError> {
        let shown = RwLock::new(Arc::new(Contents::read(files)?.certified(files)?));
        Ok(Self { files: files.clone(), shown })
    }

    /// The server's own certificate.
    pub fn own(&self) -> Option<CertificateDer<'static>> {
        self.shown().cert.first().cloned()
    }

    /// What new connections are told, in HTTP/2 and HTTP/1.1.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let resolver = Arc::<Self>::clone(self);
        let mut config = builder
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Shows what the files hold, whenever that changes. Open connections stay as they are; what
    /// cannot be used is logged, and what was shown before still is.
    pub async fn follow(self: Arc<Self>, shutdown: CancellationToken) {
        let mut seen = Contents::read(&self.files).ok();
        while tokio::time::timeout(LOOK, shutdown.cancelled()).await.is_err() {
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || Contents::read(&files)).await;
            let Ok(Ok(now)) = read else { continue };
            if seen.as_ref() == Some(&now) {
                continue;
            }
            match now.certified(&self.files) {
                Ok(certified) => {
                    *self.shown.write().unwrap_or_else(PoisonError::into_inner) =
                        Arc::new(certified);
                    tracing::info!("the certificate in TLS_CERT_FILE has changed and is in use");
                }
                // One file may be written before the other.
                Err(error) => tracing::warn!("the certificate stays: {error}"),
            }
            seen = Some(now);
        }
    }

    fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificate = read("TLS_CERT_FILE", &files.certificate)?;
        Ok(Self { certificate, key: read("TLS_KEY_FILE", &files.key)? })
    }

    fn certified(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::Certificate(files.certificate.clone()))?;
        let unusable = || TlsError::Key(files.key.clone());
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| unusable())?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch(files.key.clone()),
            rustls::Error::InvalidCertificate(_) => {
                TlsError::Certificate(files.certificate.clone())
            }
            _ => unusable(),
        })
    }
}

/// Speaks TLS with the program itself: whatever names the certificate is for, it has to be that of
/// the files.
pub async fn encrypted(stream: TcpStream, files: &TlsFiles) -> io::Result<TlsStream<TcpStream>> {
    let own = Certificate::try_new(files).map_err(io::Error::other)?.own();
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Own { certificate: own, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Accepts one certificate, and its key's signatures.
#[derive(Debug)]
struct Own {
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.certificate.as_ref() == Some(certificate) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn read(variable: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable {
        variable,
        path: path.to_owned(),
        source,
    })
}
