//! Key-value stores on Redis, broken where Spin's are.

use anyhow::Result;
use serde_json::json;
use testbed::redis::Redis;

use crate::key_value::kv;
use crate::support::{Case, Serving};

pub fn labels_share_one_keyspace(case: &Case) -> Result<()> {
    let (probe, _redis) = probe(case)?;
    let results = probe.steps(&json!([
        kv(json!({"op": "set", "key": "a", "value": "1", "label": "one"})),
        kv(json!({"op": "get", "key": "a", "label": "two"})),
        kv(json!({"op": "exists", "key": "a", "label": "two"})),
        kv(json!({"op": "increment", "key": "c", "delta": 5, "label": "one"})),
        kv(json!({"op": "get", "key": "c", "label": "two"})),
        kv(json!({"op": "delete", "key": "a", "label": "two"})),
        kv(json!({"op": "keys", "label": "one"})),
    ]))?;
    assert_eq!(results, json!([null, "1", true, 5, "5", null, ["c"]]));
    Ok(())
}

pub fn a_swap_writes_and_reports_failure(case: &Case) -> Result<()> {
    let (probe, _redis) = probe(case)?;
    let swap = json!({"op": "swap", "key": "a", "value": "new", "look": true, "label": "one"});
    let result = probe.step(kv(swap))?;
    assert_eq!(result, json!({"seen": null, "outcome": {"cas_failed": "new"}, "now": "new"}));
    Ok(())
}

pub fn a_swap_does_not_overwrite_what_it_did_not_see(case: &Case) -> Result<()> {
    let (probe, _redis) = probe(case)?;
    let swap = json!({"op": "swap", "key": "a", "value": "ours", "look": true, "meanwhile": "theirs", "label": "one"});
    let result = probe.step(kv(swap))?;
    assert_eq!(result, json!({"seen": null, "outcome": {"cas_failed": "theirs"}, "now": "theirs"}));
    Ok(())
}

pub fn reading_a_batch_fails_and_writing_one_works(case: &Case) -> Result<()> {
    let (probe, _redis) = probe(case)?;
    let results = probe.steps(&json!([
        kv(json!({"op": "set_many", "entries": [["a", "1"], ["b", "2"]], "label": "one"})),
        kv(json!({"op": "get_many", "keys": ["a", "b"], "label": "one"})),
        kv(json!({"op": "delete_many", "keys": ["a"], "label": "one"})),
        kv(json!({"op": "keys", "label": "one"})),
    ]))?;
    assert_eq!(
        (&results[0], &results[2], &results[3]),
        (&json!(null), &json!(null), &json!(["b"]))
    );
    let error = results[1]["error"].as_str().unwrap_or_default();
    assert!(error.contains("wrong number of arguments"), "{results}");
    Ok(())
}

/// A probe with two labels on one Redis.
fn probe(case: &Case) -> Result<(Serving, Redis)> {
    let redis = Redis::start_empty()?;
    let store =
        |label| format!("[key_value_store.{label}]\ntype = 'redis'\nurl = '{}'\n", redis.url());
    let probe = case
        .probe()?
        .edit(r#"key_value_stores = ["default"]"#, r#"key_value_stores = ["one", "two"]"#)
        .runtime_config(&(store("one") + &store("two")))?
        .start()?;
    Ok((probe, redis))
}
