//! What is told of the rules of an issue: what each compares, and what would pass.

use lease_core::{Account, DynamicSecret, DynamicSecretName, IssueRequest, MaxLiveLeases};
use serde_json::{Value, json};

use super::super::issue_decision::IssueRule;
use super::SeenRules;
use crate::explain::{ExplainedRefusal, RuleOutcome};
use crate::{Engine, IssueError, Ports};

/// Tells of each rule, in their order, what became of it.
pub(super) fn explain_rules<P: Ports>(
    engine: &Engine<P>,
    name: &DynamicSecretName,
    request: &IssueRequest,
    seen: &SeenRules,
    refusal: Option<&ExplainedRefusal>,
) -> Vec<RuleOutcome> {
    let about = RuleContext { engine, name, request, secret: known_secret(engine, name), seen };
    let failed = seen.entered.last().filter(|_| refusal.is_some());
    let told = |rule: IssueRule| {
        let passed = (failed == Some(&rule)).then_some(false);
        let passed = passed.or_else(|| seen.entered.contains(&rule).then_some(true));
        // A store that fails is no rule.
        RuleOutcome {
            rule: rule_name(rule).to_owned(),
            compared: about.compared_value(rule),
            would_pass: about.passing_value(rule),
            passed,
            reason: refusal.filter(|_| passed == Some(false)).map(refusal_reason),
        }
    };
    ALL_ISSUE_RULES.into_iter().map(told).collect()
}

/// All that the rules are about.
struct RuleContext<'a, P> {
    engine: &'a Engine<P>,
    name: &'a DynamicSecretName,
    request: &'a IssueRequest,
    /// The dynamic secret, whether it is granted or not: an administrator asks.
    secret: Option<DynamicSecret>,
    seen: &'a SeenRules,
}

impl<P: Ports> RuleContext<'_, P> {
    fn compared_value(&self, rule: IssueRule) -> Value {
        let parts = self.secret.as_ref().map(|secret| secret.definition.spec());
        let terms = self.seen.terms.as_ref();
        match rule {
            IssueRule::GrantForDynamicSecret | IssueRule::DynamicSecret => json!(self.name),
            IssueRule::Target | IssueRule::Cluster | IssueRule::Reconciled => {
                json!(parts.map(|parts| &parts.target))
            }
            IssueRule::NamespaceChosen => json!(self.request.namespace),
            IssueRule::GrantForNamespace | IssueRule::NamespaceCovered => {
                json!(self.lease_namespace())
            }
            IssueRule::Enabled => json!(parts.map(|parts| !parts.disabled)),
            IssueRule::Ttl => {
                json!(self.request.ttl.or(terms.map(|terms| terms.granted.ttl)))
            }
            IssueRule::Account => match parts.map(|parts| &parts.account) {
                Some(Account::Existing { name, .. }) => json!(name),
                _ => Value::Null,
            },
            IssueRule::IssuesPerMinute
            | IssueRule::LiveLeases
            | IssueRule::Dangers
            | IssueRule::Objects
            | IssueRule::Token => Value::Null,
        }
    }

    fn passing_value(&self, rule: IssueRule) -> Value {
        let session = self.engine.requester.session.as_ref();
        let spec = session.map(|session| session.identity.spec());
        let parts = self.secret.as_ref().map(|secret| secret.definition.spec());
        let namespaces =
            || self.secret.as_ref().map(|s| s.definition.namespaces().describe_examples());
        match rule {
            IssueRule::GrantForDynamicSecret | IssueRule::GrantForNamespace => {
                json!("a grant that allows `issue` for it; see `grants`")
            }
            IssueRule::DynamicSecret => json!("the name of a dynamic secret"),
            IssueRule::Target => json!("a target that exists and is enabled"),
            IssueRule::NamespaceChosen | IssueRule::NamespaceCovered => json!(namespaces()),
            IssueRule::Enabled => json!(true),
            IssueRule::Ttl => self.allowed_ttl(),
            IssueRule::IssuesPerMinute => {
                json!({"identity": spec.and_then(|spec| spec.max_issues_per_minute)})
            }
            IssueRule::Cluster => json!("the same cluster as before"),
            IssueRule::Reconciled => json!("a target that has been compared with the records"),
            IssueRule::Account => json!("a ServiceAccount that exists and is not kubelease's own"),
            IssueRule::LiveLeases => {
                let cap = parts.and_then(|parts| parts.max_live_leases).map(MaxLiveLeases::get);
                let of_identity = spec.and_then(|spec| spec.max_live_leases);
                json!({"dynamic_secret": cap, "identity": of_identity.map(MaxLiveLeases::get)})
            }
            IssueRule::Dangers => json!("no dangerous grant that `allow_dangerous` does not list"),
            IssueRule::Objects => json!("objects that the API server accepts without a change"),
            IssueRule::Token => {
                json!("the permission of kubelease to `create` `serviceaccounts/token`")
            }
        }
    }

    /// The lifetimes that would be granted, by the dynamic secret, the installation and the grants.
    fn allowed_ttl(&self) -> Value {
        let Some(secret) = &self.secret else { return Value::Null };
        let permit = self.lease_namespace().and_then(|namespace| {
            self.engine.find_issue_permit(secret, &namespace.parse().ok()?).ok()
        });
        let longest = self.engine.longest_permitted_ttl(permit.unwrap_or_default());
        let lifetimes = secret.definition.lifetimes();
        let shortest = lease_core::min_lease_ttl(secret.definition.mode().is_revocable());
        json!({"at_least": shortest, "at_most": lifetimes.max_ttl().min(longest)})
    }

    /// The namespace of the lease, as far as it is known.
    fn lease_namespace(&self) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let chosen = secret.choose_namespace(self.request.namespace.clone());
        chosen.ok().map(|namespace| namespace.to_string())
    }
}

fn known_secret<P: Ports>(engine: &Engine<P>, name: &DynamicSecretName) -> Option<DynamicSecret> {
    engine.dynamic_secrets().get(name).ok().flatten()
}

/// Why a rule does not pass, for an administrator.
fn refusal_reason(refusal: &ExplainedRefusal) -> String {
    match refusal {
        ExplainedRefusal::Issue(IssueError::Cluster(error)) => error.public_message(),
        ExplainedRefusal::Issue(IssueError::NotGranted { source, .. }) => source.to_string(),
        ExplainedRefusal::Issue(error) => error.to_string(),
        ExplainedRefusal::LeaseToken { target } => {
            format!("kubelease may not `create` `serviceaccounts/token` on target `{target}`")
        }
        ExplainedRefusal::Login(error) => error.to_string(),
        ExplainedRefusal::AccessToken => "the access token is not valid".to_owned(),
    }
}

fn rule_name(rule: IssueRule) -> &'static str {
    match rule {
        IssueRule::GrantForDynamicSecret => "grant_for_dynamic_secret",
        IssueRule::DynamicSecret => "dynamic_secret",
        IssueRule::Target => "target",
        IssueRule::NamespaceChosen => "namespace_chosen",
        IssueRule::GrantForNamespace => "grant_for_namespace",
        IssueRule::Enabled => "enabled",
        IssueRule::Ttl => "ttl",
        IssueRule::IssuesPerMinute => "issues_per_minute",
        IssueRule::Cluster => "cluster",
        IssueRule::Reconciled => "reconciled",
        IssueRule::NamespaceCovered => "namespace_covered",
        IssueRule::Account => "account",
        IssueRule::LiveLeases => "live_leases",
        IssueRule::Dangers => "dangers",
        IssueRule::Objects => "objects",
        IssueRule::Token => "token",
    }
}

/// All rules, in the order in which they are looked at.
const ALL_ISSUE_RULES: [IssueRule; 16] = [
    IssueRule::GrantForDynamicSecret,
    IssueRule::DynamicSecret,
    IssueRule::Target,
    IssueRule::NamespaceChosen,
    IssueRule::GrantForNamespace,
    IssueRule::Enabled,
    IssueRule::Ttl,
    IssueRule::IssuesPerMinute,
    IssueRule::Cluster,
    IssueRule::Reconciled,
    IssueRule::NamespaceCovered,
    IssueRule::Account,
    IssueRule::LiveLeases,
    IssueRule::Dangers,
    IssueRule::Objects,
    IssueRule::Token,
];
