//! An installation for tests: a store in memory, a set clock, and a cluster in memory.

mod document;

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::{Request, Response};
use lease_store::KeyValue;
use lease_testing::{TestPorts, block_on};
use serde_json::Value;

use crate::{Body, BodyError, RawVariables, SettingsError};

pub(crate) const ADMIN: &str = "admin-0123456789abcdef0123456789abcdef";
pub(crate) const SWEEP: &str = "sweep-0123456789abcdef0123456789abcdef";

/// The account that the cluster in memory begins with.
pub(crate) const EXISTING: &str = r#"{"type":"existing","name":"deployer"}"#;

/// The same, and tokens that cannot be taken back.
pub(crate) const PLAIN: &str = r#"{"type":"existing","name":"deployer","revocable":false}"#;

/// An account of each lease's own.
pub(crate) const TEMPORARY: &str = r#"{"type":"temporary","scope":"namespace",
    "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]}"#;

/// The path at which leases of `ci` are issued.
const ISSUE: &str = "/api/v1/dynamic-secrets/ci/leases";

/// Texts that are no name, as they can stand in a path.
pub(crate) const MALFORMED_NAMES: [&str; 8] =
    ["Prod", "-a", "a-", "a.b", "a_b", "..", "a%2fb", "%20"];

/// Variables that are as they should be.
pub(crate) fn variables() -> RawVariables {
    RawVariables {
        admin_token: ADMIN.to_owned(),
        master_key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        sweep_token: SWEEP.to_owned(),
        ..RawVariables::default()
    }
}

/// An installation: what outlives a request.
pub(crate) struct Installation {
    pub(crate) variables: RawVariables,
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
    /// An installation with target `prod`.
    pub(crate) fn with_target() -> Self {
        let app = Self::default();
        let body = r#"{"url":"https://a.example","auth":{"type":"token","token":"t0ken"}}"#;
        assert_eq!(app.send("PUT", "/api/v1/targets/prod", ADMIN, body).status, 201);
        app
    }

    /// An installation with dynamic secret `ci` too: `apps/deployer`, 1 h by default, 24 h at most;
    /// `more` adds fields.
    pub(crate) fn with_dynamic_secret(more: &str) -> Self {
        let app = Self::with_target();
        app.put_dynamic_secret("ci", EXISTING, more);
        app
    }

    /// Puts a dynamic secret for `prod` in namespace `apps`.
    pub(crate) fn put_dynamic_secret(&self, name: &str, account: &str, more: &str) {
        let body =
            format!(r#"{{"target":"prod","account":{account},"namespaces":["apps"]{more}}}"#);
        let answer = self.send("PUT", &format!("/api/v1/dynamic-secrets/{name}"), ADMIN, &body);
        assert!(matches!(answer.status, 200 | 201), "{body}: {}", answer.json);
    }

    /// Issues a lease of `ci`, as this body asks.
    pub(crate) fn issue(&self, body: &str) -> Answer {
        self.send("POST", ISSUE, ADMIN, body)
    }

    /// The same, with these values of `Idempotency-Key`.
    pub(crate) fn issue_once(&self, keys: &[&str], body: &str) -> Answer {
        self.post_once(ISSUE, keys, body)
    }

    /// Posts a request to a path, with these values of `Idempotency-Key`.
    pub(crate) fn post_once(&self, path: &str, keys: &[&str], body: &str) -> Answer {
        let keys: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        let credential = format!("Bearer {ADMIN}");
        let headers = [&[("authorization", credential.as_str())], &keys[..]].concat();
        self.request("POST", path, &headers, Sent(Ok(body.as_bytes().to_vec())))
    }

    /// Sends a request; an empty `token` sends no credential.
    pub(crate) fn send(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let credential = format!("Bearer {token}");
        let headers = [("authorization", credential.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        self.request(method, path, headers, Sent(Ok(body.as_bytes().to_vec())))
    }

    /// Posts a request of nobody's from an address.
    pub(crate) fn send_from(&self, address: &str, path: &str, body: &str) -> Answer {
        let headers = [("spin-client-addr", address)];
        self.request("POST", path, &headers, Sent(Ok(body.as_bytes().to_vec())))
    }

    /// Sends a request whose body must not be read.
    pub(crate) fn send_unread(&self, method: &str, path: &str, credential: Option<&str>) -> Answer {
        let headers: Vec<_> =
            credential.map(|value| ("authorization", value)).into_iter().collect();
        self.request(method, path, &headers, Unread)
    }

    /// Sends a request whose body does not come whole.
    pub(crate) fn send_broken(&self, method: &str, path: &str, error: BodyError) -> Answer {
        let credential = format!("Bearer {ADMIN}");
        self.request(method, path, &[("authorization", &credential)], Sent(Err(error)))
    }

    /// Time passes.
    pub(crate) fn pass(&self, seconds: i64) {
        self.ports.set_now(self.ports.now() + chrono::TimeDelta::seconds(seconds));
    }

    /// All that is in the store, as text.
    pub(crate) fn stored(&self) -> String {
        let value = |key: &String| self.ports.store.get(key).expect("reads").unwrap_or_default();
        let keys = self.ports.store.list_keys();
        keys.iter().map(|key| String::from_utf8_lossy(&value(key)).into_owned()).collect()
    }

    /// All that is in the store but the events of refusals, and what counts them.
    pub(crate) fn all_but_events(&self) -> BTreeMap<String, Vec<u8>> {
        let mut contents = self.ports.store.all_contents();
        let events =
            ["event.audit.", "count.audit", "count.refusals.", "count.expiring.", "expiring."];
        contents.retain(|key, _| !events.iter().any(|prefix| key.starts_with(prefix)));
        contents
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let (asked, place) = (head.method.clone(), head.uri.path().to_owned());
        let ports = self.ports.clone();
        let variables = match *self.unreadable.borrow() {
            Some(name) => Err(SettingsError::Unreadable(name)),
            None => Ok(self.variables.clone()),
        };
        let store = &self.ports.store;
        let before = (store.number_of_reads(), store.number_of_writes());
        let response = if path.starts_with("/api/v1/sweep") {
            block_on(crate::serve_cleanup_request(ports, &variables, head, body))
        } else {
            block_on(crate::serve_main_request(ports, &variables, head, body))
        };
        let cost = (store.number_of_reads() - before.0, store.number_of_writes() - before.1);
        let answer = Answer { cost, ..Answer::of(&response) };
        let extensions = response.into_parts().0.extensions;
        block_on(crate::run_after_cleanup_answer(self.ports.clone(), &variables, extensions));
        document::check(&asked, &place, answer.status, &answer.json);
        answer
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) json: Value,
    /// The reads and writes of the store before it was answered.
    pub(crate) cost: (usize, usize),
    headers: http::HeaderMap,
}

impl Answer {
    /// The value of a header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The definition that was put anew, without the word that it was.
    pub(crate) fn created(&self) -> Value {
        let mut definition = self.json.clone();
        let change = definition.as_object_mut().and_then(|fields| fields.remove("change"));
        assert_eq!(change, Some("created".into()), "{}", self.json);
        definition
    }

    /// Returns the path of the lease in the answer.
    pub(crate) fn lease_path(&self) -> String {
        format!("/api/v1/leases/{}", self.json["lease_id"].as_str().expect("a lease"))
    }

    fn of(response: &Response<Vec<u8>>) -> Self {
        let body = String::from_utf8(response.body().clone()).expect("UTF-8");
        let json = serde_json::from_str(&body).unwrap_or(Value::Null);
        Self {
            status: response.status().as_u16(),
            body,
            json,
            cost: (0, 0),
            headers: response.headers().clone(),
        }
    }
}

struct Sent(Result<Vec<u8>, BodyError>);

impl Body for Sent {
    async fn read_bytes(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.0.and_then(|body| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }
}

struct Unread;

impl Body for Unread {
    async fn read_bytes(self, _limit: usize) -> Result<Vec<u8>, BodyError> {
        panic!("the body of a stranger is read")
    }
}
