//! The sweep, by its route.

use anyhow::Result;
use serde_json::json;
use testbed::harness::Case;
use testbed::kubelease::SWEEP_TOKEN;

use crate::setup::Leasing;

pub fn the_sweep_is_for_its_token_and_administrators(case: &Case) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let lease = leasing.issue(&json!({}))?.expect(201)?;
    let sweeper = leasing.kubelease.anonymous()?;
    let sweeper = sweeper.bearing(leasing.kubelease.settings().variable(SWEEP_TOKEN));
    for caller in [&sweeper, &leasing.admin()?] {
        let report = caller.post("/api/v1/sweep", &json!({}))?.expect(200)?;
        let nothing = json!({
            "due": 0, "done": 0, "postponed": 0, "voided": 0, "forgotten": 0, "resealed": 0,
            "resigned": 0, "more": false,
        });
        assert_eq!(report, nothing, "what lives is kept");
    }
    sweeper.get("/api/v1/sweep")?.expect(405)?;
    let id = lease["lease_id"].as_str().unwrap_or_default();
    leasing.admin()?.get(&format!("/api/v1/leases/{id}"))?.expect(200)?;
    Ok(())
}
