//! A namespace that ends, and what others make in its place.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::auditor::{Expectations, audit};
use crate::bench::Bench;
use crate::broker::Lease;
use crate::experiments::{alive, lease, over};
use crate::kind;

pub fn in_a_namespace_that_terminates_leases_end_and_none_begins(case: &TestCase) -> Result<()> {
    for kind in [&kind::EXISTING, &kind::RULES] {
        let bench = Bench::new(case, kind)?;
        let (revoked, kept) = (lease(&bench)?, lease(&bench)?);
        bench.broker.place.start_termination()?;
        let refused = bench.broker.issue(&json!({ "ttl": "20m" }))?;
        ensure!(refused.to_json()?["code"] == "namespace_terminating", "{refused:?}");
        bench.broker.revoke(&revoked)?.expect_status(200)?;
        let mut expected = Expectations::default();
        over(&mut expected, revoked);
        alive(&mut expected, kept);
        bench.sweep("?reconcile=true")?.expect_status(200)?;
        audit(&bench, &expected).context(kind.name)?;
    }
    Ok(())
}

pub fn what_is_in_a_namespace_that_was_made_anew_is_left_alone(case: &TestCase) -> Result<()> {
    for kind in [&kind::ROLE, &kind::CLUSTER_ROLE] {
        let mut bench = Bench::new(case, kind)?;
        // They go with the namespace, or are looked at by the other tests.
        for look_alike in bench.look_alikes.drain(..) {
            bench.broker.cluster.admin_client().delete(&look_alike.path)?.expect_success()?;
        }
        let leases = [lease(&bench)?, lease(&bench)?];
        let copies: Vec<_> = leases.iter().map(|lease| account(&bench, lease)).collect();
        let rights = rights(&bench)?;
        bench.broker.place.start_termination()?;
        bench.broker.place.finalize_and_recreate()?;
        for (list, object) in rights {
            bench.broker.cluster.admin_client().post(&list, &object)?.expect_status(201)?;
        }
        let mut strangers = vec![];
        for copy in copies {
            let made = bench.broker.place.create_object("v1", "serviceaccounts", &copy?)?;
            strangers.push(made["metadata"].clone());
        }
        let [revoked, lost] = leases;
        bench.broker.revoke(&revoked)?.expect_status(200)?;
        bench.sweep("?reconcile=true")?.expect_status(200)?;
        let shown = bench.broker.shown(&lost)?;
        ensure!(shown["state"] == "lost", "{}: {shown}", kind.name);
        for stranger in strangers {
            let name = stranger["name"].as_str().context("a name")?;
            let path =
                format!("{}/{name}", bench.broker.place.resources_path("v1", "serviceaccounts"));
            let found = bench.broker.cluster.admin_client().get(&path)?.expect_status(200)?;
            ensure!(found["metadata"] == stranger, "{}: {found}", kind.name);
        }
        // What is bound in the whole cluster would give its rights to whoever has the account's name.
        for object in lost.objects().iter().filter(|object| object["namespace"].is_null()) {
            let path = bench.broker.object_path(object)?;
            bench.broker.cluster.admin_client().get(&path)?.expect_status(404)?;
        }
    }
    Ok(())
}

/// Somebody's account with the name, the labels and the annotations of a lease's.
fn account(bench: &Bench<'_>, lease: &Lease) -> Result<Value> {
    let is_account = |object: &&Value| object["kind"] == "ServiceAccount";
    let told = lease.objects().iter().find(is_account).context("an account")?;
    Ok(anew(&bench.broker.object(told)?))
}

/// Returns kubelease's rights in the namespace, which go with it and are put back from these lists.
fn rights(bench: &Bench<'_>) -> Result<Vec<(String, Value)>> {
    let mut rights = vec![];
    for plural in ["roles", "rolebindings"] {
        let list = bench.broker.place.resources_path("rbac.authorization.k8s.io/v1", plural);
        let selector = "labelSelector=app.kubernetes.io%2Fname%3Dkubelease";
        let found = bench
            .broker
            .cluster
            .admin_client()
            .get(&format!("{list}?{selector}"))?
            .expect_status(200)?;
        let found = found["items"].as_array().context("a list")?.clone();
        rights.extend(found.into_iter().map(|object| (list.clone(), anew(&object))));
    }
    Ok(rights)
}

/// The same object to be made once more.
fn anew(object: &Value) -> Value {
    let mut anew = object.clone();
    let metadata = &object["metadata"];
    anew["metadata"] = json!({
        "name": metadata["name"],
        "labels": metadata["labels"],
        "annotations": metadata["annotations"],
    });
    anew
}
