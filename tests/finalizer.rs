//! What somebody's finalizer holds has not ended, and is not said to have.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind::{self, Kind};

pub fn an_account_that_is_held_ends_when_it_is_let_go(case: &TestCase) -> Result<()> {
    held(case, &kind::RULES, 403)
}

pub fn so_does_a_secret(case: &TestCase) -> Result<()> {
    // What an existing account may it may for as long as its token is good.
    held(case, &kind::EXISTING, 200)
}

/// The first object of a lease is held; what its token may meanwhile is answered with `meanwhile`.
fn held(case: &TestCase, kind: &'static Kind, meanwhile: u16) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    broker.until_let_in(&lease.token)?;
    let told = &lease.objects()[0];
    let path = broker.object_path(told)?;
    let finalizers = |list: Value| {
        broker.cluster.admin_client().patch(&path, &json!({ "metadata": { "finalizers": list } }))
    };
    finalizers(json!(["example.com/hold"]))?.expect_success()?;

    let shown = broker.revoke(&lease)?.expect_status(202)?;
    assert_eq!(shown["state"], "revoking", "{shown}");
    let reason = format!(
        "a finalizer blocks the deletion of the {}",
        told["kind"].as_str().unwrap_or_default()
    );
    assert!(shown["closing"]["reason"].to_string().contains(&reason), "{shown}");
    // All else is gone, and with it what the token may.
    assert_eq!(broker.inventory()?.len(), before.len() + 1);
    wait_until("the binding's end", Duration::from_secs(5), || {
        match broker.may(&lease.token, &broker.place.resources_path("v1", kind.lists))? {
            status if status == meanwhile => Ok(()),
            other => Err(not_yet(other)),
        }
    })?;
    broker.sweep()?;
    assert_eq!(broker.revoke(&lease)?.expect_status(202)?["state"], "revoking");
    let renew = broker.admin()?.post(&format!("{}/renew", lease.path()), &json!({}))?;
    assert_eq!(renew.expect_status(409)?["code"], "lease_not_active");

    if kind.is_existing() {
        // While it is held, its token is accepted for a minute, and for as long as the API server remembers it.
        broker.until_refused(&lease.token, Duration::from_secs(60 + 12))?;
        assert!(shown["closing"]["reason"].to_string().contains("up to a minute more"), "{shown}");
    }

    finalizers(Value::Null)?.expect_success()?;
    broker.sweep_until(&lease, "revoked", Duration::from_secs(30))?;
    assert_eq!(broker.inventory()?, before);
    broker.until_refused(&lease.token, Duration::from_secs(12))
}
