//! A small JSON client for tests: any method, any bytes, and every status is an answer.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// A server, and who we are to it.
#[derive(Clone)]
pub struct HttpClient {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
}

impl HttpClient {
    /// A client for a server without TLS.
    #[must_use]
    pub fn without_tls(base: &str) -> Self {
        Self::new(base, TlsConfig::default(), TIMEOUT)
    }

    /// The same for a server that may work on a request for minutes.
    #[must_use]
    pub fn without_tls_long_timeout(base: &str) -> Self {
        Self::new(base, TlsConfig::default(), LONG_TIMEOUT)
    }

    /// A client that trusts `ca` alone and shows no certificate.
    pub fn with_ca(base: &str, ca: &str) -> Result<Self> {
        Ok(Self::new(base, tls_config(ca, None)?, TIMEOUT))
    }

    /// A client that trusts `ca` alone and shows the certificate `chain`, all in PEM.
    pub fn with_certificate(base: &str, ca: &str, chain: &str, key: &str) -> Result<Self> {
        let chain = [Certificate::from_pem(chain.as_bytes())?];
        let key = PrivateKey::from_pem(key.as_bytes())?;
        Ok(Self::new(base, tls_config(ca, Some(ClientCert::new_with_certs(&chain, key)))?, TIMEOUT))
    }

    fn new(base: &str, tls: TlsConfig, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections_per_host(MOST_AT_ONCE)
            // A body with DELETE, as Kubernetes has it.
            .allow_non_standard_methods(true)
            // A proxy of the environment has no business with loopback.
            .proxy(None)
            .build();
        Self { agent: config.new_agent(), base: base.to_owned(), authorization: None }
    }

    /// The same server as the bearer of `token`.
    #[must_use]
    pub fn with_bearer(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self.clone() }
    }

    /// The same server as nobody.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        Self { authorization: None, ..self.clone() }
    }

    /// Asks without a body.
    pub fn get(&self, path: &str) -> Result<Reply> {
        self.send_raw("GET", path, &[], &[])
    }

    /// Sends a JSON body, by any method.
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Result<Reply> {
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        self.send_raw(method, path, &[("content-type", kind)], body.to_string().as_bytes())
    }

    /// Creates with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send_json("POST", path, body)
    }

    /// Replaces with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send_json("PUT", path, body)
    }

    /// Merges a JSON body into what is there.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send_json("PATCH", path, body)
    }

    /// Deletes, without a body.
    pub fn delete(&self, path: &str) -> Result<Reply> {
        self.send_raw("DELETE", path, &[], &[])
    }

    /// Sends exactly this; our authorization comes first among the headers.
    pub fn send_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let asked = format!("{method} {}{path}", self.base);
        let ours = self.authorization.as_deref().map(|value| ("authorization", value));
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in ours.iter().chain(headers) {
            request = request.header(*name, *value);
        }
        let answer = if body.is_empty() {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(body)?)
        };
        let mut answer = answer.with_context(|| format!("no answer to {asked}"))?;
        let body = answer
            .body_mut()
            .read_to_vec()
            .with_context(|| format!("half an answer to {asked}"))?;
        Ok(Reply {
            asked,
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body,
        })
    }
}

/// The answer of a server.
pub struct Reply {
    asked: String,
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header that is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, should it be JSON.
    pub fn to_json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {self:?}"))
    }

    /// The JSON body of an answer with this status; any other answer is an error that shows it.
    pub fn expect_status(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}: {self:?}");
        if self.body.is_empty() { Ok(Value::Null) } else { self.to_json() }
    }

    /// The JSON body of a success; any other answer is an error that shows it.
    pub fn expect_success(&self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "expected success: {self:?}");
        self.expect_status(self.status)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answered {}: {}",
            self.asked,
            self.status,
            String::from_utf8_lossy(&self.body)
        )
    }
}

fn tls_config(ca: &str, client: Option<ClientCert>) -> Result<TlsConfig> {
    let ca = Certificate::from_pem(ca.as_bytes())?;
    let roots = RootCerts::Specific(std::sync::Arc::new(vec![ca]));
    Ok(TlsConfig::builder().root_certs(roots).client_cert(client).build())
}

/// As many requests as a client has under way at once, each on a connection that it keeps.
const MOST_AT_ONCE: usize = 10;

/// Longer than anything asked of a local server takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// As long as a busy machine may take for a million numbers on a slow disk.
const LONG_TIMEOUT: Duration = Duration::from_mins(5);
