//! The shape of identities.

use lease_core::{
    AccessTokenTerms, AuthMethod, Description, Identity, IdentityGrant, IdentityName,
    KubernetesAuth, MaxIssuesPerMinute, MaxLiveLeases, OidcAuth, Reviewer, Tag, Tags,
    TokenVariableName,
};
use lease_engine::PutOutcome;
use serde::Serialize;

use crate::respond::{ChangeJson, format_time};

/// An identity as it is shown: without the tokens of its reviewers.
#[derive(Serialize)]
pub(crate) struct IdentityJson {
    name: IdentityName,
    description: Description,
    tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none")]
    apply_set: Option<Tag>,
    disabled: bool,
    auth: Vec<AuthJson>,
    grants: Vec<IdentityGrant>,
    admin: bool,
    manage_administrators: bool,
    access_token: AccessTokenTerms,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_live_leases: Option<MaxLiveLeases>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_issues_per_minute: Option<MaxIssuesPerMinute>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(flatten)]
    change: Option<ChangeJson>,
}

/// A way to log in.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthJson {
    Kubernetes(KubernetesAuth<ReviewerJson>),
    Oidc(OidcAuth),
    Token,
}

/// Whose credential a review is asked with; `{"token":null}` for a token that is kept.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ReviewerJson {
    Target,
    Client,
    Token(()),
    Variable(TokenVariableName),
}

impl IdentityJson {
    pub(crate) fn from_identity(identity: &Identity) -> Self {
        let spec = identity.spec().clone();
        Self {
            name: identity.name.clone(),
            description: spec.description,
            tags: spec.tags,
            apply_set: spec.apply_set,
            disabled: spec.disabled,
            auth: spec.auth.into_iter().map(AuthJson::from_method).collect(),
            grants: spec.grants,
            admin: spec.admin,
            manage_administrators: spec.manage_administrators,
            access_token: spec.access_token,
            max_live_leases: spec.max_live_leases,
            max_issues_per_minute: spec.max_issues_per_minute,
            created_at: format_time(identity.created_at),
            updated_at: format_time(identity.updated_at),
            warnings: vec![],
            change: None,
        }
    }

    pub(crate) fn from_put_outcome(put: PutOutcome<Identity>, warnings: Vec<String>) -> Self {
        Self { warnings, change: Some(put.change.into()), ..Self::from_identity(&put.definition) }
    }
}

impl AuthJson {
    fn from_method(method: AuthMethod) -> Self {
        match method {
            AuthMethod::Kubernetes(method) => {
                let reviewer = ReviewerJson::from_reviewer(&method.reviewer);
                Self::Kubernetes(KubernetesAuth {
                    target: method.target,
                    reviewer,
                    allowed_names: method.allowed_names,
                    allowed_namespaces: method.allowed_namespaces,
                    allowed_audience: method.allowed_audience,
                })
            }
            AuthMethod::Oidc(method) => Self::Oidc(method),
            AuthMethod::Token(_) => Self::Token,
        }
    }
}

impl ReviewerJson {
    fn from_reviewer(reviewer: &Reviewer) -> Self {
        match reviewer {
            Reviewer::Target => Self::Target,
            Reviewer::Client => Self::Client,
            Reviewer::Token(_) => Self::Token(()),
            Reviewer::Variable(variable) => Self::Variable(variable.clone()),
        }
    }
}
