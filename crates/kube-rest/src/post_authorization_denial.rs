//! Who denied a request that the authorizers had allowed.
//!
//! Kubernetes has no field for that: a quota, a policy and RBAC's own protection against escalation are all
//! `Forbidden`, and only the message tells them apart. So the message is read for the few forms that
//! kube-apiserver itself writes, and of all it says only the name of a quota, a policy or a webhook is kept.

use std::fmt;

/// A denial behind the authorizers, as far as the API server's message tells.
#[derive(Clone, PartialEq, Eq)]
pub struct PostAuthorizationDenial {
    /// The kind of thing that denied it.
    pub by: DeniedBy,
    name: Option<String>,
}

/// The kind of thing that denies what the authorizers allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedBy {
    /// A `ResourceQuota`.
    Quota,
    /// A policy of admission that is written in CEL, validating or mutating.
    Policy,
    /// A webhook of admission, which denied it or did not answer.
    Webhook,
    /// RBAC's protection against escalation: nobody grants what he does not hold.
    Escalation,
}

impl PostAuthorizationDenial {
    /// Reads a message of the API server.
    ///
    /// The first form counts: the API server's own words come before those that the author of a policy or a
    /// webhook adds, and those could say anything.
    pub(crate) fn from_message(message: &str) -> Option<Self> {
        let found = DENIAL_MESSAGE_FORMS
            .iter()
            .filter_map(|form| message.find(form.begins).map(|at| (at, form)))
            .min_by_key(|(at, _)| *at);
        let (at, form) = found?;
        let rest = &message[at + form.begins.len()..];
        let name = rest.split_once(form.ends).map(|(name, _)| name);
        Some(Self {
            by: form.by,
            name: name.filter(|name| is_dns_subdomain(name)).map(str::to_owned),
        })
    }

    /// The name of the quota, policy or webhook, if the message has one that is a name.
    ///
    /// What answers at a target's address chose it: it is for an administrator to see, and only after it was
    /// compared with the target's credential. It goes to no log.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for PostAuthorizationDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Denial({:?}, {})",
            self.by,
            if self.name.is_some() { "named" } else { "unnamed" }
        )
    }
}

/// A form that kube-apiserver gives its messages.
struct MessageForm {
    by: DeniedBy,
    /// The text before the name.
    begins: &'static str,
    /// The character after it.
    ends: char,
}

const fn message_form(by: DeniedBy, begins: &'static str, ends: char) -> MessageForm {
    MessageForm { by, begins, ends }
}

/// Those of kube-apiserver 1.34 to 1.37, from its own sources: `resourcequota/controller.go`,
/// `policy/validating/dispatcher.go`, `policy/generic/policy_dispatcher.go`, `webhook/errors/statuserror.go`,
/// `util/webhook/error.go` and `registry/rbac/validation/rule.go`.
const DENIAL_MESSAGE_FORMS: [MessageForm; 9] = [
    message_form(DeniedBy::Quota, "exceeded quota: ", ','),
    message_form(DeniedBy::Quota, "failed quota: ", ':'),
    message_form(DeniedBy::Quota, "status unknown for quota: ", ','),
    message_form(DeniedBy::Quota, "insufficient quota to ", '\0'),
    message_form(DeniedBy::Policy, "ValidatingAdmissionPolicy '", '\''),
    message_form(DeniedBy::Policy, "policy '", '\''),
    message_form(DeniedBy::Webhook, "admission webhook \"", '"'),
    message_form(DeniedBy::Webhook, "failed calling webhook \"", '"'),
    message_form(
        DeniedBy::Escalation,
        "is attempting to grant RBAC permissions not currently held",
        '\0',
    ),
];

/// Returns true if a text is a name that such an object can have: a DNS subdomain.
fn is_dns_subdomain(text: &str) -> bool {
    let edge =
        |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    text.len() <= MAX_NAME_BYTES
        && edge(bytes.first().copied())
        && edge(bytes.last().copied())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

/// The longest name of an object.
const MAX_NAME_BYTES: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_api_server_tells_who_denied() {
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        for (message, by, name) in [
            (
                "secrets \"s\" is forbidden: exceeded quota: none, requested: secrets=1, used: secrets=0, limited: secrets=0",
                DeniedBy::Quota,
                Some("none"),
            ),
            (
                "secrets \"s\" is forbidden: failed quota: none: must specify cpu",
                DeniedBy::Quota,
                Some("none"),
            ),
            (
                "secrets \"s\" is forbidden: status unknown for quota: none, resources: secrets",
                DeniedBy::Quota,
                Some("none"),
            ),
            (
                "secrets \"s\" is forbidden: insufficient quota to consume: secrets",
                DeniedBy::Quota,
                None,
            ),
            (
                "serviceaccounts \"d\" is forbidden: ValidatingAdmissionPolicy 'no-tokens' with binding 'b' denied request: exceeded quota: x,",
                DeniedBy::Policy,
                Some("no-tokens"),
            ),
            (
                "policy 'mutate.example' with binding 'b' denied request: e",
                DeniedBy::Policy,
                Some("mutate.example"),
            ),
            (
                "admission webhook \"validate.kyverno.svc-fail\" denied the request: policy 'x' says no",
                DeniedBy::Webhook,
                Some("validate.kyverno.svc-fail"),
            ),
            (
                "Internal error occurred: failed calling webhook \"a.example\": failed to call webhook: Post",
                DeniedBy::Webhook,
                Some("a.example"),
            ),
            (
                "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"u\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n{}",
                DeniedBy::Escalation,
                None,
            ),
            // What is no name is not kept.
            ("admission webhook \"eyJhbGciOi\" denied the request", DeniedBy::Webhook, None),
            ("admission webhook \"a b\" denied the request", DeniedBy::Webhook, None),
            ("admission webhook \"\" denied the request", DeniedBy::Webhook, None),
            ("admission webhook \"a", DeniedBy::Webhook, None),
            (&format!("admission webhook \"{long}\" denied"), DeniedBy::Webhook, None),
        ] {
            let denial = PostAuthorizationDenial::from_message(message);
            let told = denial.as_ref().map(|denial| (denial.by, denial.name()));
            assert_eq!(told, Some((by, name)), "{message}");
        }
    }

    #[test]
    fn rbacs_own_refusal_is_no_denial() {
        for message in [
            "",
            "serviceaccounts \"d\" is forbidden: User \"u\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"apps\"",
            "serviceaccounts \"late\" is forbidden: unable to create new content in namespace apps because it is being terminated",
        ] {
            assert_eq!(PostAuthorizationDenial::from_message(message), None, "{message}");
        }
    }

    #[test]
    fn the_name_is_not_printed() {
        let denial = PostAuthorizationDenial::from_message("exceeded quota: canary, requested")
            .expect("a denial");
        assert_eq!(denial.name(), Some("canary"));
        assert!(!format!("{denial:?}").contains("canary"), "{denial:?}");
    }
}
