//! An installation for tests: a store in memory, a set clock, an API server that answers as told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use futures::executor::block_on;
use http::{Request, Response};
use kube_rest::{HttpClient, Limits, TransportError};
use lease_engine::Ports;
use lease_store::{KeyValue, MemoryStore};
use serde_json::Value;

use crate::{Body, BodyError, Variables};

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
    pub(crate) store: Rc<MemoryStore>,
    answers: Rc<Answers>,
    now: Cell<i64>,
    random: Rc<Cell<u8>>,
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            variables: variables(),
            store: Rc::default(),
            answers: Rc::default(),
            now: Cell::new(1_795_330_800), // 2026-11-22T07:00:00Z
            random: Rc::default(),
        }
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
        let claims = serde_json::json!({
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "aud": ["https://kubernetes.default.svc"],
            "iat": issued,
            "exp": expires,
            "jti": "5a0f",
        });
        let key = jsonwebtoken::EncodingKey::from_secret(b"test");
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key);
        let token = token.expect("encodes");
        self.reply(201, &serde_json::json!({"status": {"token": token}}).to_string());
        token
    }

    /// The next call of the API is answered so.
    pub(crate) fn reply(&self, code: u16, body: &str) {
        self.answers.borrow_mut().push_back(Ok((code, body.to_owned())));
    }

    /// The next call of the API is not answered in time.
    pub(crate) fn time_out(&self) {
        let error = TransportError::Timeout("first byte".to_owned());
        self.answers.borrow_mut().push_back(Err(error));
    }

    /// A second passes.
    pub(crate) fn tick(&self) {
        self.now.set(self.now.get() + 1);
    }

    /// All that is in the store, as text.
    pub(crate) fn stored(&self) -> String {
        let value = |key: &String| self.store.get(key).expect("reads").unwrap_or_default();
        let keys = self.store.keys();
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
        let ports = TestPorts {
            store: Rc::clone(&self.store),
            http: TestHttp(Rc::clone(&self.answers)),
            now: self.now.get(),
            random: Rc::clone(&self.random),
        };
        let response = if path.starts_with("/api/v1/sweep") {
            block_on(crate::sweep(ports, &self.variables, head, body))
        } else {
            block_on(crate::leases(ports, &self.variables, head, body))
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

struct TestPorts {
    store: Rc<MemoryStore>,
    http: TestHttp,
    now: i64,
    random: Rc<Cell<u8>>,
}

impl Ports for TestPorts {
    type Store = MemoryStore;
    type Http = TestHttp;

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn http(&self) -> &TestHttp {
        &self.http
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.now, 0).expect("in range")
    }

    fn random(&self, bytes: &mut [u8]) {
        self.random.set(self.random.get() + 1);
        bytes.fill(self.random.get());
    }
}

struct TestHttp(Rc<Answers>);

/// What the API server will answer: a status and a body, or nothing.
type Answers = RefCell<VecDeque<Result<(u16, String), TransportError>>>;

impl HttpClient for TestHttp {
    async fn send(
        &self,
        _request: Request<Vec<u8>>,
        _limits: &Limits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let unreachable = || Err(TransportError::Unreachable("no network in tests".to_owned()));
        let (code, body) = self.0.borrow_mut().pop_front().unwrap_or_else(unreachable)?;
        Ok(Response::builder().status(code).body(body.into_bytes()).expect("a response"))
    }
}
