//! What the auditor sees in the cluster, as its administrator.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::broker::{Broker, KINDS};

/// An object, as far as it matters whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub path: String,
    pub uid: String,
    pub version: String,
    pub lease: String,
}

/// Everything in the cluster that says it is a lease's of this broker's dynamic secret, Secrets too.
pub fn objects(broker: &Broker<'_>) -> Result<Vec<Found>> {
    let mut all = vec![];
    for (api, plural, namespaced) in KINDS {
        let list = if namespaced {
            broker.place.resources_path(api, plural)
        } else {
            format!("/apis/{api}/{plural}")
        };
        let selector = format!("kubelease.dev%2Fdynamic-secret%3D{}", broker.secret_name());
        let page =
            broker.cluster.admin_client().get(&format!("{list}?labelSelector={selector}"))?;
        for item in page.expect_status(200)?["items"].as_array().context("a list")? {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let metadata = &item["metadata"];
            all.push(Found {
                path: format!("{list}/{}", text(&metadata["name"])),
                uid: text(&metadata["uid"]),
                version: text(&metadata["resourceVersion"]),
                lease: text(&metadata["labels"]["kubelease.dev/lease"]),
            });
        }
    }
    all.sort();
    Ok(all)
}

/// Creates objects that are not ours and look like it: copies of a lease's objects under other
/// names and under their own, and those of another installation.
pub fn look_alikes(broker: &Broker<'_>) -> Result<Vec<Found>> {
    // If the store is lost, a copy that was made at once is taken for the original until its end, which is not
    // to come (docs/disaster-recovery.md).
    let lease = broker.lease(&json!({ "ttl": "24h" }))?;
    let originals: Result<Vec<_>> = lease
        .objects()
        .iter()
        .map(|object| Ok((broker.object_path(object)?, broker.object(object)?)))
        .collect();
    broker.revoke(&lease)?.expect_status(200)?;
    for (path, original) in originals? {
        let (list, name) = path.rsplit_once('/').context("a name")?;
        for (name, installation) in [
            (name.to_owned(), None),
            (format!("{name}-copy"), None),
            (format!("{name}-other"), Some("0123456789abcdef")),
        ] {
            let mut copy = original.clone();
            copy["metadata"] = json!({
                "name": name,
                "labels": original["metadata"]["labels"],
                "annotations": original["metadata"]["annotations"],
            });
            if let Some(installation) = installation {
                copy["metadata"]["labels"]["kubelease.dev/installation"] = json!(installation);
            }
            broker.cluster.admin_client().post(list, &copy)?.expect_status(201)?;
        }
    }
    objects(broker)
}
