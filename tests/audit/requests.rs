//! Requests: what was refused, with who has asked for what, and what was changed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use super::{assert_fields, events, newest};
use crate::broker::{Broker, Lease};
use crate::kind;
use crate::setup::Leasing;

pub fn what_is_refused_is_recorded_with_who_has_asked_for_what(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    let grant = json!({"dynamic_secrets": [broker.secret_name()], "namespaces": ["*"],
                       "actions": ["issue"], "max_ttl": "15m"});
    let bot = json!({"auth": [{"type": "token"}], "grants": [grant], "max_issues_per_minute": 2});
    admin.put("/api/v1/identities/bot", &bot)?.expect_status(201)?;
    let made = admin.post("/api/v1/identities/bot/tokens", &json!({}))?.expect_status(201)?;
    let accessor = made["accessor"].clone();
    let bot =
        admin.without_credentials().with_bearer(made["access_token"].as_str().context("a token")?);
    let issue = format!("{}/leases", broker.secret_path());
    let others = broker.lease(&json!({"ttl": "10m"}))?;
    let mine = Lease::of(bot.post(&issue, &json!({"ttl": "10m"}))?.expect_status(201)?)?;
    let put = |path: &str| bot.put(path, &json!({}));
    let refused = |cause: &str, more: &[(&str, Value)]| -> Result<()> {
        let event = newest(&admin, "identity=bot")?;
        let reason = event["reason"].as_str().unwrap_or_default();
        ensure!(reason.contains(cause), "not `{cause}`: {event}");
        assert_fields(&event, &[("event", json!("refusal")), ("accessor", accessor.clone())]);
        assert_fields(&event, more);
        Ok(())
    };
    put("/api/v1/targets/other")?.expect_status(403)?;
    refused("not_granted", &[("action", json!("PUT /api/v1/targets/{name}"))])?;
    bot.post("/api/v1/dynamic-secrets/secrets-of-others/leases", &json!({}))?.expect_status(403)?;
    refused("not_granted", &[("dynamic_secret", json!("secrets-of-others"))])?;
    bot.post(&issue, &json!({"ttl": "16m"}))?.expect_status(422)?;
    refused(
        "ttl_too_long",
        &[("dynamic_secret", json!(broker.secret_name())), ("decision", json!("denied"))],
    )?;
    bot.get(&others.path())?.expect_status(404)?;
    refused("belongs to another requester", &[("lease_id", json!(others.id))])?;
    bot.delete(&others.path())?.expect_status(404)?;
    refused("belongs to another requester", &[("lease_id", json!(others.id))])?;
    bot.post(&format!("{}/renew", mine.path()), &json!({}))?.expect_status(403)?;
    refused("not_granted", &[("lease_id", json!(mine.id))])?;
    bot.post(&issue, &json!({"ttl": "10m"}))?.expect_status(201)?;
    bot.post(&issue, &json!({"ttl": "10m"}))?.expect_status(429)?;
    refused("too_many", &[("decision", json!("denied"))])?;
    bot.get("/api/v1/audit")?.expect_status(403)?;
    refused("not_granted", &[("action", json!("GET /api/v1/audit"))])?;
    // A revoked token is ours: its use is recorded, once.
    bot.post("/api/v1/auth/token/revoke", &json!({}))?.expect_status(204)?;
    for _ in 0..3 {
        bot.get("/api/v1/auth/token")?.expect_status(401)?;
    }
    // Once it is answered, so that nobody learns by its time that the token was ours.
    let event = wait_until("the event of a revoked token", Duration::from_secs(10), || {
        let shown = events(&admin, "type=refusal")?;
        let mut shown = shown.into_iter().filter(|event| event["subject_accessor"] == accessor);
        match (shown.next(), shown.next()) {
            (Some(event), None) => Ok(event),
            (None, _) => Err(not_yet("there is none")),
            (Some(_), Some(_)) => Err(anyhow::anyhow!("there are several").into()),
        }
    })?;
    assert_fields(&event, &[("subject_identity", json!("bot")), ("requester", json!("nobody"))]);
    ensure!(event["reason"].as_str().is_some_and(|reason| reason.contains("revoked")), "{event}");
    Ok(())
}

pub fn each_change_of_a_definition_is_recorded(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let url = case.control_plane().url();
    let identity = |more: Value| json!({"auth": [{"type": "token"}], "description": more});
    let changed = |query: &str, change: &str| -> Result<()> {
        let event = newest(&admin, query)?;
        assert_fields(
            &event,
            &[
                ("change", json!(change)),
                ("requester", json!("administrator")),
                ("decision", json!("allowed")),
            ],
        );
        Ok(())
    };
    let (target, ci, bot) =
        ("/api/v1/targets/other", "/api/v1/dynamic-secrets/cd", "/api/v1/identities/bot");
    let mut secret = leasing.secret();
    secret["target"] = json!("other");
    admin.put(target, &leasing.target(url))?.expect_status(201)?;
    changed("type=target_put", "created")?;
    admin.put(target, &json!({"url": url, "auth": {"type": "token"}}))?.expect_status(200)?;
    changed("type=target_put", "unchanged")?;
    admin
        .put(target, &json!({"url": url, "auth": {"type": "token"}, "disabled": true}))?
        .expect_status(200)?;
    changed("type=target_put", "changed")?;
    admin.put(ci, &secret)?.expect_status(201)?;
    changed("type=dynamic_secret_put&dynamic_secret=cd", "created")?;
    admin.put(ci, &secret)?.expect_status(200)?;
    changed("type=dynamic_secret_put&dynamic_secret=cd", "unchanged")?;
    secret["max_ttl"] = json!("2h");
    admin.put(ci, &secret)?.expect_status(200)?;
    changed("type=dynamic_secret_put&dynamic_secret=cd", "changed")?;
    admin.put(bot, &identity(json!("a")))?.expect_status(201)?;
    changed("type=identity_put&identity=bot", "created")?;
    admin.put(bot, &identity(json!("a")))?.expect_status(200)?;
    changed("type=identity_put&identity=bot", "unchanged")?;
    admin.put(bot, &identity(json!("b")))?.expect_status(200)?;
    changed("type=identity_put&identity=bot", "changed")?;
    for (path, query) in [
        (ci, "type=dynamic_secret_deleted&dynamic_secret=cd"),
        (target, "type=target_deleted"),
        (bot, "type=identity_deleted&identity=bot"),
    ] {
        admin.delete(path)?.expect_status(204)?;
        changed(query, "deleted")?;
    }
    // A credential is changed without its being written down.
    let all = serde_json::to_string(&events(&admin, "")?)?;
    ensure!(!all.contains(&leasing.broker_token), "a credential is in the audit");
    Ok(())
}
