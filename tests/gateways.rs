//! What stands before an API server and does not do as it does.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use serde_json::json;
use testbed::faulty::FaultyProxy;
use testbed::harness::Case;

use crate::broker::{Broker, Lease};
use crate::fake::read_message;
use crate::kind;

pub fn one_that_refuses_announced_bodies_is_asked_again_and_remembered(case: &Case) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let upstream = FaultyProxy::start(broker.cluster.anonymous().clone())?;
    let upstream = upstream.url().trim_start_matches("http://").parse()?;
    for refusal in
        [Refusal::Answer(417), Refusal::Answer(400), Refusal::Answer(501), Refusal::Close]
    {
        let gateway = Gateway::start(refusal, upstream)?;
        broker
            .admin()?
            .put("/api/v1/targets/local", &broker.target(&gateway.url()))?
            .expect(200)?;
        let first = Lease::of(broker.issue(&json!({ "ttl": "15m" }))?.expect(201)?)?;
        broker.until_let_in(&first.token)?;
        assert_ne!(gateway.refused(), 0, "{refusal:?}: nothing was announced");
        // Each request has an instance of its own: what it knows is in the store.
        let second = broker.lease(&json!({ "ttl": "15m" }))?;
        let check = broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect(200)?;
        assert_eq!(check["ok"], true, "{refusal:?}: {check}");
        for lease in [first, second] {
            broker.revoke(&lease)?.expect(200)?;
        }
        assert_eq!(gateway.refused(), 0, "{refusal:?}: it is asked again and again");
        assert_eq!(broker.inventory()?, before, "{refusal:?}");
    }
    Ok(())
}

/// A gateway on loopback, by plain HTTP, that does not take `Expect: 100-continue`. It ends with the test run.
struct Gateway {
    address: SocketAddr,
    refused: Arc<AtomicUsize>,
}

/// What it does with an announced body.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// Answers with this status and a page of its own.
    Answer(u16),
    /// Closes the connection.
    Close,
}

impl Gateway {
    /// One before the server at `upstream`, which is asked whatever is not refused.
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

    /// How many bodies it has refused since this was last asked.
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
