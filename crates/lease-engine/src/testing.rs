//! Ports for tests: a store in memory, a set clock, and an API server that answers from a script.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use http::{Request, Response};
use kube_rest::{HttpClient, Limits, TransportError};
use lease_store::MemoryStore;

use crate::Ports;

/// Ports whose clones share everything, as instances of a component share what is outside.
#[derive(Clone, Default)]
pub struct TestPorts {
    /// The store.
    pub store: Rc<MemoryStore>,
    /// The API server.
    pub http: Rc<ScriptedHttp>,
    now: Rc<Cell<DateTime<Utc>>>,
    random: Rc<Cell<u8>>,
}

impl TestPorts {
    /// Sets the clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.now.set(now);
    }
}

impl Ports for TestPorts {
    type Store = MemoryStore;
    type Http = ScriptedHttp;

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn http(&self) -> &ScriptedHttp {
        &self.http
    }

    fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    fn random(&self, bytes: &mut [u8]) {
        self.random.set(self.random.get() + 1);
        bytes.fill(self.random.get());
    }
}

/// What the scripted API server does with one request.
#[derive(Debug)]
pub enum Answer {
    /// It answers with a status and a body.
    Reply(u16, String),
    /// No answer comes.
    Fail(TransportError),
}

impl Answer {
    /// The answer to a `TokenRequest` that is granted.
    #[must_use]
    pub fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> Self {
        let token = token(namespace, account, issued, expires);
        Self::Reply(201, serde_json::json!({"status": {"token": token}}).to_string())
    }
}

/// A token as an API server would issue it, but for its signature.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "encoding these claims does not fail")]
pub fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> String {
    let claims = serde_json::json!({
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "aud": ["https://kubernetes.default.svc"],
        "iat": issued,
        "exp": expires,
        "jti": "5a0f",
    });
    let key = jsonwebtoken::EncodingKey::from_secret(b"test");
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("encodes")
}

/// An API server that answers from a script, and cannot be reached once that is at its end.
#[derive(Default)]
pub struct ScriptedHttp {
    answers: RefCell<VecDeque<Answer>>,
    sent: RefCell<Vec<Request<Vec<u8>>>>,
    on_send: RefCell<Option<Box<dyn Fn()>>>,
}

impl ScriptedHttp {
    /// What is answered next.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.borrow_mut().extend(answers);
    }

    /// What happens while a request is under way.
    pub fn on_send(&self, act: impl Fn() + 'static) {
        *self.on_send.borrow_mut() = Some(Box::new(act));
    }

    /// The `Authorization` header of each request that was sent.
    #[must_use]
    pub fn bearers(&self) -> Vec<String> {
        let header = |request: &Request<_>| request.headers().get("authorization").cloned();
        let sent = self.sent.borrow();
        let values = sent.iter().filter_map(header);
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }
}

impl HttpClient for ScriptedHttp {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        _limits: &Limits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        self.sent.borrow_mut().push(request);
        if let Some(act) = &*self.on_send.borrow() {
            act();
        }
        match self.answers.borrow_mut().pop_front() {
            Some(Answer::Reply(code, body)) => {
                let response = Response::builder().status(code).body(body.into_bytes());
                response.map_err(|error| TransportError::Broken(error.to_string()))
            }
            Some(Answer::Fail(error)) => Err(error),
            None => Err(TransportError::Unreachable("the script is at its end".to_owned())),
        }
    }
}
