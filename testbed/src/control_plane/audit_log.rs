//! The audit log of the API server.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ControlPlane;

impl ControlPlane {
    /// The requests that concern `namespace`, as the API server has audited them when answered.
    pub fn audit_events_in_namespace(&self, namespace: &str) -> Result<Vec<Value>> {
        let log = fs::read_to_string(&self.audit_log).context("could not read the audit log")?;
        select_events(&log, |event| event["objectRef"]["namespace"] == namespace)
    }

    /// The requests of all bearers of a token of this account, as the API server has audited them when answered, also
    /// those in the file that it has put aside when the log became large.
    pub fn audit_events_of_user(&self, username: &str) -> Result<Vec<Value>> {
        let directory = self.audit_log.parent().context("a directory")?;
        let mut events = vec![];
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("audit") && path.extension().is_some_and(|end| end == "log") {
                let log = fs::read_to_string(&path).context("could not read an audit log")?;
                events.extend(select_events(&log, |event| event["user"]["username"] == username)?);
            }
        }
        Ok(events)
    }
}

/// The events of a log that are meant. Its last line may still be in the writing.
fn select_events(log: &str, is_meant: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
    let mut events = vec![];
    for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let event: Value = serde_json::from_str(line).context("the audit log is not JSON")?;
        if is_meant(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

/// Returns the audit policy: each request with its user and its status, without bodies, which hold
/// tokens.
pub(super) fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "Metadata" }],
    })
}

/// The name of its file.
pub(super) const AUDIT_LOG: &str = "audit.log";
