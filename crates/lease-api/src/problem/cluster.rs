//! What is wrong with a cluster, or on the way to it.

use kube_rest::{DeniedBy, Error as Kube, TransportError};
use lease_core::TargetName;
use lease_engine::ClusterError;

use super::target::unopened_credential;
use super::{Code, Problem, store_problem};

impl From<ClusterError> for Problem {
    /// The cluster refused, failed or did not answer. What it said goes to the log, never to the caller.
    fn from(error: ClusterError) -> Self {
        let problem = match &error {
            ClusterError::Unopened { target, .. } => unopened_credential(target),
            ClusterError::Variable { .. } => {
                Self::new(Code::CredentialUnreadable, error.to_string())
            }
            ClusterError::Changed { target } => Self::new(
                Code::ClusterChanged,
                format!(
                    "target `{target}` leads to a different cluster than before; no lease is \
                     issued there until `POST /api/v1/targets/{target}/cluster` accepts one of the \
                     two"
                ),
            ),
            ClusterError::AdministratorAudience { .. } => Self::new(
                Code::AudienceOfAdministrators,
                format!("{error}; request another audience"),
            ),
            ClusterError::Taken { .. } => Self::new(Code::LeaseNameTaken, error.to_string()),
            ClusterError::Clock { .. } => Self::new(Code::TargetBadAnswer, error.to_string()),
            ClusterError::WrongAnswer { target, what } => Self::new(
                Code::TargetBadAnswer,
                format!("target `{target}` gave an unexpected answer: {what}"),
            ),
            ClusterError::Kubernetes { target, source, .. } => {
                let (code, detail) = kubernetes_code_and_detail(target, source, &error);
                Self::new(code, detail)
            }
            ClusterError::Denied { target, by, .. } => denied_problem(target, *by, &error),
            ClusterError::NoNamespace { .. } => {
                Self::new(Code::NamespaceNotFound, error.to_string())
            }
            ClusterError::NoRole { .. } => Self::new(Code::RoleNotFound, error.to_string()),
            ClusterError::Store(source) => store_problem(source),
        };
        problem.with_cause(error)
    }
}

/// The problem of a request that RBAC allows and a component behind it denies. Only the check names
/// that component.
fn denied_problem(target: &TargetName, by: Option<DeniedBy>, error: &ClusterError) -> Problem {
    match by {
        Some(DeniedBy::Escalation) => Problem::new(Code::TargetForbidden, error.public_message()),
        _ => Problem::new(
            Code::TargetRefused,
            format!(
                "{}; `POST /api/v1/targets/{target}/check` may name it",
                error.public_message()
            ),
        ),
    }
}

fn kubernetes_code_and_detail(
    target: &TargetName,
    source: &Kube,
    error: &ClusterError,
) -> (Code, String) {
    match source {
        source if source.is_timeout() => {
            (Code::TargetTimeout, format!("target `{target}` did not answer in time"))
        }
        source if source.is_not_kubernetes() => (
            Code::TargetBadAnswer,
            format!("{}; {}", error.public_message(), run_check_hint(target)),
        ),
        Kube::Refused(status) if status.is_unauthorized() => {
            (Code::TargetUnauthorized, error.public_message())
        }
        Kube::Refused(status) if status.is_namespace_terminating() => (
            Code::NamespaceTerminating,
            format!("{}: the namespace is being deleted", error.public_message()),
        ),
        Kube::Refused(status) if status.is_forbidden() => {
            (Code::TargetForbidden, error.public_message())
        }
        Kube::Refused(_) => (Code::TargetRefused, error.public_message()),
        Kube::Transport(TransportError::Tls(_)) => (
            Code::TargetUnreachable,
            format!("the TLS handshake with target `{target}` failed; {}", run_check_hint(target)),
        ),
        Kube::Transport(_) => (
            Code::TargetUnreachable,
            format!("target `{target}` cannot be reached; {}", run_check_hint(target)),
        ),
        Kube::Unreadable(_) | Kube::Token(_) => {
            (Code::TargetBadAnswer, format!("target `{target}` gave an unexpected answer"))
        }
        Kube::Request(_) | Kube::Segment(_) | Kube::Improper(_) => {
            (Code::InternalError, "the request to the target could not be written".to_owned())
        }
    }
}

fn run_check_hint(target: &TargetName) -> String {
    format!("`POST /api/v1/targets/{target}/check` shows the reason")
}
