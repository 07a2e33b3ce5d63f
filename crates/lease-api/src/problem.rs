//! What is answered when something is wrong: RFC 9457, and the one place where errors meet HTTP.

use std::error::Error;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use lease_engine::{DynamicSecretError, IssueError, StoreError, TargetError};
use serde::Serialize;

use crate::{BodyError, MAX_BODY_BYTES, SettingsError};

/// A refusal or failure, as the caller is told of it, and its cause, which goes to the log alone.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) told: Told,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    pub(crate) cause: Option<Box<dyn Error>>,
}

/// The body of a problem. `code` is stable: programs may decide by it.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[FieldError; 1]>,
}

/// Which part of a request is wrong.
#[derive(Debug, Serialize)]
struct FieldError {
    /// A JSON pointer (RFC 6901) into the body.
    pointer: String,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let detail = detail.into();
        let told = Told {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail,
            errors: None,
        };
        Self { status, told, header: None, cause: None }
    }

    /// Nothing is there. Whether it could be is said where it may be known.
    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The request is understood and does not fit.
    pub(crate) fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// One field of the body does not fit.
    pub(crate) fn field(pointer: String, detail: String) -> Self {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let mut problem = Self::unprocessable("invalid_field", format!("`{field}`: {detail}"));
        if pointer.is_empty() {
            problem.told.detail.clone_from(&detail);
        }
        problem.told.errors = Some([FieldError { pointer, detail }]);
        problem
    }

    /// No credential was shown.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "this needs one `Authorization: Bearer …` header";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="kubelease""#))
    }

    /// A credential was shown that admits nobody here.
    pub(crate) fn unknown_credential() -> Self {
        let challenge = r#"Bearer realm="kubelease", error="invalid_token""#;
        let detail = "the bearer token is not known here";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The same with what is behind it, for the log.
    fn because(mut self, cause: impl Error + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

impl From<SettingsError> for Problem {
    /// What is wrong is for `/readyz` to say: whoever asks anything else need not know.
    fn from(error: SettingsError) -> Self {
        let detail = "kubelease is not configured; `GET /readyz` says what is missing";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_configured", detail).because(error)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("a body has at most {MAX_BODY_BYTES} bytes"),
            ),
            BodyError::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                "the body did not come in time",
            ),
            BodyError::Broken => {
                Self::new(StatusCode::BAD_REQUEST, "body_broken", "the body broke off")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (code, detail) = match &error {
            StoreError::KeyValue(_) => ("store_unavailable", "the store does not answer"),
            StoreError::Version { .. } => {
                ("store_version", "the store holds a record of another version of kubelease")
            }
            StoreError::Broken { .. } => {
                ("store_broken", "the store holds a record that cannot be read")
            }
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).because(error)
    }
}

impl From<TargetError> for Problem {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unknown(name) => {
                Self::not_found("unknown_target", format!("there is no target `{name}`"))
            }
            TargetError::CredentialRequired { target, url } => Self::unprocessable(
                "credential_required",
                format!(
                    "`auth.token` is required: no credential of target `{target}` is known for `{url}`, \
                     and one for another url is never sent to it"
                ),
            ),
            TargetError::InUse { target, by } => {
                let shown: Vec<_> = by.iter().take(10).map(|name| format!("`{name}`")).collect();
                let (count, shown) = (by.len(), shown.join(", "));
                let detail = format!(
                    "target `{target}` is used by {count} dynamic secrets; delete them first: {shown}"
                );
                Self::new(StatusCode::CONFLICT, "target_in_use", detail)
            }
            TargetError::Unopened { ref target, .. } => unopened(target).because(error),
            TargetError::Store(error) => error.into(),
        }
    }
}

impl From<DynamicSecretError> for Problem {
    fn from(error: DynamicSecretError) -> Self {
        match error {
            DynamicSecretError::Unknown(name) => unknown_dynamic_secret(&name),
            DynamicSecretError::UnknownTarget(name) => Self::field(
                "/target".to_owned(),
                format!("there is no target `{name}`; put it first"),
            ),
            DynamicSecretError::Store(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::UnknownSecret(name) => unknown_dynamic_secret(&name),
            IssueError::UnknownTarget { .. } => {
                Self::new(StatusCode::CONFLICT, "target_missing", format!("{error}"))
            }
            IssueError::Namespace {
                source: lease_core::NamespaceError::Required, allowed, ..
            } => {
                let allowed: Vec<_> = allowed.iter().map(|name| format!("`{name}`")).collect();
                let detail = format!("`namespace` is required: one of {}", allowed.join(", "));
                Self::unprocessable("namespace_required", detail)
            }
            IssueError::Namespace {
                secret,
                source: lease_core::NamespaceError::NotAllowed(name),
                ..
            } => Self::new(
                StatusCode::FORBIDDEN,
                "namespace_not_allowed",
                format!("dynamic secret `{secret}` does not cover namespace `{name}`"),
            ),
            IssueError::Ttl { secret, source } => {
                let code = match source {
                    lease_core::TtlError::TooLong { .. } => "ttl_too_long",
                    lease_core::TtlError::TooShort { .. } => "ttl_too_short",
                };
                Self::unprocessable(code, format!("dynamic secret `{secret}`: {source}"))
            }
            IssueError::Unopened { ref target, .. } => unopened(target).because(error),
            IssueError::Kubernetes { .. } | IssueError::WrongToken { .. } => cluster(error),
            IssueError::Store(error) => error.into(),
        }
    }
}

fn unknown_dynamic_secret(name: &lease_core::DynamicSecretName) -> Problem {
    let detail = format!("there is no dynamic secret `{name}`");
    Problem::not_found("unknown_dynamic_secret", detail)
}

fn unopened(target: &lease_core::TargetName) -> Problem {
    let detail = format!(
        "the credential of target `{target}` cannot be opened with the configured master keys; put the \
         target again, or name the key it was sealed under in `previous_master_keys`"
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "credential_unreadable", detail)
}

/// The cluster refused, failed or did not answer. What it said goes to the log, never to the caller.
fn cluster(error: IssueError) -> Problem {
    use kube_rest::Error as Kube;
    let (status, code, detail) = match &error {
        IssueError::Kubernetes { target, namespace, service_account, source } => match source {
            source if source.is_timeout() => (
                StatusCode::GATEWAY_TIMEOUT,
                "target_timeout",
                format!("target `{target}` did not answer in time"),
            ),
            Kube::Refused(status) if status.is_unauthorized() => (
                StatusCode::BAD_GATEWAY,
                "target_unauthorized",
                format!(
                    "target `{target}` does not accept the credential that kubelease has for it"
                ),
            ),
            Kube::Refused(status) if status.is_forbidden() => (
                StatusCode::BAD_GATEWAY,
                "target_forbidden",
                format!(
                    "on target `{target}` kubelease may not `create` `serviceaccounts/token` of \
                     `{service_account}` in namespace `{namespace}`"
                ),
            ),
            Kube::Refused(status) if status.is_not_found() => (
                StatusCode::BAD_GATEWAY,
                "account_not_found",
                format!(
                    "on target `{target}` there is no service account `{service_account}` in namespace \
                     `{namespace}`"
                ),
            ),
            Kube::Refused(_) => (
                StatusCode::BAD_GATEWAY,
                "target_refused",
                format!("target `{target}` refused or failed to issue a token"),
            ),
            Kube::Transport(_) => (
                StatusCode::BAD_GATEWAY,
                "target_unreachable",
                format!(
                    "target `{target}` cannot be reached; `POST /api/v1/targets/{target}/check` tells why"
                ),
            ),
            Kube::Unreadable(_) | Kube::Token(_) => bad_answer(target),
            Kube::Request(_) | Kube::Segment(_) | Kube::Improper(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "the request to the target could not be written".to_owned(),
            ),
        },
        IssueError::WrongToken { target, .. } => bad_answer(target),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", String::new()),
    };
    Problem::new(status, code, detail).because(error)
}

fn bad_answer(target: &lease_core::TargetName) -> (StatusCode, &'static str, String) {
    let detail = format!("target `{target}` answered with something else than the token asked for");
    (StatusCode::BAD_GATEWAY, "target_bad_answer", detail)
}
