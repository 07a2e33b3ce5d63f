//! What a put has changed of a definition, by the names of its fields: values are not repeated.
//!
//! A secret is sealed anew with each put, so it is opened to tell if it is another.

use std::collections::{BTreeMap, BTreeSet};

use lease_core::{
    ApiServerUrl, AuditChange, AuthMethod, ClusterCredential, Identity, Keyring, OpenedAuth,
    Reviewer, ReviewerCredential, ReviewerSealContext, Target, TargetName, digest_texts,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// The change that a put makes to a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionChange {
    /// If there was none of that name, or another, or the very same.
    pub kind: AuditChange,
    /// The names of the fields that differ, if there was another.
    pub fields: Vec<String>,
}

impl DefinitionChange {
    /// The making of what was not there.
    const CREATED: Self = Self { kind: AuditChange::Created, fields: vec![] };

    /// Adds a field that differs besides, unless there was no such definition.
    pub(crate) fn add_field(&mut self, name: &str) {
        if self.kind != AuditChange::Created && !self.fields.iter().any(|known| known == name) {
            self.kind = AuditChange::Changed;
            self.fields.push(name.to_owned());
        }
    }

    /// Returns the change as an event has it.
    pub(crate) fn event_fields(&self) -> (AuditChange, Option<String>) {
        let fields: Vec<_> = self.fields.iter().map(|name| format!("`{name}`")).collect();
        let fields = (!fields.is_empty()).then(|| format!("changed: {}", fields.join(", ")));
        (self.kind, fields)
    }
}

/// Compares a definition without secrets with the one in whose place it is put.
pub(crate) fn change_between<D: Serialize>(before: Option<&D>, after: &D) -> DefinitionChange {
    before.map_or(DefinitionChange::CREATED, |before| {
        compare_values(&to_json(before), &to_json(after))
    })
}

/// Compares a target with the one in whose place it is put.
pub(crate) fn target_change(
    keys: &Keyring,
    before: Option<&Target>,
    after: &Target,
) -> DefinitionChange {
    let Some(before) = before else { return DefinitionChange::CREATED };
    let (mut old, new) = (to_json(before), to_json(after));
    if before.auth().kind() == after.auth().kind() && has_same_credential(keys, before, after) {
        old["auth"] = new["auth"].clone();
    }
    compare_values(&old, &new)
}

/// Compares an identity with the one in whose place it is put.
pub(crate) fn identity_change(
    keys: &Keyring,
    urls: &BTreeMap<TargetName, ApiServerUrl>,
    before: Option<&Identity>,
    after: &Identity,
) -> DefinitionChange {
    let Some(before) = before else { return DefinitionChange::CREATED };
    let (mut old, new) = (to_json(before), to_json(after));
    let methods = before.spec().auth.iter().zip(&after.spec().auth).enumerate();
    for (index, methods) in methods {
        let (AuthMethod::Kubernetes(one), AuthMethod::Kubernetes(other)) = methods else {
            continue;
        };
        let Some(url) = urls.get(&other.target).filter(|_| one.target == other.target) else {
            continue;
        };
        let place = ReviewerSealContext { identity: &after.name, target: &other.target, url };
        let token = |reviewer: &Reviewer| match reviewer.open_credential(place, keys) {
            Ok(ReviewerCredential::Token(token)) => Some(credential_fingerprint(&token)),
            _ => None,
        };
        let (one, other) = (token(&one.reviewer), token(&other.reviewer));
        if one.is_some() && one == other {
            old["spec"]["auth"][index]["reviewer"] = new["spec"]["auth"][index]["reviewer"].clone();
        }
    }
    compare_values(&old, &new)
}

/// Returns true if both show the same secret in the same way, or neither shows one that is kept.
fn has_same_credential(keys: &Keyring, one: &Target, other: &Target) -> bool {
    match (one.open_authentication(keys), other.open_authentication(keys)) {
        (Ok(OpenedAuth::Bearer(one)), Ok(OpenedAuth::Bearer(other))) => {
            credential_fingerprint(&one) == credential_fingerprint(&other)
        }
        (Ok(OpenedAuth::Header(name, one)), Ok(OpenedAuth::Header(other_name, other))) => {
            name == other_name && credential_fingerprint(&one) == credential_fingerprint(&other)
        }
        _ => one.auth() == other.auth(),
    }
}

/// A text that differs if the secret does, so that the secrets are not compared letter by letter.
fn credential_fingerprint(credential: &ClusterCredential) -> String {
    digest_texts(&[credential.expose_secret()])
}

fn compare_values(before: &Value, after: &Value) -> DefinitionChange {
    let (before, after) = (definition_fields(before), definition_fields(after));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let fields: Vec<_> = changed.cloned().collect();
    let kind = if fields.is_empty() { AuditChange::Unchanged } else { AuditChange::Changed };
    DefinitionChange { kind, fields }
}

/// All that a definition says, by name. What an administrator says of some definitions is one level further down.
fn definition_fields(definition: &Value) -> Map<String, Value> {
    let mut fields = definition.as_object().cloned().unwrap_or_default();
    for wrapper in ["definition", "spec"] {
        if let Some(Value::Object(inner)) = fields.remove(wrapper) {
            fields.extend(inner);
        }
    }
    fields.remove("updated_at");
    fields
}

fn to_json<D: Serialize>(definition: &D) -> Value {
    serde_json::to_value(definition).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_and_not_repeated() {
        let known =
            json!({"name": "a", "spec": {"auth": [1], "admin": false}, "updated_at": "then"});
        for (after, change, names) in [
            (known.clone(), AuditChange::Unchanged, None),
            (
                json!({"name": "a", "spec": {"auth": [1], "admin": false}, "updated_at": "now"}),
                AuditChange::Unchanged,
                None,
            ),
            (
                json!({"name": "a", "spec": {"auth": [2], "admin": true}, "updated_at": "now"}),
                AuditChange::Changed,
                Some("changed: `admin`, `auth`"),
            ),
            (
                json!({"name": "a", "spec": {"auth": [1], "admin": false, "tags": {}}}),
                AuditChange::Changed,
                Some("changed: `tags`"),
            ),
        ] {
            let found = change_between(Some(&known), &after).event_fields();
            assert_eq!(found, (change, names.map(str::to_owned)), "{after}");
        }
        assert_eq!(change_between(None, &known).event_fields(), (AuditChange::Created, None));
    }
}
