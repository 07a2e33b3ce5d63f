//! Requests on their way in.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::support::{Case, exchange};

pub fn a_component_sees_headers_in_order_with_the_hosts_own_last(case: &Case) -> Result<()> {
    let probe = case.probe()?.edit("/...", "/a/:user_id/...").start()?;
    let answer = exchange(
        probe.address,
        b"GET /a/7/b/?q=1 HTTP/1.1\r\nHost: name.example:80\r\nX-Two: first\r\nX-Two: second\r\n\
          Spin-Client-Addr: 192.0.2.1:1\r\nSpin-Full-Url: forged\r\nSpin-Path-Match-User-Id: forged\r\n\
          Connection: close\r\n\r\n",
    )?;
    let seen = request_in(&answer)?;
    assert_eq!(seen["authority"], "name.example:80");
    assert_eq!(seen["path"], "/a/7/b/?q=1");
    assert_eq!(seen["scheme"], "Some(Scheme::Http)");
    for (name, values) in [
        ("x-two", vec!["first", "second"]),
        ("spin-full-url", vec!["forged", "http://name.example:80/a/7/b/?q=1"]),
        ("spin-path-match-user-id", vec!["forged", "7"]),
        ("spin-path-info", vec!["/b/"]),
        ("spin-matched-route", vec!["/a/:user_id/..."]),
        ("spin-raw-component-route", vec!["/a/:user_id/..."]),
        ("spin-component-route", vec!["/a/:user_id"]),
        ("spin-base-path", vec!["/"]),
    ] {
        assert_eq!(values_of(&seen, name), values, "{name}");
    }
    let addresses = values_of(&seen, "spin-client-addr");
    assert_eq!(addresses[0], "192.0.2.1:1", "the client's own comes first");
    assert!(addresses[1].starts_with("127.0.0.1:"), "{addresses:?}");
    Ok(())
}

pub fn a_component_never_sees_forbidden_headers(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let answer = exchange(
        probe.address,
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nProxy-Authorization: Basic x\r\n\
          Keep-Alive: 5\r\nUpgrade: x\r\nHTTP2-Settings: x\r\nAuthorization: Bearer t\r\n\r\n",
    )?;
    let seen = request_in(&answer)?;
    for hidden in
        ["host", "connection", "proxy-authorization", "keep-alive", "upgrade", "http2-settings"]
    {
        assert_eq!(values_of(&seen, hidden), Vec::<&str>::new(), "{hidden}");
    }
    assert_eq!(values_of(&seen, "authorization"), ["Bearer t"]);
    Ok(())
}

pub fn slashes_at_the_ends_of_a_path_do_not_count(case: &Case) -> Result<()> {
    let probe = case.probe()?.edit("/...", "/leases").start()?;
    for (path, status) in [
        ("/leases", 200),
        ("/leases/", 200),
        ("//leases", 200),
        ("/", 404),
        ("/leases/x", 404),
        ("/Leases", 404),
    ] {
        let reply = probe.http.get(path)?;
        assert_eq!(reply.status, status, "{path}");
        if status == 200 {
            assert_eq!(reply.to_json()?[0]["path"], path, "the component sees the path as it came");
        } else {
            assert!(reply.body.is_empty(), "{path}");
        }
    }
    Ok(())
}

pub fn reserved_paths_are_the_hosts_own(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let health = probe.http.get("/.well-known/spin/health")?;
    assert_eq!((health.status, &*health.body), (200, &b"OK"[..]));
    let info = probe.http.get("/.well-known/spin/info")?.expect_status(200)?;
    assert_eq!(info, json!({"name": "probe", "version": "0.1.0"}));
    assert_eq!(probe.http.get("/.well-known/spin/else")?.status, 404);
    assert_eq!(probe.http.get("/.well-known/else")?.status, 200);
    Ok(())
}

pub fn a_static_response_needs_no_component(case: &Case) -> Result<()> {
    let fixed = "[[trigger.http]]\nroute = '/fixed'\n\
                 static_response = { status_code = 418, headers = { x-a = '1' }, body = 'tea' }\n\n[variables]";
    let probe = case.probe()?.edit("[variables]", fixed).start()?;
    let reply = probe.http.get("/fixed")?;
    assert_eq!((reply.status, reply.header("x-a"), &*reply.body), (418, Some("1"), &b"tea"[..]));
    assert_eq!(probe.http.get("/else")?.status, 200);
    Ok(())
}

pub fn a_contradictory_host_closes_the_connection(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for request in
        ["GET / HTTP/1.1\r\n\r\n", "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n"]
    {
        assert_eq!(exchange(probe.address, request.as_bytes())?, "", "{request}");
    }
    assert_eq!(probe.http.get("/")?.status, 200, "it serves on");
    Ok(())
}

pub fn a_broken_content_length_is_refused(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for length in ["Content-Length: x", "Content-Length: 1\r\nContent-Length: 2"] {
        let request = format!("POST / HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n[]");
        let answer = exchange(probe.address, request.as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
    }
    Ok(())
}

pub fn a_header_that_is_not_utf8_is_an_error(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let answer = exchange(
        probe.address,
        b"GET / HTTP/1.1\r\nHost: h\r\nX: \xff\r\nConnection: close\r\n\r\n",
    )?;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    Ok(())
}

/// The host does not set `TCP_NODELAY`: a small piece waits for the client's delayed acknowledgement of
/// the one before. A host that hurried would hide what is slow in production.
pub fn a_response_in_small_pieces_waits_for_the_client(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let mut stream = BufReader::new(TcpStream::connect(probe.address)?);
    let steps = r#"[{"step": "respond", "end": "pieces"}]"#;
    let mut times = Vec::new();
    // A new connection acknowledges quickly; the stall shows once it is in use.
    for _ in 0..20 {
        let start = Instant::now();
        let length = steps.len();
        write!(
            stream.get_mut(),
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{steps}"
        )?;
        read_chunked(&mut stream)?;
        times.push(start.elapsed());
    }
    times.sort();
    // One slow answer might be the machine's doing; most of them are not.
    assert!(times[5] >= Duration::from_millis(35), "{times:?}");
    Ok(())
}

/// Reads a whole answer with a chunked body.
fn read_chunked(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line)?;
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16)?;
        stream.read_exact(&mut vec![0; size + 2])?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// The request as the probe tells it in a whole answer.
fn request_in(answer: &str) -> Result<Value> {
    let start = answer.find("[{").with_context(|| format!("no list in {answer}"))?;
    let end = answer.rfind("}]").with_context(|| format!("no list in {answer}"))?;
    Ok(serde_json::from_str::<Value>(&answer[start..end + 2])?[0].take())
}

/// The values of a header, in order.
fn values_of<'a>(request: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = request["headers"].as_array().into_iter().flatten();
    headers.filter(|header| header[0] == name).filter_map(|header| header[1].as_str()).collect()
}
