use super::*;

fn pattern(text: &str) -> NamePattern {
    NamePattern::try_from(text.to_owned()).expect("a pattern")
}

#[test]
fn a_star_stays_inside_one_part_of_a_name() {
    for (text, name, meets) in [
        ("ci", "ci", true),
        ("ci", "ci-1", false),
        ("ci-*", "ci-1", true),
        ("ci-*", "ci-1-2", true),
        ("ci-*", "ci", false),
        ("ci-*", "xci-1", false),
        ("ci*", "ci", true),
        ("*-prod", "a-prod", true),
        ("*-prod", "a-prod-b", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "axbxbc", true),
        ("a*b*c", "acb", false),
        ("a*aa", "aa", false),
        ("a*aa", "aaa", true),
        ("team-*-prod", "team-a-b-prod", true),
        ("team-*-prod", "team-prod", false),
        ("ci-*", "ci-a.b", false),
        ("ci-*.b", "ci-a.b", true),
        ("ci-*.b", "ci-a.x.b", false),
        ("*.b", "a.b", true),
        ("*.b", "b", false),
        ("*", "a", true),
        ("*", "a.b.c", true),
    ] {
        assert_eq!(pattern(text).matches_name(name), meets, "{text} on {name}");
    }
}

#[test]
fn a_pattern_that_could_never_mean_a_name_is_refused() {
    let longest = "a".repeat(MAX_PATTERN_BYTES);
    let too_long = "a".repeat(MAX_PATTERN_BYTES + 1);
    for (text, good) in [
        ("a", true),
        ("*", true),
        ("a.b", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        ("**", false),
        ("a**b", false),
        ("CI-*", false),
        ("ci_*", false),
        ("ci-?", false),
        ("ci/*", false),
        ("-*", false),
        ("*-", false),
        ("a..b", false),
        (".*", false),
        ("ci-*\n", false),
        (" ci", false),
    ] {
        assert_eq!(NamePattern::try_from(text.to_owned()).is_ok(), good, "{text:?}");
    }
}

#[test]
fn a_list_names_something_and_each_once() {
    let many: Vec<_> = (0..=MAX_PATTERNS).map(|i| format!("\"p{i}\"")).collect();
    let read = |json: &str| serde_json::from_str::<NamePatterns>(json).map_err(|e| e.to_string());
    let full = format!("[{}]", many[1..].join(","));
    assert!(read(&full).is_ok());
    for (json, says) in [
        ("[]", "1 to 64 patterns"),
        (&format!("[{}]", many.join(",")), "1 to 64 patterns"),
        (r#"["a","b","a"]"#, "pattern `a` is listed twice"),
        (r#"["Canary"]"#, "a pattern is a name or"),
    ] {
        let error = read(json).expect_err("is refused");
        assert!(error.contains(says) && !error.contains("Canary"), "{json}: {error}");
    }
    let patterns = read(r#"["ci-*","ops"]"#).expect("reads");
    for (name, meets) in [("ci-1", true), ("ops", true), ("ops-1", false)] {
        assert_eq!(patterns.match_any(name), meets, "{name}");
    }
}
