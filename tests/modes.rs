//! Each kind of lease, with the least rights and the policy on: from its issue to its end.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind::{self, Kind};

pub fn existing(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::EXISTING)
}

pub fn role(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::ROLE)
}

pub fn cluster_role_in_a_namespace(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::CLUSTER_ROLE_HERE)
}

pub fn cluster_role_in_the_cluster(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::CLUSTER_ROLE)
}

pub fn rules_in_a_namespace(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::RULES)
}

pub fn rules_in_the_cluster(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::CLUSTER_RULES)
}

pub fn manifest_in_a_namespace(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::MANIFEST)
}

pub fn manifest_in_the_cluster(case: &TestCase) -> Result<()> {
    whole_life(case, &kind::CLUSTER_MANIFEST)
}

pub fn a_plain_token_is_good_until_it_ends_and_says_so(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::PLAIN)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "10m" }))?;
    assert_eq!((&lease.json["revocable"], &lease.json["objects"]), (&json!(false), &json!([])));
    it_is_the_accounts(&broker, &lease)?;
    it_may_what_it_should_and_nothing_else(&broker, &lease)?;

    assert_eq!(broker.revoke(&lease)?.expect_status(409)?["code"], "not_revocable");
    let renew = broker.admin()?.post(&format!("{}/renew", lease.path()), &json!({}))?;
    assert_eq!(renew.expect_status(409)?["code"], "not_renewable");
    assert_eq!(broker.sweep()?["done"], 0);
    broker.until_let_in(&lease.token)?;
    assert_eq!(broker.shown(&lease)?["state"], "active");
    assert_eq!(broker.inventory()?, before);
    Ok(())
}

/// The verbs of others may have any case, and names may be those of people and groups in a directory.
pub fn verbs_and_names_are_compared_by_the_letter(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let name = "cn=ops,ou=groups,dc=example";
    let things = json!({
        "apiGroups": ["things.example"],
        "resources": ["things"],
        "verbs": ["readThing"],
        "resourceNames": [name],
    });
    let mut secret = broker.secret();
    let rules = secret["account"]["rules"].as_array_mut().context("rules")?;
    rules.push(things.clone());
    // RBAC lets kubelease grant what it holds.
    let mut held =
        broker.roles().iter().find(|role| role["kind"] == "Role").context("a Role")?.clone();
    held["rules"].as_array_mut().context("rules")?.push(things.clone());
    broker.replace(&held)?;
    broker.until(&things, broker.place.name(), None, true)?;

    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let lease = broker.lease(&json!({}))?;
    broker.until_let_in(&lease.token)?;
    let bearer = broker.cluster.client_with_token(&lease.token);
    for (verb, name, allowed) in
        [("readThing", name, true), ("readthing", name, false), ("readThing", "cn=ops", false)]
    {
        let question = json!({ "spec": { "resourceAttributes": {
            "namespace": broker.place.name(), "group": "things.example", "resource": "things",
            "verb": verb, "name": name,
        } } });
        let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = bearer.post(reviews, &question)?.expect_status(201)?;
        assert_eq!(answer["status"]["allowed"], allowed, "{question}: {answer}");
    }
    Ok(())
}

/// Checks a lease's issue, its token's rights, its marks, and that nothing is left of it once it is
/// revoked.
fn whole_life(case: &TestCase, kind: &'static Kind) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    assert_eq!((&lease.json["revocable"], &lease.json["state"]), (&json!(true), &json!("active")));
    it_is_the_accounts(&broker, &lease)?;
    it_may_what_it_should_and_nothing_else(&broker, &lease)?;
    its_objects_are_marked(&broker, &lease)?;
    let made = broker.inventory()?.len() - before.len();
    assert_eq!(made, lease.objects().len(), "what is made is told: {}", lease.json);

    let ended = broker.revoke(&lease)?.expect_status(200)?;
    assert_eq!((&ended["state"], &ended["ended"]["why"]), (&json!("revoked"), &json!("revoked")));
    assert_eq!(broker.inventory()?, before, "nothing is left");
    broker.until_refused(&lease.token, REFUSED)?;
    // Said again, it is as it was.
    assert_eq!(broker.revoke(&lease)?.expect_status(200)?["ended"], ended["ended"]);
    Ok(())
}

/// The API server says whose the token is.
fn it_is_the_accounts(broker: &Broker, lease: &Lease) -> Result<()> {
    let status = broker.cluster.review_token(&lease.token)?;
    assert_eq!(status["authenticated"], true, "{status}");
    let place = broker.place.name();
    let account = lease.account();
    let username = format!("system:serviceaccount:{place}:{account}");
    assert_eq!(status["user"]["username"], username);
    assert_eq!(account == "deployer", broker.kind.is_existing());
    Ok(())
}

fn it_may_what_it_should_and_nothing_else(broker: &Broker, lease: &Lease) -> Result<()> {
    broker.until_let_in(&lease.token)?;
    let lists = broker.kind.lists;
    let beyond = if broker.kind.cluster_wide { 200 } else { 403 };
    for (path, status) in [
        (broker.elsewhere.resources_path("v1", lists), beyond),
        (format!("/api/v1/namespaces/kube-system/{lists}"), beyond),
        (format!("/api/v1/{lists}"), beyond),
        (broker.place.resources_path("v1", "secrets"), 403),
        (broker.place.resources_path("v1", "serviceaccounts"), 403),
        (broker.place.resources_path("coordination.k8s.io/v1", "leases"), 403),
        ("/api/v1/namespaces".to_owned(), 403),
        ("/api/v1/nodes".to_owned(), 403),
    ] {
        assert_eq!(broker.may(&lease.token, &path)?, status, "{path}");
    }
    // Nor may it change anything, keep itself alive, or become more.
    let bearer = broker.cluster.client_with_token(&lease.token);
    let account =
        format!("{}/{}", broker.place.resources_path("v1", "serviceaccounts"), lease.account());
    let rbac = |plural| broker.place.resources_path("rbac.authorization.k8s.io/v1", plural);
    let named = |mut object: Value| {
        object["metadata"] = json!({ "name": "more" });
        object
    };
    let role_ref =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" });
    for (method, path, body) in [
        ("POST", broker.place.resources_path("v1", "configmaps"), named(json!({}))),
        ("POST", broker.place.resources_path("v1", "secrets"), named(json!({}))),
        ("POST", broker.place.resources_path("v1", "serviceaccounts"), named(json!({}))),
        ("POST", format!("{account}/token"), json!({ "spec": {} })),
        ("PATCH", account.clone(), json!({ "metadata": { "labels": { "a": "b" } } })),
        ("DELETE", account, json!({})),
        ("POST", rbac("roles"), named(json!({ "rules": [] }))),
        ("POST", rbac("rolebindings"), named(json!({ "roleRef": role_ref, "subjects": [] }))),
    ] {
        let answer = bearer.send_json(method, &format!("{path}?dryRun=All"), &body)?;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    Ok(())
}

fn its_objects_are_marked(broker: &Broker, lease: &Lease) -> Result<()> {
    assert!(!lease.objects().is_empty());
    for told in lease.objects() {
        let object = broker.object(told)?;
        let metadata = &object["metadata"];
        assert!(broker.is_ours(metadata["name"].as_str().context("a name")?), "{metadata}");
        for (label, value) in [
            ("app.kubernetes.io/managed-by", "kubelease"),
            ("kubelease.dev/lease", &*lease.id),
            ("kubelease.dev/target", "local"),
            ("kubelease.dev/dynamic-secret", broker.secret_name()),
        ] {
            assert_eq!(metadata["labels"][label], value, "{told}: {metadata}");
        }
        assert!(metadata["labels"]["kubelease.dev/installation"].is_string(), "{metadata}");
        for (annotation, value) in
            [("mode", &lease.json["mode"]), ("requester", &lease.json["requester"])]
        {
            let said = &metadata["annotations"][format!("kubelease.dev/{annotation}")];
            assert_eq!(said, value, "{told}: {metadata}");
        }
        for annotation in ["issued-at", "deadline", "latest-end", "mac"] {
            let said = &metadata["annotations"][format!("kubelease.dev/{annotation}")];
            assert!(said.is_string(), "{annotation} of {told}: {metadata}");
        }
    }
    Ok(())
}

/// The API server believes a token for ten seconds after it has looked.
const REFUSED: Duration = Duration::from_secs(12);
