//! A bot that asks as itself: its account logs it in, and an access token stands for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::control_plane::ISSUER;
use testbed::http::{Http, Reply};
use testbed::wait::{eventually, not_yet};

use crate::bench::Bench;

/// An identity of a bench's kubelease, of which as many leases may live as of the dynamic secret.
pub struct Bot {
    /// The token of its account.
    jwt: String,
    anonymous: Http,
    /// kubelease's API as the bearer of an access token that an administrator has made.
    pub client: Http,
}

impl Bot {
    /// Puts the identity, and waits until its account is let in.
    pub fn new(bench: &Bench<'_>) -> Result<Self> {
        let (broker, admin) = (&bench.broker, bench.broker.admin()?);
        let place = broker.place.name();
        let identity = json!({
            "auth": [
                {"type": "kubernetes", "target": "local", "reviewer": "target", "allowed_names": ["deployer"],
                    "allowed_namespaces": [place], "allowed_audience": ISSUER},
                {"type": "token"},
            ],
            "grants": [{"dynamic_secrets": [broker.secret_name()], "namespaces": [place],
                "actions": ["issue", "revoke"]}],
            "max_live_leases": bench.cap,
        });
        admin.put("/api/v1/identities/bot", &identity)?.ok()?;
        let made = admin.post("/api/v1/identities/bot/tokens", &json!({}))?.expect(201)?;
        let token = made["access_token"].as_str().context("an access token")?;
        let anonymous = admin.anonymous();
        let client = anonymous.bearing(token);
        let bot = Self { jwt: broker.place.token_for("deployer")?, anonymous, client };
        bot.let_review(bench)?;
        Ok(bot)
    }

    /// Lets kubelease review tokens, which no lease needs.
    fn let_review(&self, bench: &Bench<'_>) -> Result<()> {
        let home = bench.broker.home_name();
        let binding = json!({
            "metadata": {"name": format!("review-{home}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:auth-delegator"},
            "subjects": [{"kind": "User", "name": bench.broker.username(),
                "apiGroup": "rbac.authorization.k8s.io"}],
        });
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        let reply = bench.broker.cluster.admin().post(path, &binding)?;
        ensure!([201, 409].contains(&reply.status), "{reply:?}");
        eventually("the bot's being let in", PATIENCE, || {
            let reply = self.log_in()?;
            if reply.status == 200 { Ok(()) } else { Err(not_yet(format!("{reply:?}"))) }
        })
    }

    /// Logs in with the token of its account.
    pub fn log_in(&self) -> Result<Reply> {
        let body = json!({"identity": "bot", "jwt": self.jwt});
        self.anonymous.post("/api/v1/auth/kubernetes/login", &body)
    }

    /// Fails unless an access token is one of the bot.
    pub fn holds(&self, access_token: &str) -> Result<()> {
        let caller = self.anonymous.bearing(access_token).get("/api/v1/auth/token")?.expect(200)?;
        ensure!(caller["identity"] == "bot", "{caller}");
        Ok(())
    }
}

/// Rights take effect within some tenths of a second; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(15);
