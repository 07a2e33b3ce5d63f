//! What is never written down.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::{ADMIN_TOKEN_VARIABLE, MASTER_KEY_VARIABLE, SWEEP_TOKEN_VARIABLE};

use crate::fake::Fake;
use crate::setup::Leasing;

pub fn nothing_secret_is_stored_or_logged(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let lease = leasing.issue(&json!({}))?.expect_status(201)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).context("a text");
    let (token, id) = (text(&lease["token"])?, text(&lease["lease_id"])?);

    // Failures of every kind are logged, and some have secrets near them.
    let misplaced = "misplaced-canary-0123456789abcdef";
    admin
        .put("/api/v1/targets/bad", &json!({ "url": misplaced, "auth": misplaced }))?
        .expect_status(422)?;
    admin.get(&format!("/api/v1/leases/{misplaced}"))?.expect_status(404)?;
    admin.with_bearer(misplaced).get("/api/v1/targets")?.expect_status(401)?;
    let answered = "answered-canary-0123456789abcdef";
    let reflected =
        json!({ "kind": "Status", "reason": "Forbidden", "message": answered }).to_string();
    for (status, body) in [(201, answered), (403, answered), (500, answered), (403, &reflected)] {
        let fake = Fake::answering(status, body)?;
        admin.put("/api/v1/targets/fake", &leasing.target(&fake.url()))?.expect_success()?;
        let mut secret = leasing.secret();
        secret["target"] = json!("fake");
        admin.put("/api/v1/dynamic-secrets/cd", &secret)?.expect_success()?;
        admin.post("/api/v1/dynamic-secrets/cd/leases", &json!({}))?.expect_status(502)?;
        admin.post("/api/v1/targets/fake/check", &json!({}))?.expect_status(200)?;
    }
    admin.post("/api/v1/sweep", &json!({}))?.expect_status(200)?;

    let settings = leasing.kubelease.settings();
    let secrets = [
        ("the leased token", token.as_str()),
        ("the signature of the leased token", token.rsplit('.').next().context("a signature")?),
        ("kubelease's own credential", &leasing.broker_token),
        ("the administrator's token", settings.variable(ADMIN_TOKEN_VARIABLE)),
        ("the master key", settings.variable(MASTER_KEY_VARIABLE)),
        ("the sweep's token", settings.variable(SWEEP_TOKEN_VARIABLE)),
        ("what was misplaced", misplaced),
        ("what the cluster said", answered),
    ];
    let written = files(leasing.kubelease.state_dir())?;
    // The search can find: what is not secret is there.
    assert!(written.iter().any(|(_, bytes)| holds(bytes, &id)), "the lease is stored");
    assert!(
        written.iter().any(|(_, bytes)| holds(bytes, "target_bad_answer")),
        "failures are logged"
    );
    for (what, secret) in secrets {
        for (path, bytes) in &written {
            assert!(!holds(bytes, secret), "{what} is in {path}");
        }
    }
    Ok(())
}

/// Every file below a directory, with its bytes.
fn files(directory: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = vec![];
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(found)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
