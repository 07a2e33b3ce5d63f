//! What the variables do.

use anyhow::Result;
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::{ADMIN_TOKEN_VARIABLE, MASTER_KEY_VARIABLE, SWEEP_TOKEN_VARIABLE};

use crate::setup::Leasing;

pub fn without_its_variables_only_livez_answers(case: &TestCase) -> Result<()> {
    let good = case.new_settings()?;
    let kubelease = case.new_kubelease_with(good.clone())?;
    for (settings, named) in [
        (good.clone().without_variable(ADMIN_TOKEN_VARIABLE), "`admin_token` is not set"),
        (good.clone().with_variable(ADMIN_TOKEN_VARIABLE, ""), "`admin_token` is not set"),
        (
            good.clone().with_variable(ADMIN_TOKEN_VARIABLE, "too-short-canary"),
            "`admin_token` is malformed",
        ),
        (good.clone().without_variable(MASTER_KEY_VARIABLE), "`master_key` is not set"),
        (
            good.clone().with_variable(MASTER_KEY_VARIABLE, "not-base64-canary"),
            "`master_key` is malformed",
        ),
        (good.clone().with_variable(MASTER_KEY_VARIABLE, "AAAA"), "`master_key` is malformed"),
        (
            good.clone().with_variable("previous_master_keys", "canary"),
            "`previous_master_keys` is malformed",
        ),
        (good.clone().with_variable(SWEEP_TOKEN_VARIABLE, "canary"), "`sweep_token` is malformed"),
    ] {
        kubelease.restart_with(settings.clone())?;
        let anonymous = kubelease.anonymous_client()?;
        anonymous.get("/livez")?.expect_status(200)?;
        let told = anonymous.get("/readyz")?.expect_status(503)?;
        assert!(told["detail"].to_string().contains(named), "{told}");
        assert!(!told.to_string().contains("canary"), "{told}");
        for token in
            ["", settings.variable(ADMIN_TOKEN_VARIABLE), good.variable(ADMIN_TOKEN_VARIABLE)]
        {
            let bearer = [("authorization", format!("Bearer {token}"))];
            let headers: Vec<_> =
                bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
            for (method, path) in
                [("GET", "/api/v1/targets"), ("POST", "/api/v1/sweep"), ("GET", "/nowhere")]
            {
                let told = anonymous.send_raw(method, path, &headers, &[])?.expect_status(503)?;
                assert_eq!(told["code"], "not_configured", "{path}");
            }
        }
    }
    kubelease.restart_with(good.clone().without_variable(SWEEP_TOKEN_VARIABLE))?;
    kubelease.anonymous_client()?.get("/readyz")?.expect_status(200)?;
    kubelease.admin_client()?.get("/api/v1/targets")?.expect_status(200)?;
    for value in ["Bearer ", "Bearer"] {
        let nobody = kubelease.anonymous_client()?;
        nobody
            .send_raw("POST", "/api/v1/sweep", &[("authorization", value)], &[])?
            .expect_status(401)?;
    }
    Ok(())
}

pub fn a_previous_master_key_still_opens_what_it_sealed(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let first = leasing.kubelease.settings();
    let rotated = case
        .new_settings()?
        .with_variable(ADMIN_TOKEN_VARIABLE, first.variable(ADMIN_TOKEN_VARIABLE));

    leasing.kubelease.restart_with(rotated.clone())?;
    let told = leasing.issue(&json!({}))?.expect_status(503)?;
    assert_eq!(told["code"], "credential_unreadable");

    let both =
        rotated.clone().with_variable("previous_master_keys", first.variable(MASTER_KEY_VARIABLE));
    leasing.kubelease.restart_with(both)?;
    leasing.issue(&json!({}))?.expect_status(201)?;

    // Put again, even without its token, it is sealed under the new key, and the old one can go.
    let mut target = leasing.target(case.control_plane().url());
    target["auth"] = json!({ "type": "token" });
    leasing.admin()?.put("/api/v1/targets/local", &target)?.expect_status(200)?;
    leasing.kubelease.restart_with(rotated)?;
    leasing.issue(&json!({}))?.expect_status(201)?;
    Ok(())
}
