//! Requests on their way out.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use serde_json::{Value, json};
use testbed::closed_port::ClosedPort;

use crate::support::{Case, Serving, server::Server};

pub fn a_request_goes_only_where_the_manifest_allows(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let port = server.address.port();
    let probe =
        case.probe()?.edit("*://127.0.0.1:*", &format!("http://127.0.0.1:{port}")).start()?;
    for (request, allowed) in [
        (json!({"authority": format!("127.0.0.1:{port}")}), true),
        (json!({"authority": format!("localhost:{port}")}), false),
        (json!({"authority": "127.0.0.1:1"}), false),
        (json!({"authority": "127.0.0.1"}), false),
        (json!({"authority": format!("127.0.0.1:{port}"), "scheme": "https"}), false),
        (json!({"authority": "self.alt"}), false),
    ] {
        let result = fetch(&probe, &request)?;
        let expected = if allowed { Value::Null } else { json!("HttpRequestDenied") };
        assert_eq!(result["error"], expected, "{request}");
    }
    Ok(())
}

pub fn the_host_header_comes_from_the_uri_and_redirects_are_not_followed(
    case: &Case,
) -> Result<()> {
    let server = Server::plain()?;
    let probe = case.probe()?.start()?;
    let result = fetch(
        &probe,
        &json!({"method": "POST", "authority": server.address, "path": "/p", "body": "sent",
               "headers": [["x-two", "first"], ["x-two", "second"]]}),
    )?;
    let told: Value = serde_json::from_str(result["body"].as_str().unwrap_or_default())?;
    assert_eq!((&told["request"]["method"], &told["body"]), (&json!("POST"), &json!("sent")));
    let headers = told["request"]["headers"].as_array().into_iter().flatten();
    let of =
        |name| headers.clone().filter(|h| h[0] == name).map(|h| h[1].clone()).collect::<Vec<_>>();
    assert_eq!(of("host"), [json!(server.address)]);
    assert_eq!(of("x-two"), ["first", "second"]);
    assert_eq!(of("transfer-encoding"), ["chunked"]);
    assert_eq!(of("user-agent"), Vec::<Value>::new(), "the host adds nothing of its own");

    let redirected = fetch(&probe, &json!({"authority": server.address, "path": "/redirect"}))?;
    assert_eq!(redirected["status"], 302);
    Ok(())
}

pub fn the_application_can_call_itself_where_it_may(case: &Case) -> Result<()> {
    let probe = case.probe()?.edit("*://127.0.0.1:*", "http://self").start()?;
    let result = fetch(&probe, &json!({"authority": "self.alt", "path": "/own?q"}))?;
    assert_eq!(result["status"], 200, "{result}");
    let told: Value = serde_json::from_str(result["body"].as_str().unwrap_or_default())?;
    assert_eq!(told[0]["path"], "/own?q");
    assert_eq!(told[0]["authority"], json!(probe.address));
    Ok(())
}

pub fn failures_have_spins_names(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let closed = ClosedPort::take_port()?;
    let probe = case.probe()?.edit("*://127.0.0.1:*", "*://*:*").start()?;
    for (request, name) in [
        (json!({"authority": closed.address()?}), "ConnectionRefused"),
        (json!({"authority": "no-such-host.invalid"}), "DnsError"),
        (json!({"authority": server.address, "path": "/close"}), "HttpProtocolError"),
        (json!({"authority": garbage()?}), "HttpProtocolError"),
        (json!({"authority": server.address, "scheme": "https"}), "TlsProtocolError"),
    ] {
        let result = fetch(&probe, &request)?;
        assert_eq!(result["error"], name, "{request}");
    }
    Ok(())
}

pub fn blocked_networks_are_checked_after_the_name(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let blocked = "[outbound_networking]\nblock_networks = ['private']";
    let probe =
        case.probe()?.edit("*://127.0.0.1:*", "*://*:*").runtime_config(blocked)?.start()?;
    for host in ["127.0.0.1", "localhost"] {
        let authority = format!("{host}:{}", server.address.port());
        let result = fetch(&probe, &json!({"authority": authority}))?;
        assert_eq!(result["error"], "DestinationIpProhibited", "{host}");
    }
    assert_eq!(server.connections(), 0);
    Ok(())
}

pub fn connections_are_used_again_by_later_instances(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let probe = case.probe()?.start()?;
    for _ in 0..3 {
        assert_eq!(fetch(&probe, &json!({"authority": server.address}))?["status"], 200);
    }
    assert_eq!(server.connections(), 1);
    Ok(())
}

pub fn a_connection_that_was_closed_in_silence_fails_the_next_request(case: &Case) -> Result<()> {
    let server = Hush::start()?;
    let probe = case.probe()?.start()?;
    let ask = || fetch(&probe, &json!({"authority": server.address}));
    for (status, error, connections) in [
        (json!(200), Value::Null, 1),
        // On the pooled connection, and on no other in its place.
        (Value::Null, json!("HttpProtocolError"), 1),
        (json!(200), Value::Null, 2),
        (Value::Null, json!("HttpProtocolError"), 2),
    ] {
        let result = ask()?;
        assert_eq!((&result["status"], &result["error"]), (&status, &error), "{result}");
        assert_eq!(server.connections.load(Ordering::SeqCst), connections, "{result}");
    }
    Ok(())
}

pub fn an_outbound_table_without_pooling_turns_it_off(case: &Case) -> Result<()> {
    for (table, connections) in
        [("[outbound_http]", 3), ("[outbound_http]\nconnection_pooling = true", 1)]
    {
        let server = Server::plain()?;
        let probe = case.probe()?.runtime_config(table)?.start()?;
        for _ in 0..3 {
            assert_eq!(fetch(&probe, &json!({"authority": server.address}))?["status"], 200);
        }
        assert_eq!(server.connections(), connections, "{table}");
    }
    Ok(())
}

pub fn one_connection_more_than_the_limit_is_open_at_once(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let probe =
        case.probe()?.runtime_config("[outbound_http]\nmax_concurrent_requests = 1")?.start()?;
    let slow = json!({"authority": server.address, "path": "/slow"});
    let results = probe.step(json!({"step": "fetch", "requests": [slow, slow, slow, slow]}))?;
    let mut slowest = 0;
    for result in results.as_array().into_iter().flatten() {
        assert_eq!(result["status"], 200, "{results}");
        slowest = slowest.max(result["ms"].as_u64().unwrap_or_default());
    }
    assert_eq!(server.connections(), 4);
    // Two by two: all at once would take 700 ms, one by one 2800.
    assert!((1400..2700).contains(&slowest), "{results}");
    Ok(())
}

fn fetch(probe: &Serving, request: &Value) -> Result<Value> {
    Ok(probe.step(json!({"step": "fetch", "requests": [request]}))?[0].take())
}

/// A server that answers the first request of each connection, and gives it up without a word once there is
/// another.
struct Hush {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Hush {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                // The client may go away.
                std::thread::spawn(move || drop(answer_once(stream)));
            }
        });
        Ok(Self { address, connections })
    }
}

fn answer_once(mut stream: TcpStream) -> Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
    // Nothing of the next request is read, so that the client learns of the end by a reset.
    stream.peek(&mut byte)?;
    Ok(())
}

/// A server that does not speak HTTP.
fn garbage() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client hangs up as soon as it sees this.
            let _ = stream.write_all(b"this is no HTTP\r\n\r\n");
        }
    });
    Ok(address)
}
