//! Asks clamd whether it knows a file for malware, by its `INSTREAM` command.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use url::Url;

/// clamd's own patience between two chunks is 2 minutes, and its verdict may take as long.
const SCAN_TIMEOUT: Duration = Duration::from_mins(5);
const CHUNK: usize = 64 << 10;
/// A scanner that takes longer to say that it is there is taken for absent.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any answer.
const ANSWER: u64 = 4096;

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerAddress {
    /// `tcp://host:port`
    Tcp(String, u16),
    /// `unix:///path`
    Unix(PathBuf),
}

/// Either kind of socket.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Why there is no verdict; none of it is the file's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanError {
    #[error("clamd can't be reached: {0}")]
    Unreachable(#[source] io::Error),
    #[error("clamd answers {0:?}; a file over its StreamMaxLength needs a larger one")]
    Refused(String),
    #[error("clamd takes too long")]
    TooSlow,
}

impl ScannerAddress {
    /// `None` for what is no such address.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        match url.scheme() {
            "tcp" => Some(Self::Tcp(url.host_str()?.to_owned(), url.port()?)),
            "unix" if url.host_str().is_none_or(str::is_empty) && url.path().len() > 1 => {
                Some(Self::Unix(url.path().into()))
            }
            _ => None,
        }
    }

    /// Whether it is there and answers.
    pub(super) async fn ping(&self) -> Result<(), ScanError> {
        let asked = async {
            let mut clamd = self.connect().await?;
            clamd.write_all(b"zPING\0").await?;
            let mut answer = Vec::new();
            clamd.take(ANSWER).read_to_end(&mut answer).await?;
            Ok(String::from_utf8_lossy(&answer).trim_end_matches(['\0', '\n']).to_owned())
        };
        let asked = tokio::time::timeout(PING_TIMEOUT, asked).await;
        let answer: io::Result<String> = asked.map_err(|_| ScanError::TooSlow)?;
        let answer = answer.map_err(ScanError::Unreachable)?;
        if answer == "PONG" { Ok(()) } else { Err(ScanError::Refused(answer)) }
    }

    async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match self {
            Self::Tcp(host, port) => {
                let host = host.trim_matches(['[', ']']);
                Box::new(TcpStream::connect((host, *port)).await?)
            }
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// What was found in the file, if anything was.
    pub(super) async fn scan(&self, file: &Path) -> Result<Option<String>, ScanError> {
        let asked = async { ask(self.connect().await?, file).await };
        let answer =
            tokio::time::timeout(SCAN_TIMEOUT, asked).await.map_err(|_| ScanError::TooSlow)?;
        verdict(answer.map_err(ScanError::Unreachable)?)
    }
}

async fn ask(mut clamd: impl AsyncRead + AsyncWrite + Unpin, file: &Path) -> io::Result<String> {
    let mut file = File::open(file).await?;
    let sent = send(&mut file, &mut clamd).await;
    // Over its limit clamd answers, and hangs up on the rest.
    let mut answer = Vec::new();
    let read = (&mut clamd).take(ANSWER).read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        read?;
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.trim_end_matches(['\0', '\n']).to_owned())
}

async fn send(file: &mut File, clamd: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    clamd.write_all(b"zINSTREAM\0").await?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).await?;
        let length = u32::try_from(read).map_err(io::Error::other)?;
        clamd.write_all(&length.to_be_bytes()).await?;
        clamd.write_all(&chunk[..read]).await?;
        if read == 0 {
            return clamd.flush().await;
        }
    }
}

/// `stream: OK`, or `stream: NAME FOUND`.
fn verdict(answer: String) -> Result<Option<String>, ScanError> {
    match answer.strip_prefix("stream: ") {
        Some("OK") => Ok(None),
        Some(found) if found.ends_with(" FOUND") => {
            Ok(Some(found.trim_end_matches(" FOUND").to_owned()))
        }
        _ => Err(ScanError::Refused(answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_two_kinds() {
        assert_eq!(
            ScannerAddress::parse("tcp://[::1]:3310"),
            Some(ScannerAddress::Tcp("[::1]".into(), 3310))
        );
        assert_eq!(
            ScannerAddress::parse("unix:///run/clamd.sock"),
            Some(ScannerAddress::Unix("/run/clamd.sock".into()))
        );
        for wrong in ["", "tcp://clamd", "clamd:3310", "unix://", "unix://run/clamd", "http://a:1"]
        {
            assert_eq!(ScannerAddress::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_clear_answer_is_a_verdict() {
        let asked = |answer: &str| verdict(answer.to_owned());

        assert_eq!(asked("stream: OK").expect("clean"), None);
        assert_eq!(asked("stream: A.B FOUND").expect("found").as_deref(), Some("A.B"));
        for answer in ["", "INSTREAM size limit exceeded. ERROR", "stream: x ERROR", "OK"] {
            assert!(matches!(asked(answer), Err(ScanError::Refused(_))), "{answer}");
        }
    }
}
