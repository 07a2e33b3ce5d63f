//! One cluster's objects, and what becomes of them by requests.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::Reply;
use super::object::{Kept, Key, admit, kind, time, uid};
use super::patch::merge;
use super::sent::{Access, Sent};

/// The objects of one cluster. Clusters differ in all their UIDs.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) objects: BTreeMap<Key, Kept>,
    /// Counts what was ever made or changed; what it is now is the last version.
    pub(super) count: u64,
    /// The issuer of its tokens, if it tells.
    pub(super) issuer: Option<String>,
}

impl World {
    /// A new number, for a UID or a version.
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn create(
        &mut self,
        access: &Access,
        sent: &Sent,
        webhook: Option<&dyn Fn(&mut Value)>,
        now: DateTime<Utc>,
    ) -> Reply {
        let Some(kind) = kind(&access.resource) else { return unknown() };
        let namespace = access.namespace.clone().unwrap_or_default();
        if kind.is_namespaced() && !self.has_namespace(&namespace) {
            return Reply::not_found("namespaces", &namespace);
        }
        let mut object = sent.body.clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let spec_ok = object["kind"] == kind.name()
            && object["apiVersion"] == kind.api_version()
            && !name.is_empty()
            && object["metadata"].get("namespace").is_none_or(|told| *told == namespace);
        if !spec_ok {
            return Reply::refusal(400, "BadRequest", "the object does not match the path");
        }
        if let Some(webhook) = webhook {
            webhook(&mut object);
        }
        let key = (kind.name().to_owned(), namespace, name);
        if self.objects.contains_key(&key) {
            return Reply::already_exists(&access.resource, &key.2);
        }
        let number = self.next();
        admit(&mut object, number, now);
        if sent.is_dry() {
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            return Reply::json(201, &object);
        }
        self.objects.insert(key, Kept { json: object.clone(), requested: true });
        Reply::json(201, &object)
    }

    pub(super) fn read(&self, access: &Access) -> Reply {
        match self.objects.get(&key(access)) {
            Some(kept) => Reply::json(200, &kept.json),
            None => missing(access),
        }
    }

    /// A page of what a selector selects; `continue` is how many were on the pages before.
    pub(super) fn list(&self, access: &Access, sent: &Sent) -> Reply {
        let (kind, version) = match kind(&access.resource) {
            Some(kind) => (kind.name(), kind.api_version()),
            None if access.resource == "namespaces" => ("Namespace", "v1"),
            None => return unknown(),
        };
        let number = |key: &str| sent.query.get(key).and_then(|text| text.parse::<usize>().ok());
        let selector = sent.query.get("labelSelector").map_or("", String::as_str);
        let selected = |(key, kept): &(&Key, &Kept)| {
            key.0 == kind
                && access.namespace.as_ref().is_none_or(|namespace| key.1 == *namespace)
                && selects(selector, &kept.json["metadata"]["labels"])
        };
        let all: Vec<_> = self.objects.iter().filter(selected).collect();
        let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(all.len()));
        let end = all.len().min(from + limit);
        let items: Vec<_> = all[from.min(end)..end].iter().map(|(_, kept)| &kept.json).collect();
        let next = if end < all.len() { end.to_string() } else { String::new() };
        Reply::json(
            200,
            &json!({
                "kind": format!("{kind}List"), "apiVersion": version,
                "metadata": {"resourceVersion": self.count.to_string(), "continue": next},
                "items": items,
            }),
        )
    }

    pub(super) fn delete(&mut self, access: &Access, sent: &Sent, now: DateTime<Utc>) -> Reply {
        let key = key(access);
        let Some(kept) = self.objects.get_mut(&key) else { return missing(access) };
        let asked = sent.body["preconditions"]["uid"].as_str();
        if let Some(asked) = asked.or(sent.query.get("uid").map(String::as_str))
            && asked != kept.uid()
        {
            let why = format!("the UID in the precondition ({asked}) does not match");
            // Here alone the kind is named, and not the resource.
            let group = access.resource.split_once('.').map(|(_, group)| format!(".{group}"));
            let what = format!("{}{}", key.0, group.unwrap_or_default());
            return Reply::conflict(&what, &key.2, &why);
        }
        if sent.is_dry() {
            let mut shown = kept.clone();
            let orphans = [sent.query.get("propagationPolicy").map(String::as_str)]
                .contains(&Some("Orphan"))
                || sent.body["propagationPolicy"] == "Orphan";
            if !orphans && !shown.is_held() {
                return gone(&key, kept);
            }
            let mut finalizers = shown.json["metadata"]["finalizers"].as_array().cloned();
            if orphans {
                finalizers.get_or_insert_default().push(json!("orphan"));
            }
            shown.json["metadata"]["finalizers"] = json!(finalizers);
            shown.terminate(now);
            return Reply::json(200, &shown.json);
        }
        if kept.is_held() {
            if !kept.is_terminating() {
                kept.terminate(now);
            }
            return Reply::json(200, &kept.json);
        }
        let reply = gone(&key, kept);
        self.objects.remove(&key);
        self.count += 1;
        reply
    }

    pub(super) fn patch(&mut self, access: &Access, sent: &Sent) -> Reply {
        let number = self.next();
        let Some(kept) = self.objects.get_mut(&key(access)) else { return missing(access) };
        let name = access.name.clone().unwrap_or_default();
        let metadata = &sent.body["metadata"];
        if metadata["resourceVersion"].as_str().is_some_and(|asked| asked != kept.version()) {
            return Reply::conflict(&access.resource, &name, "the object has been modified");
        }
        if metadata["uid"].as_str().is_some_and(|asked| asked != kept.uid()) {
            return Reply::refusal(422, "Invalid", "metadata.uid: field is immutable");
        }
        merge(&mut kept.json, &sent.body);
        kept.json["metadata"]["resourceVersion"] = json!(number.to_string());
        Reply::json(200, &kept.json)
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.objects.contains_key(&("Namespace".to_owned(), String::new(), name.to_owned()))
    }

    /// Puts an object that no request of ours made, in place of one that is there; its UID.
    pub(super) fn put(&mut self, mut object: Value, now: DateTime<Utc>) -> String {
        let number = self.next();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (
            text(&object["kind"]),
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
        );
        let metadata = &mut object["metadata"];
        let known = metadata["uid"].as_str().map(str::to_owned);
        let own = known.unwrap_or_else(|| uid(number));
        metadata["uid"] = json!(own);
        metadata["resourceVersion"] = json!(number.to_string());
        metadata["creationTimestamp"] = json!(time(now));
        self.objects.insert(key, Kept { json: object, requested: false });
        own
    }
}

fn key(access: &Access) -> Key {
    let kind = match access.resource.as_str() {
        "namespaces" => "Namespace",
        other => kind(other).map_or("", kube_rest::Kind::name),
    };
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    (kind.to_owned(), own(&access.namespace), own(&access.name))
}

/// An account is shown as it was; of the others it is only said that they are gone.
fn gone((kind, _, name): &Key, kept: &Kept) -> Reply {
    if kind == "ServiceAccount" {
        return Reply::json(200, &kept.json);
    }
    Reply::json(
        200,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": name, "uid": kept.uid()},
        }),
    )
}

fn missing(access: &Access) -> Reply {
    Reply::not_found(&access.resource, access.name.as_deref().unwrap_or_default())
}

/// The answer of the API server at an unknown path: text, and no reason.
pub(super) fn unknown() -> Reply {
    Reply { code: 404, body: "404 page not found".to_owned(), retry_after: None }
}

/// Returns true if labels meet a selector of terms such as `a=b`, `a in (b,c)`, `a notin (b)`, `a`
/// and `!a`.
fn selects(selector: &str, labels: &Value) -> bool {
    let mut rest = selector;
    while !rest.is_empty() {
        let (term, after) = match (rest.find(','), rest.find("in (")) {
            (Some(comma), Some(set)) if set < comma => {
                rest.split_at(set + rest[set..].find(')').unwrap_or(0) + 1)
            }
            (Some(comma), _) => rest.split_at(comma),
            (None, _) => (rest, ""),
        };
        rest = after.trim_start_matches(',');
        if !meets(term, labels) {
            return false;
        }
    }
    true
}

fn meets(term: &str, labels: &Value) -> bool {
    let is_one = |key: &str, values: &str| {
        values.trim_end_matches(')').split(',').any(|value| labels[key] == value)
    };
    if let Some((key, values)) = term.split_once(" notin (") {
        return !is_one(key, values);
    }
    if let Some((key, values)) = term.split_once(" in (") {
        return is_one(key, values);
    }
    match term.split_once('=') {
        Some((key, value)) => labels[key] == value,
        None => match term.strip_prefix('!') {
            Some(key) => labels.get(key).is_none(),
            None => labels.get(term).is_some(),
        },
    }
}
