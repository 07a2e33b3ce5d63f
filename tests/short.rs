//! Leases that are shorter than any token of Kubernetes, and end all the same.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::harness::TestCase;

use crate::broker::{Broker, now, seconds};
use crate::kind::{self, Kind};

pub fn existing(case: &TestCase) -> Result<()> {
    it_ends(case, &kind::EXISTING)
}

pub fn role(case: &TestCase) -> Result<()> {
    it_ends(case, &kind::ROLE)
}

pub fn rules(case: &TestCase) -> Result<()> {
    it_ends(case, &kind::RULES)
}

pub fn cluster_role(case: &TestCase) -> Result<()> {
    it_ends(case, &kind::CLUSTER_ROLE)
}

pub fn cluster_manifest(case: &TestCase) -> Result<()> {
    it_ends(case, &kind::CLUSTER_MANIFEST)
}

pub fn a_plain_token_cannot_be_short(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::PLAIN)?;
    assert_eq!(
        broker.issue(&json!({ "ttl": "599s" }))?.expect_status(422)?["code"],
        "ttl_too_short"
    );
    Ok(())
}

/// Nobody revokes it: the sweep finds it due.
fn it_ends(case: &TestCase, kind: &'static Kind) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "10s" }))?;
    let end = seconds(&lease.json["expires_at"])?;
    assert!(end - now()? <= 11, "{}", lease.json);
    broker.until_let_in(&lease.token)?;

    let shown = broker.sweep_until(&lease, "expired", TTL + SLACK)?;
    assert_eq!(shown["ended"]["why"], "expired", "{shown}");
    assert!(seconds(&shown["ended"]["at"])? >= end, "it ended before its time: {shown}");
    assert_eq!(broker.inventory()?, before, "nothing is left");
    let left = u64::try_from(end + CACHE - now()?).context("it ended too late")?;
    broker.until_refused(&lease.token, Duration::from_secs(left))
}

const TTL: Duration = Duration::from_secs(10);

/// A sweep of what is due takes no longer.
const SLACK: Duration = Duration::from_secs(5);

/// Seconds from its end to its being refused: a sweep, and ten for which the API server believes it.
const CACHE: i64 = 25;
