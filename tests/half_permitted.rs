//! kubelease without each single permission in turn: nothing half is left, and what stays goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lease_core::permissions::{
    AccessQuery, BoundRole, Permission, PermissionProfile, PermissionScope, list_needed_permissions,
};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind::{self, Kind};

pub fn existing(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::EXISTING, |_| PermissionProfile::Existing { account: "deployer" })
}

pub fn plain(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::PLAIN, |_| PermissionProfile::ExistingPlain {
        account: "deployer",
    })
}

pub fn role(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::ROLE, |role| PermissionProfile::TemporaryRole {
        role: BoundRole::Role(role),
    })
}

pub fn cluster_role_in_a_namespace(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::CLUSTER_ROLE_HERE, |role| PermissionProfile::TemporaryRole {
        role: BoundRole::ClusterRole(role),
    })
}

pub fn cluster_role(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::CLUSTER_ROLE, |role| PermissionProfile::ClusterRole { role })
}

pub fn rules(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::RULES, |_| PermissionProfile::TemporaryRules)
}

pub fn cluster_rules(case: &TestCase) -> Result<()> {
    each_permission(case, &kind::CLUSTER_RULES, |_| PermissionProfile::ClusterRules)
}

fn each_permission(
    case: &TestCase,
    kind: &'static Kind,
    mode: for<'a> fn(&'a str) -> PermissionProfile<'a>,
) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    // With all of them it works, and the cluster is known by `kube-system` from now on.
    let lease = broker.lease(&json!({ "ttl": "10m" }))?;
    if kind.file != "existing-plain" {
        broker.revoke(&lease)?.expect_status(200)?;
    }
    let role = broker.role();
    let mut held: Vec<Lease> = vec![];
    for access in
        list_needed_permissions(mode(&role), false).into_iter().flat_map(Permission::access_queries)
    {
        let left = without(&broker, access).with_context(|| format!("without {access:?}"))?;
        held.extend(left);
        let of_held = |name: &str| held.iter().any(|lease| name.ends_with(&lease.id[..20]));
        let mut now = broker.inventory()?;
        now.retain(|name, _| !of_held(name));
        assert_eq!(now, before, "something is left without {access:?}");
    }
    // What could not be deleted ends now that it can.
    for lease in &held {
        broker.sweep_until(lease, "revoked", BACK)?;
    }
    assert_eq!(broker.inventory()?, before, "nothing is left");
    Ok(())
}

/// Runs a lease's life while a right is missing; returns the lease that could not be ended, if any.
fn without(broker: &Broker, access: AccessQuery<'_>) -> Result<Option<Lease>> {
    let taken = Taken::away(broker, access)?;
    let resource = resource(access);
    the_check_names_it(broker, access, &resource)?;
    let answer = if access.verb == "get" && access.name == Some("deployer") {
        // It is read once for each dynamic secret.
        let new = format!("/api/v1/dynamic-secrets/new-{}", broker.secret_name());
        broker.admin()?.put(&new, &broker.secret())?.expect_status(201)?;
        broker.admin()?.post(&format!("{new}/leases"), &json!({ "ttl": "10m" }))?
    } else {
        broker.issue(&json!({ "ttl": "10m" }))?
    };
    if fails_the_issue(access) {
        let told = answer.expect_status(502)?;
        assert_eq!(told["code"], "target_forbidden", "{told}");
        names(&told["detail"], access, &resource)?;
        taken.give_back()?;
        // It was undone already, or is now.
        broker.sweep()?;
        return Ok(None);
    }
    let lease = Lease::of(answer.expect_status(201)?)?;
    if is_of_bound_role(access) {
        let told = lease.json["warnings"].to_string();
        ensure!(told.contains("kubelease may not read it"), "{}", lease.json);
    }
    if access.verb == "patch" {
        let renewed =
            broker.admin()?.post(&format!("{}/renew", lease.path()), &json!({ "ttl": "20m" }))?;
        names(&renewed.expect_status(502)?["detail"], access, &resource)?;
    }
    let mut held = None;
    let revoked = broker.revoke(&lease)?;
    if broker.kind.file == "existing-plain" {
        revoked.expect_status(409)?;
    } else if access.verb == "delete" {
        let shown = revoked.expect_status(202)?;
        assert_eq!(shown["state"], "revoking", "{shown}");
        names(&shown["closing"]["reason"], access, &resource)?;
        let report = broker.sweep()?;
        assert_eq!(broker.shown(&lease)?["state"], "revoking", "{report}");
        held = Some(lease);
    } else {
        revoked.expect_status(200)?;
    }
    taken.give_back()?;
    Ok(held)
}

/// `get`, `list` and `patch` are for what comes later: finding, renewing.
fn fails_the_issue(access: AccessQuery<'_>) -> bool {
    match access.verb {
        "create" | "bind" => true,
        // The identity of the cluster, or an account by its name.
        "get" => access.name.is_some() && !is_of_bound_role(access),
        _ => false,
    }
}

/// The role that is bound is leased with a warning where it may not be read.
fn is_of_bound_role(access: AccessQuery<'_>) -> bool {
    access.verb == "get"
        && matches!(access.resource, "roles" | "clusterroles")
        && access.name.is_some()
}

/// A check of the target tells what is missing, and for which dynamic secret.
fn the_check_names_it(broker: &Broker, access: AccessQuery<'_>, resource: &str) -> Result<()> {
    let check =
        broker.admin()?.post("/api/v1/targets/local/check", &json!({}))?.expect_status(200)?;
    let missing = |list: &Value| {
        list.as_array().is_some_and(|missing| {
            missing.iter().any(|one| {
                one["verb"] == access.verb
                    && one["resource"] == resource
                    && one["group"] == access.group
            })
        })
    };
    let all = check["dynamic_secrets"].as_array().context("a list")?;
    let secret = all.iter().find(|secret| secret["dynamic_secret"] == broker.secret_name());
    let secret = secret.context("the dynamic secret")?;
    ensure!(missing(&check["missing_permissions"]), "not told: {check}");
    ensure!(missing(&secret["missing_permissions"]), "not told: {check}");
    ensure!(check["ok"] == false, "{check}");
    if access.verb == "delete" {
        ensure!(secret["revoke"] == false, "{check}");
    }
    if fails_the_issue(access) {
        ensure!(secret["issue"] == false, "{check}");
    }
    Ok(())
}

fn resource(access: AccessQuery<'_>) -> String {
    match access.subresource {
        Some(subresource) => format!("{}/{subresource}", access.resource),
        None => access.resource.to_owned(),
    }
}

/// A refusal names what is missing.
fn names(told: &Value, access: AccessQuery<'_>, resource: &str) -> Result<()> {
    let told = told.as_str().context("a reason")?;
    let verb = access.verb;
    ensure!(told.contains(&format!("`{verb}`")), "`{verb}` is not named: {told}");
    ensure!(told.contains(resource), "`{resource}` is not named: {told}");
    Ok(())
}

/// A verb that is taken away from the rules that gave it.
struct Taken<'b> {
    broker: &'b Broker<'b>,
    /// The roles as they were.
    roles: Vec<Value>,
    /// The first of the rules.
    rule: Value,
    verb: &'static str,
}

impl<'b> Taken<'b> {
    fn away(broker: &'b Broker<'b>, access: AccessQuery<'_>) -> Result<Self> {
        let kinds = match access.scope {
            PermissionScope::Namespace => "Role",
            PermissionScope::Cluster => "ClusterRole",
        };
        let wanted = resource(access);
        // Where all objects of a kind are allowed, the named one is too.
        let is_named = |rule: &Value| match access.name {
            Some(name) => rule["resourceNames"].is_null() || rule["resourceNames"][0] == name,
            None => rule["resourceNames"].is_null(),
        };
        let gives = |rule: &Value| {
            rule["apiGroups"][0] == access.group
                && rule["resources"][0] == wanted
                && is_named(rule)
                && rule["verbs"].as_array().is_some_and(|all| all.iter().any(|v| v == access.verb))
        };
        let mut taken = Self { broker, roles: vec![], rule: Value::Null, verb: access.verb };
        for role in broker.roles().iter().filter(|role| role["kind"] == kinds) {
            let mut less = role.clone();
            let rules = less["rules"].as_array_mut().context("rules")?;
            let Some(first) = rules.iter().find(|rule| gives(rule)).cloned() else { continue };
            for rule in rules.iter_mut().filter(|rule| gives(rule)) {
                let verbs = rule["verbs"].as_array_mut().context("verbs")?;
                verbs.retain(|verb| verb != access.verb);
            }
            rules.retain(|rule| rule["verbs"] != json!([]));
            broker.replace(&less)?;
            taken.roles.push(role.clone());
            if taken.rule.is_null() {
                taken.rule = first;
            }
        }
        ensure!(!taken.roles.is_empty(), "no rule of `deploy/rbac` gives it");
        taken.seen(false)?;
        Ok(taken)
    }

    fn give_back(self) -> Result<()> {
        for role in &self.roles {
            self.broker.replace(role)?;
        }
        self.seen(true)
    }

    fn seen(&self, allowed: bool) -> Result<()> {
        let place = match self.rule["resourceNames"][0].as_str() {
            Some("kube-system") => "kube-system",
            _ => self.broker.place.name(),
        };
        self.broker.until(&self.rule, place, Some(self.verb), allowed)
    }
}

/// A sweep tries again after some seconds, later the longer it lasts.
const BACK: Duration = Duration::from_secs(40);
