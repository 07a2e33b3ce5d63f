//! Where leases are given, in words.

use super::{NamespaceMatch, NamespaceRules};

impl NamespaceRules {
    /// Returns the namespaces of leases for a sentence: `` `a`, `b` and 7 more ``.
    #[must_use]
    pub fn describe_examples(&self) -> String {
        let mut said: Vec<String> =
            self.literal.iter().take(MAX_EXAMPLES).map(|name| format!("`{name}`")).collect();
        if let more @ 1.. = self.literal.len().saturating_sub(MAX_EXAMPLES) {
            said.push(format!("{more} more"));
        }
        if self.every {
            said.push("any except `kube-*`, `default` and kubelease's own".to_owned());
        }
        let selected = "those that match `namespace_selector`".to_owned();
        match (self.selector.is_some(), self.matching) {
            (true, Some(NamespaceMatch::All)) => format!("of {} {selected}", join_items(&said)),
            (true, _) => {
                said.push(selected);
                join_items(&said)
            }
            (false, _) => join_items(&said),
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn join_items(items: &[String]) -> String {
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

/// The number of names in a sentence: enough to recognise the kind, and one line of a terminal.
const MAX_EXAMPLES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM_A: &str = r#""namespace_selector":{"matchLabels":{"team":"a"}}"#;

    #[test]
    fn a_sentence_says_where_leases_are_given() {
        let ten: Vec<_> = (0..10).map(|i| format!(r#""n{i}""#)).collect();
        let any = format!(r#"{{"namespaces":["a"],{TEAM_A},"namespace_match":"any"}}"#);
        let all = format!(r#"{{"namespaces":["a","b"],{TEAM_A},"namespace_match":"all"}}"#);
        for (json, says) in [
            (r#"{"namespaces":["a"]}"#, "`a`"),
            (r#"{"namespaces":["a","b","c"]}"#, "`a`, `b` and `c`"),
            (&format!(r#"{{"namespaces":[{}]}}"#, ten.join(",")), "`n6`, `n7` and 2 more"),
            (r#"{"namespaces":["kube-system","*"]}"#, "`kube-system` and any except `kube-*`"),
            (&format!("{{{TEAM_A}}}"), "those that match `namespace_selector`"),
            (&any, "`a` and those that match `namespace_selector`"),
            (&all, "of `a` and `b` those that match `namespace_selector`"),
        ] {
            let said =
                serde_json::from_str::<NamespaceRules>(json).expect(json).describe_examples();
            assert!(said.contains(says), "{json}: {said}");
        }
    }
}
