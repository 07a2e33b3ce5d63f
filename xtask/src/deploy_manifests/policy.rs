//! The admission policy: a text for people, with the names that the code has.

use lease_core::permissions::{LEASE_LABEL, LEASE_SECRET_TYPE, MANAGED_BY_LABEL};

use super::example;

/// The policy and its binding.
pub fn policy_text() -> String {
    let username =
        format!("system:serviceaccount:{}:{}", example::BROKER_NAMESPACE, example::BROKER);
    let mut text = include_str!("admission-policy.yaml").to_owned();
    for (place, value) in [
        ("{{username}}", username.as_str()),
        ("{{broker_namespace}}", example::BROKER_NAMESPACE),
        ("{{namespace}}", example::NAMESPACE),
        ("{{account}}", example::ACCOUNT),
        ("{{role}}", example::ROLE),
        ("{{managed_by}}", MANAGED_BY_LABEL),
        ("{{lease}}", LEASE_LABEL),
        ("{{secret_type}}", LEASE_SECRET_TYPE),
        ("{{random}}", RANDOM_SUFFIX_PATTERN),
        ("{{powerful}}", POWERFUL_KEYS_PATTERN),
        ("{{guarded}}", GUARDED_RESOURCES_PATTERN),
    ] {
        text = text.replace(place, value);
    }
    text
}

/// The end of the names of all objects of a lease: 80 random bits.
const RANDOM_SUFFIX_PATTERN: &str = "-[0-9a-f]{20}$";

/// Keys of labels and annotations that Kubernetes, or a provider's identity service, acts upon.
const POWERFUL_KEYS_PATTERN: &str = "^([^/]*[.])?(kubernetes[.]io|k8s[.]io|amazonaws[.]com|gke[.]io|azure[.]com|azure[.]workload[.]identity)/";

/// The objects that this very policy guards against kubelease, and that may not be given away by
/// it.
const GUARDED_RESOURCES_PATTERN: &str =
    "^(secrets|serviceaccounts|roles|rolebindings|clusterroles|clusterrolebindings)(/|$)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled() {
        let text = policy_text();
        assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
    }
}
