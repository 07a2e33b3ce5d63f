//! A lease, from the request to what its token can do.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::setup::Leasing;

pub fn a_leased_token_is_the_accounts_and_no_more(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let namespace = leasing.namespace.name();
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] }]);
    leasing.namespace.create_role_for_account("deployer", "reader", &rules)?;

    let reply = leasing.issue(&json!({ "ttl": "15m", "namespace": namespace }))?;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let lease = reply.expect_status(201)?;
    let token = lease["token"].as_str().context("a token")?;

    // The API server itself says whose token it is, and by which id it knows it.
    let status = case.control_plane().review_token(token)?;
    assert_eq!(status["authenticated"], true, "{status}");
    let username = format!("system:serviceaccount:{namespace}:deployer");
    assert_eq!(status["user"]["username"], username);
    let credential = &status["user"]["extra"]["authentication.kubernetes.io/credential-id"][0];
    let jti = lease["jti"].as_str().context("a jti")?;
    assert_eq!(credential.as_str(), Some(format!("JTI={jti}").as_str()));
    let claims = claims(token)?;
    assert_eq!(claims["aud"], status["audiences"]);
    assert_eq!(lease["ttl_seconds"], 900);
    assert_eq!(claims["exp"].as_i64(), Some(claims["iat"].as_i64().context("iat")? + 900));
    assert_eq!(lease["expires_at"], rfc3339(&claims["exp"])?);
    let warnings = lease["warnings"].as_array().context("warnings")?;
    assert_eq!(warnings.len(), 1, "{lease}");
    assert!(warnings[0].to_string().contains("cannot be revoked"), "{lease}");
    assert_eq!(lease["revocable"], false);

    // It may what its account may, and nothing beside.
    let bearer = case.control_plane().client_with_token(token);
    let may = |path: &str| bearer.get(path).map(|reply| reply.status);
    wait_until("letting the token in", Duration::from_secs(10), || {
        match may(&leasing.namespace.resources_path("v1", "configmaps"))? {
            200 => Ok(()),
            other => Err(not_yet(format!("the role is not seen yet: {other}"))),
        }
    })?;
    assert_eq!(may(&leasing.namespace.resources_path("v1", "secrets"))?, 403);
    assert_eq!(may("/api/v1/namespaces/default/configmaps")?, 403);

    // What is kept of it can be shown, all but the token.
    let id = lease["lease_id"].as_str().context("an id")?;
    let path = format!("/api/v1/leases/{id}");
    assert_eq!(reply.header("location"), Some(path.as_str()));
    let shown = leasing.admin()?.get(&path)?.expect_status(200)?;
    assert_eq!(shown["state"], "active");
    let mut without_token = lease.clone();
    without_token.as_object_mut().context("an object")?.remove("token");
    assert_eq!(shown, without_token);
    Ok(())
}

pub fn a_lease_ends_when_its_token_says(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    for (request, seconds) in [
        (json!({}), 3600),
        (json!({ "ttl": 600 }), 600),
        (json!({ "ttl": "600" }), 600),
        (json!({ "ttl": "1h30m" }), 5400),
        (json!({ "ttl": "1d" }), 86_400),
    ] {
        let lease = leasing.issue(&request)?.expect_status(201)?;
        let claims = claims(lease["token"].as_str().context("a token")?)?;
        let length = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat);
        assert_eq!(length, Some(seconds), "{request}");
        assert_eq!(lease["ttl_seconds"], seconds, "{request}");
        assert_eq!(lease["expires_at"], rfc3339(&claims["exp"])?, "{request}");
        assert_eq!(lease["issued_at"], rfc3339(&claims["iat"])?, "{request}");
    }
    Ok(())
}

pub fn a_namespace_must_be_named_only_where_there_is_a_choice(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let other = case.new_namespace()?;
    other.create_service_account("deployer")?;
    let mut two = leasing.secret();
    two["namespaces"] = json!([leasing.namespace.name(), other.name()]);
    leasing.admin()?.put("/api/v1/dynamic-secrets/ci", &two)?.expect_status(200)?;

    let reply = leasing.issue(&json!({}))?.expect_status(422)?;
    assert_eq!(reply["code"], "namespace_required");
    assert!(reply["detail"].to_string().contains(other.name()), "{reply}");
    let lease =
        leasing.issue(&json!({ "namespace": leasing.namespace.name() }))?.expect_status(201)?;
    assert_eq!(lease["namespace"], leasing.namespace.name());
    // In the other one kubelease itself may not mint: its right ends where its role does.
    let reply = leasing.issue(&json!({ "namespace": other.name() }))?.expect_status(502)?;
    assert_eq!(reply["code"], "target_forbidden");
    Ok(())
}

pub fn leases_at_once_are_all_different(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let issue = || leasing.issue(&json!({}))?.expect_status(201);
    let leases: Vec<Value> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(issue)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Result<_>>()
    })?;
    for field in ["lease_id", "token", "jti"] {
        let different: BTreeSet<_> =
            leases.iter().filter_map(|lease| lease[field].as_str()).collect();
        assert_eq!(different.len(), leases.len(), "{field}");
    }
    for lease in &leases {
        let id = lease["lease_id"].as_str().context("an id")?;
        leasing.admin()?.get(&format!("/api/v1/leases/{id}"))?.expect_status(200)?;
    }
    Ok(())
}

/// Returns the claims of a token.
pub fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("a JWT has three parts")?;
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// The time of a claim as the API writes it.
fn rfc3339(seconds: &Value) -> Result<String> {
    let time = DateTime::from_timestamp(seconds.as_i64().context("a number")?, 0);
    Ok(time.context("a time")?.to_rfc3339_opts(SecondsFormat::Secs, true))
}
