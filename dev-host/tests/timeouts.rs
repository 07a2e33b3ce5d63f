//! The three timeouts of an outbound request.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::support::{Case, Serving, server::Server};

pub fn a_connection_that_takes_too_long_is_given_up(case: &Case) -> Result<()> {
    let full = FullBacklog::new()?;
    let probe = case.probe()?.start()?;
    let result = fetch(&probe, &json!({"authority": full.address, "connect_ms": 300}))?;
    assert_eq!(result["error"], "ConnectionTimeout");
    took(&result, 300)
}

pub fn an_answer_that_takes_too_long_is_given_up(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let probe = case.probe()?.start()?;
    let slow = json!({"authority": server.address, "path": "/slow", "first_byte_ms": 300});
    let result = fetch(&probe, &slow)?;
    assert_eq!(result["error"], "ConnectionReadTimeout");
    took(&result, 300)
}

pub fn a_body_that_stalls_is_given_up(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let probe = case.probe()?.start()?;
    let stall = json!({"authority": server.address, "path": "/stall", "between_bytes_ms": 300});
    let result = fetch(&probe, &stall)?;
    assert_eq!((&result["status"], &result["body"]), (&json!(200), &json!("begun")));
    let error = result["body_error"].as_str().unwrap_or_default();
    assert!(error.contains("ConnectionReadTimeout"), "{result}");
    took(&result, 300)
}

fn fetch(probe: &Serving, request: &Value) -> Result<Value> {
    Ok(probe.step(json!({"step": "fetch", "requests": [request]}))?[0].take())
}

/// Fails unless it took so many milliseconds, and not much more even on a busy machine.
fn took(result: &Value, ms: u64) -> Result<()> {
    let took = result["ms"].as_u64().context("no time")?;
    assert!((ms..ms + 3000).contains(&took), "{result}");
    Ok(())
}

/// A listener that takes no further connection, and refuses none.
struct FullBacklog {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<TcpStream>,
}

impl FullBacklog {
    fn new() -> Result<Self> {
        let runtime = Runtime::new()?;
        let _guard = runtime.enter();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let waiting = std::iter::from_fn(connect).take(16).collect();
        Ok(Self { address, _listener: listener, _waiting: waiting })
    }
}
