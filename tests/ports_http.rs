//! How the components speak HTTP, both ways: what they send, how long they wait, how much they take.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::ADMIN_TOKEN_VARIABLE;
use testbed::wait::{not_yet, wait_until};

use crate::fake::{introduction, read_message};
use crate::setup::{LEASES, Leasing};

pub fn a_body_is_announced_and_repeated_only_where_that_is_refused(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let announced = |request: &str| request.contains("\r\nexpect: 100-continue\r\n");
    let server = Server::start(move |request| if announced(request) { REFUSED } else { FAILED })?;
    aim(&leasing, server.address)?;
    assert_eq!(leasing.issue(&json!({}))?.expect_status(502)?["code"], "target_refused");

    let seen = server.seen();
    let [first, second] = seen.as_slice() else { panic!("twice, and no more: {seen:#?}") };
    assert!(announced(first) && !announced(second), "{seen:#?}");
    let (head, body) = second.split_once("\r\n\r\n").context("a body")?;
    let length = format!("\r\ncontent-length: {}\r\n", body.len());
    let unannounced = first.replace("expect: 100-continue\r\n", "");
    let unpadded = unannounced.replace("\r\ncontent-length: 4096\r\n", &length);
    assert_eq!(unpadded.trim_end_matches(' '), second, "all else is the same");
    assert_eq!(unpadded.len() - second.len(), 4096 - body.len(), "white space");
    let bearer = format!("\r\nauthorization: Bearer {}\r\n", leasing.broker_token);
    assert!(head.contains(&bearer), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");

    let server = Server::start(|_| REFUSED)?;
    aim(&leasing, server.address)?;
    leasing.issue(&json!({}))?.expect_status(502)?;
    assert_eq!(server.seen().len(), 2, "a refusal of what was not announced is an answer");

    leasing
        .admin()?
        .send_raw("POST", "/api/v1/targets/local/check", &[], b"")?
        .expect_status(200)?;
    let get = server.seen().into_iter().find(|request| request.starts_with("GET "));
    let get = get.context("`GET /version` is part of a check")?;
    assert!(!announced(&get), "there is nothing to announce: {get}");
    Ok(())
}

pub fn whatever_does_not_come_is_waited_for_only_so_long(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    // The kernel lets only so many connections stand that no one has accepted.
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let full = listener.local_addr()?;
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&full, Duration::from_millis(300)) {
        waiting.push(stream);
        ensure!(waiting.len() < 20_000, "the queue of connections has no end");
    }
    let stalled = Server::start(|_| "HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\n{")?;
    for (what, address, seconds) in
        [("a connection", full, 4..14), ("the rest of an answer", stalled.address, 19..29)]
    {
        aim(&leasing, address)?;
        let began = Instant::now();
        assert_eq!(
            leasing.issue(&json!({}))?.expect_status(504)?["code"],
            "target_timeout",
            "{what}"
        );
        let took = began.elapsed().as_secs();
        assert!(seconds.contains(&took), "{what}: {took} s");
    }
    assert_eq!(stalled.seen().len(), 1, "an unknown outcome is not tried again");
    Ok(())
}

pub fn an_answer_is_read_up_to_its_limit_and_no_further(case: &TestCase) -> Result<()> {
    const LIMIT: usize = 1024 * 1024;
    let leasing = Leasing::set_up(case)?;
    let whole = |length| format!("{}{}", head(""), " ".repeat(length));
    for (answer, code) in [
        // It is not waited for what is promised.
        (head(&format!("content-length: {}\r\n", LIMIT + 1)), "target_unreachable"),
        (whole(LIMIT + 1), "target_unreachable"),
        (whole(LIMIT), "target_bad_answer"),
    ] {
        let told = format!("{:.80}… of {} bytes", answer, answer.len());
        let answer: &'static str = answer.leak();
        let server = Server::start(move |_| answer)?;
        aim(&leasing, server.address)?;
        let began = Instant::now();
        assert_eq!(leasing.issue(&json!({}))?.expect_status(502)?["code"], code, "{told}");
        assert!(began.elapsed() < Duration::from_secs(14), "{told}");
    }
    let log = leasing.kubelease.read_log()?;
    assert_eq!(log.matches("the answer is larger than 1048576 bytes").count(), 2, "{log}");
    Ok(())
}

pub fn a_list_that_the_host_does_not_hold_is_sent_whole(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let mut secret = leasing.secret();
    secret["namespaces"] = (0..256).map(|n| format!("{n:0>63}")).collect();
    let count = 150;
    for n in 0..count {
        admin.put(&format!("/api/v1/dynamic-secrets/s{n}"), &secret)?.expect_status(201)?;
    }
    let reply = admin.get("/api/v1/dynamic-secrets?limit=500")?;
    assert!(reply.body.len() > 2 * 1024 * 1024, "{} bytes", reply.body.len());
    let items = reply.expect_status(200)?;
    // And `ci`.
    assert_eq!(items["items"].as_array().map(Vec::len), Some(count + 1));
    Ok(())
}

pub fn every_value_of_a_header_is_seen(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let token = leasing.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
    let good = format!("Bearer {token}");
    let get = |headers: &[(&str, &str)]| {
        leasing.kubelease.anonymous_client()?.send_raw("GET", "/api/v1/targets", headers, b"")
    };
    get(&[("authorization", &good)])?.expect_status(200)?;
    for (first, second) in [(&*good, "Bearer x"), ("Bearer x", &*good), (&*good, &*good)] {
        let reply = get(&[("authorization", first), ("authorization", second)])?;
        assert_eq!(
            reply.expect_status(401)?["code"],
            "unauthenticated",
            "one of two would be a choice"
        );
    }
    Ok(())
}

/// Spin sets no `TCP_NODELAY`: what leaves in two pieces waits 40 ms, if not every single time.
pub fn nothing_waits_for_a_delayed_acknowledgement(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let token = leasing.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
    let url = leasing.kubelease.url()?;
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_nodelay(true)?;
    for (what, request, status) in [
        ("an answer", "GET /api/v1/dynamic-secrets/ci HTTP/1.1".to_owned(), "200"),
        ("a call of the API server", format!("POST {LEASES} HTTP/1.1\r\ncontent-length: 2"), "201"),
    ] {
        let body = if request.starts_with("POST") { "{}" } else { "" };
        let request =
            format!("{request}\r\nhost: kubelease\r\nauthorization: Bearer {token}\r\n\r\n{body}");
        // Not the slower ones, nor the first time: a busy machine takes its time too, but not always.
        wait_until(what, Duration::from_mins(1), || {
            let mut times = Vec::new();
            for _ in 0..31 {
                let began = Instant::now();
                stream.write_all(request.as_bytes())?;
                let answer = read_message(&mut stream)?;
                times.push(began.elapsed());
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            }
            times.sort();
            if times[10] < Duration::from_millis(38) {
                Ok(())
            } else {
                Err(not_yet(format!("{times:?}")))
            }
        })?;
    }
    Ok(())
}

/// Makes the server at `address` the target of `ci`.
fn aim(leasing: &Leasing, address: SocketAddr) -> Result<()> {
    let target = leasing.target(&format!("http://{address}"));
    leasing.admin()?.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    Ok(())
}

/// A server on loopback that shows which cluster it is, and keeps what else it is sent. It ends with the test run.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that answers each request, one to a connection.
    fn start(answer: impl Fn(&str) -> &'static str + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let keep = Arc::clone(&seen);
        thread::spawn(move || {
            let mut stalled = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let Ok(request) = read_message(&mut stream) else { continue };
                if let Some(answer) = introduction(&request) {
                    drop(stream.write_all(answer.as_bytes()));
                    continue;
                }
                let answer = answer(&request);
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                // The client may go away in the middle: that is what some of the tests are for.
                drop(stream.write_all(answer.as_bytes()));
                if answer.contains("content-length") {
                    // Whatever is promised might still come.
                    stalled.push(stream);
                }
            }
        });
        Ok(Self { address, seen })
    }

    /// Returns the requests beside those that [`introduction`] answers.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn head(headers: &str) -> String {
    format!("HTTP/1.1 201 Created\r\n{headers}\r\n")
}

const REFUSED: &str = "HTTP/1.1 417 Expectation Failed\r\nconnection: close\r\n\r\n";

const FAILED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
