//! Two hosts on one Redis: what is counted is counted once, and what is revoked is revoked at both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::kubelease::{Kubelease, Settings};
use testbed::redis::Redis;

use crate::broker::{Broker, now};
use crate::kind;

/// Settings of a kubelease that keeps everything in this Redis.
fn on_redis(case: &TestCase, redis: &Redis) -> Result<Settings> {
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    Ok(settings)
}

fn two<'s>(case: &TestCase<'s>, redis: &Redis) -> Result<[Arc<Kubelease<'s>>; 2]> {
    let settings = on_redis(case, redis)?;
    Ok([case.new_kubelease_with(settings.clone())?, case.new_kubelease_with(settings)?])
}

/// Asks so many times at once, in turn at each of two.
fn at_once(
    count: usize,
    hosts: &[HttpClient; 2],
    ask: impl Fn(&HttpClient) -> Result<Reply> + Sync,
) -> Result<Vec<Reply>> {
    thread::scope(|scope| {
        let ask = &ask;
        let asking: Vec<_> =
            (0..count).map(|at| scope.spawn(move || ask(&hosts[at % 2]))).collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// The number of answers with this status.
fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// Does something within one minute of the clock, by which limits are counted; tries again if another begins.
fn within_a_minute<T>(mut act: impl FnMut(usize) -> Result<T>) -> Result<T> {
    for attempt in 0..3 {
        let minute = now()? / 60;
        let done = act(attempt)?;
        if now()? / 60 == minute {
            return Ok(done);
        }
    }
    anyhow::bail!("it takes longer than a minute")
}

fn log_in(http: &HttpClient, identity: &str, jwt: &str) -> Result<Reply> {
    let body = json!({"identity": identity, "jwt": jwt});
    http.without_credentials().post("/api/v1/auth/oidc/login", &body)
}

pub fn a_token_for_one_login_lets_in_once_at_both(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let [one, other] = two(case, &redis)?;
    let admin = one.admin_client()?;
    let auth = json!({"type": "oidc", "issuer": "https://ci.example", "audiences": ["kubelease"],
        "subject": "job", "jwks": {"keys": [TestKey::P256.jwk("k")]}, "single_use": true});
    admin.put("/api/v1/identities/ci", &json!({ "auth": [auth] }))?.expect_success()?;
    let claims = |id: &str| -> Result<Value> {
        let now = now()?;
        Ok(json!({"iss": "https://ci.example", "aud": "kubelease", "sub": "job", "iat": now,
            "exp": now + 300, "jti": id}))
    };
    let hosts = [one.anonymous_client()?, other.anonymous_client()?];
    // As many as may fail in a minute, and the one that does not.
    let jwt = TestKey::P256.issue("k", &claims("first")?);
    let replies = at_once(FAILURES, &hosts, |http| log_in(http, "ci", &jwt))?;
    assert_eq!((count(&replies, 200), count(&replies, 401)), (1, FAILURES - 1));
    let next = TestKey::P256.issue("k", &claims("second")?);
    assert_eq!(log_in(&hosts[1], "ci", &next)?.status, 200, "another token is another login");
    Ok(())
}

pub fn no_more_logins_of_a_client_fail_than_may_at_both(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let [one, other] = two(case, &redis)?;
    let hosts = [one.anonymous_client()?, other.anonymous_client()?];
    // A new minute begins the count anew, for the same address.
    let replies = within_a_minute(|_| at_once(100, &hosts, |http| log_in(http, "ci", "a.b.c")))?;
    let (failed, waiting) = (count(&replies, 401), count(&replies, 429));
    assert_eq!((failed, waiting), (FAILURES, 100 - FAILURES));
    for reply in replies.iter().filter(|reply| reply.status == 429) {
        ensure!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    Ok(())
}

pub fn no_more_leases_are_issued_in_a_minute_than_may_at_both(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let settings = on_redis(case, &redis)?;
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings.clone())?;
    let second = case.new_kubelease_with(settings)?;
    let (admin, leases) = (broker.admin()?, format!("{}/leases", broker.secret_path()));
    let replies = within_a_minute(|attempt| {
        let limit = json!({"max_issues_per_minute": ISSUES});
        let token = bot(&admin, &format!("bot-{attempt}"), &limit)?;
        let hosts = [admin.with_bearer(&token), second.anonymous_client()?.with_bearer(&token)];
        at_once(40, &hosts, |http| http.post(&leases, &json!({"ttl": "10m"})))
    })?;
    assert_eq!((count(&replies, 201), count(&replies, 429)), (ISSUES, 40 - ISSUES));
    for reply in replies.iter().filter(|reply| reply.status == 429) {
        assert_eq!(reply.to_json()?["code"], "too_many_issues");
        ensure!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    Ok(())
}

pub fn no_lease_is_missed_that_is_issued_while_all_are_taken_back(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let settings = on_redis(case, &redis)?;
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings.clone())?;
    let second = case.new_kubelease_with(settings)?;
    let (admin, leases) = (broker.admin()?, format!("{}/leases", broker.secret_path()));
    let mut given = 0;
    for round in 0..ROUNDS {
        let name = format!("bot-{round}");
        let token = bot(&admin, &name, &json!({}))?;
        let hosts = [admin.with_bearer(&token), second.anonymous_client()?.with_bearer(&token)];
        let issued = AtomicUsize::new(0);
        let answered = thread::scope(|scope| {
            let (leases, issued) = (&leases, &issued);
            let asking: Vec<_> = (0..8)
                .map(|at| {
                    let http = &hosts[at % 2];
                    scope.spawn(move || issue_until_refused(http, leases, issued))
                })
                .collect();
            // All of them are at work, and the revocation comes from the other host in turn.
            while issued.load(Ordering::Relaxed) < 8 + round {
                thread::yield_now();
            }
            let revoker = [&admin, &second.admin_client()?][round % 2].clone();
            take_all_back(&revoker, &name)?;
            let all = asking.into_iter().map(|thread| thread.join().expect("no panic"));
            Ok::<_, anyhow::Error>(all.collect::<Result<Vec<_>>>()?.concat())
        })?;
        for id in &answered {
            let state =
                admin.get(&format!("/api/v1/leases/{id}"))?.expect_status(200)?["state"].clone();
            ensure!(state == "revoked" || state == "revoking", "round {round}: {id} is {state}");
        }
        given += answered.len();
    }
    ensure!(given >= ROUNDS * 8, "only {given} leases were given");
    Ok(())
}

/// Puts an identity that may lease everything, and returns an access token of it.
fn bot(admin: &HttpClient, name: &str, more: &Value) -> Result<String> {
    let mut identity = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue"]}]});
    for (field, value) in more.as_object().context("an object")? {
        identity[field] = value.clone();
    }
    let path = format!("/api/v1/identities/{name}");
    admin.put(&path, &identity)?.expect_success()?;
    let made = admin.post(&format!("{path}/tokens"), &json!({}))?.expect_status(201)?;
    Ok(made["access_token"].as_str().context("a token")?.to_owned())
}

/// Leases until no more is given, and returns the ids of the leases.
fn issue_until_refused(
    http: &HttpClient,
    leases: &str,
    issued: &AtomicUsize,
) -> Result<Vec<String>> {
    let mut ids = vec![];
    loop {
        let reply = http.post(leases, &json!({"ttl": "10m"}))?;
        match reply.status {
            201 => ids.push(reply.to_json()?["lease_id"].as_str().context("an id")?.to_owned()),
            // Its end was decided while it was issued.
            503 => ensure!(reply.to_json()?["code"] == "issue_too_slow", "{reply:?}"),
            _ => {
                reply.expect_status(401)?;
                return Ok(ids);
            }
        }
        issued.fetch_add(1, Ordering::Relaxed);
    }
}

/// Revokes all access tokens of an identity, and takes back all of its leases.
fn take_all_back(admin: &HttpClient, name: &str) -> Result<()> {
    let path = format!("/api/v1/identities/{name}/revoke?leases=revoke");
    let done = admin.send_raw("POST", &path, &[], &[])?.expect_success()?;
    ensure!(done["next_cursor"].is_null(), "one request is not enough: {done}");
    Ok(())
}

/// The logins of one client that may fail in a minute.
const FAILURES: usize = 20;

const ISSUES: usize = 7;

const ROUNDS: usize = 6;
