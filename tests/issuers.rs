//! Issuers over HTTPS that rotate their keys, are away, or do not do as they should.

use std::time::{Duration, Instant};

use anyhow::Result;
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::closed_port::ClosedPort;
use testbed::harness::TestCase;
use testbed::http::Reply;
use testbed::issuer_server::{Answer, discovery_path, keys_path};

use crate::oidc::Oidc;

const OLD: (TestKey, &str) = (TestKey::P256, "old");
const NEW: (TestKey, &str) = (TestKey::Rsa, "new");

pub fn keys_are_fetched_once_however_many_jobs_ask(case: &TestCase) -> Result<()> {
    let oidc = Oidc::with_clock(case)?;
    let issuer = oidc.server.add_issuer("/ci", &[OLD.0.jwk(OLD.1)]);
    oidc.put_issuer("ci", &issuer)?;
    let at_once = |keys: &[(TestKey, &str)]| -> Result<Vec<Reply>> {
        let logins = keys.iter().cycle().take(JOBS).map(|(key, id)| {
            Ok::<_, anyhow::Error>(("ci".to_owned(), oidc.token(&issuer, *key, id)?))
        });
        oidc.log_in_at_once(&logins.collect::<Result<Vec<_>>>()?)
    };
    let expect = |replies: Vec<Reply>, status: u16, asked: usize, what: &str| {
        for reply in replies {
            assert_eq!(reply.status, status, "{what}: {reply:?}");
        }
        assert_eq!(oidc.server.count_requests("/ci"), asked, "{what}");
    };
    expect(at_once(&[OLD])?, 200, 2, "the first logins of all");
    expect(at_once(&[NEW])?, 401, 2, "a key that is not served, at once");
    oidc.server.add_issuer("/ci", &[OLD.0.jwk(OLD.1), NEW.0.jwk(NEW.1)]);
    oidc.set_clock(31)?;
    expect(at_once(&[NEW, OLD])?, 200, 4, "a new key, and the old one beside it");
    oidc.set_clock(62)?;
    let unknown = (TestKey::P384, "made-up");
    expect(at_once(&[unknown])?, 401, 6, "a made-up key");
    expect(at_once(&[unknown, unknown])?, 401, 6, "and again");
    expect(at_once(&[NEW, OLD])?, 200, 6, "while somebody makes up keys");
    oidc.server.add_issuer("/ci", &[NEW.0.jwk(NEW.1)]);
    oidc.set_clock(62 + 601)?;
    expect(at_once(&[NEW])?, 200, 8, "once the old keys are stale");
    expect(at_once(&[OLD])?, 401, 8, "a key that was withdrawn");
    Ok(())
}

pub fn keys_are_kept_as_long_as_their_issuer_allows_within_bounds(case: &TestCase) -> Result<()> {
    let oidc = Oidc::with_clock(case)?;
    let keys = json!({"keys": [OLD.0.jwk(OLD.1)]});
    let rows = [
        ("/no-store", Some("no-store"), 300),
        ("/zero", Some("max-age=0"), 300),
        ("/nothing-said", None, 3600),
        ("/two-hours", Some("public, max-age=7200"), 7200),
        ("/a-year", Some("max-age=31536000, immutable"), 86_400),
    ];
    for (path, cache_control, _) in rows {
        let issuer = oidc.server.add_issuer(path, &[]);
        let answer = match cache_control {
            Some(value) => Answer::from_cached_json(value, &keys),
            None => Answer::from_text(&keys.to_string()),
        };
        oidc.server.set_answer(&keys_path(path), answer);
        oidc.put_issuer(&path[1..], &issuer)?;
    }
    for (path, _, fresh) in rows {
        // Some seconds pass while these logins are made.
        for (clock, asked) in [(0, 2), (fresh - MARGIN, 2), (fresh + MARGIN, 4)] {
            oidc.set_clock(clock)?;
            let jwt = oidc.token(&oidc.server.url(path), OLD.0, OLD.1)?;
            oidc.log_in(&path[1..], &jwt)?.expect_status(200)?;
            assert_eq!(oidc.server.count_requests(path), asked, "{path} after {clock} seconds");
        }
    }
    Ok(())
}

pub fn an_issuer_that_is_not_as_it_should_be_lets_nobody_in_and_keeps_nobody_out(
    case: &TestCase,
) -> Result<()> {
    let oidc = Oidc::with_clock(case)?;
    let closed = ClosedPort::take_port()?;
    let dead = format!("https://localhost:{}", closed.address()?.port());
    // No CA that is known for that host has signed its certificate.
    let untrusted = oidc.server.add_issuer("/untrusted", &[OLD.0.jwk(OLD.1)]);
    let untrusted = untrusted.replace("localhost", "127.0.0.1");
    let faults = faults(&oidc);
    let mut issuers = vec![("dead".to_owned(), dead), ("untrusted".to_owned(), untrusted)];
    for (name, ..) in &faults {
        issuers.push(((*name).to_owned(), oidc.server.add_issuer(&format!("/{name}"), &[])));
    }
    for (name, issuer) in &issuers {
        oidc.put_issuer(name, issuer)?;
    }
    let all_log_in = || -> Result<Vec<Reply>> {
        let logins = issuers
            .iter()
            .map(|(name, issuer)| Ok((name.clone(), oidc.token(issuer, OLD.0, OLD.1)?)))
            .collect::<Result<Vec<_>>>()?;
        let began = Instant::now();
        let replies = oidc.log_in_at_once(&logins)?;
        assert!(began.elapsed() < LONGEST, "they took {:?}", began.elapsed());
        Ok(replies)
    };
    let break_all = || {
        for (name, fault, _) in &faults {
            let path = format!("/{name}");
            let (at, answer) = fault;
            let at = if *at == Part::Document { discovery_path(&path) } else { keys_path(&path) };
            oidc.server.set_answer(&at, answer.clone());
        }
    };
    let all_unavailable = |replies: &[Reply]| {
        for (reply, (name, _)) in replies.iter().zip(&issuers) {
            assert_eq!(reply.status, 503, "{name}: {reply:?}");
            assert!(reply.header("retry-after").is_some(), "{name}");
            assert_eq!(reply.body, replies[0].body, "{name}: it is told from another");
        }
    };

    break_all();
    all_unavailable(&all_log_in()?);
    let log = oidc.kubelease.read_log()?;
    for (name, _, reason) in &faults {
        let line = format!("the keys of the issuer of identity `{name}` are not known");
        let line = log.lines().find(|at| at.contains(&line)).unwrap_or_default();
        assert!(line.contains(reason), "{name}: the log says: {line}");
    }
    for (name, ..) in &faults {
        oidc.server.add_issuer(&format!("/{name}"), &[OLD.0.jwk(OLD.1)]);
    }
    let let_in = |replies: &[Reply], what: &str| {
        for (reply, (name, _)) in replies.iter().zip(&issuers).skip(2) {
            assert_eq!(reply.status, 200, "{name} {what}: {reply:?}");
        }
    };
    oidc.set_clock(31)?;
    let_in(&all_log_in()?, "once they are as they should be");
    break_all();
    oidc.set_clock(700)?;
    let_in(&all_log_in()?, "by the last good keys");
    oidc.set_clock(86_400 + 700)?;
    all_unavailable(&all_log_in()?);
    Ok(())
}

/// The part of an issuer that is not as it should be.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Document,
    Keys,
}

/// Issuers by name: which part of them is how, and the reason that the log gives.
fn faults(oidc: &Oidc) -> Vec<(&'static str, (Part, Answer), &'static str)> {
    use Part::{Document, Keys};
    let elsewhere = oidc.server.add_issuer("/good", &[OLD.0.jwk(OLD.1)]);
    let redirect = |status: u16, path: String| {
        Answer::Say(status, vec![("location", oidc.server.url(&path))], String::new())
    };
    let document = |issuer: Value, keys: Value| {
        Answer::from_json(&json!({"issuer": issuer, "jwks_uri": keys}))
    };
    let good_keys = json!(oidc.server.url(&keys_path("/good")));
    let at = |name: &str| json!(oidc.server.url(&format!("/{name}")));
    let mut large = json!({"issuer": at("large"), "jwks_uri": good_keys});
    large["padding"] = json!("x".repeat(101 * 1024));
    let mut large_keys = json!({"keys": [OLD.0.jwk(OLD.1)]});
    large_keys["padding"] = json!("x".repeat(101 * 1024));
    let symmetric = json!({"keys": [{"kty": "oct", "kid": OLD.1, "k": "c2VjcmV0"}]});
    let truncated = json!({"keys": [OLD.0.jwk(OLD.1)]}).to_string();
    let truncated = &truncated[..truncated.len() - 2];
    let no_document = "could not fetch the discovery document";
    let no_keys = "could not fetch the key set";
    let other = "the discovery document names another issuer";
    let no_url = "the discovery document has no `jwks_uri`";
    let unusable = "the keys cannot be used";
    vec![
        ("closing", (Document, Answer::Close), no_document),
        ("silent", (Document, Answer::Nothing), no_document),
        ("silent-keys", (Keys, Answer::Nothing), no_keys),
        ("dripping", (Document, Answer::Drip), no_document),
        ("dripping-keys", (Keys, Answer::Drip), no_keys),
        ("flooding", (Document, Answer::Flood), no_document),
        ("flooding-keys", (Keys, Answer::Flood), no_keys),
        ("large", (Document, Answer::from_json(&large)), no_document),
        ("large-keys", (Keys, Answer::from_json(&large_keys)), no_keys),
        ("moved", (Document, redirect(302, discovery_path("/good"))), "status 302"),
        ("moved-for-good", (Document, redirect(308, discovery_path("/good"))), "status 308"),
        ("moved-keys", (Keys, redirect(307, keys_path("/good"))), "status 307"),
        ("failing", (Document, Answer::from_status(500)), "status 500"),
        ("empty", (Document, Answer::from_status(204)), "status 204"),
        ("gone-keys", (Keys, Answer::from_status(404)), "status 404"),
        ("liar", (Document, document(json!(elsewhere), good_keys.clone())), other),
        ("nobody", (Document, document(Value::Null, good_keys.clone())), other),
        ("list", (Document, document(json!([at("list")]), good_keys.clone())), other),
        ("slash", (Document, document(json!(oidc.server.url("/slash/")), good_keys)), other),
        ("no-url", (Document, document(at("no-url"), Value::Null)), no_url),
        ("plain", (Document, document(at("plain"), json!("http://192.0.2.1/keys"))), no_url),
        ("page", (Document, Answer::from_text("<html>sign in</html>")), "not a JSON object"),
        ("page-keys", (Keys, Answer::from_text("<html>sign in</html>")), unusable),
        ("torn-keys", (Keys, Answer::from_text(truncated)), unusable),
        ("array-keys", (Keys, Answer::from_json(&json!([OLD.0.jwk(OLD.1)]))), unusable),
        ("object-keys", (Keys, Answer::from_json(&json!({"keys": OLD.0.jwk(OLD.1)}))), unusable),
        ("no-keys", (Keys, Answer::from_json(&json!({"keys": []}))), unusable),
        ("symmetric-keys", (Keys, Answer::from_json(&symmetric)), unusable),
    ]
}

/// As many jobs as start together when somebody pushes.
const JOBS: usize = 20;

/// Two requests of seven seconds each, and what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(20);

/// Longer than the logins between two looks at the clock take, in seconds.
const MARGIN: i64 = 60;
