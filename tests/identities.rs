//! Identities on the running components: their addresses, uses and grants.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::HttpClient;
use testbed::redis::Redis;

use crate::broker::{Broker, Lease};
use crate::kind;

/// Puts identity `bot` with these fields, and returns an access token of it.
fn token(admin: &HttpClient, fields: &Value) -> Result<String> {
    let mut identity = json!({"auth": [{"type": "token"}]});
    for (field, value) in fields.as_object().context("an object")? {
        identity[field] = value.clone();
    }
    admin.put("/api/v1/identities/bot", &identity)?.expect_success()?;
    let made = admin.post("/api/v1/identities/bot/tokens", &json!({}))?.expect_status(201)?;
    Ok(made["access_token"].as_str().context("a token")?.to_owned())
}

/// The status with which a token is answered that comes with these headers.
fn shown(http: &HttpClient, headers: &[(&str, &str)]) -> Result<u16> {
    Ok(http.send_raw("GET", WHOAMI, headers, &[])?.status)
}

pub fn a_forged_header_never_helps(case: &TestCase) -> Result<()> {
    let kubelease = case.new_kubelease()?;
    let elsewhere = json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}});
    let bot =
        kubelease.anonymous_client()?.with_bearer(&token(&kubelease.admin_client()?, &elsewhere)?);
    for headers in FORGED {
        assert_eq!(shown(&bot, headers)?, 401, "{headers:?}");
    }
    let here = json!({"access_token": {"trusted_ips": ["127.0.0.1"]}});
    let bot = kubelease.anonymous_client()?.with_bearer(&token(&kubelease.admin_client()?, &here)?);
    for headers in FORGED {
        assert_eq!(shown(&bot, headers)?, 200, "the true address counts: {headers:?}");
    }
    Ok(())
}

pub fn a_forged_header_does_not_begin_the_count_of_failures_anew(case: &TestCase) -> Result<()> {
    let anonymous = case.new_kubelease()?.anonymous_client()?;
    let fail = |headers: &[(&str, &str)]| -> Result<u16> {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let body = br#"{"identity":"bot","jwt":"a.b.c"}"#;
        Ok(anonymous.send_raw("POST", "/api/v1/auth/oidc/login", &headers, body)?.status)
    };
    // Twice as many as may fail in a minute: one minute may end among them.
    let statuses = FORGED.iter().cycle().take(2 * FAILURES + 2).map(|headers| fail(headers));
    let statuses = statuses.collect::<Result<Vec<_>>>()?;
    assert!(statuses.contains(&429), "nobody is shut out: {statuses:?}");
    let first = statuses.iter().position(|status| *status == 429).unwrap_or_default();
    assert!(statuses[..first].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(first >= FAILURES, "{statuses:?}");
    Ok(())
}

pub fn a_trusted_proxy_tells_the_address_and_its_client_does_not(case: &TestCase) -> Result<()> {
    let settings = case.new_settings()?.with_variable("trusted_proxies", "127.0.0.0/8");
    let kubelease = case.new_kubelease_with(settings)?;
    let far = json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}});
    let bot = kubelease.anonymous_client()?.with_bearer(&token(&kubelease.admin_client()?, &far)?);
    for (headers, status) in [
        (&[][..], 401),
        (&[("x-forwarded-for", "10.1.2.3")], 200),
        (&[("x-forwarded-for", "192.0.2.1, 10.1.2.3")], 200),
        (&[("x-forwarded-for", "10.1.2.3, 127.0.0.9")], 200),
        (&[("forwarded", "for=10.1.2.3;proto=https")], 200),
        // The proxy has added where the request came from; the client has made up the rest.
        (&[("x-forwarded-for", "10.1.2.3, 192.0.2.1")], 401),
        (&[("x-forwarded-for", "10.1.2.3"), ("x-forwarded-for", "192.0.2.1")], 401),
        (&[("forwarded", "for=10.1.2.3, for=192.0.2.1")], 401),
        (&[("forwarded", "for=10.1.2.3"), ("x-forwarded-for", "192.0.2.1")], 401),
        (&[("spin-client-addr", "10.1.2.3:1"), ("x-forwarded-for", "192.0.2.1")], 401),
    ] {
        assert_eq!(shown(&bot, headers)?, status, "{headers:?}");
    }
    Ok(())
}

pub fn uses_are_exact_through_two_replicas_of_one_redis(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let one = case.new_kubelease_with(settings.clone())?;
    let other = case.new_kubelease_with(settings)?;
    let limited = json!({"access_token": {"num_uses": USES}});
    let token = token(&one.admin_client()?, &limited)?;
    // One use of all: a renewed token shares them with the one before.
    let renewed = other
        .anonymous_client()?
        .with_bearer(&token)
        .post(RENEW, &json!({}))?
        .expect_status(200)?;
    let renewed = renewed["access_token"].as_str().context("a token")?;
    let replicas = [&token, renewed].map(|token| {
        Ok([
            one.anonymous_client()?.with_bearer(token),
            other.anonymous_client()?.with_bearer(token),
        ])
    });
    let replicas: Vec<_> = replicas.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let statuses = thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|at| {
                let http = &replicas[at % 4];
                scope.spawn(move || shown(http, &[]))
            })
            .collect();
        let answers = asking.into_iter().map(|thread| thread.join().expect("no panic"));
        answers.collect::<Result<Vec<_>>>()
    })?;
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([(200, USES - 1), (401, 101 - USES)]));
    for http in &replicas {
        assert_eq!(shown(http, &[])?, 401);
    }
    // What one replica revokes is revoked at the other.
    let token = self::token(&one.admin_client()?, &json!({}))?;
    let (here, there) = (
        one.anonymous_client()?.with_bearer(&token),
        other.anonymous_client()?.with_bearer(&token),
    );
    assert_eq!([shown(&here, &[])?, shown(&there, &[])?], [200, 200]);
    there.post("/api/v1/auth/token/revoke", &json!({}))?.expect_status(204)?;
    assert_eq!([shown(&here, &[])?, shown(&there, &[])?], [401, 401]);
    Ok(())
}

pub fn no_more_leases_of_one_live_than_may_through_two_replicas(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings.clone())?;
    let second = case.new_kubelease_with(settings)?;
    let grant = json!({"dynamic_secrets": ["*"], "namespaces": ["*"], "actions": ["issue"]});
    let fields = json!({"grants": [grant], "max_live_leases": CAP});
    let token = token(&broker.admin()?, &fields)?;
    let replicas = [
        broker.admin()?.without_credentials().with_bearer(&token),
        second.anonymous_client()?.with_bearer(&token),
    ];
    let path = format!("{}/leases", broker.secret_path());
    let ask = |count: usize| {
        thread::scope(|scope| {
            let asking: Vec<_> = (0..count)
                .map(|at| {
                    let (http, path) = (&replicas[at % 2], &path);
                    scope.spawn(move || http.post(path, &json!({"ttl": "10m"})))
                })
                .collect();
            let answers = asking.into_iter().map(|thread| thread.join().expect("no panic"));
            answers.collect::<Result<Vec<_>>>()
        })
    };
    let (mut leases, mut refused) = (vec![], 0);
    for reply in ask(100)? {
        if reply.status == 201 {
            leases.push(Lease::of(reply.to_json()?)?);
        } else {
            assert_eq!(reply.expect_status(409)?["code"], "too_many_leases_of_identity");
            refused += 1;
        }
    }
    assert_eq!((leases.len(), refused), (CAP, 100 - CAP));
    // Two places come back, and are taken again.
    for (lease, http) in leases.drain(..2).zip(&replicas) {
        http.delete(&lease.path())?.expect_status(200)?;
    }
    let given = ask(10)?.into_iter().filter(|reply| reply.status == 201).count();
    assert_eq!(given, 2);
    // What the first administrator leases is not the identity's.
    broker.lease(&json!({"ttl": "10m"}))?;
    Ok(())
}

pub fn an_identity_leases_what_it_is_granted_and_gives_it_back(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    let grant = json!({"dynamic_secrets": [broker.secret_name()], "namespaces": ["*"],
                       "actions": ["issue", "read"], "max_ttl": "15m"});
    let bot = admin.without_credentials().with_bearer(&token(&admin, &json!({"grants": [grant]}))?);
    let path = format!("{}/leases", broker.secret_path());
    assert_eq!(bot.post(&path, &json!({"ttl": "16m"}))?.status, 422);
    let issued = bot.post(&path, &json!({"ttl": "10m"}))?.expect_status(201)?;
    assert_eq!(issued["requester"], "identity:bot");
    let lease = Lease::of(issued)?;
    bot.get(&lease.path())?.expect_status(200)?;
    let by_administrator = broker.lease(&json!({"ttl": "10m"}))?;
    assert_eq!(bot.get(&by_administrator.path())?.status, 404);
    assert_eq!(bot.delete(&by_administrator.path())?.status, 404);
    assert_eq!(bot.post(&format!("{}/renew", lease.path()), &json!({}))?.status, 403);
    bot.delete(&lease.path())?.expect_status(200)?;
    assert_eq!(admin.get(&lease.path())?.expect_status(200)?["state"], "revoked");
    let taken = admin.send_raw("DELETE", "/api/v1/identities/bot?leases=revoke", &[], &[])?;
    assert_eq!(taken.expect_status(200)?["revoked"], 0);
    assert_eq!(bot.get(WHOAMI)?.status, 401);
    broker.revoke(&by_administrator)?.expect_status(200)?;
    Ok(())
}

/// Headers by which a client claims to be at 10.1.2.3.
const FORGED: [&[(&str, &str)]; 14] = [
    &[("spin-client-addr", "10.1.2.3:80")],
    &[("Spin-Client-Addr", "10.1.2.3:80")],
    &[("SPIN-CLIENT-ADDR", "10.1.2.3:80")],
    &[("spin-client-addr", "10.1.2.3:80"), ("spin-client-addr", "10.1.2.4:80")],
    &[("spin_client_addr", "10.1.2.3:80")],
    &[("x-spin-client-addr", "10.1.2.3:80")],
    &[("x-forwarded-for", "10.1.2.3")],
    &[("X-Forwarded-For", "10.1.2.3, 10.1.2.4")],
    &[("x_forwarded_for", "10.1.2.3")],
    &[("forwarded", "for=10.1.2.3")],
    &[("Forwarded", "for=\"10.1.2.3:80\";proto=https;host=x")],
    &[("x-real-ip", "10.1.2.3")],
    &[("true-client-ip", "10.1.2.3"), ("cf-connecting-ip", "10.1.2.3")],
    &[("via", "1.1 10.1.2.3"), ("x-client-ip", "10.1.2.3"), ("x-cluster-client-ip", "10.1.2.3")],
];

const WHOAMI: &str = "/api/v1/auth/token";
const RENEW: &str = "/api/v1/auth/token/renew";

const USES: i32 = 30;

const CAP: usize = 6;

/// The logins of one address that may fail in a minute.
const FAILURES: usize = 20;
