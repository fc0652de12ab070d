//! `vetted healthcheck`: asks the API or the worker on this machine, for containers without an HTTP client.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::tls::encrypted;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether `GET /healthz` answers 200 within three seconds.
pub async fn is_healthy(config: &Config) -> bool {
    let asked = async {
        match (config.operations_bind, &config.tls) {
            (Some(address), _) => ask(connect(address).await?).await,
            (None, None) => ask(connect(config.bind).await?).await,
            (None, Some(files)) => ask(encrypted(connect(config.bind).await?, files).await?).await,
        }
    };
    matches!(tokio::time::timeout(REQUEST_TIMEOUT, asked).await, Ok(Ok(true)))
}

async fn connect(bind: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(reachable(bind)).await
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<bool> {
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut line = String::new();
    BufReader::new(stream).take(1024).read_line(&mut line).await?;
    Ok(line.starts_with("HTTP/1.") && line.get(8..13) == Some(" 200 "))
}

/// A server that listens everywhere listens on the loopback address too.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answers(answer: &'static str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bind = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"GET /healthz HTT");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let healthy = ask(connect(bind).await.unwrap()).await.unwrap_or(false);
        server.await.unwrap();
        healthy
    }

    #[tokio::test]
    async fn only_200_is_healthy() {
        assert!(answers("HTTP/1.1 200 OK\r\n\r\nfine").await);
        assert!(!answers("HTTP/1.1 503 Service Unavailable\r\n\r\n").await);
        assert!(!answers("").await);
    }

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback_address() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()), "127.0.0.1:80".parse().unwrap());
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
    }
}
