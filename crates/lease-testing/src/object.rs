//! Objects, as the API server keeps them.

use chrono::{DateTime, SecondsFormat, Utc};
use kube_rest::Kind;
use serde_json::{Map, Value, json};

/// The key of an object: its kind as `ServiceAccount`, its namespace or an empty text, its name.
pub(super) type Key = (String, String, String);

/// An object, and whether a request made it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) json: Value,
    pub(super) requested: bool,
}

impl Kept {
    pub(super) fn uid(&self) -> &str {
        self.json["metadata"]["uid"].as_str().unwrap_or_default()
    }

    pub(super) fn version(&self) -> &str {
        self.json["metadata"]["resourceVersion"].as_str().unwrap_or_default()
    }

    pub(super) fn is_held(&self) -> bool {
        self.json["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.json["metadata"]["deletionTimestamp"].is_string()
    }

    pub(super) fn terminate(&mut self, now: DateTime<Utc>) {
        self.json["metadata"]["deletionTimestamp"] = json!(time(now));
        self.json["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    }
}

/// The kind with this resource, as [`super::Access`] writes it.
pub(super) fn kind(resource: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| super::sent::resource(kind.group(), kind.plural(), None) == resource)
}

/// Adds the fields that the API server adds to a new object.
pub(super) fn admit(object: &mut Value, number: u64, now: DateTime<Utc>) {
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(uid(number));
    metadata["resourceVersion"] = json!(number.to_string());
    metadata["creationTimestamp"] = json!(time(now));
    // Empty lists of rules are left out, as the API server leaves them out.
    if let Some(rules) = object.get_mut("rules").and_then(Value::as_array_mut) {
        for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
            let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
            let kept = rule.iter().filter(|(_, value)| !empty(value));
            *rule = kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>();
        }
    }
}

pub(super) fn uid(number: u64) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
