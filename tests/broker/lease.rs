//! A lease as the API answers it.

use anyhow::{Context, Result};
use serde_json::Value;

/// A lease as it was answered.
pub struct Lease {
    pub json: Value,
    pub id: String,
    pub token: String,
}

impl Lease {
    /// Reads a lease from an answer.
    pub fn of(json: Value) -> Result<Self> {
        let text = |key: &str| json[key].as_str().map(str::to_owned).context(key.to_owned());
        let (id, token) = (text("lease_id")?, text("token")?);
        Ok(Self { json, id, token })
    }

    /// Returns its path.
    pub fn path(&self) -> String {
        format!("/api/v1/leases/{}", self.id)
    }

    /// Returns its objects.
    pub fn objects(&self) -> &[Value] {
        self.json["objects"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The account whose token it is.
    pub fn account(&self) -> &str {
        self.json["service_account"].as_str().unwrap_or_default()
    }
}
