//! Whoever can write to the store changes no event unseen: on SQLite by its file, on Redis by its commands.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::HttpClient;
use testbed::redis::Redis;
use testbed::store_file::store_path;

use super::{MAX_PAGES, events};
use crate::broker::Broker;
use crate::kind;

pub fn whatever_is_changed_in_the_file_of_the_store_is_found(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let store = Sqlite::open(broker.kubelease.state_dir())?;
    each_change_is_found(&broker, &store)
}

pub fn whatever_is_changed_in_redis_is_found(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings)?;
    each_change_is_found(&broker, &redis)
}

/// The store, as somebody sees it who has no key.
trait Store {
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>>;
    fn write(&self, key: &str, value: Option<&[u8]>) -> Result<()>;

    fn value(&self, key: &str) -> Result<Vec<u8>> {
        self.read(key)?.with_context(|| format!("there is no `{key}`"))
    }
}

struct Sqlite(Connection);

impl Sqlite {
    fn open(state_dir: &Path) -> Result<Self> {
        let connection = Connection::open(store_path(state_dir))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Self(connection))
    }
}

impl Store for Sqlite {
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let query = "SELECT value FROM spin_key_value WHERE key = ?1";
        Ok(self.0.query_row(query, [key], |row| row.get(0)).optional()?)
    }

    fn write(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        match value {
            None => self.0.execute("DELETE FROM spin_key_value WHERE key = ?1", [key])?,
            Some(value) => self.0.execute(
                "INSERT INTO spin_key_value (store, key, value) VALUES ('default', ?1, ?2) \
                 ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
                params![key, value],
            )?,
        };
        Ok(())
    }
}

impl Store for Redis {
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.get(key)
    }

    fn write(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        value.map_or_else(|| self.delete_key(key), |value| self.set_value(key, value))
    }
}

/// A change of some keys, each with its new value.
type Tampering = Vec<(String, Option<Vec<u8>>)>;

fn each_change_is_found(broker: &Broker<'_>, store: &dyn Store) -> Result<()> {
    let admin = broker.admin()?;
    for name in ["one", "two", "three", "four"] {
        admin.put(&format!("/api/v1/identities/{name}"), &json!({}))?.expect_status(201)?;
    }
    let [living, revoked] = [broker.lease(&json!({}))?, broker.lease(&json!({}))?];
    broker.revoke(&revoked)?.expect_status(200)?;
    broker.sweep()?;
    assert_eq!(findings(&admin)?, Vec::<Value>::new(), "nothing was changed yet");

    let ids = |query: &str| ids(&admin, query);
    let general = ids("type=identity_put")?;
    let [first, second, ..] = &general[..] else { anyhow::bail!("{general:?}") };
    let of_living = ids(&format!("lease_id={}", living.id))?.remove(0);
    let of_revoked = ids(&format!("lease_id={}", revoked.id))?;
    let [end, issue] = &of_revoked[..] else { anyhow::bail!("{of_revoked:?}") };
    let end_of_living = of_living.replace("issue", "end");
    let altered = |id: &str| json!({"finding": "altered", "id": id});
    let number = |id: &str| id.rsplit('.').next().and_then(|text| text.parse::<u64>().ok());
    let gap = json!({"finding": "missing_numbers", "log": "audit", "from": number(first), "to": number(first)});
    for (what, tampering, expected) in [
        ("an edit", edit(store, first)?, vec![altered(first)]),
        ("a swap", swap(store, first, second)?, vec![altered(first), altered(second)]),
        ("an insertion", copy(store, first, second)?, vec![altered(second)]),
        ("a gap", vec![(key(first), None)], vec![gap]),
        ("an edit of a lease's event", edit(store, &of_living)?, vec![altered(&of_living)]),
        (
            "a swap of two leases' events",
            swap(store, &of_living, issue)?,
            vec![altered(&of_living), altered(issue)],
        ),
        (
            "the insertion of an end",
            copy(store, end, &end_of_living)?,
            vec![altered(&end_of_living)],
        ),
        (
            "a gap: an issue",
            vec![(key(&of_living), None)],
            vec![json!({"finding": "missing", "id": of_living})],
        ),
        ("a gap: an end", vec![(key(end), None)], vec![json!({"finding": "missing", "id": end})]),
    ] {
        let before: Tampering = tampering
            .iter()
            .map(|(key, _)| Ok((key.clone(), store.read(key)?)))
            .collect::<Result<_>>()?;
        for (key, value) in &tampering {
            store.write(key, value.as_deref())?;
        }
        let sorted = |mut findings: Vec<Value>| {
            findings.sort_by_key(ToString::to_string);
            findings
        };
        assert_eq!(sorted(findings(&admin)?), sorted(expected), "{what}");
        for (key, value) in &before {
            store.write(key, value.as_deref())?;
        }
    }
    assert_eq!(findings(&admin)?, Vec::<Value>::new(), "all is as it was");
    Ok(())
}

/// Returns the findings of a verification of the whole audit, page by page.
fn findings(admin: &HttpClient) -> Result<Vec<Value>> {
    let (mut findings, mut cursor) = (vec![], String::new());
    for _ in 0..MAX_PAGES {
        let report = admin.get(&format!("/api/v1/audit/verify{cursor}"))?.expect_status(200)?;
        findings.extend(report["findings"].as_array().context("findings")?.iter().cloned());
        match report["next_cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return Ok(findings),
        }
    }
    anyhow::bail!("the verification does not end")
}

/// The ids of all events that a query selects, the newest first.
fn ids(admin: &HttpClient, query: &str) -> Result<Vec<String>> {
    let events = events(admin, query)?.into_iter();
    events.map(|event| Ok(event["id"].as_str().context("an id")?.to_owned())).collect()
}

fn key(id: &str) -> String {
    format!("event.{id}")
}

fn edit(store: &dyn Store, id: &str) -> Result<Tampering> {
    let text = String::from_utf8(store.value(&key(id))?)?;
    let edited = text.replace("administrator", "administratox");
    ensure!(text != edited, "{text}");
    Ok(vec![(key(id), Some(edited.into_bytes()))])
}

fn swap(store: &dyn Store, one: &str, other: &str) -> Result<Tampering> {
    let (first, second) = (store.value(&key(one))?, store.value(&key(other))?);
    Ok(vec![(key(one), Some(second)), (key(other), Some(first))])
}

fn copy(store: &dyn Store, from: &str, to: &str) -> Result<Tampering> {
    Ok(vec![(key(to), Some(store.value(&key(from))?))])
}
