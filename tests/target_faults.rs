//! What is told when the cluster does not do as it should.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::kubelease::Settings;

use crate::fake::{Deed, Fake};
use crate::gateways::Relay;
use crate::setup::Leasing;

pub fn a_refusal_of_the_real_api_server_is_told_by_its_kind(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let url = case.control_plane().url();

    // 403: another account of the namespace, for which kubelease has no right.
    leasing.namespace.create_service_account("other")?;
    let mut other = leasing.secret();
    other["account"]["name"] = json!("other");
    admin.put("/api/v1/dynamic-secrets/ci", &other)?.expect_status(200)?;
    let told = leasing.issue(&json!({}))?.expect_status(502)?;
    assert_eq!(told["code"], "target_forbidden");
    let detail = told["detail"].as_str().context("a detail")?;
    for part in ["`get`", "`serviceaccounts`", "`other`", leasing.namespace.name()] {
        assert!(detail.contains(part), "{detail} should name {part}");
    }

    // 404: the account that kubelease has the right for is gone.
    admin.put("/api/v1/dynamic-secrets/ci", &leasing.secret())?.expect_status(200)?;
    leasing.issue(&json!({}))?.expect_status(201)?;
    let account = format!("{}/deployer", leasing.namespace.resources_path("v1", "serviceaccounts"));
    case.control_plane().admin_client().delete(&account)?.expect_success()?;
    let told = leasing.issue(&json!({}))?.expect_status(502)?;
    assert_eq!(told["code"], "account_not_found");

    // 401: a credential that is none.
    let mut target = leasing.target(url);
    target["auth"]["token"] = json!("wrong");
    admin.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    let told = leasing.issue(&json!({}))?.expect_status(502)?;
    assert_eq!(told["code"], "target_unauthorized");
    Ok(())
}

pub fn a_server_that_is_none_is_told_from_one_that_is_away(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let closed = testbed::closed_port::ClosedPort::take_port()?;
    let away = format!("http://{}", closed.address()?);
    // Its certificate is for 127.0.0.1, and by no authority that is known for `localhost`.
    let stranger = case.control_plane().url().replace("127.0.0.1", "localhost");
    let token = json!({ "status": { "token": "secret-canary" } }).to_string();
    for (url, code) in [
        (away, "target_unreachable"),
        (stranger, "target_unreachable"),
        (Fake::start(Deed::Close)?.url(), "target_unreachable"),
        (Fake::start(Deed::Say("secret-canary\r\n\r\n".to_owned()))?.url(), "target_unreachable"),
        (Fake::answering(500, "secret-canary")?.url(), "target_refused"),
        (Fake::answering(503, "")?.url(), "target_refused"),
        (Fake::answering(404, "secret-canary")?.url(), "target_refused"),
        (Fake::answering(200, "<html>secret-canary</html>")?.url(), "target_bad_answer"),
        (Fake::answering(201, "{}")?.url(), "target_bad_answer"),
        (Fake::answering(201, "")?.url(), "target_bad_answer"),
        (Fake::answering(201, &token)?.url(), "target_bad_answer"),
    ] {
        leasing.admin()?.put("/api/v1/targets/local", &leasing.target(&url))?.expect_status(200)?;
        let told = leasing.issue(&json!({}))?.expect_status(502)?;
        assert_eq!(told["code"], code, "{url}: {told}");
        assert!(!told.to_string().contains("canary"), "{told}");
    }
    assert!(
        !leasing.kubelease.read_log()?.contains("canary"),
        "what a server says stays out of the log"
    );
    Ok(())
}

pub fn a_server_that_says_too_much_or_nothing_is_given_up(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n";
    for (deed, status, code) in [
        (Deed::Flood(head.to_owned()), 502, "target_unreachable"),
        (Deed::Nothing, 504, "target_timeout"),
        (Deed::Drip(head.to_owned()), 504, "target_timeout"),
    ] {
        let fake = Fake::start(deed)?;
        leasing
            .admin()?
            .put("/api/v1/targets/local", &leasing.target(&fake.url()))?
            .expect_status(200)?;
        let began = Instant::now();
        let told = leasing.issue(&json!({}))?.expect_status(status)?;
        assert_eq!(told["code"], code, "{told}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(29), "{code} after {took:?}");
        assert_eq!(fake.asked(), 1, "an unknown outcome is not tried again: {code}");
    }
    Ok(())
}

pub fn a_redirect_is_not_followed(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let elsewhere = Fake::answering(201, "{}")?;
    let location = elsewhere.url();
    let redirect = format!(
        "HTTP/1.1 307 Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let here = Fake::start(Deed::Say(redirect))?;
    leasing
        .admin()?
        .put("/api/v1/targets/local", &leasing.target(&here.url()))?
        .expect_status(200)?;
    let told: Value = leasing.issue(&json!({}))?.expect_status(502)?;
    assert_eq!(told["code"], "target_bad_answer");
    assert_eq!(
        (here.asked(), elsewhere.asked()),
        (1, 0),
        "the credential goes where it is meant to go"
    );
    Ok(())
}

/// Spin tells components of every failure of TLS the same, and the reason only to its log.
pub fn a_certificate_that_is_not_accepted_is_told_with_where_to_look(
    case: &TestCase,
) -> Result<()> {
    let url = case.control_plane().url();
    let at = url.trim_start_matches("https://").parse()?;
    // A name that is not in the certificate, and leads there all the same.
    let elsewhere = Relay::start("127.0.0.2", at)?.address();
    let known = case.new_settings()?;
    for (settings, url, reason) in [
        (Settings { ca: None, ..known.clone() }, url.to_owned(), "UnknownIssuer"),
        (
            Settings { cluster_host: "127.0.0.2".to_owned(), ..known },
            format!("https://{elsewhere}"),
            "NotValidForName",
        ),
    ] {
        let leasing = Leasing::set_up_with(case, settings)?;
        let admin = leasing.admin()?;
        admin.put("/api/v1/targets/local", &leasing.target(&url))?.expect_status(200)?;
        let told = leasing.issue(&json!({}))?.expect_status(502)?;
        assert_eq!(told["code"], "target_unreachable", "{told}");
        let detail = told["detail"].as_str().context("a detail")?;
        assert!(detail.starts_with("the TLS handshake with target `local`"), "{told}");
        let seen = admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
        let problem = seen["problem"].as_str().context("a problem")?;
        assert!(problem.contains("the host writes the reason only to its log"), "{problem}");
        assert!(problem.contains(reason), "{problem}");
        if case.host().dev_host().is_some() {
            assert!(
                leasing.kubelease.read_log()?.contains(reason),
                "{reason} is not in the host's log"
            );
        }
    }
    Ok(())
}
