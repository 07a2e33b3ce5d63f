use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::{IdempotencyKey, IssueRequest, LeaseId, Name};

/// An answer, byte for byte; with none, the server hangs up.
type Scripted = Option<String>;

/// A server that gives these answers, one for each connection. It tells each request's head.
fn server(answers: Vec<Scripted>) -> (Client, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            tell.send(read_request(&stream)).unwrap();
            if let Some(answer) = answer {
                // A client that has seen enough goes away.
                drop((&stream).write_all(answer.as_bytes()));
            }
        }
    });
    (client(&url), told)
}

fn client(url: &str) -> Client {
    let server = ServerUrl::parse(url, false).unwrap();
    let options = ClientOptions { server, ca_file: None, timeout: Duration::from_secs(20) };
    Client::new(options).unwrap().with_token(Token::new("sesame").unwrap())
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    head
}

#[expect(clippy::unnecessary_wraps, reason = "some servers hang up instead")]
fn answer(status: &str, headers: &str, body: &str) -> Scripted {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn problem(status: &str, headers: &str, code: &str) -> Scripted {
    answer(status, headers, &format!(r#"{{"code":"{code}","detail":"because"}}"#))
}

fn caller() -> Scripted {
    answer("200 OK", "", r#"{"identity":"ci"}"#)
}

fn issue(client: &Client) -> Result<crate::IssuedLease, Error> {
    let name = "ci".parse::<Name>().unwrap();
    client.issue_lease(&name, &IssueRequest::default(), &IdempotencyKey::random().unwrap())
}

#[test]
fn the_token_is_shown_in_the_header_alone() {
    let (client, told) = server(vec![caller()]);
    assert_eq!(client.get_caller().unwrap().identity.unwrap().as_str(), "ci");
    let head = told.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /api/v1/auth/token http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer sesame\r\n"), "{head}");
    assert!(!format!("{client:?}").contains("sesame"));
}

type Send = fn(&Client);

#[test]
fn a_request_is_sent_again_only_if_that_does_no_harm() {
    let busy = || problem("503 Service Unavailable", "retry-after: 1\r\n", "lease_busy");
    // What happens at first, and how often it is then asked: to read, to issue with a key, to sweep.
    for (what, first, asked) in [
        ("a connection that breaks off", None, [2, 2, 1]),
        ("a server that is busy", busy(), [2, 2, 1]),
        ("a gateway without a backend", answer("502 Bad Gateway", "", "<html>"), [2, 2, 1]),
        ("a refusal", problem("403 Forbidden", "", "not_granted"), [1, 1, 1]),
        ("a cluster that is away", problem("502 Bad Gateway", "", "target_unreachable"), [1, 1, 1]),
    ] {
        let second = || problem("403 Forbidden", "", "not_granted");
        let calls: [(&str, Send); 3] = [
            ("read", |client| drop(client.get_caller().unwrap_err())),
            ("issue", |client| drop(issue(client).unwrap_err())),
            ("sweep", |client| {
                drop(client.request_sweep(crate::SweepOptions::default()).unwrap_err());
            }),
        ];
        for ((call, send), asked) in calls.into_iter().zip(asked) {
            let (client, told) = server(vec![first.clone(), second()]);
            send(&client);
            assert_eq!(told.try_iter().count(), asked, "{what}: {call}");
        }
    }
}

#[test]
fn an_issue_has_the_same_key_each_time() {
    let (client, told) = server(vec![None, problem("409 Conflict", "", "lease_ended")]);
    let error = issue(&client).unwrap_err();
    assert_eq!(error.problem().unwrap().code, "lease_ended");
    let heads: Vec<_> = told.iter().collect();
    assert!(heads.len() == 2 && heads[0] == heads[1], "{heads:?}");
    assert!(heads[0].contains("idempotency-key: kubelease-"), "{heads:?}");
}

#[test]
fn a_problem_is_told_with_what_the_server_says() {
    let body = r#"{"type":"about:blank","title":"Not Found","status":404,"code":"unknown_lease",
        "detail":"no \u001b[2Jlease","errors":[]}"#;
    let (client, _told) = server(vec![answer("404 Not Found", "", body)]);
    let id: LeaseId = "0".repeat(32).parse().unwrap();
    let error = client.get_lease(&id).unwrap_err();
    assert_eq!(error.to_string(), "no \u{fffd}[2Jlease (unknown_lease)");
    assert!(error.problem().unwrap().is_refusal() && !error.is_retryable_later());
}

#[test]
fn a_stranger_is_not_believed() {
    let huge = format!(r#"{{"identity":"{}"}}"#, "a".repeat(9 * 1024 * 1024));
    for (answer, what) in [
        (answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""), "status 302"),
        (answer("307 Moved", "location: http://127.0.0.1:1/\r\n", ""), "status 307"),
        (answer("200 OK", "", &huge), "an answer of more than 8 MiB"),
        (answer("200 OK", "", "<html>open sesame</html>"), "unexpected JSON at line 1 column 1"),
        (answer("200 OK", "", r#"{"identity":"../ci"}"#), "unexpected JSON at line 1"),
        (answer("404 Not Found", "", "nothing here"), "status 404"),
        (Some("SSH-2.0-OpenSSH\r\n".to_owned()), "an answer that is not HTTP"),
    ] {
        // Some are tried again, and then told.
        let (client, _told) = server(vec![answer; 4]);
        let error = client.get_caller().unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn a_token_that_could_not_stand_in_a_header_is_not_taken() {
    let body = r#"{"access_token":"a\u001b]0;b","expires_in":1,"max_expires_in":1,"accessor":"a","identity":"ci"}"#;
    let (client, _told) = server(vec![answer("200 OK", "", body)]);
    let error = client.renew_access_token().unwrap_err().to_string();
    assert!(error.contains("unexpected JSON at line 1"), "{error}");
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_told_in_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = client(&url).with_timeout(Duration::from_millis(200));
    let error = silent.get_caller().unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && error.is_retryable_later(), "{error:?}");
    drop(listener);
    let error = client(&url).get_caller().unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_retryable_later(), "{error:?}");
}
