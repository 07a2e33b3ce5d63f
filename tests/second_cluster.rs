//! A target whose address leads to another cluster than before.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::control_plane::ControlPlane;
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn nothing_is_issued_or_ended_by_the_wrong_cluster(case: &TestCase) -> Result<()> {
    let second = ControlPlane::start_without_controllers()?;
    let mut settings = case.new_settings()?;
    settings.ca = Some(format!("{}{}", case.control_plane().ca_pem(), second.ca_pem()));
    let broker = Broker::with(case, &kind::RULES, settings)?;
    let admin = broker.admin()?;
    let token = twin(broker.place.name(), &second)?;
    let put = |url: &str, token: &str| {
        let mut target = broker.target(url);
        target["auth"]["token"] = json!(token);
        admin.put("/api/v1/targets/local", &target)?.expect_status(200)
    };
    let [to_first, to_second] = [(broker.cluster.url(), &*broker.token), (second.url(), &*token)];
    let [first_uid, second_uid] = [uid(broker.cluster)?, uid(&second)?];
    let accept = |uid: &str| admin.post("/api/v1/targets/local/cluster", &json!({ "uid": uid }));
    let refused = || {
        assert_eq!(broker.issue(&json!({}))?.expect_status(409)?["code"], "cluster_changed");
        Ok::<_, anyhow::Error>(())
    };
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    broker.until_let_in(&lease.token)?;
    assert_eq!(accept(&first_uid)?.expect_status(409)?["code"], "cluster_not_seen");

    // There is no account of that name there, and that is no proof of anything.
    put(to_second.0, to_second.1)?;
    refused()?;
    let shown = admin.get("/api/v1/targets/local")?.expect_status(200)?;
    assert_eq!(shown["cluster"]["uid"], first_uid, "{shown}");
    assert_eq!(shown["cluster"]["changed"]["found_uid"], second_uid, "{shown}");
    let check = admin.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    assert_eq!(check["ok"], false, "{check}");
    assert!(check["problem"].to_string().contains("a different cluster"), "{check}");
    parked(&broker, &lease)?;
    broker.until_let_in(&lease.token)?;
    assert_eq!(broker.inventory()?.len(), before.len() + 3);

    // Put back, what was parked goes on by itself; new leases wait for a word.
    put(to_first.0, to_first.1)?;
    broker.sweep_until(&lease, "revoked", Duration::from_secs(30))?;
    assert_eq!(broker.inventory()?, before);
    refused()?;
    assert_eq!(accept("0000")?.expect_status(409)?["code"], "cluster_not_seen");
    assert_eq!(accept(&first_uid)?.expect_status(200)?["uid"], first_uid);
    let lost = broker.lease(&json!({ "ttl": "15m" }))?;

    // The second is the true one: it is issued there, and what is in the first waits on.
    put(to_second.0, to_second.1)?;
    refused()?;
    assert_eq!(accept(&second_uid)?.expect_status(200)?["uid"], second_uid);
    let there = Lease::of(broker.issue(&json!({ "ttl": "15m" }))?.expect_status(201)?)?;
    let status = second.review_token(&there.token)?;
    assert_eq!(status["authenticated"], true, "{status}");
    parked(&broker, &lost)?;
    admin.delete(&there.path())?.expect_status(200)?;

    // The first is gone for good.
    let write_off =
        |reason: &str| admin.post("/api/v1/targets/local/write-off", &json!({ "reason": reason }));
    assert_eq!(write_off("")?.expect_status(422)?["code"], "invalid_field");
    parked(&broker, &lost)?;
    assert_eq!(
        write_off("it burnt down")?.expect_status(200)?,
        json!({ "ended": 1, "more": false })
    );
    let shown = broker.shown(&lost)?;
    assert_eq!((&shown["state"], &shown["ended"]["why"]), (&json!("lost"), &json!("lost")));
    assert_eq!(shown["ended"]["note"], "it burnt down");
    broker.lease(&json!({ "ttl": "15m" }))?;
    Ok(())
}

/// A cluster's `kube-system` may be unreadable; then the lease's own namespace says which it is.
pub fn where_kube_system_is_not_readable_the_leases_namespace_is_read(
    case: &TestCase,
) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let role = broker.roles().iter().find(|role| role["kind"] == "ClusterRole");
    let mut role = role.context("a ClusterRole")?.clone();
    let taken = role["rules"][0].take();
    role["rules"] = json!([]);
    broker.replace(&role)?;
    broker.until(&taken, "kube-system", None, false)?;

    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let shown = broker.admin()?.get("/api/v1/targets/local")?.expect_status(200)?;
    assert_eq!(shown["cluster"]["namespace"], broker.place.name(), "{shown}");
    broker.until_let_in(&lease.token)?;
    broker.revoke(&lease)?.expect_status(200)?;
    Ok(())
}

/// Checks that the lease is not taken for gone: it is `revoking`, and says why.
fn parked(broker: &Broker, lease: &Lease) -> Result<()> {
    let shown = broker.revoke(lease)?.expect_status(202)?;
    assert_eq!(shown["state"], "revoking", "{shown}");
    assert!(shown["closing"]["reason"].to_string().contains("a different cluster"), "{shown}");
    let report = broker.sweep()?;
    assert_eq!(broker.shown(lease)?["state"], "revoking", "{report}");
    Ok(())
}

/// The namespace of leases in another cluster, and a token for kubelease there, which may everything.
pub fn twin(place: &str, second: &ControlPlane) -> Result<String> {
    let admin = second.admin_client();
    let namespace = json!({ "metadata": { "name": place } });
    admin.post("/api/v1/namespaces", &namespace)?.expect_status(201)?;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin.post(accounts, &json!({ "metadata": { "name": "twin" } }))?.expect_status(201)?;
    let binding = json!({
        "metadata": { "name": "twin" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "twin", "namespace": "default" }],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    admin.post(bindings, &binding)?.expect_status(201)?;
    let mut answer = admin
        .post(&format!("{accounts}/twin/token"), &json!({ "spec": {} }))?
        .expect_status(201)?;
    match answer["status"]["token"].take() {
        Value::String(token) => Ok(token),
        _ => anyhow::bail!("no token"),
    }
}

fn uid(cluster: &ControlPlane) -> Result<String> {
    let system =
        cluster.admin_client().get("/api/v1/namespaces/kube-system")?.expect_status(200)?;
    Ok(system["metadata"]["uid"].as_str().context("a UID")?.to_owned())
}
