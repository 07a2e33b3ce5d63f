//! Logins: a `ServiceAccount` by what the real API server says of its token, a job by the keys of its issuer.

use std::time::Duration;

use anyhow::{Context, Result};
use jwt_auth::testing::{TestKey, hostile_tokens};
use serde_json::{Value, json};
use testbed::control_plane::ISSUER;
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::namespace::Namespace;
use testbed::wait::{not_yet, wait_until};

use crate::broker::{Broker, let_review, now};
use crate::kind;
use crate::oidc::Oidc;

pub fn a_service_account_logs_in_through_each_reviewer(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    namespace.create_service_account("ci-job")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    let token = job.token("ci-job", &["kubelease"])?;
    let both = job.token("ci-job", &["kubelease", ISSUER])?;

    // Nobody may review tokens yet.
    put_identity(&admin, &namespace, &json!("target"))?;
    let unavailable = log_in(&admin, &token)?.expect_status(503)?;
    assert_eq!(unavailable["code"], "login_unavailable");
    job.let_broker_review(&broker)?;
    job.let_review(namespace.name(), "ci-job")?;

    for (reviewer, token) in [
        (json!("target"), &token),
        (json!({ "token": broker.token }), &token),
        (json!("client"), &both),
    ] {
        put_identity(&admin, &namespace, &reviewer)?;
        let made = until_let_in(&admin, token)?.to_json()?;
        let bot = admin
            .without_credentials()
            .with_bearer(made["access_token"].as_str().context("a token")?);
        let caller = bot.get("/api/v1/auth/token")?.expect_status(200)?;
        assert_eq!(caller["identity"], "ci", "{reviewer}");
        assert_eq!(caller["token"]["claims"]["service_account"], "ci-job", "{reviewer}");
        let path = format!("{}/leases", broker.secret_path());
        let lease = bot.post(&path, &json!({"ttl": "10m"}))?.expect_status(201)?;
        assert_eq!(lease["requester"], "identity:ci");
    }
    Ok(())
}

pub fn a_service_account_that_is_not_meant_is_refused(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    let LoginTokens { good, refused: tokens } = make_login_tokens(&broker, &namespace)?;
    let refused = log_in(&admin, "a.b.c")?;
    for (what, token, reason) in tokens {
        // What the API server has accepted before it may accept for ten seconds more.
        let reply = until_answered(&admin, &token, 401)?;
        assert_eq!(reply.body, refused.body, "{what}");
        assert!(
            broker.kubelease.read_log()?.contains(reason),
            "{what}: the log does not say {reason}"
        );
    }
    assert!(!broker.kubelease.read_log()?.contains(&good), "the log has the token");
    Ok(())
}

pub fn a_ci_job_logs_in_by_the_keys_of_its_issuer(case: &TestCase) -> Result<()> {
    let oidc = Oidc::start(case)?;
    let keys = [(TestKey::P256, "p256"), (TestKey::Rsa, "rsa"), (TestKey::P384, "p384")];
    let issuer = oidc.server.add_issuer("/ci", &keys.map(|(key, id)| key.jwk(id)));
    let auth = json!({"type": "oidc", "issuer": issuer, "audiences": ["kubelease"],
        "claims": {"repository_id": ["123"], "ref": ["refs/heads/*"]}, "claims_match": "glob"});
    oidc.put("ci", &auth)?;
    let now = now()?;
    // In the shape of GitHub's.
    let claims = json!({"iss": issuer, "aud": "kubelease", "sub": "repo:acme@12/app@123:ref:refs/heads/main",
        "exp": now + 300, "iat": now, "nbf": now - 600, "jti": "5f0c", "repository_id": "123",
        "repository": "acme/app", "ref": "refs/heads/main", "run_id": "7", "workflow": "release"});
    let good = |(key, id): (TestKey, &str)| key.issue(id, &claims);
    for key in keys {
        let made = oidc.log_in("ci", &good(key))?.expect_status(200)?;
        assert_eq!(made["identity"], "ci", "{key:?}");
    }
    assert_eq!(oidc.server.count_requests("/ci"), 2, "its document and its keys, once");
    let refused = oidc.log_in("ci", "a.b.c")?.body;
    let hostile = hostile_tokens(&claims);
    assert!(hostile.len() >= 150, "{} are too few", hostile.len());
    for (label, token) in hostile {
        let reply = oidc.log_in("ci", &token)?;
        assert_eq!((reply.status, &reply.body), (401, &refused), "{label}");
    }
    // An access token of ours is no login, not even if it was given.
    let made = oidc.log_in("ci", &good(keys[0]))?.expect_status(200)?;
    let reply = oidc.log_in("ci", made["access_token"].as_str().context("a token")?)?;
    assert_eq!((reply.status, &reply.body), (401, &refused));
    assert_eq!(oidc.server.count_requests("/ci"), 2, "no token makes us ask for keys at once");
    Ok(())
}

/// Tokens of accounts in one namespace.
pub struct LoginTokens {
    /// A token that identity `ci` lets in.
    pub good: String,
    /// Those that it does not: what each is, the token, and the cause of its refusal.
    pub refused: [(&'static str, String, &'static str); 5],
}

/// Puts identity `ci`, waits until it lets somebody in, and makes tokens that are to be shown to it.
pub fn make_login_tokens(broker: &Broker<'_>, namespace: &Namespace) -> Result<LoginTokens> {
    let admin = broker.admin()?;
    let job = Job { cluster: broker.cluster.admin_client(), namespace };
    for account in ["ci-job", "ci-gone", "web"] {
        namespace.create_service_account(account)?;
    }
    job.let_broker_review(broker)?;
    put_identity(&admin, namespace, &json!("target"))?;
    let good = job.token("ci-job", &["kubelease"])?;
    until_let_in(&admin, &good)?;
    let gone = job.token("ci-gone", &["kubelease"])?;
    let path = format!("{}/ci-gone", namespace.resources_path("v1", "serviceaccounts"));
    job.cluster.delete(&path)?.expect_success()?;
    let forged = forge(&good)?;
    let refused = [
        ("another account", job.token("web", &["kubelease"])?, "not among `allowed_names`"),
        ("another audience", job.token("ci-job", &["other"])?, "`aud` names no expected audience"),
        (
            "the API server's audience",
            namespace.create_token_for("ci-job")?,
            "`aud` names no expected audience",
        ),
        ("an account that is gone", gone, "does not accept the token"),
        ("a forged signature", forged, "does not accept the token"),
    ];
    Ok(LoginTokens { good, refused })
}

/// The same token with another signature, which can be one.
pub fn forge(token: &str) -> Result<String> {
    let (message, signature) = token.rsplit_once('.').context("a JWT")?;
    // Another first letter is base64url still: only the last may hold bits that must be zero.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    Ok(format!("{message}.{first}{}", signature.get(1..).context("a signature")?))
}

/// The preparations of the cluster's administrator for a job.
pub struct Job<'a> {
    pub cluster: &'a HttpClient,
    pub namespace: &'a Namespace,
}

impl Job<'_> {
    pub fn token(&self, account: &str, audiences: &[&str]) -> Result<String> {
        let path =
            format!("{}/{account}/token", self.namespace.resources_path("v1", "serviceaccounts"));
        let request = json!({"spec": {"audiences": audiences, "expirationSeconds": 3600}});
        let answer = self.cluster.post(&path, &request)?.expect_status(201)?;
        Ok(answer["status"]["token"].as_str().context("a token")?.to_owned())
    }

    /// Lets kubelease's own account review tokens.
    pub fn let_broker_review(&self, broker: &Broker<'_>) -> Result<()> {
        self.let_review(broker.home_name(), &account_of(&broker.username()))
    }

    /// Lets an account review tokens.
    pub fn let_review(&self, namespace: &str, account: &str) -> Result<()> {
        let_review(self.cluster, namespace, account)?.expect_status(201)?;
        Ok(())
    }
}

pub fn put_identity(admin: &HttpClient, namespace: &Namespace, reviewer: &Value) -> Result<()> {
    let identity = json!({
        "auth": [{"type": "kubernetes", "target": "local", "reviewer": reviewer, "allowed_names": ["ci-*"],
            "allowed_namespaces": [namespace.name()], "allowed_audience": "kubelease"}],
        "grants": [{"dynamic_secrets": ["*"], "namespaces": ["*"], "actions": ["issue"]}],
    });
    admin.put("/api/v1/identities/ci", &identity)?.expect_success()?;
    Ok(())
}

pub fn log_in(admin: &HttpClient, jwt: &str) -> Result<Reply> {
    let body = json!({"identity": "ci", "jwt": jwt});
    admin.without_credentials().post("/api/v1/auth/kubernetes/login", &body)
}

/// Waits until the rights of whoever reviews have reached the API server's authorizer.
pub fn until_let_in(admin: &HttpClient, jwt: &str) -> Result<Reply> {
    until_answered(admin, jwt, 200)
}

pub fn until_answered(admin: &HttpClient, jwt: &str, status: u16) -> Result<Reply> {
    wait_until("the answer to the login", Duration::from_secs(15), || {
        let reply = log_in(admin, jwt)?;
        if reply.status == status { Ok(reply) } else { Err(not_yet(format!("{reply:?}"))) }
    })
}

/// The name in `system:serviceaccount:NAMESPACE:NAME`.
pub fn account_of(username: &str) -> String {
    username.rsplit(':').next().unwrap_or_default().to_owned()
}
