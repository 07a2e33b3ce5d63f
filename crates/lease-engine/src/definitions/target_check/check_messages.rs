//! What is told of a check, and of what a server says in one.

use kube_rest::{DeniedBy, Error, PostAuthorizationDenial};
use lease_core::DynamicSecret;

use crate::cluster::connection::Connection;
use crate::{ClusterError, Ports};

/// Returns the message for an administrator about a failure: the whole chain, which holds no token
/// and no body.
pub(super) fn public_message(error: &Error) -> String {
    match error {
        error if error.is_not_kubernetes() => not_kubernetes(error),
        Error::Refused(status) if status.is_unauthorized() => {
            "the API server does not accept the target's credential".to_owned()
        }
        Error::Transport(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn not_kubernetes(error: &Error) -> String {
    let seen = match error.status() {
        Some(status) => format!("it was a redirect ({status})"),
        None => "it was a page, or JSON of another API".to_owned(),
    };
    format!(
        "the answer at the url does not come from a Kubernetes API: {seen}; a proxy may require a \
         login"
    )
}

/// Returns the message for an administrator about a dry run that failed. Other than in an answer to
/// a caller, the component that denied it is named.
pub(super) fn dry_run_message<P: Ports>(
    connection: &Connection<'_, P>,
    error: &ClusterError,
) -> String {
    match error {
        ClusterError::Denied { by: Some(DeniedBy::Escalation), .. } => {
            ESCALATION_MESSAGE.to_owned()
        }
        ClusterError::Denied { doing, by, source, .. } => {
            let denial = source.status().and_then(kube_rest::Status::post_authorization_denial);
            let name = denial
                .and_then(PostAuthorizationDenial::name)
                .filter(|name| !connection.may_reveal_credential(name));
            let name = name.map(|name| format!(" `{}`", bound_text(name))).unwrap_or_default();
            let who = match by {
                Some(DeniedBy::Quota) => "resource quota",
                Some(DeniedBy::Policy) => "admission policy",
                Some(DeniedBy::Webhook) => "admission webhook",
                Some(DeniedBy::Escalation) | None => {
                    "a component other than RBAC (a quota, an admission policy or a webhook)"
                }
            };
            format!("{who}{name} refuses to {doing}")
        }
        ClusterError::NoNamespace { namespace, .. } => {
            format!("there is no namespace `{namespace}`")
        }
        ClusterError::Kubernetes { doing, source, .. } => {
            let forbidden = source.status().is_some_and(kube_rest::Status::is_forbidden);
            if forbidden { format!("kubelease may not {doing}") } else { public_message(source) }
        }
        other => other.public_message(),
    }
}

/// Returns the message for an administrator about a manifest that was accepted once, and is not any
/// more.
pub(super) fn refused_manifest_message(secret: &DynamicSecret) -> Option<String> {
    let error = secret.definition.spec().check_manifest_readable().err()?;
    Some(format!("the manifest is not accepted any more, and must be put again: {error}"))
}

/// Shortens the text of a server, which is stored and shown in every list.
pub(super) fn bound_text(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

/// The message if RBAC's protection against escalation refuses generated rules.
const ESCALATION_MESSAGE: &str =
    "kubelease may not grant these rules: it must itself have every permission that it grants";

/// The longest text of a server that is kept: a subdomain, and what Kubernetes puts before it.
pub(super) const MAX_CHARACTERS: usize = 320;
