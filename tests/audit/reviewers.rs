//! Reviews that refuse, or that cannot be asked for: each by its own cause, on the real API server.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::control_plane::ISSUER;
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};

use super::newest;
use crate::broker::Broker;
use crate::kind;
use crate::login::{Job, forge, log_in, put_identity, until_answered, until_let_in};

pub fn a_reviewer_s_token_may_be_in_a_variable(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let namespace = case.new_namespace()?;
    namespace.create_service_account("ci-job")?;
    namespace.create_service_account("reviewer")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    job.let_review(namespace.name(), "reviewer")?;
    let (token, reviewer) =
        (job.token("ci-job", &["kubelease"])?, namespace.create_token_for("reviewer")?);
    put_identity(&broker.admin()?, &namespace, &json!({"variable": "target_reviewer"}))?;
    let here = format!("target_reviewer={}", broker.cluster.url());
    let bare = broker.kubelease.settings();
    for (origins, variable, cause) in [
        ("", Some(reviewer.as_str()), "is not bound to the target's url"),
        (here.as_str(), None, "holds no token"),
        (&here, Some("of-nobody"), "does not accept the credential"),
        (&here, Some(&reviewer), ""),
    ] {
        let mut settings = bare.clone().with_variable("target_origins", origins);
        if let Some(value) = variable {
            settings = settings.with_variable("target_reviewer", value);
        }
        broker.kubelease.restart_with(settings)?;
        let admin = broker.admin()?;
        if cause.is_empty() {
            let made = until_let_in(&admin, &token)?.to_json()?;
            assert_eq!(made["identity"], "ci");
        } else {
            is_undecided(&admin, &log_in(&admin, &token)?, cause)?;
        }
        let log = broker.kubelease.read_log()?;
        ensure!(!log.contains(&reviewer) && !log.contains(&token), "a token is on the log");
    }
    Ok(())
}

pub fn a_token_that_has_to_review_itself_is_refused_by_its_own_cause(
    case: &TestCase,
) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    for account in ["ci-job", "ci-gone"] {
        namespace.create_service_account(account)?;
    }
    put_identity(&admin, &namespace, &json!("client"))?;
    let both = job.token("ci-job", &["kubelease", ISSUER])?;
    let gone = job.token("ci-gone", &["kubelease", ISSUER])?;
    let path = format!("{}/ci-gone", namespace.resources_path("v1", "serviceaccounts"));
    job.cluster.delete(&path)?.expect_success()?;

    // The API server knows it, and does not let it review.
    is_undecided(&admin, &log_in(&admin, &both)?, "may not `create` `tokenreviews`")?;
    // The API server does not know them: 401 to the review itself.
    let refused = log_in(&admin, "a.b.c")?;
    for (what, token) in [
        ("not for the API server", job.token("ci-job", &["kubelease"])?),
        ("of an account that is gone", gone),
        ("with a forged signature", forge(&both)?),
    ] {
        let reply = until_answered(&admin, &token, 401)?;
        assert_eq!(reply.body, refused.body, "{what}");
        is_refused(&admin, "the API server does not accept the token").context(what)?;
    }
    // It is for the API server, and not for us: it is sent to nobody.
    let other = job.token("ci-job", &[ISSUER])?;
    assert_eq!(log_in(&admin, &other)?.body, refused.body);
    is_refused(&admin, "`aud` names no expected audience")?;
    job.let_review(namespace.name(), "ci-job")?;
    until_let_in(&admin, &both)?;
    Ok(())
}

pub fn nobody_logs_in_by_a_target_that_is_disabled(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    namespace.create_service_account("ci-job")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    job.let_broker_review(&broker)?;
    put_identity(&admin, &namespace, &json!("target"))?;
    let token = job.token("ci-job", &["kubelease"])?;
    let made = until_let_in(&admin, &token)?.to_json()?;
    let bot = admin.with_bearer(made["access_token"].as_str().context("a token")?);
    let refused = log_in(&admin, "a.b.c")?;
    let mut target = broker.target(broker.cluster.url());
    for (disabled, status) in [(true, 401), (false, 200)] {
        target["disabled"] = json!(disabled);
        admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
        let reply = log_in(&admin, &token)?;
        assert_eq!(reply.status, status, "disabled: {disabled}");
        if disabled {
            assert_eq!(reply.body, refused.body);
            is_refused(&admin, "the target of the identity does not exist, or is disabled")?;
        }
        // Whoever is in stays in: that is the identity's to say.
        bot.get("/api/v1/auth/token")?.expect_status(200)?;
    }
    Ok(())
}

pub fn no_lease_is_a_way_to_become_an_administrator(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    let kept = broker.lease(&json!({"ttl": "10m"}))?;
    let accounts = || -> Result<Vec<Value>> {
        let path = broker.place.resources_path("v1", "serviceaccounts");
        let list = broker.cluster.admin_client().get(&path)?.expect_status(200)?;
        let names = list["items"].as_array().context("accounts")?.iter();
        let names = names.map(|account| account["metadata"]["name"].clone());
        Ok(names
            .filter(|name| name.as_str().is_some_and(|name| name.starts_with("kubelease-")))
            .collect())
    };
    let before = accounts()?;
    assert_eq!(before.len(), 1, "{before:?}");
    // The API server's own audience, which no dynamic secret names: only its tokens tell.
    let mut identity = json!({"admin": true, "auth": [{"type": "kubernetes", "target": "local",
        "reviewer": "target", "allowed_names": ["*"], "allowed_namespaces": [broker.place.name()],
        "allowed_audience": ISSUER}]});
    admin.put("/api/v1/identities/ops", &identity)?.expect_status(201)?;
    for reply in [
        broker.issue(&json!({"ttl": "10m"}))?,
        admin.post(&format!("{}/renew", kept.path()), &json!({}))?,
    ] {
        assert_eq!(reply.expect_status(409)?["code"], "audience_of_administrators");
    }
    ensure!(accounts()? == before, "what was made for the lease is not undone");
    identity["manage_administrators"] = json!(true);
    admin.put("/api/v1/identities/ops", &identity)?.expect_status(422)?;
    admin.delete("/api/v1/identities/ops")?.expect_status(204)?;
    broker.lease(&json!({"ttl": "10m"}))?;
    Ok(())
}

/// The login was answered with 503, and its event says why nobody could decide it.
fn is_undecided(admin: &HttpClient, reply: &Reply, cause: &str) -> Result<()> {
    let told: Value = reply.expect_status(503)?;
    assert_eq!(told["code"], "login_unavailable", "{told}");
    let event = newest(admin, "type=login")?;
    let reason = event["reason"].as_str().unwrap_or_default();
    ensure!(event["decision"] == "failed" && reason.contains(cause), "not `{cause}`: {event}");
    assert_eq!(event["subject_identity"], "ci", "{event}");
    ensure!(!told.to_string().contains(cause), "the caller is told: {told}");
    Ok(())
}

/// The newest login was refused for this cause.
fn is_refused(admin: &HttpClient, cause: &str) -> Result<()> {
    let event = newest(admin, "type=login")?;
    let reason = event["reason"].as_str().unwrap_or_default();
    ensure!(event["decision"] == "denied" && reason.contains(cause), "not `{cause}`: {event}");
    Ok(())
}
