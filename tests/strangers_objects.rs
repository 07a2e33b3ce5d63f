//! What is somebody else's stays, whatever it is called and whatever is written on it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind::{self, Kind};

pub fn existing(case: &TestCase) -> Result<()> {
    they_survive(case, &kind::EXISTING)
}

pub fn rules(case: &TestCase) -> Result<()> {
    they_survive(case, &kind::RULES)
}

pub fn cluster_rules(case: &TestCase) -> Result<()> {
    they_survive(case, &kind::CLUSTER_RULES)
}

/// Two leases end, by a revocation and by the sweep, after a stranger has taken the names of both.
fn they_survive(case: &TestCase, kind: &'static Kind) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let leases = [broker.lease(&json!({ "ttl": "15m" }))?, broker.lease(&json!({ "ttl": "10s" }))?];
    broker.until_let_in(&leases[0].token)?;

    let mut strangers = vec![];
    for lease in &leases {
        for object in lease.objects() {
            strangers.push(replaced(&broker, object)?);
            // With another name, and all our labels and annotations.
            strangers.push(copied(&broker, object, lease)?);
        }
    }
    let seen = |path: &String| {
        let mut object = broker.cluster.admin_client().get(path)?.expect_status(200)?;
        // Somebody may write that, and it does not matter.
        object["metadata"].as_object_mut().context("metadata")?.remove("managedFields");
        Ok((path.clone(), object))
    };
    let all = || strangers.iter().map(seen).collect::<Result<BTreeMap<String, Value>>>();
    let untouched = all()?;

    assert_eq!(broker.revoke(&leases[0])?.expect_status(200)?["state"], "revoked");
    broker.sweep_until(&leases[1], "expired", Duration::from_secs(20))?;
    broker.sweep()?;
    assert_eq!(all()?, untouched);
    // And nobody has an old token by a new account or Secret of the same name.
    for lease in &leases {
        broker.until_refused(&lease.token, Duration::from_secs(12))?;
    }

    for path in &strangers {
        broker.cluster.admin_client().delete(path)?.expect_success()?;
    }
    assert_eq!(broker.inventory()?, before, "nothing of ours was left");
    Ok(())
}

/// A stranger's object in the place of ours, the same in all that can be written.
fn replaced(broker: &Broker, told: &Value) -> Result<String> {
    let object = bare(broker.object(told)?)?;
    let path = broker.object_path(told)?;
    broker.cluster.admin_client().delete(&path)?.expect_success()?;
    let (collection, _) = path.rsplit_once('/').context("a path")?;
    broker.cluster.admin_client().post(collection, &object)?.expect_status(201)?;
    Ok(path)
}

/// A stranger's object with the marks of ours.
fn copied(broker: &Broker, told: &Value, lease: &Lease) -> Result<String> {
    let mut object = bare(broker.object(told)?)?;
    let name = told["name"].as_str().context("a name")?.replace(&lease.id[..20], &lease.id[12..]);
    object["metadata"]["name"] = json!(name);
    let path = broker.object_path(told)?;
    let (collection, _) = path.rsplit_once('/').context("a path")?;
    broker.cluster.admin_client().post(collection, &object)?.expect_status(201)?;
    Ok(format!("{collection}/{name}"))
}

/// The object without what the API server gives.
fn bare(mut object: Value) -> Result<Value> {
    let metadata = object["metadata"].as_object_mut().context("metadata")?;
    metadata.retain(|key, _| ["name", "namespace", "labels", "annotations"].contains(&&**key));
    Ok(object)
}
