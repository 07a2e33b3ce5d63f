//! New connections, and what is told of those that fail.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use ip_network::IpNetwork;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use crate::runtime_config::BlockedNetwork;

/// The operator's limits of connections.
#[derive(Clone)]
pub struct EgressLimits {
    /// The networks to which no connection may go.
    pub blocked: Arc<[BlockedNetwork]>,
    /// The permits of connections at once, if their number is limited.
    pub permits: Option<Arc<Semaphore>>,
}

/// The wishes of a request's sender, should a new connection be needed.
#[derive(Clone)]
pub struct ConnectOptions {
    /// Trust and identity, for `https`.
    pub tls: Arc<rustls::ClientConfig>,
    /// The operator's limits.
    pub limits: EgressLimits,
    /// The longest time for TCP, with the wait for a permit.
    pub timeout: Duration,
}

impl ConnectOptions {
    /// Runs a request whose new connection, if any, is made with these options.
    ///
    /// They travel beside the request because hyper's client tells a connector the URI and no more.
    pub async fn run_with_options<F: Future>(self, request: F) -> F::Output {
        OPTIONS.scope(self, request).await
    }

    async fn connect_uri(self, uri: Uri) -> Result<Stream, Failure> {
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let (tcp, permit) = self.connect_tcp(&uri, if secure { 443 } else { 80 }).await?;
        if !secure {
            return Ok(Stream { io: Io::Plain(TokioIo::new(tcp)), _permit: permit });
        }
        // An IPv6 address keeps its brackets here and is no valid name; so it is in Spin.
        let name = ServerName::try_from(uri.host().unwrap_or_default().to_owned())
            .map_err(|_| Failure::Dns("invalid dns name"))?;
        let tls = TlsConnector::from(self.tls).connect(name, tcp).await.map_err(|error| {
            eprintln!("dev-host: TLS with `{}`: {error:?}", uri.host().unwrap_or_default());
            Failure::Tls
        })?;
        Ok(Stream { io: Io::Tls(TokioIo::new(Box::new(tls))), _permit: permit })
    }

    async fn connect_tcp(
        &self,
        uri: &Uri,
        default_port: u16,
    ) -> Result<(TcpStream, Option<OwnedSemaphorePermit>), Failure> {
        let authority = uri.authority().ok_or(Failure::Uri)?;
        let address = match authority.port() {
            Some(_) => authority.as_str().to_owned(),
            None => format!("{authority}:{default_port}"),
        };
        let found = tokio::net::lookup_host(address).await;
        let found: Vec<_> = found.map_err(|_| Failure::Dns("address not available"))?.collect();
        let open = self.limits.filter_unblocked_addresses(&found);
        if open.is_empty() && !found.is_empty() {
            eprintln!("dev-host: `{authority}` is in a blocked network: {found:?}");
            return Err(Failure::Prohibited);
        }
        let connect = async {
            let permit = match &self.limits.permits {
                // Unwrap-free: the semaphore is never closed, so that this always yields a permit.
                Some(permits) => permits.clone().acquire_owned().await.ok(),
                None => None,
            };
            // TCP_NODELAY stays off, as in Spin: what waits for an acknowledgement there waits here.
            TcpStream::connect(&*open).await.map(|stream| (stream, permit))
        };
        let connected = tokio::time::timeout(self.timeout, connect).await;
        connected.map_err(|_| Failure::Timeout)?.map_err(|error| match error.kind() {
            ErrorKind::AddrNotAvailable => Failure::Dns("address not available"),
            _ => Failure::Refused,
        })
    }
}

impl EgressLimits {
    fn filter_unblocked_addresses(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let open = |address: &&SocketAddr| !self.blocked.iter().any(|b| b.contains(address.ip()));
        addresses.iter().filter(open).copied().collect()
    }
}

impl BlockedNetwork {
    fn contains(self, address: IpAddr) -> bool {
        let inside = match self {
            Self::Private => !IpNetwork::from(address).is_global(),
            Self::Network(network) => network.contains(address),
        };
        // An IPv4 address must not slip through as an IPv6 one.
        inside
            || matches!(address, IpAddr::V6(v6) if v6.to_ipv4().is_some_and(|v4| self.contains(v4.into())))
    }
}

/// The error that the guest gets for a request that has no answer.
pub fn to_guest_error(error: &legacy::Error) -> Error {
    // What a body or a connector said is the direct cause; anything else is hyper's own trouble.
    let cause = error.source();
    if let Some(failure) = cause.and_then(|cause| cause.downcast_ref::<Failure>()) {
        return failure.to_guest_error();
    }
    eprintln!("dev-host: outbound request: {error:?}");
    Error::HttpProtocolError
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Failure {
    /// There is nobody to connect to.
    #[error("the URI has no authority")]
    Uri,
    /// The name does not resolve, or is no name.
    #[error("{0}")]
    Dns(&'static str),
    /// All its addresses are blocked.
    #[error("the address is in a blocked network")]
    Prohibited,
    /// TCP failed, for whatever reason.
    #[error("the connection was refused")]
    Refused,
    /// TCP was not done in time.
    #[error("the connection took too long")]
    Timeout,
    /// TLS failed, for whatever reason.
    #[error("TLS failed")]
    Tls,
}

impl Failure {
    fn to_guest_error(self) -> Error {
        match self {
            Self::Uri => Error::HttpRequestUriInvalid,
            Self::Dns(text) => Error::DnsError { rcode: Some(text.to_owned()), info_code: Some(0) },
            Self::Prohibited => Error::DestinationIpProhibited,
            Self::Refused => Error::ConnectionRefused,
            Self::Timeout => Error::ConnectionTimeout,
            Self::Tls => Error::TlsProtocolError,
        }
    }
}

tokio::task_local! {
    static OPTIONS: ConnectOptions;
}

/// Makes a connection with the options of the request that asks for it.
#[derive(Clone)]
pub struct Connector;

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let options = OPTIONS.try_with(Clone::clone);
        Box::pin(async move {
            // Every request is sent in `ConnectOptions::run_with_options`, and hyper asks for its connection there.
            options.map_err(|_| Failure::Uri)?.connect_uri(uri).await
        })
    }
}

/// A connection, and the right to have it.
pub struct Stream {
    io: Io,
    _permit: Option<OwnedSemaphorePermit>,
}

enum Io {
    Plain(TokioIo<TcpStream>),
    Tls(TokioIo<Box<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match &self.io {
            Io::Tls(tls) if tls.inner().get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Io::Plain(_) | Io::Tls(_) => Connected::new(),
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Io::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    /// Plain connections do not write vectored, TLS ones do, so that bytes leave in Spin's pieces.
    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(_) => false,
            Io::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write_vectored(cx, slices),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, slices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_network_holds_its_addresses_in_every_spelling() {
        let network = |text: &str| BlockedNetwork::try_from(text.to_owned()).unwrap();
        for (blocked, address, inside) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("private", "127.0.0.1", true),
            ("private", "192.168.1.1", true),
            ("private", "::1", true),
            ("private", "::ffff:10.1.2.3", true),
            ("private", "8.8.8.8", false),
        ] {
            let is_inside = network(blocked).contains(address.parse().unwrap());
            assert_eq!(is_inside, inside, "{address} in {blocked}");
        }
    }
}
