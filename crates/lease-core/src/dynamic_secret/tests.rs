//! What fits together, what is weighed, and what is read again.

use super::*;

/// What is put: read as parts, and weighed.
fn put(json: &str) -> Result<Definition, String> {
    let parts = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Definition::new(parts).map_err(|error| error.to_string())
}

/// What was kept.
fn read(json: &str) -> Result<Definition, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn parts_that_do_not_hold_together_are_told_what_would() {
    let existing = r#""account":{"type":"existing","name":"d"}"#;
    let plain = r#""account":{"type":"existing","name":"d","revocable":false}"#;
    let view = r#""account":{"type":"temporary","scope":"namespace",
        "role":{"kind":"ClusterRole","name":"view"}}"#;
    let edit = view.replace("view", "edit");
    for (account, rest, error) in [
        (existing, r#""namespaces":["apps"]"#, None),
        (view, r#""namespaces":["*"]"#, None),
        (view, r#""namespace_selector":{"matchLabels":{"team":"a"}}"#, None),
        (existing, r#""namespaces":["*"]"#, Some("named")),
        (existing, r#""namespace_selector":{"matchLabels":{"team":"a"}}"#, Some("named")),
        (existing, r#""default_ttl":"60s","namespaces":["apps"]"#, None),
        (plain, r#""default_ttl":"60s","namespaces":["apps"]"#, Some("10m")),
        (view, r#""default_ttl":"2h","max_ttl":"1h","namespaces":["a"]"#, Some("max_ttl")),
        (view, r#""max_ttl":"769h","namespaces":["a"]"#, Some("max_ttl")),
        (edit.as_str(), r#""namespaces":["a"]"#, Some("allow_dangerous")),
        (view, r#""namespaces":[]"#, Some("namespaces")),
    ] {
        let json = format!(r#"{{"target":"prod",{account},{rest}}}"#);
        match (put(&json), error) {
            (Ok(definition), None) => {
                let written = serde_json::to_string(&definition).expect("serialises");
                assert_eq!(read(&written).as_ref(), Ok(&definition), "{written}");
            }
            (Err(told), Some(error)) => assert!(told.contains(error), "{json}: {told}"),
            (read, error) => panic!("{json}: {read:?}, expected {error:?}"),
        }
    }
}

#[test]
fn lifetimes_that_are_left_out_fit_those_that_are_said() {
    for (said, default, max) in [
        ("", "1h", "24h"),
        (r#","max_ttl":1800"#, "30m", "30m"),
        (r#","default_ttl":"90m","max_ttl":"2d""#, "1h30m", "2d"),
        (r#","default_ttl":"2d""#, "2d", "2d"),
    ] {
        let json = format!(
            r#"{{"target":"prod","account":{{"type":"existing","name":"d"}},"namespaces":["a"]{said}}}"#
        );
        let definition = read(&json).expect("reads");
        let told = |ttl: Option<Ttl>| ttl.map(|ttl| ttl.to_string());
        let parts = definition.parts();
        assert_eq!(told(parts.default_ttl).as_deref(), Some(default), "{said}");
        assert_eq!(told(parts.max_ttl).as_deref(), Some(max), "{said}");
    }
}
