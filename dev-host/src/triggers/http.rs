//! The HTTP trigger: one instance for each request.

mod headers;
mod routes;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as WasiScheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use self::routes::{RouteMatch, RouteTarget, Routes};
use crate::app::App;
use crate::guest::Guest;
use crate::manifest::{Application, HttpTrigger, StaticResponse};

/// The address to listen on.
pub struct ListenAddress {
    /// The address; port 0 is any that is free.
    pub listen: SocketAddr,
    /// True if one of the next ports will do.
    pub find_free: bool,
}

/// Serves the application until the process is ended. Says so once it listens, in Spin's words.
pub async fn serve_http(
    app: App,
    triggers: &[HttpTrigger],
    application: Application,
    address: &ListenAddress,
) -> anyhow::Result<()> {
    let mut components = HashMap::new();
    for id in triggers.iter().filter_map(|trigger| trigger.component_id().transpose()) {
        let id = id?;
        let pre = ProxyPre::new(app.instance_pre(id)?.clone())
            .map_err(anyhow::Error::from)
            .with_context(|| {
                format!("component `{id}` exports no wasi:http/incoming-handler@0.2")
            })?;
        components.insert(id.to_owned(), pre);
    }
    let listener = address.bind_listener().await?;
    let listens = listener.local_addr()?;
    let routes = Routes::new(triggers)?;
    println!("\nServing http://{listens}\nAvailable Routes:");
    for (route, target) in routes.iter() {
        let name = if let RouteTarget::Component(id) = target { id } else { "(static response)" };
        println!("  {name}: http://{listens}{route}");
    }
    let own_address = listens.to_string().parse()?;
    let server = Arc::new(Server { app, components, routes, application, own_address });
    loop {
        // TCP_NODELAY stays off here too.
        let (stream, client) = listener.accept().await?;
        tokio::spawn(server.clone().serve_connection(stream, client));
    }
}

impl ListenAddress {
    async fn bind_listener(&self) -> anyhow::Result<TcpListener> {
        let mut address = self.listen;
        let last = if self.find_free {
            address.port().saturating_add(EXTRA_PORT_ATTEMPTS)
        } else {
            address.port()
        };
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return Ok(listener),
                Err(error) if error.kind() == ErrorKind::AddrInUse && address.port() < last => {
                    address.set_port(address.port() + 1);
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && !self.find_free => {
                    bail!("{address} is already in use; --find-free-port looks for another")
                }
                Err(error) => bail!("unable to listen on {address}: {error}"),
            }
        }
    }
}

struct Server {
    app: App,
    components: HashMap<String, ProxyPre<Guest>>,
    routes: Routes,
    application: Application,
    own_address: Authority,
}

type Answer = Response<HyperOutgoingBody>;

impl Server {
    async fn serve_connection(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { server.answer_request(request, client).await }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
            eprintln!("dev-host: connection from {client}: {error:#}");
        }
    }

    /// An error closes the connection without an answer.
    async fn answer_request(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
    ) -> anyhow::Result<Answer> {
        // It speaks of the connection to us, which is not the component's business.
        request.headers_mut().remove(header::CONNECTION);
        let path = request.uri().path().to_owned();
        if let Some(reserved) = path.strip_prefix(RESERVED_PATH_PREFIX) {
            return Ok(self.answer_reserved(reserved));
        }
        let Some(found) = self.routes.find(&path) else {
            return Ok(plain_answer(StatusCode::NOT_FOUND, ""));
        };
        make_uri_absolute(&mut request)?;
        match found.target() {
            RouteTarget::Static(response) => fixed_answer(response),
            RouteTarget::Component(id) => {
                Ok(self.call_component(id, request, &found, client).await.unwrap_or_else(|error| {
                    eprintln!("dev-host: component `{id}`: {error:#}");
                    plain_answer(StatusCode::INTERNAL_SERVER_ERROR, "")
                }))
            }
        }
    }

    fn answer_reserved(&self, name: &str) -> Answer {
        match name {
            "health" => plain_answer(StatusCode::OK, "OK"),
            "info" => {
                let Application { name, version, .. } = &self.application;
                let mut info = serde_json::json!({ "name": name });
                if !version.is_empty() {
                    info["version"] = version.as_str().into();
                }
                let mut answer = plain_answer(StatusCode::OK, &format!("{info:#}"));
                answer.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_JSON);
                answer
            }
            _ => plain_answer(StatusCode::NOT_FOUND, ""),
        }
    }

    /// Calls a new instance, which goes on after its response, and after the client has gone.
    async fn call_component(
        &self,
        id: &str,
        mut request: Request<Incoming>,
        found: &RouteMatch<'_>,
        client: SocketAddr,
    ) -> anyhow::Result<Answer> {
        headers::add_spin_headers(&mut request, found, client)?;
        let pre = self.components.get(id).context("no such component")?;
        let mut store = self.app.new_instance_store(id, &[], Some(self.own_address.clone()))?;
        // One instance more than the pool has room for fails here.
        let proxy = pre.instantiate_async(&mut store).await?;
        let (sender, response) = oneshot::channel();
        let mut http = store.data_mut().http();
        let request = http.new_incoming_request(WasiScheme::Http, request)?;
        let outparam = http.new_response_outparam(sender)?;
        let running = tokio::spawn(async move {
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await
        });
        if let Ok(response) = response.await {
            let id = id.to_owned();
            tokio::spawn(async move {
                if let Err(error) = running.await.map_err(anyhow::Error::from).and_then(|r| Ok(r?))
                {
                    eprintln!("dev-host: component `{id}`, after its response started: {error:#}");
                }
            });
            return response.context("the component answered with an error");
        }
        running.await??;
        Err(anyhow!("the component returned without a response"))
    }
}

/// Completes the request's URI from its `Host` header. The two must not contradict each other.
fn make_uri_absolute<B>(request: &mut Request<B>) -> anyhow::Result<()> {
    let named: Option<Authority> = match request.headers().get(header::HOST) {
        Some(host) => Some(host.to_str()?.parse().context("invalid `Host` header")?),
        None => None,
    };
    let mut parts = request.uri().clone().into_parts();
    parts.authority = match (named, parts.authority) {
        (Some(named), Some(addressed)) if named != addressed => {
            bail!("`Host` header and URI name different authorities")
        }
        (named, addressed) => Some(named.or(addressed).context("no `Host` header")?),
    };
    parts.scheme = Some(Scheme::HTTP);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

fn fixed_answer(response: &StaticResponse) -> anyhow::Result<Answer> {
    let mut answer = Response::builder().status(response.status_code.unwrap_or(200));
    for (name, value) in &response.headers {
        answer = answer.header(name, value);
    }
    Ok(answer.body(text_body(&response.body))?)
}

fn plain_answer(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(text_body(text));
    *answer.status_mut() = status;
    answer
}

fn text_body(text: &str) -> HyperOutgoingBody {
    Full::new(Bytes::copy_from_slice(text.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Paths that the host answers itself.
const RESERVED_PATH_PREFIX: &str = "/.well-known/spin/";

const APPLICATION_JSON: http::HeaderValue = http::HeaderValue::from_static("application/json");

/// The number of ports that `--find-free-port` tries beyond the first.
const EXTRA_PORT_ATTEMPTS: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_uri_must_agree() {
        for (uri, host, authority) in [
            ("/path", Some("a.example:80"), Some("a.example:80")),
            ("http://a.example/path", None, Some("a.example")),
            ("http://a.example/path", Some("a.example"), Some("a.example")),
            ("http://a.example/path", Some("b.example"), None),
            ("/path", None, None),
            ("/path", Some("not a host"), None),
        ] {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let mut request = request.body(()).unwrap();
            let made = make_uri_absolute(&mut request).ok().map(|()| request.uri().to_string());
            let expected = authority.map(|authority| format!("http://{authority}/path"));
            assert_eq!(made, expected, "{uri} and {host:?}");
        }
    }
}
