//! The sweep, by its route.

use anyhow::Result;
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::SWEEP_TOKEN_VARIABLE;

use crate::setup::Leasing;

pub fn the_sweep_is_for_its_token_and_administrators(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let lease = leasing.issue(&json!({}))?.expect_status(201)?;
    let sweeper = leasing.kubelease.anonymous_client()?;
    let sweeper = sweeper.with_bearer(leasing.kubelease.settings().variable(SWEEP_TOKEN_VARIABLE));
    for caller in [&sweeper, &leasing.admin()?] {
        let mut report = caller.post("/api/v1/sweep", &json!({}))?.expect_status(200)?;
        assert_eq!((&report["due"], &report["done"]), (&json!(0), &json!(0)), "what lives is kept");
        assert_eq!((&report["failed"], &report["more"]), (&json!([]), &json!(false)), "{report}");
        let last = caller.get("/api/v1/sweep")?.expect_status(200)?;
        let last_success = report.as_object_mut().and_then(|report| report.remove("last_success"));
        assert_eq!(last_success.as_ref(), Some(&last["last_success"]));
        assert_eq!(last["report"], report, "it can be read again");
    }
    for method in ["GET", "POST"] {
        let stranger = leasing.kubelease.anonymous_client()?;
        stranger.send_raw(method, "/api/v1/sweep", &[], b"")?.expect_status(401)?;
    }
    let id = lease["lease_id"].as_str().unwrap_or_default();
    leasing.admin()?.get(&format!("/api/v1/leases/{id}"))?.expect_status(200)?;
    Ok(())
}
