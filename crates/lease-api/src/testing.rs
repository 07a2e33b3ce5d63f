//! An installation for tests: a store in memory, a set clock, an API server that answers as told.

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use futures::executor::block_on;
use http::{Request, Response};
use kube_rest::TransportError;
use lease_engine::Ports;
use lease_engine::testing::{Answer as ApiAnswer, TestPorts, token};
use lease_store::KeyValue;
use serde_json::Value;

use crate::{Body, BodyError, SettingsError, Variables};

pub(crate) const ADMIN: &str = "admin-0123456789abcdef0123456789abcdef";
pub(crate) const SWEEP: &str = "sweep-0123456789abcdef0123456789abcdef";

/// Texts that are no name, as they can stand in a path.
pub(crate) const MALFORMED_NAMES: [&str; 8] =
    ["Prod", "-a", "a-", "a.b", "a_b", "..", "a%2fb", "%20"];

/// Variables that are as they should be.
pub(crate) fn variables() -> Variables {
    Variables {
        admin_token: ADMIN.to_owned(),
        master_key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        previous_master_keys: String::new(),
        sweep_token: SWEEP.to_owned(),
    }
}

/// An installation: what outlives a request.
pub(crate) struct Installation {
    pub(crate) variables: Variables,
    pub(crate) ports: TestPorts,
    /// A variable that the host cannot tell.
    pub(crate) unreadable: RefCell<Option<&'static str>>,
}

impl Default for Installation {
    fn default() -> Self {
        let ports = TestPorts::default();
        ports.set_now("2026-11-22T07:00:00Z".parse::<DateTime<Utc>>().expect("a time"));
        Self { variables: variables(), ports, unreadable: RefCell::default() }
    }
}

impl Installation {
    /// One with target `prod`.
    pub(crate) fn with_target() -> Self {
        let app = Self::default();
        let body = r#"{"url":"https://a.example","auth":{"type":"token","token":"t0ken"}}"#;
        assert_eq!(app.send("PUT", "/api/v1/targets/prod", ADMIN, body).status, 201);
        app
    }

    /// One with dynamic secret `ci` too: `apps/deployer`, 1 h by default, 24 h at most.
    pub(crate) fn with_dynamic_secret() -> Self {
        let app = Self::with_target();
        let body = r#"{"target":"prod","account":{"type":"existing","name":"deployer"},
            "namespaces":["apps"],"default_ttl":"1h","max_ttl":"24h"}"#;
        assert_eq!(app.send("PUT", "/api/v1/dynamic-secrets/ci", ADMIN, body).status, 201);
        app
    }

    /// Sends a request; an empty `token` sends no credential.
    pub(crate) fn send(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let credential = (!token.is_empty()).then(|| format!("Bearer {token}"));
        self.request(method, path, credential.as_deref(), Sent(Ok(body.as_bytes().to_vec())))
    }

    /// Sends a request whose body must not be read.
    pub(crate) fn send_unread(&self, method: &str, path: &str, credential: Option<&str>) -> Answer {
        self.request(method, path, credential, Unread)
    }

    /// Sends a request whose body does not come whole.
    pub(crate) fn send_broken(&self, method: &str, path: &str, error: BodyError) -> Answer {
        self.request(method, path, Some(&format!("Bearer {ADMIN}")), Sent(Err(error)))
    }

    /// The next call of the API is answered with a token, which is returned.
    pub(crate) fn grant(
        &self,
        namespace: &str,
        account: &str,
        issued: i64,
        expires: i64,
    ) -> String {
        self.ports.http.script([ApiAnswer::token(namespace, account, issued, expires)]);
        token(namespace, account, issued, expires)
    }

    /// The next call of the API is answered so.
    pub(crate) fn reply(&self, code: u16, body: &str) {
        self.ports.http.script([ApiAnswer::Reply(code, body.to_owned())]);
    }

    /// The next call of the API is not answered in time.
    pub(crate) fn time_out(&self) {
        let error = TransportError::Timeout("first byte".to_owned());
        self.ports.http.script([ApiAnswer::Fail(error)]);
    }

    /// A second passes.
    pub(crate) fn tick(&self) {
        self.ports.set_now(self.ports.now() + chrono::TimeDelta::seconds(1));
    }

    /// All that is in the store, as text.
    pub(crate) fn stored(&self) -> String {
        let value = |key: &String| self.ports.store.get(key).expect("reads").unwrap_or_default();
        let keys = self.ports.store.keys();
        keys.iter().map(|key| String::from_utf8_lossy(&value(key)).into_owned()).collect()
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        credential: Option<&str>,
        body: impl Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let ports = self.ports.clone();
        let variables = match *self.unreadable.borrow() {
            Some(name) => Err(SettingsError::Unreadable(name)),
            None => Ok(self.variables.clone()),
        };
        let response = if path.starts_with("/api/v1/sweep") {
            block_on(crate::sweep(ports, &variables, head, body))
        } else {
            block_on(crate::leases(ports, &variables, head, body))
        };
        Answer::of(&response)
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) json: Value,
    headers: http::HeaderMap,
}

impl Answer {
    /// The value of a header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn of(response: &Response<Vec<u8>>) -> Self {
        let body = String::from_utf8(response.body().clone()).expect("UTF-8");
        let json = serde_json::from_str(&body).unwrap_or(Value::Null);
        Self { status: response.status().as_u16(), body, json, headers: response.headers().clone() }
    }
}

struct Sent(Result<Vec<u8>, BodyError>);

impl Body for Sent {
    async fn read(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.0.and_then(|body| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }
}

struct Unread;

impl Body for Unread {
    async fn read(self, _limit: usize) -> Result<Vec<u8>, BodyError> {
        panic!("the body of a stranger is read")
    }
}
