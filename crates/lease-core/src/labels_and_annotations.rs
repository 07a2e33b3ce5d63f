//! Labels and annotations that leased objects are given on top of our own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LabelKey, LabelValue};

/// The most labels that a dynamic secret gives, and the most annotations.
///
/// They are copied into the record of each lease and written with each object.
pub const MAX_LABELS: usize = 32;

/// The most bytes of all keys and values of annotations together.
///
/// Kubernetes takes 256 KiB of an object. These are kept again with each lease, whose record must stay
/// small, and are sent with each object of it.
pub const MAX_ANNOTATION_BYTES: usize = 8 * 1024;

/// Labels for the objects of a lease, none of which could grant anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<LabelKey, LabelValue>", into = "BTreeMap<LabelKey, LabelValue>")]
pub struct Labels(BTreeMap<LabelKey, LabelValue>);

/// Annotations for the objects of a lease, none of which could grant anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<LabelKey, String>", into = "BTreeMap<LabelKey, String>")]
pub struct Annotations(BTreeMap<LabelKey, String>);

/// Why labels or annotations are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// A key by which somebody is granted something, or taken for another.
    #[error(
        "`{key}` cannot be set on leased objects: keys under `{domain}` may grant rights or \
         impersonate, or are reserved for kubelease; use a prefix of your own"
    )]
    Reserved {
        /// The key.
        key: LabelKey,
        /// The domain that its prefix is, or is under.
        domain: &'static str,
    },
    /// Too many.
    #[error("there are {0} entries; at most {MAX_LABELS} are allowed")]
    Count(usize),
    /// Annotations that are too long together.
    #[error(
        "the keys and values of all annotations have at most {MAX_ANNOTATION_BYTES} bytes together"
    )]
    Bytes,
}

impl TryFrom<BTreeMap<LabelKey, LabelValue>> for Labels {
    type Error = LabelsError;

    fn try_from(labels: BTreeMap<LabelKey, LabelValue>) -> Result<Self, LabelsError> {
        check_keys(labels.len(), labels.keys())?;
        Ok(Self(labels))
    }
}

impl TryFrom<BTreeMap<LabelKey, String>> for Annotations {
    type Error = LabelsError;

    fn try_from(annotations: BTreeMap<LabelKey, String>) -> Result<Self, LabelsError> {
        check_keys(annotations.len(), annotations.keys())?;
        let bytes: usize = annotations.iter().map(|(k, v)| k.as_str().len() + v.len()).sum();
        if bytes > MAX_ANNOTATION_BYTES {
            return Err(LabelsError::Bytes);
        }
        Ok(Self(annotations))
    }
}

impl Labels {
    /// Each key with its value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Annotations {
    /// Each key with its value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Labels> for BTreeMap<LabelKey, LabelValue> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl From<Annotations> for BTreeMap<LabelKey, String> {
    fn from(annotations: Annotations) -> Self {
        annotations.0
    }
}

fn check_keys<'k>(
    count: usize,
    mut keys: impl Iterator<Item = &'k LabelKey>,
) -> Result<(), LabelsError> {
    if count > MAX_LABELS {
        return Err(LabelsError::Count(count));
    }
    match keys.find_map(|key| reserved_domain(key.as_str()).map(|domain| (key, domain))) {
        Some((key, domain)) => Err(LabelsError::Reserved { key: key.clone(), domain }),
        None => Ok(()),
    }
}

/// The domain of [`RESERVED_DOMAINS`] that a key belongs to.
fn reserved_domain(key: &str) -> Option<&'static str> {
    // Whoever reads keys regardless of case must find nothing of theirs here either.
    let key = key.to_ascii_lowercase();
    let (prefix, _) = key.split_once('/')?;
    RESERVED_DOMAINS.into_iter().find(|domain| {
        prefix.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Domains whose labels and annotations grant, impersonate, or are ours; all that is under them, too.
const RESERVED_DOMAINS: [&str; 11] = [
    // Aggregation into roles (`rbac.authorization.k8s.io/aggregate-to-admin`), admission, scheduling.
    "k8s.io",
    // `kubernetes.io/service-account.name`, `app.kubernetes.io/managed-by`, which is ours to set.
    "kubernetes.io",
    // Cloud identities of ServiceAccounts: AWS, kube2iam and kiam, Google, Azure, Alibaba.
    "eks.amazonaws.com",
    "iam.amazonaws.com",
    "iam.gke.io",
    "azure.workload.identity",
    "pod-identity.alibabacloud.com",
    // Makes a ServiceAccount an OAuth client of OpenShift.
    "serviceaccounts.openshift.io",
    // Metadata of an identity in Vault and OpenBao, which policies refer to.
    "vault.hashicorp.com",
    // Lets who logs in to Argo Workflows act as the ServiceAccount, by a rule in an annotation.
    "workflows.argoproj.io",
    // Ours: the sweep proves by them what a lease made.
    "kubelease.dev",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(json: &str) -> Result<Labels, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    fn key(text: &str) -> LabelKey {
        LabelKey::try_from(text.to_owned()).expect("a good key")
    }

    fn value(text: &str) -> LabelValue {
        LabelValue::try_from(text.to_owned()).expect("a good value")
    }

    #[test]
    fn what_would_grant_or_impersonate_is_refused_by_name() {
        for (text, domain) in [
            ("rbac.authorization.k8s.io/aggregate-to-admin", Some("k8s.io")),
            ("k8s.io/a", Some("k8s.io")),
            ("a.b.k8s.io/c", Some("k8s.io")),
            ("kubernetes.io/service-account.name", Some("kubernetes.io")),
            ("app.kubernetes.io/managed-by", Some("kubernetes.io")),
            ("app.kubernetes.io/Managed-By", Some("kubernetes.io")),
            ("pod-security.kubernetes.io/enforce", Some("kubernetes.io")),
            ("eks.amazonaws.com/role-arn", Some("eks.amazonaws.com")),
            ("x.eks.amazonaws.com/role-arn", Some("eks.amazonaws.com")),
            ("iam.amazonaws.com/role", Some("iam.amazonaws.com")),
            ("iam.gke.io/gcp-service-account", Some("iam.gke.io")),
            ("azure.workload.identity/client-id", Some("azure.workload.identity")),
            ("pod-identity.alibabacloud.com/role-name", Some("pod-identity.alibabacloud.com")),
            (
                "serviceaccounts.openshift.io/oauth-want-challenges",
                Some("serviceaccounts.openshift.io"),
            ),
            ("vault.hashicorp.com/alias-metadata-env", Some("vault.hashicorp.com")),
            ("workflows.argoproj.io/rbac-rule", Some("workflows.argoproj.io")),
            ("kubelease.dev/lease", Some("kubelease.dev")),
            ("x.kubelease.dev/lease", Some("kubelease.dev")),
            ("mykubernetes.io/a", None),
            ("notk8s.io/a", None),
            ("k8s.io.example.com/a", None),
            ("amazonaws.com/a", None),
            ("managed-by", None),
            ("k8s.io", None),
            ("team", None),
        ] {
            let key = key(text);
            let error = domain.map(|domain| LabelsError::Reserved { key: key.clone(), domain });
            let one = BTreeMap::from([(key.clone(), value(""))]);
            assert_eq!(Labels::try_from(one).err(), error, "label {text}");
            let one = BTreeMap::from([(key, String::new())]);
            assert_eq!(Annotations::try_from(one).err(), error, "annotation {text}");
        }
        // No key is shaped so today; the comparison does not depend on that.
        assert_eq!(reserved_domain("EKS.Amazonaws.com/a"), Some("eks.amazonaws.com"));
    }

    #[test]
    fn they_are_bounded() {
        let map = |count: usize, value: &str| -> BTreeMap<LabelKey, String> {
            (0..count).map(|i| (key(&format!("k{i:03}")), value.to_owned())).collect()
        };
        let room = MAX_ANNOTATION_BYTES - "k000".len();
        for (count, value, error) in [
            (0, "", None),
            (MAX_LABELS, "v", None),
            (MAX_LABELS + 1, "v", Some(LabelsError::Count(MAX_LABELS + 1))),
            (1, &*"v".repeat(room), None),
            (1, &*"v".repeat(room + 1), Some(LabelsError::Bytes)),
        ] {
            assert_eq!(Annotations::try_from(map(count, value)).err(), error, "{count}");
        }
        let many: BTreeMap<_, _> =
            map(MAX_LABELS + 1, "").into_keys().map(|key| (key, value(""))).collect();
        assert_eq!(Labels::try_from(many).err(), Some(LabelsError::Count(MAX_LABELS + 1)));
    }

    #[test]
    fn an_error_names_the_key_and_never_repeats_a_value() {
        for (json, says) in [
            (r#"{"kubelease.dev/a":"x"}"#, "`kubelease.dev/a` cannot be set"),
            (r#"{"bad key`\n":"x"}"#, "`bad?key??` is not a key"),
            (r#"{"team":"canary canary"}"#, "a label's value is"),
            (r#"{"team":7}"#, "expected a string"),
            (r"[]", "expected a map"),
        ] {
            let error = labels(json).unwrap_err();
            assert!(error.contains(says) && !error.contains("canary"), "{json}: {error}");
        }
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        let json = r#"{"example.com/team":"a","tier":""}"#;
        let read = labels(json).expect("good labels");
        assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
        let pairs: Vec<_> = read.iter().collect();
        assert_eq!(pairs, [("example.com/team", "a"), ("tier", "")]);
        let json = r#"{"example.com/note":"any text,\nin lines"}"#;
        let read: Annotations = serde_json::from_str(json).expect("good annotations");
        assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
    }
}
