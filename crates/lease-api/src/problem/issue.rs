//! Why no lease is issued.

use lease_core::{
    AudienceError, DynamicSecretName, Namespace, NamespaceError, NotGrantedReason, TtlError,
};
use lease_engine::IssueError;

use super::target::own_account_problem;
use super::{Code, Problem, RETRY_SOON_SECONDS, dynamic_secret};

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Denied { secret, namespace } => denied_problem(&secret, namespace.as_ref()),
            IssueError::NotAdmitted => Self::token_revoked_meanwhile(),
            IssueError::TooMany { limit, retry_after } => {
                too_many_issues_problem(limit, retry_after)
            }
            IssueError::UnknownSecret(name) => dynamic_secret::unknown_dynamic_secret(&name),
            IssueError::UnknownTarget { .. } => Self::new(Code::TargetMissing, error.to_string()),
            IssueError::TargetDisabled(target) => {
                Self::new(Code::TargetDisabled, format!("target `{target}` is disabled"))
            }
            IssueError::NotGranted { secret, namespaces, source } => {
                not_granted_problem(&secret, &namespaces, source)
            }
            IssueError::OwnAccount(target) => own_account_problem(&target),
            IssueError::Full { secret, cap } => Self::new(
                Code::TooManyLeases,
                format!(
                    "dynamic secret `{secret}` has {cap} live leases, its maximum; one of them \
                     must end first"
                ),
            )
            .with_retry_after(RETRY_WHEN_FULL_SECONDS),
            IssueError::IdentityFull { cap } => identity_full_problem(cap),
            IssueError::Reconciling(target) => Self::new(
                Code::TargetReconciling,
                format!(
                    "target `{target}` is new to this store, and its objects are not compared with \
                     the records yet; try again"
                ),
            )
            .with_retry_after(RETRY_SOON_SECONDS),
            IssueError::NoAccount { .. } => Self::new(Code::AccountNotFound, error.to_string()),
            IssueError::DangerousRules { .. }
            | IssueError::DangerousRole { .. }
            | IssueError::UnclearRole { .. } => dangerous_problem(error),
            IssueError::InProgress
            | IssueError::KeyReused
            | IssueError::Ended(_)
            | IssueError::EndsTooSoon(_) => idempotency_problem(error),
            IssueError::TooLate => Self::new(
                Code::IssueTooSlow,
                "the lease could not be issued in time, and no token of it was returned",
            )
            .with_retry_after(RETRY_SOON_SECONDS),
            IssueError::Cluster(error) => error.into(),
            IssueError::Store(error) => error.into(),
        }
    }
}

/// A lease would grant what nobody has weighed.
fn dangerous_problem(error: IssueError) -> Problem {
    let detail = match error {
        IssueError::DangerousRules { secret, source } => {
            format!(
                "dynamic secret `{secret}` was put before its grants counted as dangerous: \
                 {source}"
            )
        }
        IssueError::DangerousRole { secret, role, source } => format!(
            "dynamic secret `{secret}` binds {} `{}`, which has changed since the PUT: {source}",
            role.kind, role.name
        ),
        IssueError::UnclearRole { secret, role, why } => format!(
            "dynamic secret `{secret}` binds {} `{name}`, whose rules cannot all be checked: \
             {why}. To allow all its rules, now and later, set \
             `\"allow_dangerous\":[\"role:{name}\"]`",
            role.kind,
            name = role.name
        ),
        other => other.to_string(),
    };
    Problem::new(Code::DangerousRole, detail)
}

/// No lease comes of a request that repeats another by its `Idempotency-Key`.
fn idempotency_problem(error: IssueError) -> Problem {
    match error {
        IssueError::InProgress => Problem::new(
            Code::RequestInProgress,
            "a request with this `Idempotency-Key` is in progress; send it again to get its \
             outcome",
        )
        .with_retry_after(RETRY_SOON_SECONDS),
        IssueError::KeyReused => Problem::new(
            Code::IdempotencyKeyReused,
            "this `Idempotency-Key` was used for another request; use a new key",
        ),
        IssueError::EndsTooSoon(id) => Problem::new(
            Code::LeaseEndsTooSoon,
            format!(
                "lease `{id}` of this `Idempotency-Key` is a plain token that expires too soon for \
                 another token; use a new key"
            ),
        ),
        IssueError::Ended(id) => Problem::new(
            Code::LeaseEnded,
            format!("lease `{id}` of this `Idempotency-Key` has ended; use a new key"),
        ),
        other => other.into(),
    }
}

/// No grant of the identity allows it. That is said before anything of the dynamic secret is.
fn denied_problem(secret: &DynamicSecretName, namespace: Option<&Namespace>) -> Problem {
    let leases = format!("leases of dynamic secret `{secret}`");
    let leases = match namespace {
        Some(namespace) => format!("{leases} in namespace `{namespace}`"),
        None => leases,
    };
    Problem::not_granted("issue", &leases)
}

/// The identity has asked for as many as it may in a minute.
fn too_many_issues_problem(limit: u32, retry_after: u32) -> Problem {
    Problem::new(
        Code::TooManyIssues,
        format!("this identity may ask for {limit} leases in a minute"),
    )
    .with_retry_after(retry_after)
}

/// As many leases of the identity live as may.
fn identity_full_problem(cap: u32) -> Problem {
    Problem::new(
        Code::TooManyLeasesOfIdentity,
        format!(
            "this identity has reached its maximum of {cap} live leases; one of them must end first"
        ),
    )
    .with_retry_after(RETRY_WHEN_FULL_SECONDS)
}

fn not_granted_problem(
    secret: &DynamicSecretName,
    namespaces: &str,
    source: NotGrantedReason,
) -> Problem {
    match source {
        NotGrantedReason::Disabled => {
            Problem::new(Code::Disabled, format!("dynamic secret `{secret}` is disabled"))
        }
        // What is wrong with it is for those who may put it.
        NotGrantedReason::Manifest(_) => Problem::new(
            Code::Disabled,
            format!(
                "dynamic secret `{secret}` issues no leases until an administrator puts it again, \
                 because its manifest is not accepted any more; a check of its target shows the \
                 reason"
            ),
        ),
        NotGrantedReason::Namespace(NamespaceError::Required) => {
            Problem::new(Code::NamespaceRequired, format!("`namespace` is required: {namespaces}"))
        }
        NotGrantedReason::Namespace(NamespaceError::NotAllowed(name)) => Problem::new(
            Code::NamespaceNotAllowed,
            format!("dynamic secret `{secret}` does not cover namespace `{name}`"),
        ),
        NotGrantedReason::Ttl(source) => {
            ttl_problem(&source, &format!("dynamic secret `{secret}`: "))
        }
        NotGrantedReason::Audience(source @ AudienceError::NotAllowed(_)) => {
            Problem::new(Code::AudienceNotAllowed, format!("dynamic secret `{secret}`: {source}"))
        }
        NotGrantedReason::Audience(source) => {
            Problem::for_field("/audiences".to_owned(), source.to_string())
        }
    }
}

/// A lifetime that is not granted.
pub(super) fn ttl_problem(error: &TtlError, of: &str) -> Problem {
    let code = match error {
        TtlError::TooLong { .. } => Code::TtlTooLong,
        TtlError::TooShort { .. } => Code::TtlTooShort,
    };
    Problem::new(code, format!("{of}{error}"))
}

/// Seconds after which a place may be free: a sweep runs every ten.
const RETRY_WHEN_FULL_SECONDS: u32 = 10;
