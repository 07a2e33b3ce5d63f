//! A server that answers as a test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A server on loopback. It ends with the test run.
pub struct Server {
    pub url: String,
    state: Arc<Mutex<State>>,
}

/// The answer to a request.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    after: Duration,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and path, without the query.
    pub what: String,
    pub query: String,
    pub authorization: Option<String>,
    pub body: String,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    asked: Vec<Asked>,
}

impl Server {
    /// A server that knows nothing yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client may be killed in the middle.
                thread::spawn(move || drop(serve(&stream, &state)));
            }
        });
        Self { url, state }
    }

    /// A server that lets in whoever shows `sesame`, has one dynamic secret `ci`, and one lease.
    pub fn of_kubelease() -> Self {
        let server = Self::start();
        server.answer("GET /api/v1/auth/token", &Answer::ok(&caller()));
        server.answer("POST /api/v1/auth/oidc/login", &Answer::ok(&access_token("sesame")));
        server.answer("POST /api/v1/auth/token/renew", &Answer::ok(&access_token("sesame")));
        server.answer("POST /api/v1/auth/token/revoke", &Answer::status(204));
        server.answer("GET /api/v1/leases", &Answer::ok(&json!({ "items": [lease()] })));
        let issued = with(lease(), "token", json!("leased"));
        server.answer(ISSUE, &Answer::json(201, &issued));
        server.answer(&format!("POST /api/v1/leases/{ID}/renew"), &Answer::ok(&issued));
        let revoked = with(lease(), "state", json!("revoked"));
        server.answer(&format!("DELETE /api/v1/leases/{ID}"), &Answer::ok(&revoked));
        let bulk = json!({"revoked": 2, "revoking": 0, "not_revocable": 1, "next_cursor": null});
        server.answer("POST /api/v1/leases/revoke", &Answer::ok(&bulk));
        let check = json!({"ok": true, "reachable": true, "problem": null, "version": "v1.37.0",
            "username": "system:serviceaccount:kubelease:broker", "dynamic_secrets": [], "warnings": []});
        server.answer("POST /api/v1/targets/prod/check", &Answer::ok(&check));
        let sweep = json!({"due": 3, "done": 2, "postponed": 1, "failed": [], "targets": {}, "more": false});
        server.answer("POST /api/v1/sweep", &Answer::ok(&sweep));
        server
    }

    /// Answers a request, such as `GET /livez`, so from now on.
    pub fn answer(&self, what: &str, answer: &Answer) {
        self.state.lock().unwrap().answers.insert(what.to_owned(), answer.clone());
    }

    /// Returns the requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Answer {
    /// A success with this JSON.
    pub fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// A status with this JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { body: body.to_string().into(), ..Self::status(status) }
    }

    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self { status, headers: String::new(), body: vec![], after: Duration::ZERO }
    }

    /// A problem, as kubelease tells it.
    pub fn problem(status: u16, code: &str, detail: &str) -> Self {
        Self::json(status, &json!({ "code": code, "detail": detail, "errors": [] }))
    }

    /// The same with a body that is no JSON.
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same with one more header.
    pub fn with_header(self, name: &str, value: &str) -> Self {
        Self { headers: format!("{}{name}: {value}\r\n", self.headers), ..self }
    }

    /// The same, later.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<_> = line.split(' ').collect();
    let [method, target, _] = words[..] else { return Ok(()) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (what, query) = (format!("{method} {path}"), query.to_owned());
    let (mut authorization, mut length) = (None, 0);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        let (name, value) = header.trim().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = {
        let mut state = state.lock().unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        state.asked.push(Asked { what: what.clone(), query, authorization, body });
        state.answers.get(&what).cloned()
    };
    let answer =
        answer.unwrap_or_else(|| Answer::problem(404, "unknown_route", "there is no such route"));
    thread::sleep(answer.after);
    let head = format!(
        "HTTP/1.1 {} Answer\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
        answer.status,
        answer.headers,
        answer.body.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer.body)
}

/// Whoever is logged in.
pub fn caller() -> Value {
    json!({"identity": "ci", "admin": false, "dynamic_secrets": ["ci"],
        "token": {"accessor": "a1", "auth_method": "oidc", "expires_at": END, "max_expires_at": END}})
}

/// The answer to a login.
pub fn access_token(token: &str) -> Value {
    json!({"access_token": token, "expires_in": 3630, "max_expires_in": 7200, "accessor": "a1", "identity": "ci"})
}

/// A lease of `ci`.
pub fn lease() -> Value {
    json!({"lease_id": ID, "dynamic_secret": "ci", "target": "prod", "mode": "existing", "revocable": true,
        "state": "active", "namespace": "apps", "service_account": "deployer", "audiences": [],
        "requester": "identity:ci", "issued_at": "2026-11-22T07:00:00Z", "expires_at": END,
        "max_expires_at": END, "warnings": []})
}

/// The same object with one field set.
pub fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

/// The route by which a lease of `ci` is issued.
pub const ISSUE: &str = "POST /api/v1/dynamic-secrets/ci/leases";

/// The id of the lease.
pub const ID: &str = "0123456789abcdef0123456789abcdef";

/// An end that no run of these tests sees.
pub const END: &str = "2099-01-01T00:00:00Z";
