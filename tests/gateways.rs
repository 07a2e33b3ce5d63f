//! What stands before an API server and does not do as it does.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::faulty_proxy::FaultyProxy;
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::fake::{Deed, Fake, read_message};
use crate::kind;

pub fn one_that_refuses_announced_bodies_is_asked_again_and_remembered(
    case: &TestCase,
) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let upstream = FaultyProxy::start_before(broker.cluster.anonymous_client().clone())?;
    let upstream = upstream.url().trim_start_matches("http://").parse()?;
    for refusal in
        [Refusal::Answer(417), Refusal::Answer(400), Refusal::Answer(501), Refusal::Close]
    {
        let gateway = Gateway::start(refusal, upstream)?;
        broker
            .admin()?
            .put("/api/v1/targets/local", &broker.target(&gateway.url()))?
            .expect_status(200)?;
        let first = Lease::of(broker.issue(&json!({ "ttl": "15m" }))?.expect_status(201)?)?;
        broker.until_let_in(&first.token)?;
        assert_ne!(gateway.refused(), 0, "{refusal:?}: nothing was announced");
        // Each request has an instance of its own: what it knows is in the store.
        let second = broker.lease(&json!({ "ttl": "15m" }))?;
        let check =
            broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
        assert_eq!(check["ok"], true, "{refusal:?}: {check}");
        for lease in [first, second] {
            broker.revoke(&lease)?.expect_status(200)?;
        }
        assert_eq!(gateway.refused(), 0, "{refusal:?}: it is asked again and again");
        assert_eq!(broker.inventory()?, before, "{refusal:?}");
    }
    Ok(())
}

pub fn one_that_asks_for_a_login_is_no_kubernetes_api(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let admin = broker.admin()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let answer = |head: &str, body: &str| {
        let length = body.len();
        let rest = format!("content-length: {length}\r\nconnection: close\r\n\r\n{body}");
        Fake::blunt(Deed::Say(format!("HTTP/1.1 {head}\r\n{rest}")))
    };
    let page = "<html>secret-canary</html>";
    for (proxy, seen) in [
        (answer("200 OK\r\ncontent-type: text/html", page)?, "it was a page, or JSON"),
        (answer("200 OK", r#"{"error":"secret-canary"}"#)?, "it was a page, or JSON"),
        (answer("302 Found\r\nlocation: /secret-canary", "")?, "it was a redirect (302)"),
        (answer("303 See Other\r\nlocation: /secret-canary", page)?, "it was a redirect (303)"),
    ] {
        admin.put("/api/v1/targets/local", &broker.target(&proxy.url()))?.expect_status(200)?;
        let told = broker.issue(&json!({}))?.expect_status(502)?;
        assert_eq!(told["code"], "target_bad_answer", "{told}");
        let detail = told["detail"].as_str().context("a detail")?;
        assert!(detail.starts_with("target `local` does not answer as a Kubernetes API"), "{told}");
        let check = admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
        assert_eq!((&check["ok"], &check["reachable"]), (&json!(false), &json!(true)), "{check}");
        let problem = check["problem"].as_str().context("a problem")?;
        assert!(problem.contains("does not come from a Kubernetes API"), "{problem}");
        assert!(problem.contains(seen), "{problem} should tell {seen:?}");

        // Nothing that it says is taken for an end.
        let parked = broker.revoke(&lease)?.expect_status(202)?;
        let reason = parked["closing"]["reason"].as_str().context("a reason")?;
        assert!(reason.contains("does not answer as a Kubernetes API"), "{reason}");
        for all in [told, check, parked] {
            assert!(!all.to_string().contains("canary"), "{all}");
        }
    }
    admin.put("/api/v1/targets/local", &broker.target(broker.cluster.url()))?.expect_status(200)?;
    broker.sweep_until(&lease, "revoked", Duration::from_secs(30))?;
    Ok(())
}

/// A gateway on loopback, by plain HTTP, that does not take `Expect: 100-continue`. It ends with the test run.
struct Gateway {
    address: SocketAddr,
    refused: Arc<AtomicUsize>,
}

/// The reaction to an announced body.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// Answers with this status and a page of its own.
    Answer(u16),
    /// Closes the connection.
    Close,
}

impl Gateway {
    /// Starts a gateway before the server at `upstream`, which gets whatever is not refused.
    fn start(refusal: Refusal, upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let (address, refused) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&refused);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                // The client may go away at any time.
                thread::spawn(move || drop(serve(stream, refusal, upstream, &counter)));
            }
        });
        Ok(Self { address, refused })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Counts the bodies that were refused since the last call.
    fn refused(&self) -> usize {
        self.refused.swap(0, Ordering::SeqCst)
    }
}

fn serve(
    mut client: TcpStream,
    refusal: Refusal,
    upstream: SocketAddr,
    refused: &AtomicUsize,
) -> Result<()> {
    loop {
        let request = read_message(&mut client)?;
        if request.contains("\r\nexpect: 100-continue\r\n") {
            refused.fetch_add(1, Ordering::SeqCst);
            if let Refusal::Answer(status) = refusal {
                let page = "<html>what is this?</html>";
                let length = page.len();
                write!(
                    client,
                    "HTTP/1.1 {status} No\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
                )?;
            }
            return Ok(());
        }
        let mut server = TcpStream::connect(upstream)?;
        server.write_all(request.as_bytes())?;
        client.write_all(read_message(&mut server)?.as_bytes())?;
    }
}

/// Whatever comes, to another address and back. It ends with the test run.
pub struct Relay(SocketAddr);

impl Relay {
    /// Starts a relay on a free port of `host` that leads to `to`.
    pub fn start(host: &str, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((host, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(to) else { continue };
                let Ok((near_again, far_again)) =
                    near.try_clone().and_then(|near| Ok((near, far.try_clone()?)))
                else {
                    continue;
                };
                thread::spawn(move || drop(carry(near, far)));
                thread::spawn(move || drop(carry(far_again, near_again)));
            }
        });
        Ok(Self(address))
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    io::copy(&mut from, &mut to)?;
    to.shutdown(std::net::Shutdown::Write)
}
