//! Key-value stores on SQLite, weak where Spin's are.

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Case, Serving};

pub fn both_interfaces_see_the_same_store(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let results = probe.steps(&json!([
        kv(json!({"op": "set", "key": "a", "value": "1"})),
        kv(json!({"op": "wasi_get", "key": "a"})),
        kv(json!({"op": "wasi_set", "key": "a", "value": "2"})),
        kv(json!({"op": "get", "key": "a"})),
        kv(json!({"op": "exists", "key": "a"})),
        kv(json!({"op": "wasi_keys"})),
        kv(json!({"op": "delete", "key": "a"})),
        kv(json!({"op": "delete", "key": "a"})),
        kv(json!({"op": "exists", "key": "a"})),
        kv(json!({"op": "keys"})),
    ]))?;
    assert_eq!(results, json!([null, "1", null, "2", true, ["a"], null, null, false, []]));
    Ok(())
}

pub fn only_labels_in_the_manifest_can_be_opened(case: &Case) -> Result<()> {
    let probe = case.probe()?.runtime_config("[key_value_store.other]\ntype = 'spin'")?.start()?;
    let error = "Error::AccessDenied";
    for op in ["get", "wasi_get"] {
        let result = probe.step(kv(json!({"op": op, "key": "a", "label": "other"})))?;
        assert_eq!(result["error"], error, "{op}");
    }
    Ok(())
}

pub fn a_swap_succeeds_on_the_value_it_saw(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    set(&probe, "a", "1")?;
    let swap = |meanwhile: Option<&str>| {
        probe.step(kv(
            json!({"op": "swap", "key": "a", "value": "2", "look": true, "meanwhile": meanwhile}),
        ))
    };
    assert_eq!(swap(Some("3"))?, json!({"seen": "1", "outcome": {"cas_failed": "3"}, "now": "3"}));
    assert_eq!(swap(None)?, json!({"seen": "3", "outcome": "swapped", "now": "2"}));
    // Somebody else wrote the same bytes again: it cannot be told.
    assert_eq!(swap(Some("2"))?, json!({"seen": "2", "outcome": "swapped", "now": "2"}));
    Ok(())
}

pub fn creating_by_swap_is_not_safe(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for (key, look) in [("looked", true), ("not looked", false)] {
        let result = probe.step(kv(
            json!({"op": "swap", "key": key, "value": "ours", "look": look, "meanwhile": "theirs"}),
        ))?;
        assert_eq!(result, json!({"seen": null, "outcome": "swapped", "now": "ours"}), "{key}");
    }
    Ok(())
}

pub fn batches_leave_out_what_is_missing(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let results = probe.steps(&json!([
        kv(json!({"op": "set_many", "entries": [["a", "1"], ["b", "2"]]})),
        kv(json!({"op": "get_many", "keys": ["a", "missing"]})),
        kv(json!({"op": "get_many", "keys": []})),
        kv(json!({"op": "delete_many", "keys": ["a", "missing"]})),
        kv(json!({"op": "keys"})),
    ]))?;
    assert_eq!(results, json!([null, [["a", "1"]], [], null, ["b"]]));
    Ok(())
}

pub fn a_cursor_is_refused(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let result = probe.step(kv(json!({"op": "wasi_keys", "cursor": "a"})))?;
    assert_eq!(result["error"], "Error::Other(\"list_keys: cursor not supported\")");
    Ok(())
}

pub fn parallel_increments_are_all_counted(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    std::thread::scope(|scope| {
        let add = || probe.step(kv(json!({"op": "increment", "key": "c", "delta": 2})));
        let adding: Vec<_> = (0..20).map(|_| scope.spawn(add)).collect();
        for added in adding {
            added.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        anyhow::Ok(())
    })?;
    assert_eq!(probe.step(kv(json!({"op": "increment", "key": "c", "delta": -1})))?, 39);
    Ok(())
}

pub fn a_foreign_counter_breaks_the_store_until_a_restart(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    set(&probe, "name", "no counter")?;
    let status =
        |step: Value| Ok::<_, anyhow::Error>(probe.http.post("/", &json!([kv(step)]))?.status);
    assert_eq!(status(json!({"op": "increment", "key": "name", "delta": 1}))?, 500);
    assert_eq!(status(json!({"op": "get", "key": "else"}))?, 500);
    assert_eq!(status(json!({"op": "wasi_set", "key": "else", "value": "1"}))?, 500);
    let probe = probe.restart(case)?;
    assert_eq!(probe.step(kv(json!({"op": "get", "key": "name"})))?, "no counter");
    Ok(())
}

pub fn a_store_outlives_the_host_but_not_without_a_directory(case: &Case) -> Result<()> {
    let stores = "[key_value_store.kept]\ntype = 'spin'\npath = 'below/kept.db'\n\
                  [key_value_store.lost]\ntype = 'spin'";
    let labels = r#"key_value_stores = ["default", "kept", "lost"]"#;
    let probe = case
        .probe()?
        .edit(r#"key_value_stores = ["default"]"#, labels)
        .runtime_config(stores)?
        .start()?;
    for label in ["default", "kept", "lost"] {
        probe.step(kv(json!({"op": "set", "key": "a", "value": label, "label": label})))?;
    }
    let probe = probe.restart(case)?;
    for (label, value) in
        [("default", json!("default")), ("kept", json!("kept")), ("lost", Value::Null)]
    {
        let found = probe.step(kv(json!({"op": "get", "key": "a", "label": label})))?;
        assert_eq!(found, value, "{label}");
    }
    Ok(())
}

fn set(probe: &Serving, key: &str, value: &str) -> Result<Value> {
    probe.step(kv(json!({"op": "set", "key": key, "value": value})))
}

/// A step on a store.
pub fn kv(mut operation: Value) -> Value {
    operation["step"] = "key_value".into();
    operation
}
