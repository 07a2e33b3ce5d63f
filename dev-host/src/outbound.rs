//! What a guest sends out: which requests may go, over which connections, and what it learns of failures.

mod connect;
mod stall_timeout_body;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::connect::{ConnectOptions, Connector, EgressLimits};
use self::stall_timeout_body::StallTimeoutBody;
use crate::allowed_hosts::AllowedHosts;
use crate::client_tls::TlsConfigs;
use crate::faults::Faults;
use crate::runtime_config::{BlockedNetwork, OutboundHttp};
use crate::variables::{Template, Variables};

/// The connections of an application.
///
/// All components share them: one that is open is used again for the same scheme and authority, whoever
/// opened it and with whatever client certificate.
pub struct Connections {
    client: Client<Connector, WasiBody>,
    tls: TlsConfigs,
    limits: EgressLimits,
}

impl Connections {
    /// No connection yet.
    pub fn new(config: &OutboundHttp, tls: TlsConfigs, blocked: Arc<[BlockedNetwork]>) -> Self {
        let permits = config.max_concurrent_requests.map(|max| Arc::new(Semaphore::new(max + 1)));
        let mut builder = Client::builder(TokioExecutor::new());
        // Spin 4.0.2 was seen to fail a request whose pooled connection the server had closed in silence, and to
        // try no other connection. hyper would, now and then: an application that relies on that fails on Spin.
        builder.retry_canceled_requests(false);
        if !config.connection_pooling {
            builder.pool_max_idle_per_host(0);
        }
        Self { client: builder.build(Connector), tls, limits: EgressLimits { blocked, permits } }
    }
}

/// The outbound requests of one instance.
#[derive(Clone)]
pub struct OutboundRequests {
    /// The component's id, to which TLS settings belong.
    pub component: Arc<str>,
    /// The application's connections.
    pub connections: Arc<Connections>,
    /// The component's `allowed_outbound_hosts`.
    pub entries: Arc<[Template]>,
    /// The application's variables, which the entries may name.
    pub variables: Arc<Variables>,
    /// The address on which the application itself listens, if it does.
    pub own_address: Option<Authority>,
    /// The entries as they were at the instance's first request; none if they could not be resolved.
    pub allowed: Arc<OnceLock<Option<AllowedHosts>>>,
    /// The faults that a test has planned.
    pub faults: Option<Faults>,
}

type SentResponse = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for OutboundRequests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _trouble: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<SentResponse, Error>> + Send> {
        let outbound = self.clone();
        Box::new(async move {
            let request = outbound.check_and_rewrite_request(request)?;
            let fault = outbound.faults.as_ref().and_then(|faults| {
                faults.record_and_find_fault(&format!(
                    "http {} {}",
                    request.method(),
                    request.uri().path()
                ))
            });
            let response = outbound.send_permitted(request, options.unwrap_or_default()).await?;
            Faults::die_if_planned(fault);
            Ok((response, Box::new(async { Ok(()) }) as Box<_>))
        })
    }
}

impl OutboundRequests {
    /// The request as it will go out, if it may.
    fn check_and_rewrite_request(
        &self,
        mut request: Request<WasiBody>,
    ) -> Result<Request<WasiBody>, Error> {
        // Spin also takes a bare path for itself; wasmtime 48 lets none through to here.
        let own = request.uri().host() == Some("self.alt");
        let allowed = self.allowed_hosts().is_some_and(|hosts| {
            if own {
                hosts.allows_calling_own_application()
            } else {
                request.uri().to_string().parse().is_ok_and(|url| hosts.allows_url(&url))
            }
        });
        if !allowed {
            eprintln!(
                "dev-host: component `{}` may not send requests to `{}`: see its allowed_outbound_hosts",
                self.component,
                request.uri().authority().map_or("itself", Authority::as_str)
            );
            return Err(Error::HttpRequestDenied);
        }
        if own {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = self.own_uri(path).ok_or(Error::HttpRequestUriInvalid)?;
        }
        // hyper makes the header anew from the URI.
        request.headers_mut().remove(header::HOST);
        Ok(request)
    }

    fn allowed_hosts(&self) -> Option<&AllowedHosts> {
        let resolve = || {
            AllowedHosts::resolve_entries(&self.entries, &self.variables)
                .inspect_err(|error| {
                    eprintln!(
                        "dev-host: allowed_outbound_hosts of `{}`: {error:#}",
                        self.component
                    );
                })
                .ok()
        };
        self.allowed.get_or_init(resolve).as_ref()
    }

    fn own_uri(&self, path: Option<PathAndQuery>) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority.clone_from(&self.own_address);
        parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
        Uri::from_parts(parts).ok()
    }

    async fn send_permitted(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let Connections { client, tls, limits } = &*self.connections;
        let host = request.uri().host().unwrap_or_default();
        let connect = ConnectOptions {
            tls: tls.get(&self.component, host),
            limits: limits.clone(),
            timeout: options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
        };
        let exchange = connect.run_with_options(client.request(request));
        let response =
            tokio::time::timeout(options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT), exchange)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| connect::to_guest_error(&error))?;
        let between = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        Ok(response.map(|body| StallTimeoutBody::new(body, between).boxed_unsync()))
    }
}

/// The default of each of the three timeouts.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);
