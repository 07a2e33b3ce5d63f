//! The role that a lease is bound to, as the cluster has it when the lease is issued.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind::{self, Kind};

pub fn a_role_is_weighed_for_each_lease(case: &TestCase) -> Result<()> {
    weighed(case, &kind::ROLE)
}

pub fn so_is_a_cluster_role_in_a_namespace(case: &TestCase) -> Result<()> {
    weighed(case, &kind::CLUSTER_ROLE_HERE)
}

pub fn so_is_a_cluster_role_in_the_cluster(case: &TestCase) -> Result<()> {
    weighed(case, &kind::CLUSTER_ROLE)
}

/// Checks that a missing role is refused, and one that has become dangerous; the check of the
/// target says so before.
fn weighed(case: &TestCase, kind: &'static Kind) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let role = Role::of(&broker)?;
    assert_eq!(issued(&broker)?, json!([]));

    role.delete()?;
    let told = broker.issue(&json!({ "ttl": "10m" }))?.expect_status(502)?;
    assert_eq!(told["code"], "role_not_found", "{told}");
    assert!(told["detail"].to_string().contains(&broker.role()), "{told}");
    says(&broker, &format!("there is no {} `{}`", role.kind(), broker.role()))?;

    // Whoever makes it in its absence decides what it grants.
    role.put(&json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }]))?;
    let told = broker.issue(&json!({ "ttl": "10m" }))?.expect_status(409)?;
    assert_eq!(told["code"], "dangerous_rules", "{told}");
    assert!(told["detail"].to_string().contains("core/secrets:get"), "{told}");
    says(&broker, "core/secrets:get")?;

    let mut waived = broker.secret();
    waived["allow_dangerous"] = json!(["core/secrets:get"]);
    broker.admin()?.put(&broker.secret_path(), &waived)?.expect_status(200)?;
    assert_eq!(issued(&broker)?, json!([]));

    role.put(&json!([{ "apiGroups": [""], "resources": ["services"], "verbs": ["list"] }]))?;
    broker.admin()?.put(&broker.secret_path(), &broker.secret())?.expect_status(200)?;
    assert_eq!(issued(&broker)?, json!([]));
    broker.sweep()?;
    let mut after = broker.inventory()?;
    // The role is another, of the same name.
    let mut before = before;
    let it = role.inventory_key();
    assert_eq!(after.remove(&it).is_some(), before.remove(&it).is_some());
    assert_eq!(after, before, "nothing is left");
    Ok(())
}

/// Without the right to read or bind the role, kubelease learns from the binding's refusal that it
/// is missing.
pub fn a_role_that_may_not_be_read_is_missed_when_it_is_bound(case: &TestCase) -> Result<()> {
    for kind in [&kind::ROLE, &kind::CLUSTER_ROLE_HERE, &kind::CLUSTER_ROLE] {
        let broker = Broker::new(case, kind)?;
        let role = Role::of(&broker)?;
        let mut taken_away = vec![];
        for object in broker.roles() {
            let mut less = object.clone();
            let rules = less["rules"].as_array_mut().context("rules")?;
            let (taken, left) = std::mem::take(rules).into_iter().partition::<Vec<_>, _>(|rule| {
                rule["resources"] == json!(["roles"])
                    || rule["resources"] == json!(["clusterroles"])
            });
            *rules = left;
            broker.replace(&less)?;
            taken_away.extend(taken);
        }
        // Waited for when all are taken away: two of them may give the same.
        for rule in taken_away {
            for verb in rule["verbs"].as_array().context("verbs")? {
                broker.until(&rule, broker.place.name(), verb.as_str(), false)?;
            }
        }
        let told = broker.issue(&json!({ "ttl": "10m" }))?.expect_status(502)?;
        assert_eq!(told["code"], "target_forbidden", "{told}");
        for part in ["`bind`", &broker.role()] {
            assert!(told["detail"].to_string().contains(part), "{told}");
        }
        role.delete()?;
        wait_until("the role's being missed", Duration::from_secs(10), || {
            let told = broker.issue(&json!({ "ttl": "10m" }))?.expect_status(502)?;
            if told["code"] == "role_not_found" { Ok(()) } else { Err(not_yet(told)) }
        })?;
    }
    Ok(())
}

/// The role that leases of a broker are bound to.
struct Role<'b> {
    broker: &'b Broker<'b>,
    path: String,
    object: Value,
}

impl<'b> Role<'b> {
    fn of(broker: &'b Broker<'b>) -> Result<Self> {
        let api = "rbac.authorization.k8s.io/v1";
        let collection = if broker.kind.name == "role" {
            broker.place.resources_path(api, "roles")
        } else {
            format!("/apis/{api}/clusterroles")
        };
        let path = format!("{collection}/{}", broker.role());
        let object = broker.cluster.admin_client().get(&path)?.expect_status(200)?;
        Ok(Self { broker, path, object })
    }

    fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    fn delete(&self) -> Result<()> {
        self.broker.cluster.admin_client().delete(&self.path)?.expect_success().map(drop)
    }

    /// Makes it, or puts it in place of the one that is there.
    fn put(&self, rules: &Value) -> Result<()> {
        let role = json!({
            "apiVersion": self.object["apiVersion"], "kind": self.kind(),
            "metadata": { "name": self.object["metadata"]["name"] }, "rules": rules,
        });
        // A role is made by a PUT that finds none.
        let admin = self.broker.cluster.admin_client();
        match admin.put(&self.path, &role)? {
            reply if matches!(reply.status, 200 | 201) => Ok(()),
            reply if reply.status == 404 => {
                let (collection, _) = self.path.rsplit_once('/').context("a path")?;
                admin.post(collection, &role)?.expect_status(201).map(drop)
            }
            reply => reply.expect_success().map(drop),
        }
    }

    fn inventory_key(&self) -> String {
        format!("{}s/{}", self.kind().to_lowercase(), self.broker.role())
    }
}

/// Issues a lease and takes it back; returns its warnings.
fn issued(broker: &Broker) -> Result<Value> {
    let lease = broker.lease(&json!({ "ttl": "10m" }))?;
    broker.revoke(&lease)?.expect_status(200)?;
    Ok(lease.json["warnings"].clone())
}

/// The check does not say that all is well, and says why.
fn says(broker: &Broker, why: &str) -> Result<()> {
    let seen =
        broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    let secret = &seen["dynamic_secrets"][0];
    assert_eq!((&seen["ok"], &secret["issue"]), (&json!(false), &json!(false)), "{seen}");
    assert!(secret["problem"].to_string().contains(why), "{seen}");
    Ok(())
}
