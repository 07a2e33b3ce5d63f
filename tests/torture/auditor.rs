//! The auditor: what must hold after every fault, read from the API server and from the store's own file.
//!
//! It shares no code with what it audits. It knows the keys from `docs/store.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use testbed::store_file::store_path;
use testbed::wait::{not_yet, wait_until};

use crate::bench::Bench;
use crate::kube::objects;

/// The facts that a test knows and the auditor cannot: the tokens it has, and the answers it got.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The leases that it was answered, each with its token.
    pub answered: Vec<(String, String)>,
    /// Of these, those that must live.
    pub alive: BTreeSet<String>,
    /// Of these, those that must have ended.
    pub over: BTreeSet<String>,
    /// The logins that it was answered: each accessor with its access token.
    pub logins: Vec<(String, String)>,
}

/// The store, as its file has it.
pub struct Store(BTreeMap<String, Vec<u8>>);

impl Store {
    /// Reads the file of the default store in a host's state directory.
    pub fn read(state_dir: &Path) -> Result<Self> {
        let file = store_path(state_dir);
        let database = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut rows = database.prepare("SELECT key, value FROM spin_key_value")?;
        let pairs = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    fn value(&self, key: &str) -> Option<Value> {
        let record: Value = serde_json::from_slice(self.0.get(key)?).ok()?;
        Some(record["value"].clone())
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// All leases on record, by id, with their records.
    pub fn leases(&self) -> BTreeMap<String, Value> {
        let records = self.0.keys().filter(|key| key.starts_with("lease."));
        let values = records.filter_map(|key| self.value(key));
        let by_id = values.filter_map(|value| {
            let id = value["lease"]["id"].as_str()?.to_owned();
            Some((id, value))
        });
        by_id.collect()
    }

    /// Returns true if the general log has an event of the login that gave the access token of this
    /// accessor.
    fn has_login(&self, accessor: &str) -> bool {
        let keys = self.0.keys().filter(|key| key.starts_with("event.audit."));
        keys.filter_map(|key| self.value(key)).any(|record| {
            let event = &record["content"];
            event["event"] == "login"
                && event["decision"] == "allowed"
                && event["accessor"] == accessor
        })
    }

    /// Returns true if the end of a lease is on record.
    pub fn has_ended(&self, id: &str) -> bool {
        self.has(&format!("ended.{id}"))
    }
}

/// Audits; the error names what does not hold.
pub fn audit(bench: &Bench<'_>, expected: &Expectations) -> Result<()> {
    let store = Store::read(bench.broker.kubelease.state_dir())?;
    let leases = store.leases();
    let found = objects(&bench.broker)?;
    for look_alike in &bench.look_alikes {
        ensure!(found.contains(look_alike), "I3: {look_alike:?} was touched");
    }
    for object in found.iter().filter(|object| !bench.look_alikes.contains(object)) {
        let lives = leases.contains_key(&object.lease) && !store.has_ended(&object.lease);
        ensure!(lives, "I2: {object:?} has no live record");
    }
    for (id, token) in &expected.answered {
        let record =
            leases.get(id).with_context(|| format!("I1, I6: lease {id} is not on record"))?;
        ensure!(record["lease"]["phase"] == "active", "I1: lease {id} was answered: {record}");
        if expected.alive.contains(id) {
            ensure!(!store.has_ended(id), "I9: lease {id} has ended");
            let review = bench.broker.cluster.review_token(token)?;
            ensure!(
                review["authenticated"] == true,
                "I9: the token of lease {id} is refused: {review}"
            );
        }
        if expected.over.contains(id) {
            ensure!(store.has_ended(id), "I5, I10: lease {id} has not ended");
            is_refused(bench, token).with_context(|| format!("I4: the token of lease {id}"))?;
            let left = found.iter().find(|object| object.lease == *id);
            let left = left.filter(|object| !bench.look_alikes.contains(object));
            ensure!(left.is_none(), "I5: of lease {id} there is {left:?}");
        }
    }
    let live = leases.keys().filter(|id| !store.has_ended(id)).count();
    ensure!(bench.cap.is_none_or(|cap| live <= cap), "I8: {live} leases are live");
    one_lease_a_key(&store, &leases)?;
    each_step_has_its_event(&store)?;
    for (accessor, _) in &expected.logins {
        ensure!(store.has_login(accessor), "I12: the login of {accessor} has no event");
    }
    Ok(())
}

/// I4: an API server that has just accepted a token does so for ten seconds more.
fn is_refused(bench: &Bench<'_>, token: &str) -> Result<()> {
    wait_until("its being refused", Duration::from_secs(12), || {
        let review = bench.broker.cluster.review_token(token)?;
        if review["authenticated"] == true {
            return Err(not_yet(review));
        }
        Ok(())
    })
}

/// I7: of all leases that say they are of one request, one at most counts.
fn one_lease_a_key(store: &Store, leases: &BTreeMap<String, Value>) -> Result<()> {
    let mut counting: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for (id, record) in leases {
        let ended = store.value(&format!("ended.{id}"));
        let failed = ended.is_some_and(|ended| ended["why"] == "failed");
        if let Some(key) = record["claim"]["key"].as_str().filter(|_| !failed) {
            counting.entry(key.to_owned()).or_default().push(id);
        }
    }
    for (key, ids) in counting {
        ensure!(ids.len() == 1, "I7: request {key} has the leases {ids:?}");
    }
    Ok(())
}

/// I11: what is on record of a lease has its event, and a lease that has ended has one end.
fn each_step_has_its_event(store: &Store) -> Result<()> {
    for (key, record) in
        store.0.keys().filter_map(|key| Some((key.strip_prefix("lease.")?, store.value(key)?)))
    {
        let lease = &record["lease"];
        let id = lease["id"].as_str().unwrap_or_default();
        let event = |slot: &str| {
            let event = store.value(&format!("event.{key}.{slot}"))?["content"].clone();
            (event["lease_id"] == id).then_some(event)
        };
        if lease["phase"] == "active" {
            ensure!(event("issue").is_some(), "I11: lease {id} has no event of its issue");
        }
        let end = event("end").map(|end| end["event"].clone());
        let ends = ["revocation", "expiry", "write_off", "loss", "issue_failed"];
        let is_end = end.as_ref().is_some_and(|end| ends.iter().any(|name| end == name));
        ensure!(is_end == store.has_ended(id), "I11: the end of lease {id} is {end:?}");
        let renewals = store.0.keys().filter_map(|key| key.strip_prefix(&format!("renewal.{id}.")));
        for number in renewals {
            let renewal = event(&format!("renewal.{number}"));
            ensure!(renewal.is_some(), "I11: renewal {number} of lease {id} has no event");
        }
    }
    Ok(())
}
