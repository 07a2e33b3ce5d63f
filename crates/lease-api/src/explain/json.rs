//! The shape of an explanation.

use lease_core::{DynamicSecretName, IdentityName, Namespace, Ttl};
use lease_engine::{
    ExplainedRefusal, Explanation, GrantOutcome, IssueExplanation, LoginExplanation, ObjectOutcome,
    RuleOutcome,
};
use serde::Serialize;
use serde_json::Value;

use crate::namespaces::NamespacesJson;
use crate::problem::{Code, Problem};

/// The outcome of a login and an issue.
#[derive(Serialize)]
pub(super) struct ExplanationJson {
    allowed: bool,
    /// The first refusal that would be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalJson>,
    identity: IdentityJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<LoginJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<Vec<GrantJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue: Option<IssueJson>,
}

#[derive(Serialize)]
struct RefusalJson {
    status: u16,
    code: &'static str,
    detail: String,
    /// The reason, which the refused caller is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct IdentityJson {
    name: IdentityName,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct LoginJson {
    admitted: bool,
    methods: Vec<MethodJson>,
}

#[derive(Serialize)]
struct MethodJson {
    index: usize,
    #[serde(rename = "type")]
    kind: &'static str,
    admits: Option<bool>,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct GrantJson {
    index: usize,
    allows: bool,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct IssueJson {
    rules: Vec<RuleJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<GrantedTermsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<Value>,
    objects: Vec<ObjectJson>,
}

#[derive(Serialize)]
struct GrantedTermsJson {
    namespace: Namespace,
    ttl: Ttl,
    max_ttl: Ttl,
}

#[derive(Serialize)]
struct ObjectJson {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct RuleJson {
    rule: String,
    passed: Option<bool>,
    compared: Value,
    would_pass: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl ExplanationJson {
    pub(super) fn from_explanation(
        identity: &IdentityName,
        dynamic_secret: Option<&DynamicSecretName>,
        explanation: Explanation,
    ) -> Self {
        let Explanation { refusal, identity: rules, login, grants, issue } = explanation;
        let grants = issue.is_some().then(|| map_with_index(grants, GrantJson::from_outcome));
        Self {
            allowed: refusal.is_none(),
            refusal: refusal.map(RefusalJson::from_refusal),
            identity: IdentityJson { name: identity.clone(), rules: rules_json(rules) },
            login: login.map(LoginJson::from_login),
            grants,
            issue: issue
                .zip(dynamic_secret)
                .map(|(issue, secret)| IssueJson::from_issue(issue, secret)),
        }
    }
}

impl RefusalJson {
    fn from_refusal(refused: ExplainedRefusal) -> Self {
        let reason = match &refused {
            ExplainedRefusal::Login(error) => Some(error.to_string()),
            ExplainedRefusal::AccessToken
            | ExplainedRefusal::Issue(_)
            | ExplainedRefusal::LeaseToken { .. } => None,
        };
        let Problem { status, body: told, .. } = to_problem(refused);
        Self { status: status.as_u16(), code: told.code, detail: told.detail, reason }
    }
}

/// The problem that would be answered.
fn to_problem(refused: ExplainedRefusal) -> Problem {
    match refused {
        ExplainedRefusal::Login(error) => error.into(),
        ExplainedRefusal::AccessToken => Problem::unknown_credential(),
        ExplainedRefusal::Issue(error) => error.into(),
        ExplainedRefusal::LeaseToken { target } => {
            let token = "`create` `serviceaccounts/token`";
            Problem::new(
                Code::TargetForbidden,
                format!("kubelease may not {token} on target `{target}`"),
            )
        }
    }
}

impl LoginJson {
    fn from_login(login: LoginExplanation) -> Self {
        let methods = map_with_index(login.methods, |index, method| MethodJson {
            index,
            kind: method.kind.as_str(),
            admits: method.admits,
            rules: rules_json(method.rules),
        });
        Self { admitted: login.admitted.is_some(), methods }
    }
}

impl GrantJson {
    fn from_outcome(index: usize, grant: GrantOutcome) -> Self {
        Self { index, allows: grant.allows, rules: rules_json(grant.rules) }
    }
}

impl IssueJson {
    fn from_issue(issue: IssueExplanation, secret: &DynamicSecretName) -> Self {
        let IssueExplanation { rules, granted, namespaces, objects } = issue;
        Self {
            rules: rules_json(rules),
            granted: granted.map(|granted| GrantedTermsJson {
                namespace: granted.namespace,
                ttl: granted.ttl,
                max_ttl: granted.max_ttl,
            }),
            namespaces: namespaces.map(|found| {
                // Unwrap safety: it is lists of texts.
                serde_json::to_value(NamespacesJson::from_namespaces(
                    secret,
                    &found,
                    None,
                    MAX_SHOWN_NAMESPACES,
                ))
                .unwrap()
            }),
            objects: objects.into_iter().map(ObjectJson::from_outcome).collect(),
        }
    }
}

impl ObjectJson {
    fn from_outcome(object: ObjectOutcome) -> Self {
        let ObjectOutcome { kind, namespace, name, accepted, reason } = object;
        Self { kind, namespace, name, accepted, reason }
    }
}

fn rules_json(rules: Vec<RuleOutcome>) -> Vec<RuleJson> {
    let show = |rule: RuleOutcome| {
        let RuleOutcome { rule, compared, would_pass, passed, reason } = rule;
        RuleJson { rule, passed, compared, would_pass, reason }
    };
    rules.into_iter().map(show).collect()
}

fn map_with_index<T, J>(items: Vec<T>, show: impl Fn(usize, T) -> J) -> Vec<J> {
    items.into_iter().enumerate().map(|(index, item)| show(index, item)).collect()
}

/// The number of namespaces that are shown; their own route goes on.
const MAX_SHOWN_NAMESPACES: usize = 100;
