//! An API server that misbehaves as told: for faults that a real one does not produce on demand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

/// A server on loopback, by plain HTTP, that shows which cluster it is and then does one thing to every
/// request. It ends with the test run.
pub struct Fake {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// The reaction to a request that was read.
#[derive(Clone)]
pub enum Deed {
    /// Answers with these bytes, and closes.
    Say(String),
    /// Answers with this head and then more bytes than anyone wants.
    Flood(String),
    /// Answers with this head and then a byte now and then.
    Drip(String),
    /// Says nothing, and keeps the connection.
    Nothing,
    /// Closes.
    Close,
}

impl Fake {
    /// Starts a server that does `deed`.
    pub fn start(deed: Deed) -> Result<Self> {
        Self::listen(deed, true)
    }

    /// Starts a server that does `deed`, whatever is asked.
    pub fn blunt(deed: Deed) -> Result<Self> {
        Self::listen(deed, false)
    }

    fn listen(deed: Deed, introduces_itself: bool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (deed, counter) = (deed.clone(), Arc::clone(&counter));
                // The client may go away in the middle: that is what some of the tests are for.
                thread::spawn(move || drop(serve(stream, introduces_itself, &deed, &counter)));
            }
        });
        Ok(Self { address, asked })
    }

    /// Starts a server that answers with a status and a body.
    pub fn answering(status: u16, body: &str) -> Result<Self> {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Answer\r\ncontent-length: {length}\r\nconnection: close");
        Self::start(Deed::Say(format!("{head}\r\n\r\n{body}")))
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Counts the requests that it has read beside those that [`introduction`] answers.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    introduces_itself: bool,
    deed: &Deed,
    asked: &AtomicUsize,
) -> Result<()> {
    let request = read_message(&mut stream)?;
    if let Some(answer) = introduction(&request).filter(|_| introduces_itself) {
        return Ok(stream.write_all(answer.as_bytes())?);
    }
    asked.fetch_add(1, Ordering::SeqCst);
    match deed {
        Deed::Say(answer) => stream.write_all(answer.as_bytes())?,
        Deed::Flood(head) => {
            stream.write_all(head.as_bytes())?;
            let lots = vec![b' '; 64 * 1024];
            for _ in 0..FLOOD_CHUNKS {
                stream.write_all(&lots)?;
            }
        }
        Deed::Drip(head) => {
            stream.write_all(head.as_bytes())?;
            for _ in 0..PATIENCE_SECONDS {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_secs(1));
            }
        }
        Deed::Nothing => thread::sleep(Duration::from_secs(PATIENCE_SECONDS)),
        Deed::Close => {}
    }
    Ok(())
}

/// The answer to what is asked before a token of `deployer` is: which cluster this is, what of ours there is in it,
/// and which account.
pub fn introduction(request: &str) -> Option<String> {
    let (line, _) = request.split_once(" HTTP/1.1")?;
    let created = "2026-01-01T00:00:00Z";
    let metadata = |name: &str| json!({ "name": name, "uid": UID, "resourceVersion": "1", "creationTimestamp": created });
    let body = if line == "GET /api/v1/namespaces/kube-system" {
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata("kube-system") })
    } else if line.starts_with("GET ") && line.ends_with("/serviceaccounts/deployer") {
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("deployer") })
    } else if let Some(kind) = list_of_ours(line) {
        json!({ "kind": kind, "metadata": { "resourceVersion": "1" }, "items": [] })
    } else if line == "POST /apis/authentication.k8s.io/v1/selfsubjectreviews" {
        json!({ "kind": "SelfSubjectReview", "status": { "userInfo": { "username": "fake" } } })
    } else {
        return None;
    };
    let (body, status) = (body.to_string(), if line.starts_with("GET") { 200 } else { 201 });
    let head = format!("HTTP/1.1 {status} Answer\r\ncontent-length: {}", body.len());
    Some(format!("{head}\r\nconnection: close\r\n\r\n{body}"))
}

/// The kind of the list that is asked for, where it is one of what is labelled as ours.
fn list_of_ours(line: &str) -> Option<&'static str> {
    let (path, query) = line.strip_prefix("GET ")?.split_once('?')?;
    query.contains("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkubelease").then_some(())?;
    let (_, plural) = path.rsplit_once('/')?;
    LISTS.iter().find(|(of, _)| *of == plural).map(|(_, kind)| *kind)
}

/// A message with as much body as its head says.
pub fn read_message(stream: &mut TcpStream) -> Result<String> {
    let (mut message, mut byte) = (Vec::new(), [0]);
    while !message.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        message.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&message).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").parse()?];
    stream.read_exact(&mut body)?;
    message.extend(body);
    Ok(String::from_utf8(message)?)
}

const LISTS: [(&str, &str); 6] = [
    ("serviceaccounts", "ServiceAccountList"),
    ("leases", "LeaseList"),
    ("roles", "RoleList"),
    ("rolebindings", "RoleBindingList"),
    ("clusterroles", "ClusterRoleList"),
    ("clusterrolebindings", "ClusterRoleBindingList"),
];

/// The UID of whatever it is asked for.
const UID: &str = "8d3f6a55-6a5c-4a3c-9a53-0f9f6b7a1c11";

/// 64 MiB, far more than any limit.
const FLOOD_CHUNKS: usize = 1024;

/// Longer than anyone waits.
const PATIENCE_SECONDS: u64 = 120;
