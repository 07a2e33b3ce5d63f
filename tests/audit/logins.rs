//! Logins: those that were let in, with what decided it, and each that was refused, by its own cause.

use anyhow::{Context, Result, ensure};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::control_plane::ISSUER;
use testbed::harness::TestCase;
use testbed::http::HttpClient;

use super::{assert_fields, events, newest};
use crate::broker::{Broker, now};
use crate::kind;
use crate::login::{
    Job, LoginTokens, log_in, make_login_tokens, put_identity, until_answered, until_let_in,
};

pub fn each_login_is_recorded_with_what_has_decided_it(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    namespace.create_service_account("ci-job")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    let token = job.token("ci-job", &["kubelease"])?;
    let both = job.token("ci-job", &["kubelease", ISSUER])?;

    // Nobody may review tokens yet: nobody is refused, and nobody is let in.
    put_identity(&admin, &namespace, &json!("target"))?;
    log_in(&admin, &token)?.expect_status(503)?;
    let failed = newest(&admin, "type=login")?;
    assert_fields(&failed, &[("decision", json!("failed")), ("subject_identity", json!("ci"))]);
    job.let_broker_review(&broker)?;
    job.let_review(namespace.name(), "ci-job")?;

    for (reviewer, token) in [
        (json!("target"), &token),
        (json!({ "token": broker.token }), &token),
        (json!("client"), &both),
    ] {
        put_identity(&admin, &namespace, &reviewer)?;
        let made = until_let_in(&admin, token)?.to_json()?;
        let event = newest(&admin, "type=login&identity=ci")?;
        assert_fields(
            &event,
            &[
                ("decision", json!("allowed")),
                ("requester", json!("identity:ci")),
                ("identity", json!("ci")),
                ("auth_method", json!("kubernetes")),
                ("accessor", made["accessor"].clone()),
                ("address", json!("127.0.0.1")),
                ("ttl_seconds", made["expires_in"].clone()),
            ],
        );
        let claims = &event["claims"];
        assert_eq!(claims["service_account"], "ci-job", "{reviewer}: {event}");
        assert_eq!(claims["namespace"], json!(namespace.name()), "{reviewer}: {event}");
        // What is asked for with its access token is the identity's, by the same accessor.
        let bot = admin
            .without_credentials()
            .with_bearer(made["access_token"].as_str().context("a token")?);
        let lease = bot
            .post(&format!("{}/leases", broker.secret_path()), &json!({}))?
            .expect_status(201)?;
        let issue = newest(&admin, "type=issue&identity=ci")?;
        assert_fields(
            &issue,
            &[
                ("lease_id", lease["lease_id"].clone()),
                ("jti", lease["jti"].clone()),
                ("accessor", made["accessor"].clone()),
                ("claims", claims.clone()),
            ],
        );
        is_written_nowhere(
            &broker,
            &admin,
            &[token, made["access_token"].as_str().unwrap_or("x")],
        )?;
    }
    Ok(())
}

pub fn each_refused_service_account_is_recorded_by_its_own_cause(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    let LoginTokens { good, refused: tokens } = make_login_tokens(&broker, &namespace)?;
    let refused = log_in(&admin, "a.b.c")?;
    assert_eq!(refused.status, 401);
    let mut shown = vec![good];
    for (what, token, cause) in tokens {
        let reply = until_answered(&admin, &token, 401)?;
        assert_eq!(reply.body, refused.body, "{what}");
        is_refused_because(&admin, cause).context(what)?;
        shown.push(token);
    }
    let shown: Vec<_> = shown.iter().map(String::as_str).collect();
    is_written_nowhere(&broker, &admin, &shown)
}

pub fn each_refused_job_is_recorded_by_its_own_cause(case: &TestCase) -> Result<()> {
    let kubelease = case.new_kubelease()?;
    let admin = kubelease.admin_client()?;
    let put = |more: &Value| {
        let mut identity = json!({"auth": [{"type": "oidc", "issuer": "https://ci.example",
            "audiences": ["kubelease"], "claims": {"repository_id": ["123"], "environment": ["production"]},
            "jwks": {"keys": [TestKey::P256.jwk("p256")]}, "single_use": true}]});
        for (field, value) in more.as_object().context("an object")? {
            identity[field] = value.clone();
        }
        admin.put("/api/v1/identities/ci", &identity)?.expect_success()
    };
    put(&json!({}))?;
    let now = now()?;
    let claims = json!({"iss": "https://ci.example", "aud": "kubelease", "sub": "repo:acme/app", "exp": now + 300,
        "iat": now, "jti": "7", "repository_id": "123", "environment": "production"});
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        TestKey::P256.issue("p256", &claims)
    };
    let show = |identity: &str, jwt: &str| {
        let body = json!({"identity": identity, "jwt": jwt});
        admin.without_credentials().post("/api/v1/auth/oidc/login", &body)
    };
    let refused = show("ci", "a.b.c")?;
    is_refused_because(&admin, "not a JWT")?;
    let canary = "canary-value-of-a-claim";
    let good = TestKey::P256.issue("p256", &claims);
    let part =
        |jwt: &str| jwt.rsplit_once('.').map(|(message, end)| (message.to_owned(), end.to_owned()));
    let (message, _) = part(&good).context("a JWT")?;
    let (_, other_end) = part(&with("jti", json!("8"))).context("a JWT")?;
    let forged = format!("{message}.{other_end}");
    for (jwt, cause) in [
        (with("repository_id", json!("124")), "claim `repository_id` has none of the values"),
        (with("repository_id", json!(123)), "claim `repository_id` has none of the values"),
        (with("environment", json!(canary)), "claim `environment` has none of the values"),
        (with("environment", Value::Null), "claim `environment`"),
        (with("iss", json!("https://other.example")), "`iss` names another issuer"),
        (with("aud", json!("other")), "`aud` names no expected audience"),
        (with("exp", json!(now - 3600)), "`exp` is in the past"),
        (with("nbf", json!(now + 3600)), "`nbf` or `iat` is in the future"),
        (forged, "the signature is not valid"),
        (TestKey::P256.issue("other", &claims), "no key with this `kid`"),
    ] {
        assert_eq!(show("ci", &jwt)?.body, refused.body, "{cause}");
        is_refused_because(&admin, cause)?;
    }
    let made = show("ci", &good)?.expect_status(200)?;
    assert_fields(
        &newest(&admin, "type=login")?,
        &[
            ("decision", json!("allowed")),
            ("accessor", made["accessor"].clone()),
            ("auth_method", json!("oidc")),
            (
                "claims",
                json!({"environment": "production", "repository_id": "123", "sub": "repo:acme/app"}),
            ),
        ],
    );
    assert_eq!(show("ci", &good)?.body, refused.body);
    is_refused_because(&admin, "the token was used before")?;
    assert_eq!(show("nobody", &good)?.body, refused.body);
    is_refused_because(&admin, "no identity can log in by such a token")?;
    for (more, cause) in [
        (json!({"disabled": true}), "the identity is disabled"),
        (
            json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}}),
            "the address of the client is not trusted",
        ),
    ] {
        put(&more)?;
        assert_eq!(show("ci", &good)?.body, refused.body, "{cause}");
        is_refused_because(&admin, cause)?;
    }
    let all = events(&admin, "")?;
    let all = serde_json::to_string(&all)?;
    let signature = good.rsplit('.').next().context("a signature")?;
    for (what, secret) in [
        ("a value of a refused token", canary),
        ("a token", good.as_str()),
        ("a signature", signature),
    ] {
        ensure!(
            !all.contains(secret) && !kubelease.read_log()?.contains(secret),
            "{what} is in the audit or on the log"
        );
    }
    Ok(())
}

/// The newest event is a refused login for this cause, and it is a line on the log.
fn is_refused_because(admin: &HttpClient, cause: &str) -> Result<()> {
    let event = newest(admin, "type=login")?;
    let reason = event["reason"].as_str().unwrap_or_default();
    ensure!(event["decision"] == "denied" && reason.contains(cause), "not `{cause}`: {event}");
    assert_fields(&event, &[("requester", json!("nobody")), ("address", json!("127.0.0.1"))]);
    ensure!(event.get("accessor").is_none() && event.get("identity").is_none(), "{event}");
    Ok(())
}

/// None of these tokens is in the audit or on the log.
fn is_written_nowhere(broker: &Broker<'_>, admin: &HttpClient, tokens: &[&str]) -> Result<()> {
    let all = serde_json::to_string(&events(admin, "")?)?;
    let log = broker.kubelease.read_log()?;
    for token in tokens {
        let signature = token.rsplit('.').next().context("a signature")?;
        for text in [token, signature] {
            ensure!(!all.contains(text), "a token is in the audit");
            ensure!(!log.contains(text), "a token is on the log");
        }
    }
    Ok(())
}
