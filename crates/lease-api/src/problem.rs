//! What is answered when something is wrong: RFC 9457. Here and below is the one place where errors meet HTTP.

mod cluster;
mod code;
mod dynamic_secret;
mod identity;
mod issue;
mod lease;
mod login;
mod target;

use std::error::Error;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use lease_engine::{Authority, RefusedToken, StoreError};
use serde::Serialize;

pub(crate) use self::code::Code;
use crate::{BodyError, MAX_BODY_BYTES, SettingsError};

/// A refusal or failure, as the caller is told of it, and its cause, which goes to the log alone.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) status: StatusCode,
    pub(crate) body: ProblemBody,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    pub(crate) cause: Option<Box<dyn Error>>,
    /// The cause for the audit, if it is another than the caller is told.
    pub(crate) own_cause: Option<&'static str>,
    /// The refusal that is recorded once it is answered.
    pub(crate) record: Option<Box<RefusedToken>>,
}

/// The body of a problem. `code` is stable: programs may decide by it.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemBody {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[FieldError; 1]>,
}

/// The field of a request that is at fault.
#[derive(Debug, Serialize)]
struct FieldError {
    /// A JSON pointer (RFC 6901) into the body.
    pointer: String,
    detail: String,
}

impl Problem {
    /// A problem of this kind, with what the caller should know of this one.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        let body = ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: code.as_str(),
            detail: detail.into(),
            errors: None,
        };
        Self { code, status, body, header: None, cause: None, own_cause: None, record: None }
    }

    /// The problem of one field of the body.
    pub(crate) fn for_field(pointer: String, detail: String) -> Self {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let text = if field.is_empty() { detail.clone() } else { format!("`{field}`: {detail}") };
        let mut problem = Self::new(Code::InvalidField, text);
        problem.body.errors = Some([FieldError { pointer, detail }]);
        problem
    }

    /// No credential was shown.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "this needs one `Authorization: Bearer …` header";
        Self::new(Code::Unauthenticated, detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="kubelease""#))
    }

    /// A credential was shown that admits nobody here.
    pub(crate) fn unknown_credential() -> Self {
        let challenge = r#"Bearer realm="kubelease", error="invalid_token""#;
        Self::new(Code::InvalidToken, "the bearer token is not valid here")
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// The access token was good when the request came, and is no more: the same answer, and another event.
    pub(crate) fn token_revoked_meanwhile() -> Self {
        Self::unknown_credential().with_audit_cause("the access token was revoked meanwhile")
    }

    /// The problem as it is told to a caller of this authority: to whoever may only give something back, that the token is not
    /// known, unless it is about a lease of its own.
    pub(crate) fn adapt_to_caller_authority(self, authority: Authority) -> Self {
        let is_its_own = self.status == StatusCode::CONFLICT || !self.status.is_client_error();
        if authority != Authority::GiveBack || is_its_own {
            return self;
        }
        Self::unknown_credential().with_audit_cause("the access token is used up")
    }

    /// No grant of the caller allows it.
    pub(crate) fn not_granted(action: &str, object: &str) -> Self {
        let detail = format!(
            "no grant lets this identity `{action}` {object}; `GET /api/v1/auth/token` shows its \
             grants"
        );
        Self::new(Code::NotGranted, detail)
    }

    /// The installation's own token was shown where an access token is meant.
    pub(crate) fn not_an_access_token() -> Self {
        Self::new(
            Code::NotGranted,
            "`admin_token` is not an access token: change it by its variable",
        )
    }

    /// The route is for administrators, and the caller is none.
    pub(crate) fn administrators_only() -> Self {
        Self::new(Code::NotGranted, "this is only for administrators, and this identity is not one")
    }

    /// The same, of a part of the body.
    pub(crate) fn with_pointer_prefix(mut self, prefix: &str) -> Self {
        if let Some([FieldError { pointer, detail }]) = self.body.errors {
            return Self::for_field(format!("{prefix}{pointer}"), detail);
        }
        self.body.detail = format!("`{}`: {}", prefix.trim_start_matches('/'), self.body.detail);
        self
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The same, with a word on when to try again.
    fn with_retry_after(self, seconds: u32) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same, with another cause for the audit than the caller is told.
    fn with_audit_cause(mut self, cause: &'static str) -> Self {
        self.own_cause = Some(cause);
        self
    }

    /// The same, with what is recorded once it is answered.
    pub(crate) fn with_refused_token(self, record: Option<Box<RefusedToken>>) -> Self {
        Self { record, ..self }
    }

    /// The same with what is behind it, for the log.
    fn with_cause(mut self, cause: impl Error + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

impl From<SettingsError> for Problem {
    /// Hides the fault, which `/readyz` shows: a caller of other routes need not know it.
    fn from(error: SettingsError) -> Self {
        let detail = "kubelease is not configured; `GET /readyz` names the variable at fault";
        Self::new(Code::NotConfigured, detail).with_cause(error)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => {
                let detail = format!("a body has at most {MAX_BODY_BYTES} bytes");
                Self::new(Code::BodyTooLarge, detail)
            }
            BodyError::TooSlow => Self::new(Code::BodyTooSlow, "the body did not arrive in time"),
            BodyError::Broken => Self::new(Code::BodyBroken, "the body ended early"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store_problem(&error).with_cause(error)
    }
}

fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::KeyValue(_) => {
            Problem::new(Code::StoreUnavailable, "the store does not answer")
        }
        StoreError::Version { .. } => {
            let detail = "the store has a record of another version of kubelease";
            Problem::new(Code::StoreVersion, detail)
        }
        StoreError::Broken { .. } => {
            Problem::new(Code::StoreBroken, "the store has a record that cannot be read")
        }
    }
}

/// Seconds after which what is under way elsewhere is decided, one way or the other.
const RETRY_SOON_SECONDS: u32 = 2;

#[cfg(test)]
mod tests;
