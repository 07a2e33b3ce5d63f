//! Names, checked once at the door.

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an RFC 1123 label.
    #[error(
        "a {0} is 1 to 63 lower-case letters, digits or `-`, and begins and ends with a letter or \
         digit"
    )]
    Label(&'static str),
    /// Not an RFC 1123 subdomain.
    #[error(
        "a {0} is 1 to 253 lower-case letters, digits, `-` or `.`, and each part between dots \
         begins and ends with a letter or digit"
    )]
    Subdomain(&'static str),
    /// Not a name that RBAC gives a role.
    #[error("a {0} is 1 to 253 letters, digits or any of `-._:@~`, and neither `.` nor `..`")]
    PathSegment(&'static str),
}

/// Defines a name: a text with one private field, one fallible constructor, and a `Deserialize` that
/// goes through it.
macro_rules! name {
    ($(#[$doc:meta])* $Name:ident, $noun:literal, $parse:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $Name(String);

        impl $Name {
            /// The name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $Name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                $parse(text, $noun).map(Self)
            }
        }

        impl std::str::FromStr for $Name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$Name> for String {
            fn from(name: $Name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a target: an RFC 1123 label, ours to choose.
    TargetName, "target name", parse_label
}
name! {
    /// The name of a dynamic secret: an RFC 1123 label, ours to choose.
    DynamicSecretName, "dynamic secret name", parse_label
}
name! {
    /// The name of an identity: an RFC 1123 label, ours to choose.
    IdentityName, "name of an identity", parse_label
}
name! {
    /// The name of a Kubernetes namespace: an RFC 1123 label.
    Namespace, "namespace", parse_label
}
name! {
    /// The name of a Kubernetes `ServiceAccount`: an RFC 1123 subdomain.
    ServiceAccountName, "service account name", parse_subdomain
}
name! {
    /// The name of a `Role` or `ClusterRole`: what may stand between two `/` of a path, such as `system:node`.
    ///
    /// Kubernetes allows every character but `/` and `%`; those that roles are named with are allowed here.
    RoleName, "role name", parse_path_segment
}

fn parse_label(text: String, noun: &'static str) -> Result<String, NameError> {
    if is_label(&text) { Ok(text) } else { Err(NameError::Label(noun)) }
}

fn parse_subdomain(text: String, noun: &'static str) -> Result<String, NameError> {
    let short = text.len() <= MAX_SUBDOMAIN_BYTES;
    // Each part is a label but for its length: Kubernetes bounds the whole, not the part.
    if short && text.split('.').all(has_label_shape) {
        Ok(text)
    } else {
        Err(NameError::Subdomain(noun))
    }
}

fn parse_path_segment(text: String, noun: &'static str) -> Result<String, NameError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:@~".contains(&b);
    let bounded = (1..=MAX_SUBDOMAIN_BYTES).contains(&text.len());
    if bounded && text != "." && text != ".." && text.bytes().all(good) {
        Ok(text)
    } else {
        Err(NameError::PathSegment(noun))
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL_BYTES && has_label_shape(text)
}

pub(crate) fn has_label_shape(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&a), Some(&z)) if alphanumeric(a) && alphanumeric(z))
        && bytes.iter().all(|&b| alphanumeric(b) || b == b'-')
}

/// The longest RFC 1123 label (RFC 1035 §2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// The longest name that Kubernetes accepts for an object, an RFC 1123 subdomain or a path segment.
pub(crate) const MAX_SUBDOMAIN_BYTES: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_an_rfc_1123_label() {
        let longest = "a".repeat(63);
        let too_long = "a".repeat(64);
        for (text, good) in [
            ("apps", true),
            ("a", true),
            ("0", true),
            ("team-a-1", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("-apps", false),
            ("apps-", false),
            ("Apps", false),
            ("app_s", false),
            ("a.b", false),
            ("a/b", false),
            ("..", false),
            ("a%2fb", false),
            ("a b", false),
            ("äpps", false),
            ("apps\n", false),
            ("*", false),
        ] {
            assert_eq!(text.parse::<Namespace>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_service_account_name_may_have_dots() {
        let longest = ["a"; 127].join(".");
        for (text, good) in [
            ("deployer", true),
            ("deployer.v2", true),
            (longest.as_str(), true),
            ("a..b", false),
            (".a", false),
            ("a.", false),
            ("a.-b", false),
            ("", false),
            (&format!("{longest}.a"), false),
        ] {
            assert_eq!(text.parse::<ServiceAccountName>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_role_name_stays_in_its_place_in_a_path() {
        let longest = "a".repeat(253);
        let too_long = "a".repeat(254);
        for (text, good) in [
            ("view", true),
            ("system:node", true),
            ("system::leader-locking-kube-scheduler", true),
            ("Team_A@x~1.b", true),
            ("...", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a%2fb", false),
            ("a?b", false),
            ("a#b", false),
            ("a b", false),
            ("a\\b", false),
            ("*", false),
            ("rôle", false),
            ("view\n", false),
        ] {
            assert_eq!(text.parse::<RoleName>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_name_read_from_json_is_checked_too() {
        assert!(serde_json::from_str::<TargetName>(r#""prod""#).is_ok());
        let error = serde_json::from_str::<TargetName>(r#""Prod""#).unwrap_err().to_string();
        assert!(error.contains("a target name is 1 to 63 lower-case letters"), "{error}");
    }
}
