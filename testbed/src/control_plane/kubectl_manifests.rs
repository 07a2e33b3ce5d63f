//! Manifests, read by those who know how: kubectl.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::ControlPlane;
use crate::{command, random};

impl ControlPlane {
    /// Creates or updates the objects of a manifest, YAML or JSON, as the administrator, and returns them.
    pub fn apply_manifest(&self, manifest: &str) -> Result<Vec<Value>> {
        let text = self.run_kubectl(&["apply", "--output=json"], manifest)?;
        let mut list: Value = serde_json::from_str(&text)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            // Of one object there is no list.
            _ => Ok(vec![list]),
        }
    }

    /// Deletes the objects of a manifest that are there, without waiting for their end.
    pub fn delete_manifest(&self, manifest: &str) -> Result<()> {
        self.run_kubectl(&["delete", "--ignore-not-found", "--wait=false"], manifest).map(drop)
    }

    /// The objects of a manifest, YAML or JSON, without creating any.
    pub fn parse_manifest_by_kubectl(&self, manifest: &str) -> Result<Vec<Value>> {
        let arguments = ["create", "--dry-run=client", "--validate=false", "--output=json"];
        let text = self.run_kubectl(&arguments, manifest)?;
        let objects = serde_json::Deserializer::from_str(&text).into_iter();
        Ok(objects.collect::<Result<_, _>>()?)
    }

    /// Runs kubectl as the administrator; a file, because a manifest that fails should stay to be seen.
    fn run_kubectl(&self, arguments: &[&str], manifest: &str) -> Result<String> {
        let scratch = self.launch.keeper.scratch_directory();
        let file = scratch.join(format!("manifest-{}.yaml", random::random_suffix()?));
        fs::write(&file, manifest)?;
        let mut kubectl = Command::new(&self.launch.assets.kubectl);
        kubectl.args(arguments).arg("--filename").arg(&file);
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig);
        // The user's own would mix the APIs of all clusters that ever had our port.
        kubectl.arg("--cache-dir").arg(scratch.join("kubectl"));
        command::run_for_output(&mut kubectl)
    }
}
