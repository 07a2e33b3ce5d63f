//! Hostile tokens at the login by `ServiceAccount`, before the real API server.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_auth::testing::hostile_tokens;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::HttpClient;
use testbed::kubelease::Settings;

use crate::broker::Broker;
use crate::kind;
use crate::login::{LoginTokens, forge, log_in, make_login_tokens, until_let_in};

pub fn tokens_are_refused_alike_at_a_login_by_service_account(case: &TestCase) -> Result<()> {
    case.dev_host_or_ignore_test("Spin does not say what is written, and its clock cannot be set")?;
    let settings = Settings { faults: true, ..case.new_settings()? };
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings)?;
    let namespace = case.new_namespace()?;
    let LoginTokens { good, .. } = make_login_tokens(&broker, &namespace)?;
    let admin = broker.admin()?;
    let observed = Observed { admin: &admin, plan: &broker.kubelease.fault_plan() };
    let access_token = until_let_in(&admin, &good)?.to_json()?["access_token"]
        .as_str()
        .context("an access token")?
        .to_owned();

    let claims = claims_of(&good)?;
    // Those first that end soonest: each is shown in a minute of its own.
    let mut tokens = tampered(&good, &claims)?;
    tokens.push(("an access token".to_owned(), access_token));
    tokens.push(("kubelease's own token".to_owned(), broker.token.clone()));
    let mut lasting = claims;
    lasting["exp"] = json!(crate::broker::now()? + 1_000_000);
    tokens.extend(hostile_tokens(&lasting));
    ensure!(tokens.len() >= 170, "{} are too few", tokens.len());

    // Not in this minute: logins were refused in it until the account was let in.
    let refused = observed.log_in(1, "a.b.c")?;
    ensure!(refused.status == 401, "{refused:?}");
    ensure!(refused.writes.iter().any(|kinds| kinds.starts_with("event.audit")), "{refused:?}");
    for (minute, (label, token)) in (2..).zip(&tokens) {
        let answer = observed.log_in(minute, token)?;
        ensure!(answer == refused, "{label}: {answer:?}, and not {refused:?}");
    }
    ensure!(log_in(&admin, &good)?.status == 401, "it has ended by the clock that was set");
    observed.set_clock(-1, 0)?;
    until_let_in(&admin, &good)?;
    Ok(())
}

/// An answer to a login, and what was written for it: the kinds of keys of each write.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    challenge: Option<String>,
    writes: Vec<String>,
}

/// A kubelease whose writes are noted.
struct Observed<'a> {
    admin: &'a HttpClient,
    plan: &'a Path,
}

impl Observed<'_> {
    /// Logs in so many minutes from now, so that the login is the first that is counted in its minute.
    fn log_in(&self, minute: i64, jwt: &str) -> Result<Answer> {
        self.set_clock(minute, 60 * minute)?;
        let reply = log_in(self.admin, jwt)?;
        Ok(Answer {
            status: reply.status,
            challenge: reply.header("www-authenticate").map(str::to_owned),
            writes: self.writes(minute)?,
            body: reply.body,
        })
    }

    fn set_clock(&self, mark: i64, seconds: i64) -> Result<()> {
        let plan = json!({"mark": mark + 10, "clock_seconds": seconds, "faults": []});
        let draft = self.plan.with_extension("draft");
        fs::write(&draft, plan.to_string())?;
        fs::rename(&draft, self.plan).context("could not set the clock")
    }

    /// Returns the kinds of writes for logins since the clock was set so.
    ///
    /// Left out is what is written for others: sweeps that are missing, and a cluster that is asked once in five minutes
    /// who issues its tokens.
    fn writes(&self, mark: i64) -> Result<Vec<String>> {
        let trace = fs::read_to_string(self.plan.with_extension("trace"))?;
        let prefix = format!("{} ", mark + 10);
        let lines = trace.lines().filter_map(|line| line.strip_prefix(&prefix));
        let writes = lines.filter_map(|line| line.split_once(' ')?.1.strip_prefix("write "));
        let kinds = writes.map(|keys| {
            let kind = |key: &str| key.split('.').take(2).collect::<Vec<_>>().join(".");
            keys.split(' ').map(kind).collect::<Vec<_>>().join(" ")
        });
        let is_of_login = |kinds: &String| {
            [
                "count.logins",
                "count.refusals",
                "count.audit",
                "event.",
                "count.expiring",
                "expiring.",
            ]
            .iter()
            .any(|prefix| kinds.starts_with(prefix))
        };
        Ok(kinds.filter(is_of_login).collect())
    }
}

/// Tokens that are made of one which the cluster has signed, each with one thing changed.
fn tampered(good: &str, claims: &Value) -> Result<Vec<(String, String)>> {
    let parts: Vec<_> = good.split('.').collect();
    let [header, body, signature] = parts[..] else { anyhow::bail!("no JWT") };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        format!("{header}.{}.{signature}", encode(&changed))
    };
    let under = |header: Value| format!("{}.{body}.{signature}", encode(&header));
    let namespace = claims["kubernetes.io"]["namespace"].as_str().context("a namespace")?;
    Ok([
        ("a forged signature", forge(good)?),
        ("no signature", format!("{header}.{body}.")),
        ("no algorithm", under(json!({"alg": "none"}))),
        ("another algorithm", under(json!({"alg": "HS256"}))),
        ("another key", under(json!({"alg": "RS256", "kid": "other"}))),
        ("a key of its own", under(json!({"alg": "RS256", "jku": "https://evil.example/jwks"}))),
        (
            "another account",
            with("sub", json!(format!("system:serviceaccount:{namespace}:ci-other"))),
        ),
        ("another namespace", with("sub", json!("system:serviceaccount:kube-system:ci-job"))),
        ("a user", with("sub", json!("system:admin"))),
        ("a longer life", with("exp", json!(9_999_999_999_i64))),
        ("more audiences", with("aud", json!(["kubelease", "https://kubernetes.default.svc"]))),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("claims of another object", with("kubernetes.io", json!({"namespace": "kube-system"}))),
        ("more behind it", format!("{good}.{signature}")),
    ]
    .map(|(label, token)| (label.to_owned(), token))
    .into())
}

fn claims_of(token: &str) -> Result<Value> {
    let claims = token.split('.').nth(1).context("a JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?)
}
