//! A bot that asks as itself: its account logs it in, and an access token stands for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::control_plane::ISSUER;
use testbed::http::{HttpClient, Reply};
use testbed::wait::{not_yet, wait_until};

use crate::bench::Bench;
use crate::broker::{BROKER, let_review};

/// An identity of a bench's kubelease, of which as many leases may live as of the dynamic secret.
pub struct Bot {
    /// The token of its account.
    jwt: String,
    /// An access token that an administrator has made.
    access_token: String,
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
        admin.put("/api/v1/identities/bot", &identity)?.expect_success()?;
        let made = admin.post("/api/v1/identities/bot/tokens", &json!({}))?.expect_status(201)?;
        let access_token = made["access_token"].as_str().context("an access token")?.to_owned();
        let bot = Self { jwt: broker.place.create_token_for("deployer")?, access_token };
        bot.let_review(bench)?;
        Ok(bot)
    }

    /// Lets kubelease review tokens, which no lease needs.
    fn let_review(&self, bench: &Bench<'_>) -> Result<()> {
        let (cluster, home) = (bench.broker.cluster.admin_client(), bench.broker.home_name());
        let reply = let_review(cluster, home, BROKER)?;
        ensure!([201, 409].contains(&reply.status), "{reply:?}");
        wait_until("the bot's being let in", PATIENCE, || {
            let reply = self.log_in(bench)?;
            if reply.status == 200 { Ok(()) } else { Err(not_yet(format!("{reply:?}"))) }
        })
    }

    /// Logs in with the token of its account.
    pub fn log_in(&self, bench: &Bench<'_>) -> Result<Reply> {
        let body = json!({"identity": "bot", "jwt": self.jwt});
        bench.broker.admin()?.without_credentials().post("/api/v1/auth/kubernetes/login", &body)
    }

    /// kubelease's API as the bearer of its access token, wherever it is served by now.
    pub fn client(&self, bench: &Bench<'_>) -> Result<HttpClient> {
        Ok(bench.broker.admin()?.without_credentials().with_bearer(&self.access_token))
    }
}

/// Fails unless an access token is one of the bot.
pub fn is_of_bot(bench: &Bench<'_>, access_token: &str) -> Result<()> {
    let client = bench.broker.admin()?.without_credentials().with_bearer(access_token);
    let caller = client.get("/api/v1/auth/token")?.expect_status(200)?;
    ensure!(caller["identity"] == "bot", "{caller}");
    Ok(())
}

/// Rights take effect within some tenths of a second; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(15);
