//! A server for the probe to call, with or without TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, channel::Channel};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// A server that answers with the request it got, unless the path asks for something else.
pub struct Server {
    /// The address on loopback.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Server {
    /// Without TLS.
    pub fn plain() -> Result<Self> {
        Self::start(None)
    }

    /// With TLS.
    pub fn tls(config: ServerConfig) -> Result<Self> {
        Self::start(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn start(tls: Option<TlsAcceptor>) -> Result<Self> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, 0).await,
                        // A failed handshake is the client's to report.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                let certificates =
                                    stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                                serve(stream, certificates).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, connections, _runtime: runtime })
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, certificates: usize) {
    let service = service_fn(move |request| answer(request, certificates));
    // A client that goes away is no failure of a test.
    let _ =
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    certificates: usize,
) -> Result<Response<BoxBody<Bytes, Infallible>>> {
    match request.uri().path() {
        "/redirect" => {
            let response = Response::builder().status(302).header(header::LOCATION, "/");
            Ok(response.body(Full::default().boxed())?)
        }
        "/close" => Err(anyhow!("the connection closes")),
        "/stall" => {
            let (mut sender, body) = Channel::new(1);
            tokio::spawn(async move {
                let _ = sender.send(Frame::data(Bytes::from_static(b"begun"))).await;
                tokio::time::sleep(Duration::from_mins(1)).await;
            });
            Ok(Response::new(body.boxed()))
        }
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Ok(Response::new(Full::default().boxed()))
        }
        path => {
            let headers: Vec<_> = request
                .headers()
                .iter()
                .map(|(name, value)| [name.as_str(), value.to_str().unwrap_or("?")])
                .collect();
            let told = json!({
                "method": request.method().as_str(),
                "path": path,
                "authority": request.uri().authority().map(Authority::as_str),
                "version": format!("{:?}", request.version()),
                "headers": headers,
                "certificates": certificates,
            });
            let body = request.into_body().collect().await?.to_bytes();
            let told = json!({"request": told, "body": String::from_utf8_lossy(&body)});
            Ok(Response::new(Full::from(told.to_string()).boxed()))
        }
    }
}
