//! The sweep: the end of what is due.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::{Call, with_query};
use crate::{Client, Error};

/// Options of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepOptions {
    /// Only tells what it would do.
    pub dry_run: bool,
    /// Compares every target with the records now.
    pub reconcile: bool,
}

/// The report of a sweep.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepReport {
    /// Leases that were to be ended.
    pub due: u64,
    /// Of them those of which nothing is left.
    pub done: u64,
    /// Of them those that are tried again.
    pub postponed: u64,
    /// Obstacles, with their targets.
    #[serde(default)]
    pub failed: Vec<SweepFailure>,
    /// The targets that are not asked, or not believed, for now.
    #[serde(default)]
    pub targets: BTreeMap<String, String>,
    /// If it stopped at its budget, so that the next one goes on.
    #[serde(default)]
    pub more: bool,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An obstacle to the end of some leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepFailure {
    /// The target.
    pub target: String,
    /// The reason.
    pub reason: String,
    /// The number of leases.
    pub count: u64,
}

impl Client {
    /// Sweeps once.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn request_sweep(&self, options: SweepOptions) -> Result<SweepReport, Error> {
        let flag = |is_set: bool| is_set.then(|| "true".to_owned());
        let query = [("dry_run", flag(options.dry_run)), ("reconcile", flag(options.reconcile))];
        self.send_with_retries(&Call::post(with_query("/api/v1/sweep", &query), &json!({})))?
            .parse_json()
    }
}
