//! The ways to a cluster: a gateway, a client certificate, a variable of the operator's.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::kubelease::Settings;

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn kubectl_proxy_is_a_gateway(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let proxy = broker.cluster.start_kubectl_proxy(&broker.token)?;
    let target = json!({ "url": proxy.url(), "auth": { "type": "gateway" } });
    let shown = broker.admin()?.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    assert_eq!(shown["auth"], json!({ "type": "gateway" }), "{shown}");
    it_leases(&broker)?;
    let check =
        broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    assert_eq!((&check["ok"], &check["username"]), (&json!(true), &json!(broker.username())));
    Ok(())
}

pub fn a_client_certificate_is_shown_by_the_host(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let token = broker.target(broker.cluster.url());
    let certificate = json!({ "url": broker.cluster.url(), "auth": { "type": "client_certificate" }, "ca": "custom" });
    let admin = broker.admin()?;
    // Connections are shared by origin, and the certificate would outrank the other's token.
    let shared = admin.put("/api/v1/targets/other", &certificate)?.expect_status(409)?;
    assert_eq!(shared["code"], "origin_shared");
    admin.put("/api/v1/targets/other", &token)?.expect_status(201)?;
    let shared = admin.put("/api/v1/targets/local", &certificate)?.expect_status(409)?;
    assert_eq!(shared["code"], "origin_shared");
    admin.delete("/api/v1/targets/other")?.expect_status(204)?;
    admin.put("/api/v1/targets/local", &certificate)?.expect_status(200)?;

    // Without a certificate nobody is known.
    assert_eq!(broker.issue(&json!({}))?.status, 502);
    let client = broker.cluster.issue_client_certificate(&broker.username(), None)?;
    let settings = Settings { client_certificate: Some(client), ..broker.kubelease.settings() };
    broker.kubelease.restart_with(settings)?;
    it_leases(&broker)?;
    let check =
        broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    assert_eq!((&check["ok"], &check["username"]), (&json!(true), &json!(broker.username())));
    Ok(())
}

pub fn a_variable_is_sent_to_its_own_origin_alone(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let url = broker.cluster.url().to_owned();
    let by_variable = |url: &str, name: &str| json!({ "url": url, "auth": { "type": "token", "variable": name }, "ca": "custom" });
    let put = |target: &Value| broker.admin()?.put("/api/v1/targets/local", target);
    // Only what is named for it: our own keys are variables too.
    for name in ["admin_token", "master_key", "sweep_token", "target_", "TARGET_A", ""] {
        assert_eq!(
            put(&by_variable(&url, name))?.expect_status(422)?["code"],
            "invalid_field",
            "{name}"
        );
    }
    let mut both = by_variable(&url, "target_prod");
    both["auth"]["token"] = json!("t");
    assert_eq!(put(&both)?.expect_status(422)?["code"], "invalid_field");
    let shown = put(&by_variable(&url, "target_prod"))?.expect_status(200)?;
    assert_eq!(shown["auth"], json!({ "type": "token", "variable": "target_prod" }));

    let bare = broker.kubelease.settings();
    let elsewhere = format!("target_prod={}", url.replace("127.0.0.1", "localhost"));
    let here = format!("target_other=https://a.example, target_prod={url}");
    for (origins, variable, told) in [
        ("", Some(&*broker.token), Some("is not bound")),
        (&*elsewhere, Some(&broker.token), Some("is not bound")),
        (&here, None, Some("")),
        (&here, Some("two words"), Some("holds no token")),
        (&here, Some(&broker.token), None),
    ] {
        let mut settings = bare.clone().with_variable("target_origins", origins);
        if let Some(value) = variable {
            settings = settings.with_variable("target_prod", value);
        }
        broker.kubelease.restart_with(settings)?;
        if let Some(told) = told {
            let answer = broker.issue(&json!({}))?.expect_status(503)?;
            assert_eq!(answer["code"], "credential_unreadable", "{origins}: {answer}");
            assert!(answer["detail"].to_string().contains(told), "{origins}: {answer}");
            assert!(!answer.to_string().contains(&broker.token), "{answer}");
        } else {
            it_leases(&broker)?;
        }
    }
    Ok(())
}

pub fn a_credential_is_replaced_without_touching_leases(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let admin = broker.admin()?;
    let mut target = broker.target(broker.cluster.url());
    target["auth"]["token"] = json!("of-nobody");
    admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    assert_eq!(broker.issue(&json!({}))?.expect_status(502)?["code"], "target_unauthorized");
    let parked = broker.revoke(&lease)?.expect_status(202)?;
    let reason = parked["closing"]["reason"].to_string();
    assert!(reason.contains("does not accept the credential"), "{parked}");
    // The old one is forgotten: left out, it is the last that counts.
    target["auth"] = json!({ "type": "token" });
    admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    assert_eq!(broker.issue(&json!({}))?.expect_status(502)?["code"], "target_unauthorized");

    admin.put("/api/v1/targets/local", &broker.target(broker.cluster.url()))?.expect_status(200)?;
    broker.sweep_until(&lease, "revoked", Duration::from_secs(30))?;
    it_leases(&broker)
}

pub fn a_dynamic_secret_may_carry_its_target(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let admin = broker.admin()?;
    let mut secret = broker.secret();
    secret["target"] = broker.target("http://a.example");
    let told = admin.put(&broker.secret_path(), &secret)?.expect_status(422)?;
    assert!(told["errors"][0]["pointer"].to_string().contains("/target"), "{told}");
    secret["target"] = broker.target(broker.cluster.url());
    let shown = admin.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    assert!(!shown.to_string().contains(&broker.token), "{shown}");
    it_leases(&broker)
}

pub fn plain_http_is_for_loopback_and_gateways(case: &TestCase) -> Result<()> {
    let kubelease = case.new_kubelease()?;
    let token = json!({ "type": "token", "token": "t" });
    let gateway = json!({ "type": "gateway" });
    let header = json!({ "type": "gateway", "header": { "name": "x-key", "value": "v" } });
    let certificate = json!({ "type": "client_certificate" });
    for (url, auth, good) in [
        ("http://a.example", &token, false),
        ("http://10.0.0.1:8001", &token, false),
        ("http://127.0.0.1:8001", &token, true),
        ("http://localhost:8002", &token, true),
        ("http://gateway.example:8001", &gateway, true),
        ("http://a.example", &certificate, false),
        ("http://gateway.example:8001", &header, false),
        ("https://a.example", &header, true),
        ("https://b.example/prefix", &token, true),
        ("https://user@a.example", &token, false),
        ("https://a.example?x", &token, false),
        ("ftp://a.example", &gateway, false),
    ] {
        let target = json!({ "url": url, "auth": auth });
        let answer = kubelease.admin_client()?.put("/api/v1/targets/it", &target)?;
        let expected = if good { &[200, 201][..] } else { &[422] };
        assert!(expected.contains(&answer.status), "{url} {auth}: {answer:?}");
    }
    let known = kubelease.admin_client()?.get("/api/v1/targets/it")?.expect_status(200)?;
    assert_eq!(known["url"], "https://b.example/prefix");
    Ok(())
}

pub fn what_the_host_needs_is_told_and_the_host_takes_it(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let client = broker.cluster.issue_client_certificate(&broker.username(), None)?;
    let files = broker.kubelease.state_dir().join("told");
    fs::create_dir_all(&files)?;
    for (name, text) in [
        ("ca.crt", broker.cluster.ca_pem()),
        ("tls.crt", &client.certificate),
        ("tls.key", &client.key),
    ] {
        fs::write(files.join(name), text)?;
    }
    let url = broker.cluster.url();
    let bare = Settings { ca: None, ..broker.kubelease.settings() };
    let certificate =
        json!({ "url": url, "auth": { "type": "client_certificate" }, "ca": "custom" });
    for target in [broker.target(url), certificate] {
        broker.admin()?.put("/api/v1/targets/local", &target)?.expect_status(200)?;
        // Not told, the host knows nothing of the cluster's CA.
        broker.kubelease.restart_with(bare.clone())?;
        assert_eq!(broker.issue(&json!({}))?.expect_status(502)?["code"], "target_unreachable");

        let told =
            broker.admin()?.get("/api/v1/targets/local/runtime-config")?.expect_status(200)?;
        assert_eq!(told["allowed_outbound_hosts"], json!([url]), "{told}");
        let config = told["runtime_config"].as_str().context("a text")?;
        let config = config.replace("/etc/kubelease/local", &files.display().to_string());
        broker.kubelease.restart_with(Settings { runtime_config: config, ..bare.clone() })?;
        it_leases(&broker)?;
    }
    // If nothing is needed, nothing is told.
    let auth = json!({ "type": "token", "token": "t" });
    let system = json!({ "url": "https://a.example", "auth": auth, "ca": "system" });
    broker.admin()?.put("/api/v1/targets/other", &system)?.expect_status(201)?;
    let told = broker.admin()?.get("/api/v1/targets/other/runtime-config")?.expect_status(200)?;
    assert_eq!(told["runtime_config"], "");
    Ok(())
}

/// A lease is issued, good, taken back, and nothing of it is left.
fn it_leases(broker: &Broker) -> Result<()> {
    let before = broker.inventory()?;
    let lease: Lease = broker.lease(&json!({ "ttl": "15m" }))?;
    broker.until_let_in(&lease.token)?;
    broker.revoke(&lease)?.expect_status(200)?;
    assert_eq!(broker.inventory()?, before);
    Ok(())
}
