use super::*;

fn read(json: &str) -> Result<NamespaceRules, String> {
    serde_json::from_str(json).map_err(|e| e.to_string())
}

fn good(json: &str) -> NamespaceRules {
    read(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn namespace(name: &str) -> Namespace {
    name.parse().expect("a good name")
}

const TEAM_A: &str = r#""namespace_selector":{"matchLabels":{"team":"a"}}"#;

#[test]
fn a_definition_says_where_and_leaves_nothing_open() {
    let many: Vec<_> = (0..=MAX_NAMESPACES).map(|i| format!(r#""n{i}""#)).collect();
    let most = format!(r#"{{"namespaces":[{}]}}"#, many[1..].join(","));
    let many = format!(r#"{{"namespaces":[{}]}}"#, many.join(","));
    let with = |names: &str, matching: &str| format!("{{{names}{TEAM_A}{matching}}}");
    for (json, says) in [
        (r#"{"namespaces":["a"]}"#, None),
        (r#"{"namespaces":["*","kube-system"]}"#, None),
        (&most, None),
        (&with("", ""), None),
        (&with(r#""namespaces":["a"],"#, r#","namespace_match":"any""#), None),
        (&with(r#""namespaces":["*"],"#, r#","namespace_match":"all""#), None),
        ("{}", Some("`namespaces` or `namespace_selector` is required")),
        (r#"{"namespace_match":"any"}"#, Some("`namespaces` or `namespace_selector` is required")),
        (r#"{"namespaces":[]}"#, Some("lists 1 to 256")),
        (&many, Some("lists 1 to 256")),
        (r#"{"namespaces":["a","b","a"]}"#, Some("lists `a` twice")),
        (r#"{"namespaces":["*","*"]}"#, Some("lists `*` twice")),
        (r#"{"namespaces":["a*"]}"#, Some("a namespace is 1 to 63")),
        (r#"{"namespaces":["A"]}"#, Some("a namespace is 1 to 63")),
        (r#"{"namespaces":"a"}"#, Some("expected a sequence")),
        (r#"{"namespaces":["a"],"namespace_selector":{}}"#, Some("for all namespaces use")),
        (r#"{"namespaces":["a"],"namespace_match":"any"}"#, Some("leave `namespace_match` out")),
        (&with("", r#","namespace_match":"all""#), Some("leave `namespace_match` out")),
        (&with(r#""namespaces":["a"],"#, ""), Some("`namespace_match` is required")),
        (&with(r#""namespaces":[],"#, r#","namespace_match":"any""#), Some("lists 1 to 256")),
        (&with(r#""namespaces":["a"],"#, r#","namespace_match":"some""#), Some("`any` or `all`")),
    ] {
        match (read(json).err(), says) {
            (None, None) => {}
            (Some(error), Some(says)) if error.contains(says) => {}
            (error, _) => panic!("{json}: {error:?}, expected {says:?}"),
        }
    }
}

#[test]
fn a_name_decides_alone_and_labels_where_they_must() {
    use NamespaceDecision::{Allowed, AskLabels, Refused};
    let names = r#"{"namespaces":["a","b"]}"#;
    let star = r#"{"namespaces":["*"]}"#;
    let star_and = r#"{"namespaces":["*","kube-system","default","broker"]}"#;
    let selector = &format!("{{{TEAM_A}}}");
    let any = &format!(r#"{{"namespaces":["a","default"],{TEAM_A},"namespace_match":"any"}}"#);
    let all = &format!(r#"{{"namespaces":["a","default"],{TEAM_A},"namespace_match":"all"}}"#);
    let all_star = &format!(r#"{{"namespaces":["*"],{TEAM_A},"namespace_match":"all"}}"#);
    for (json, name, decision, with_label, without) in [
        (names, "a", Allowed, true, true),
        (names, "c", Refused, false, false),
        (names, "broker", Refused, false, false),
        (star, "c", Allowed, true, true),
        (star, "kube-system", Refused, false, false),
        (star, "kube-public", Refused, false, false),
        (star, "kube", Allowed, true, true),
        (star, "kubelease", Allowed, true, true),
        (star, "default", Refused, false, false),
        (star, "default-2", Allowed, true, true),
        (star, "broker", Refused, false, false),
        (star_and, "kube-system", Allowed, true, true),
        (star_and, "kube-public", Refused, false, false),
        (star_and, "default", Allowed, true, true),
        (star_and, "broker", Allowed, true, true),
        (selector, "c", AskLabels, true, false),
        (selector, "kube-system", Refused, false, false),
        (selector, "default", Refused, false, false),
        (selector, "broker", Refused, false, false),
        (any, "a", Allowed, true, true),
        (any, "default", Allowed, true, true),
        (any, "c", AskLabels, true, false),
        (any, "broker", Refused, false, false),
        (all, "a", AskLabels, true, false),
        (all, "default", AskLabels, true, false),
        (all, "c", Refused, false, false),
        (all_star, "c", AskLabels, true, false),
        (all_star, "kube-system", Refused, false, false),
    ] {
        let name = namespace(name);
        let (namespaces, broker) = (good(json), namespace("broker"));
        let broker = Some(&broker);
        assert_eq!(namespaces.decide_by_name(&name, broker), decision, "{name} in {json}");
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let got = namespaces.allows_namespace_with_labels(&name, broker, &labels);
        assert_eq!(got, with_label, "{name} with the label in {json}");
        let got = namespaces.allows_namespace_with_labels(&name, broker, &BTreeMap::new());
        assert_eq!(got, without, "{name} without the label in {json}");
        if decision == AskLabels {
            assert!(
                namespaces.deciding_selector().is_some() && !namespaces.covers_every_namespace(),
                "{json}"
            );
        }
        let any = namespace("any-other");
        let covers = namespaces.decide_by_name(&any, None) == Allowed;
        assert_eq!(namespaces.covers_every_namespace(), covers, "{json}");
    }
    let unknown = good(star).decide_by_name(&namespace("broker"), None);
    assert_eq!(unknown, Allowed, "where the target's own account is not known");
}

#[test]
fn a_namespace_may_be_left_out_only_where_there_is_no_choice() {
    let any = &format!(r#"{{"namespaces":["a"],{TEAM_A},"namespace_match":"any"}}"#);
    let all = &format!(r#"{{"namespaces":["a"],{TEAM_A},"namespace_match":"all"}}"#);
    for (json, only, literal) in [
        (r#"{"namespaces":["a"]}"#, Some("a"), true),
        (r#"{"namespaces":["a","b"]}"#, None, true),
        (r#"{"namespaces":["a","*"]}"#, None, false),
        (r#"{"namespaces":["*"]}"#, None, false),
        (&format!("{{{TEAM_A}}}"), None, false),
        (any, None, false),
        (all, None, false),
    ] {
        let namespaces = good(json);
        let expected = only.map(namespace).ok_or(NamespaceError::Required);
        assert_eq!(namespaces.choose_namespace(None), expected, "{json}");
        assert_eq!(namespaces.choose_namespace(Some(namespace("z"))), Ok(namespace("z")), "{json}");
        assert_eq!(namespaces.exclusive_literal_namespaces().is_some(), literal, "{json}");
    }
}

#[test]
fn what_was_read_is_written_the_same() {
    for json in [
        r#"{"namespaces":["b","a"]}"#.to_owned(),
        r#"{"namespaces":["*","a"]}"#.to_owned(),
        format!("{{{TEAM_A}}}"),
        format!(r#"{{"namespaces":["*"],{TEAM_A},"namespace_match":"all"}}"#),
    ] {
        assert_eq!(serde_json::to_string(&good(&json)).expect("serialises"), json);
    }
}
