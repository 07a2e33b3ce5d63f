//! What is answered to what is not right, on the running components.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::ADMIN_TOKEN_VARIABLE;

use crate::setup::{LEASES, Leasing};

pub fn malformed_requests_are_answered_and_change_nothing(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let before = admin.get("/api/v1/targets")?.expect_status(200)?;
    let deep = "[".repeat(60_000);
    let long_name = format!("/api/v1/targets/{}", "a".repeat(64));
    let good = leasing.target("https://127.0.0.1:1").to_string();
    for (method, path, body, status, code) in [
        ("PUT", "/api/v1/targets/new", "", 400, "invalid_json"),
        ("PUT", "/api/v1/targets/new", "{", 400, "invalid_json"),
        ("PUT", "/api/v1/targets/new", "\u{0}", 400, "invalid_json"),
        ("PUT", "/api/v1/targets/new", "url=x", 400, "invalid_json"),
        ("PUT", "/api/v1/targets/new", deep.as_str(), 400, "invalid_json"),
        ("PUT", "/api/v1/targets/new", "[]", 422, "invalid_field"),
        (
            "PUT",
            "/api/v1/targets/new",
            r#"{"url":"https://a.example","x":1}"#,
            422,
            "invalid_field",
        ),
        ("PUT", "/api/v1/targets/new", r#"{"url":"ftp://a.example"}"#, 422, "invalid_field"),
        ("PUT", "/api/v1/targets/New", good.as_str(), 422, "invalid_name"),
        ("PUT", "/api/v1/targets/a.b", good.as_str(), 422, "invalid_name"),
        ("PUT", "/api/v1/targets/a%2fb", good.as_str(), 422, "invalid_name"),
        ("PUT", long_name.as_str(), good.as_str(), 422, "invalid_name"),
        ("PUT", "/api/v1/targets/", good.as_str(), 404, "unknown_path"),
        ("PUT", "/api/v1/targets", good.as_str(), 405, "method_not_allowed"),
        ("PUT", "/api/v1/targets/new?force=true", good.as_str(), 422, "invalid_query"),
        ("GET", "/api/v1/targets?limit=0", "", 422, "invalid_query"),
        ("GET", "/api/v1/leases/nope", "", 404, "unknown_lease"),
        ("POST", LEASES, r#"{"ttl":"1w"}"#, 422, "invalid_field"),
        ("POST", LEASES, r#"{"ttl":1e3}"#, 422, "invalid_field"),
        ("POST", LEASES, r#"{"ttl":99999999999999999999}"#, 422, "invalid_field"),
        ("POST", LEASES, r#"{"namespace":"../default"}"#, 422, "invalid_field"),
        ("POST", LEASES, r#"{"audience":"x"}"#, 422, "invalid_field"),
    ] {
        let reply = admin.send_raw(method, path, &[], body.as_bytes())?;
        let told = reply.expect_status(status)?;
        assert_eq!(told["code"], code, "{method} {path} {told}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(told["status"], status, "{told}");
    }
    assert_eq!(admin.get("/api/v1/targets")?.expect_status(200)?, before, "nothing has changed");
    Ok(())
}

pub fn what_the_dynamic_secret_does_not_cover_is_refused(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let asked = case.control_plane().audit_events_in_namespace(leasing.namespace.name())?.len();
    for (request, status, code) in [
        (json!({ "ttl": "25h" }), 422, "ttl_too_long"),
        (json!({ "ttl": 86_401 }), 422, "ttl_too_long"),
        (json!({ "ttl": "599s" }), 422, "ttl_too_short"),
        (json!({ "ttl": 1 }), 422, "ttl_too_short"),
        (json!({ "namespace": "kube-system" }), 403, "namespace_not_allowed"),
    ] {
        assert_eq!(leasing.issue(&request)?.expect_status(status)?["code"], code, "{request}");
    }
    let unknown = leasing.admin()?.post("/api/v1/dynamic-secrets/cd/leases", &json!({}))?;
    assert_eq!(unknown.expect_status(404)?["code"], "unknown_dynamic_secret");
    let asked_after =
        case.control_plane().audit_events_in_namespace(leasing.namespace.name())?.len();
    assert_eq!(asked_after, asked, "the API server has not been asked anything");
    Ok(())
}

pub fn a_huge_body_is_refused_before_it_is_read(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let spaces = |length: usize| [vec![b' '; length - 2], b"{}".to_vec()].concat();
    let send = |length| leasing.admin()?.send_raw("POST", LEASES, &[], &spaces(length));
    send(64 * 1024)?.expect_status(201)?;
    assert_eq!(send(64 * 1024 + 1)?.expect_status(413)?["code"], "body_too_large");

    // One who promises a gigabyte is not waited for, nor is one who does not say how much will come.
    for length in ["content-length: 1073741824", "transfer-encoding: chunked"] {
        let mut stream = open(&leasing, length)?;
        let chunk = [b' '; 0x1000];
        for _ in 0..20 {
            let written = if length.starts_with("transfer") {
                stream
                    .write_all(b"1000\r\n")
                    .and_then(|()| stream.write_all(&chunk))
                    .and_then(|()| stream.write_all(b"\r\n"))
            } else {
                stream.write_all(&chunk)
            };
            if written.is_err() {
                break;
            }
        }
        let answer = first_line(&mut stream)?;
        assert!(answer.starts_with("HTTP/1.1 413"), "{length}: {answer}");
    }
    Ok(())
}

pub fn a_slow_body_is_given_up(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let mut stream = open(&leasing, "content-length: 1000")?;
    let began = Instant::now();
    stream.write_all(b"{")?;
    let answer = first_line(&mut stream)?;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let took = began.elapsed();
    assert!((5..20).contains(&took.as_secs()), "it took {took:?}");
    leasing.issue(&json!({}))?.expect_status(201)?;
    Ok(())
}

/// A request for a lease whose body is still to come.
fn open(leasing: &Leasing, length: &str) -> Result<TcpStream> {
    let url = leasing.kubelease.url()?;
    let address = url.strip_prefix("http://").context("plain HTTP")?;
    let token = leasing.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "POST {LEASES} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{length}\r\n\r\n"
    )?;
    Ok(stream)
}

fn first_line(stream: &mut TcpStream) -> Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stream.read(&mut byte)? == 1 {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
