//! Which namespaces are meant, by their labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LabelKey, LabelValue};

/// The most entries of `matchLabels`, the most expressions, and the most values of one expression.
///
/// All of them are evaluated for each request, and kept with each lease.
pub const MAX_SELECTOR_TERMS: usize = 32;

/// A selector of namespaces by their labels: `LabelSelector` of `meta/v1`, and never an empty one.
///
/// Written
/// `{"matchLabels":{"team":"a"},"matchExpressions":[{"key":"env","operator":"In","values":["ci"]}]}`;
/// all of it must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSelector", into = "RawSelector")]
pub struct NamespaceSelector {
    labels: BTreeMap<LabelKey, LabelValue>,
    expressions: Vec<SelectorExpression>,
}

/// A requirement: a key, and a condition on its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawExpression", into = "RawExpression")]
pub struct SelectorExpression {
    key: LabelKey,
    operator: SelectorOperator,
    values: Vec<LabelValue>,
}

/// The condition on the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectorOperator {
    /// The key is there, and its value is one of these.
    In,
    /// The key is not there, or its value is none of these.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is not there.
    DoesNotExist,
}

/// Why a selector is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The selector is empty, which to Kubernetes means everything.
    #[error(
        "a selector has at least one of `matchLabels` and `matchExpressions`; for all namespaces \
         use `\"namespaces\": [\"*\"]`"
    )]
    Empty,
    /// The selector has too many terms.
    #[error(
        "a selector has at most {MAX_SELECTOR_TERMS} of `matchLabels` and of `matchExpressions`, \
         and an expression at most {MAX_SELECTOR_TERMS} `values`"
    )]
    Count,
    /// `In` or `NotIn` of nothing.
    #[error("the expression for `{0}` needs `values`: `In` and `NotIn` compare with them")]
    ValuesMissing(LabelKey),
    /// `Exists` or `DoesNotExist` with values, which would be ignored.
    #[error(
        "the expression for `{0}` must not have `values`: `Exists` and `DoesNotExist` take none"
    )]
    ValuesUnused(LabelKey),
}

impl NamespaceSelector {
    /// A selector that says something.
    ///
    /// # Errors
    /// Refuses an empty one, and one beyond [`MAX_SELECTOR_TERMS`].
    pub fn new(
        labels: BTreeMap<LabelKey, LabelValue>,
        expressions: Vec<SelectorExpression>,
    ) -> Result<Self, SelectorError> {
        if labels.is_empty() && expressions.is_empty() {
            return Err(SelectorError::Empty);
        }
        if labels.len() > MAX_SELECTOR_TERMS || expressions.len() > MAX_SELECTOR_TERMS {
            return Err(SelectorError::Count);
        }
        Ok(Self { labels, expressions })
    }

    /// Returns true if it selects an object with these labels, as Kubernetes evaluates it.
    #[must_use]
    pub fn matches_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |key: &LabelKey| labels.get(key.as_str()).map(String::as_str);
        self.labels.iter().all(|(key, wanted)| value(key) == Some(wanted.as_str()))
            && self
                .expressions
                .iter()
                .all(|expression| expression.matches_value(value(&expression.key)))
    }

    /// The selector as the query of a list has it: `team=a,env in (ci,dev)`.
    #[must_use]
    pub fn to_query(&self) -> String {
        let labels =
            self.labels.iter().map(|(key, value)| format!("{}={}", key.as_str(), value.as_str()));
        labels
            .chain(self.expressions.iter().map(SelectorExpression::to_query))
            .collect::<Vec<_>>()
            .join(",")
    }
}

impl SelectorExpression {
    /// A requirement with values if its operator compares, and without values if not.
    ///
    /// # Errors
    /// Refuses values too few or too many for the operator.
    pub fn new(
        key: LabelKey,
        operator: SelectorOperator,
        values: Vec<LabelValue>,
    ) -> Result<Self, SelectorError> {
        use SelectorOperator::{DoesNotExist, Exists, In, NotIn};
        match (operator, values.len()) {
            (In | NotIn, 0) => Err(SelectorError::ValuesMissing(key)),
            (In | NotIn, count) if count > MAX_SELECTOR_TERMS => Err(SelectorError::Count),
            (Exists | DoesNotExist, 1..) => Err(SelectorError::ValuesUnused(key)),
            _ => Ok(Self { key, operator, values }),
        }
    }

    fn to_query(&self) -> String {
        let key = self.key.as_str();
        let values: Vec<_> = self.values.iter().map(LabelValue::as_str).collect();
        // `()` is no set to Kubernetes, and `(,)` is the set of the empty value.
        let values = if values == [""] { ",".to_owned() } else { values.join(",") };
        match self.operator {
            SelectorOperator::In => format!("{key} in ({values})"),
            SelectorOperator::NotIn => format!("{key} notin ({values})"),
            SelectorOperator::Exists => key.to_owned(),
            SelectorOperator::DoesNotExist => format!("!{key}"),
        }
    }

    /// Returns true if the value of the key, or its absence, is as required.
    fn matches_value(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|wanted| wanted.as_str() == value);
        match self.operator {
            SelectorOperator::In => value.is_some_and(listed),
            SelectorOperator::NotIn => !value.is_some_and(listed),
            SelectorOperator::Exists => value.is_some(),
            SelectorOperator::DoesNotExist => value.is_none(),
        }
    }
}

/// [`NamespaceSelector`] as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "an object with `matchLabels` and `matchExpressions`"
)]
struct RawSelector {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: BTreeMap<LabelKey, LabelValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<SelectorExpression>,
}

/// [`SelectorExpression`] as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `key`, `operator` and `values`")]
struct RawExpression {
    key: LabelKey,
    operator: SelectorOperator,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<LabelValue>,
}

impl TryFrom<RawSelector> for NamespaceSelector {
    type Error = SelectorError;

    fn try_from(raw: RawSelector) -> Result<Self, SelectorError> {
        Self::new(raw.match_labels, raw.match_expressions)
    }
}

impl From<NamespaceSelector> for RawSelector {
    fn from(selector: NamespaceSelector) -> Self {
        let NamespaceSelector { labels, expressions } = selector;
        Self { match_labels: labels, match_expressions: expressions }
    }
}

impl TryFrom<RawExpression> for SelectorExpression {
    type Error = SelectorError;

    fn try_from(raw: RawExpression) -> Result<Self, SelectorError> {
        Self::new(raw.key, raw.operator, raw.values)
    }
}

impl From<SelectorExpression> for RawExpression {
    fn from(expression: SelectorExpression) -> Self {
        let SelectorExpression { key, operator, values } = expression;
        Self { key, operator, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<NamespaceSelector, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn a_selector_matches_as_kubernetes_does() {
        let expression = |text: &str| format!(r#"{{"matchExpressions":[{{"key":"env",{text}}}]}}"#);
        let is_in = &expression(r#""operator":"In","values":["ci","dev"]"#);
        let not_in = &expression(r#""operator":"NotIn","values":["ci","dev"]"#);
        let empty_value = &expression(r#""operator":"In","values":[""]"#);
        let exists = &expression(r#""operator":"Exists""#);
        let absent = &expression(r#""operator":"DoesNotExist","values":[]"#);
        let labels = r#"{"matchLabels":{"env":"ci","team":"a"}}"#;
        let both = r#"{"matchLabels":{"team":"a"},
            "matchExpressions":[{"key":"env","operator":"Exists"},{"key":"tmp","operator":"DoesNotExist"}]}"#;
        for (selector, labels, matches) in [
            (is_in.as_str(), [("env", "ci")].as_slice(), true),
            (is_in, &[("env", "dev"), ("x", "y")], true),
            (is_in, &[("env", "prod")], false),
            (is_in, &[("env", "CI")], false),
            (is_in, &[("env", "")], false),
            (is_in, &[], false),
            (not_in, &[("env", "ci")], false),
            (not_in, &[("env", "prod")], true),
            (not_in, &[("env", "")], true),
            (not_in, &[], true),
            (empty_value, &[("env", "")], true),
            (empty_value, &[], false),
            (exists, &[("env", "")], true),
            (exists, &[("Env", "ci")], false),
            (exists, &[], false),
            (absent, &[("env", "ci")], false),
            (absent, &[("x", "ci")], true),
            (absent, &[], true),
            (labels, &[("env", "ci"), ("team", "a"), ("x", "y")], true),
            (labels, &[("env", "ci")], false),
            (labels, &[("env", "ci"), ("team", "b")], false),
            (both, &[("env", "ci"), ("team", "a")], true),
            (both, &[("team", "a")], false),
            (both, &[("env", "ci"), ("team", "a"), ("tmp", "")], false),
            (both, &[("env", "ci")], false),
        ] {
            let map = labels.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
            let selector_read = read(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
            assert_eq!(selector_read.matches_labels(&map), matches, "{selector} on {labels:?}");
        }
    }

    #[test]
    fn a_selector_is_written_as_a_query_has_it() {
        for (json, query) in [
            (r#"{"matchLabels":{"team":"a","env":""}}"#, "env=,team=a"),
            (
                r#"{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"e","operator":"In","values":["x","y"]}]}"#,
                "a=b,e in (x,y)",
            ),
            (
                r#"{"matchExpressions":[{"key":"e","operator":"NotIn","values":["","x"]},
                    {"key":"f","operator":"In","values":[""]},{"key":"k/g","operator":"Exists"},
                    {"key":"h","operator":"DoesNotExist"}]}"#,
                "e notin (,x),f in (,),k/g,!h",
            ),
        ] {
            assert_eq!(read(json).expect(json).to_query(), query, "{json}");
        }
    }

    #[test]
    fn a_selector_that_means_everything_or_nothing_clear_is_refused() {
        let keys: Vec<_> = (0..=MAX_SELECTOR_TERMS).map(|i| format!(r#""k{i}":"v""#)).collect();
        let many_labels = format!(r#"{{"matchLabels":{{{}}}}}"#, keys.join(","));
        let exists = vec![r#"{"key":"a","operator":"Exists"}"#; MAX_SELECTOR_TERMS + 1].join(",");
        let many_expressions = format!(r#"{{"matchExpressions":[{exists}]}}"#);
        let values = vec![r#""v""#; MAX_SELECTOR_TERMS + 1].join(",");
        let expression = |text: &str| format!(r#"{{"matchExpressions":[{{{text}}}]}}"#);
        for (json, says) in [
            ("{}", r#"`"namespaces": ["*"]`"#),
            (r#"{"matchLabels":{}}"#, "at least one of"),
            (r#"{"matchExpressions":[]}"#, "at least one of"),
            (r#"{"matchlabels":{"a":"b"}}"#, "unknown field `matchlabels`"),
            (r#"{"matchLabels":{"a b":"c"}}"#, "`a?b` is not a key"),
            (r#"{"matchLabels":{"a":"-"}}"#, "a label's value is"),
            (r#"{"matchLabels":{"a":true}}"#, "expected a string"),
            (r#""team=a""#, "expected an object with `matchLabels`"),
            (&many_labels, "at most 32"),
            (&many_expressions, "at most 32"),
            (
                &expression(&format!(r#""key":"a","operator":"In","values":[{values}]"#)),
                "at most 32",
            ),
            (&expression(r#""key":"a","operator":"In""#), "`a` needs `values`"),
            (&expression(r#""key":"a","operator":"NotIn","values":[]"#), "`a` needs `values`"),
            (
                &expression(r#""key":"a","operator":"Exists","values":["b"]"#),
                "`a` must not have `values`",
            ),
            (&expression(r#""key":"a","operator":"in","values":["b"]"#), "unknown variant"),
            (&expression(r#""key":"a""#), "missing field `operator`"),
            (&expression(r#""operator":"Exists""#), "missing field `key`"),
            (&expression(r#""key":"a","operator":"Exists","value":"b""#), "unknown field `value`"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(says), "{json}: {error}");
        }
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        for json in [
            r#"{"matchLabels":{"kubernetes.io/metadata.name":"apps"}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]}"#,
            r#"{"matchLabels":{"a":""},"matchExpressions":[{"key":"b","operator":"NotIn","values":["c"]}]}"#,
        ] {
            let selector = read(json).unwrap_or_else(|e| panic!("{json}: {e}"));
            assert_eq!(serde_json::to_string(&selector).expect("serialises"), json);
        }
    }
}
