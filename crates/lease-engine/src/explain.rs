//! Explanations: what would come of a login and an issue, rule by rule.
//!
//! Both are rehearsed: what decides about them is run as it is, on a store that keeps nothing and over a network that
//! changes nothing ([`rehearsal_ports`](crate::rehearsal_ports)). What is told of the single rules comes from the same functions
//! that decide.

mod value;

use std::net::IpAddr;

use jwt_auth::AccessTokenClaims;
use lease_core::{
    Accessor, AuthMethodKind, DynamicSecretName, GrantedTerms, Identity, IdentityName,
    IssueRequest, LeaseAction,
};
use serde_json::{Map, Value, json};

pub(crate) use self::value::{bound_value, names_value};
use crate::access::login::LoginExplanation;
use crate::{
    Engine, IssueError, LeasableNamespaces, LoginError, Origin, Ports, Requester, Session,
    StoreError,
};

/// A login and an issue that are to be explained.
#[derive(Debug)]
pub struct ExplainRequest {
    /// As whom somebody logs in.
    pub identity: IdentityName,
    /// The token or the claims that are shown at the login.
    pub shown: LoginEvidence,
    /// From where it comes; from an address that is trusted if nothing is said.
    pub address: Option<IpAddr>,
    /// Of which dynamic secret a lease is asked for then.
    pub dynamic_secret: Option<DynamicSecretName>,
    /// The lease that is asked for.
    pub request: IssueRequest,
}

/// A token or claims, as they are shown at a login.
pub enum LoginEvidence {
    /// Nothing: whoever asks has an access token already.
    Nothing,
    /// A token with these claims, which are taken as given.
    Claims(Map<String, Value>),
    /// This token, which is verified as at a login.
    Jwt(String),
}

/// The outcome, rule by rule.
#[derive(Debug)]
pub struct Explanation {
    /// The reason why there would be no access token or no lease; none if there would be all that was asked about.
    pub refusal: Option<ExplainedRefusal>,
    /// The rules of the identity itself.
    pub identity: Vec<RuleOutcome>,
    /// The login, if something was shown.
    pub login: Option<LoginExplanation>,
    /// Each grant of the identity, if a dynamic secret was named.
    pub grants: Vec<GrantOutcome>,
    /// The issue, if a dynamic secret was named and there is such an identity.
    pub issue: Option<IssueExplanation>,
}

/// The first thing that would be refused.
#[derive(Debug)]
pub enum ExplainedRefusal {
    /// The login.
    Login(LoginError),
    /// The access token that is shown with the request.
    AccessToken,
    /// The lease.
    Issue(IssueError),
    /// The token of the lease, which kubelease may not ask for.
    LeaseToken {
        /// The target.
        target: lease_core::TargetName,
    },
}

/// A rule, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOutcome {
    /// The rule.
    pub rule: String,
    /// The value that was compared; null if there was none.
    pub compared: Value,
    /// A value that would pass.
    pub would_pass: Value,
    /// True if it passes; none if it was not looked at.
    pub passed: Option<bool>,
    /// The reason for which it does not pass, or was not looked at.
    pub reason: Option<String>,
}

/// A grant, and what of it meets the request.
#[derive(Debug)]
pub struct GrantOutcome {
    /// True if it allows the issue.
    pub allows: bool,
    /// The outcome of each part of it.
    pub rules: Vec<RuleOutcome>,
}

/// The outcome of an issue.
#[derive(Debug)]
pub struct IssueExplanation {
    /// The rules, in the order in which they are looked at.
    pub rules: Vec<RuleOutcome>,
    /// The terms of the lease, if they are granted.
    pub granted: Option<GrantedTerms>,
    /// The namespaces in which leases of the dynamic secret can be asked for now, as far as that is
    /// known.
    pub namespaces: Option<LeasableNamespaces>,
    /// The objects that would be made.
    pub objects: Vec<ObjectOutcome>,
}

/// An object that would be made, by a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectOutcome {
    /// The kind, as the API names it.
    pub kind: &'static str,
    /// The namespace; none for what belongs to the whole cluster.
    pub namespace: Option<String>,
    /// The name, of which a part is random.
    pub name: String,
    /// True if the API server would take it; none if that cannot be tried.
    pub accepted: Option<bool>,
    /// The reason for which it is not.
    pub reason: Option<String>,
}

impl<P: Ports> Engine<P> {
    /// Explains what would come of a login and an issue. Nothing is changed: no lease is recorded, nothing is counted and
    /// no token is asked for.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn explain_request(&self, asked: ExplainRequest) -> Result<Explanation, StoreError> {
        let entry = self.identities().get_with_number(&asked.identity)?;
        let known = entry.as_ref().map(|(_, identity)| identity);
        let rules = identity_rules(&asked, known);
        let origin = Origin { address: assumed_address(&asked, known), ..Origin::default() };
        let somebody = self.rehearsal_for(Requester::nobody().from(origin));
        let login = match &asked.shown {
            LoginEvidence::Nothing => None,
            shown => Some(somebody.explain_login(entry.as_ref(), shown).await),
        };
        let mut explanation =
            Explanation { refusal: None, identity: rules, login, grants: vec![], issue: None };
        let logged_in = explanation.login.as_mut().and_then(|login| login.refusal.take());
        explanation.refusal = logged_in.map(ExplainedRefusal::Login);
        let Some((number, identity)) = entry else {
            explanation.refusal.get_or_insert(ExplainedRefusal::AccessToken);
            return Ok(explanation);
        };
        if explanation.identity.iter().any(|rule| rule.passed == Some(false)) {
            explanation.refusal.get_or_insert(ExplainedRefusal::AccessToken);
        }
        let Some(dynamic_secret) = asked.dynamic_secret else { return Ok(explanation) };
        let session = assumed_session(number, identity, explanation.login.as_ref());
        let requester = Requester::from_session(session).from(somebody.requester.origin.clone());
        let issuer = self.rehearsal_for(requester);
        let (issue, refusal) = issuer.explain_issue(&dynamic_secret, asked.request).await;
        explanation.grants = issuer.grant_outcomes(&dynamic_secret, &issue);
        explanation.issue = Some(issue);
        explanation.refusal = explanation.refusal.or(refusal);
        Ok(explanation)
    }

    /// Returns the parts of each grant that match the request.
    fn grant_outcomes(
        &self,
        dynamic_secret: &DynamicSecretName,
        issue: &IssueExplanation,
    ) -> Vec<GrantOutcome> {
        let Some(session) = &self.requester.session else { return vec![] };
        let namespace = issue.rules.iter().find(|rule| rule.rule == "grant_for_namespace");
        let namespace = namespace.and_then(|rule| rule.compared.as_str()?.parse().ok());
        let outcome = |grant: &lease_core::IdentityGrant| {
            let parts = grant.check_parts(LeaseAction::Issue, dynamic_secret, namespace.as_ref());
            let rule = |rule: &str, compared: Value, would_pass, passed| RuleOutcome {
                rule: rule.to_owned(),
                compared,
                would_pass,
                passed,
                reason: None,
            };
            let actions = grant.actions().iter().map(|action| action.as_str()).collect();
            GrantOutcome {
                allows: parts.all_met(),
                rules: vec![
                    rule("action", json!("issue"), names_value(actions), Some(parts.action)),
                    rule(
                        "dynamic_secret",
                        json!(dynamic_secret),
                        json!(grant.dynamic_secrets),
                        Some(parts.dynamic_secret),
                    ),
                    rule("namespace", json!(namespace), json!(grant.namespaces), parts.namespace),
                ],
            }
        };
        session.identity.grants().iter().map(outcome).collect()
    }
}

/// The rules that do not depend on what is shown.
fn identity_rules(asked: &ExplainRequest, known: Option<&Identity>) -> Vec<RuleOutcome> {
    let rule = |rule: &str, compared, would_pass, passed: Option<bool>| RuleOutcome {
        rule: rule.to_owned(),
        compared,
        would_pass,
        passed,
        reason: None,
    };
    let exists = known.is_some();
    let mut rules =
        vec![rule("exists", json!(asked.identity), json!("the name of an identity"), Some(exists))];
    let Some(known) = known else { return rules };
    let spec = known.spec();
    rules.push(rule("enabled", json!(!spec.disabled), json!(true), Some(!spec.disabled)));
    let trusted = spec.access_token.trusted_ips();
    let passed = asked.address.map(|address| trusted.is_trusted(Some(address)));
    let mut address = rule("address", json!(asked.address), json!(trusted), passed);
    if asked.address.is_none() {
        address.reason = Some("no `address` was given: a trusted address is assumed".to_owned());
    }
    rules.push(address);
    rules
}

/// The address from which it is assumed to come.
fn assumed_address(asked: &ExplainRequest, known: Option<&Identity>) -> Option<IpAddr> {
    asked
        .address
        .or_else(|| known.map(|known| known.spec().access_token.trusted_ips().example_address()))
}

/// The session that there would be after the login, whatever came of it: what would be issued is told all the same.
fn assumed_session(number: u64, identity: Identity, login: Option<&LoginExplanation>) -> Session {
    let accessor = Accessor::new([0; 10], number);
    let (method, claims) = login
        .and_then(|login| login.admitted.clone())
        .unwrap_or((AuthMethodKind::Token, std::collections::BTreeMap::default()));
    let token = AccessTokenClaims {
        identity: identity.name.to_string(),
        identity_number: number,
        accessor: accessor.to_string(),
        issued_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: chrono::DateTime::UNIX_EPOCH,
        max_expires_at: chrono::DateTime::UNIX_EPOCH,
        ttl: 0,
        max_uses: 0,
        auth_method: method.as_str().to_owned(),
        login_claims: claims,
    };
    Session { identity, token, accessor, is_used_up: false }
}

/// Neither claims nor tokens are printed.
impl std::fmt::Debug for LoginEvidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(redacted)")
    }
}

#[cfg(test)]
mod tests;
