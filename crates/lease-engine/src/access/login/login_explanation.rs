//! A login, explained: each rule of each way to log in.

use std::collections::BTreeMap;

use jwt_auth::{ClaimRequirement, UnverifiedClaims, UnverifiedJwt};
use lease_core::{AuthMethod, AuthMethodKind, Identity, KubernetesAuth, OidcAuth, Reviewer};
use serde_json::{Value, json};

use super::kubernetes::{self, AccountRule, account_rules, check_unverified_account_claims};
use super::oidc::{self, OidcRule, check_unverified, oidc_rules};
use super::{
    AdmittedLogin, AttemptOutcomes, AttemptResult, LOGIN_TIME, LoginError, LoginToken,
    RefusalReason, new_refusal, refused_login,
};
use crate::explain::{LoginEvidence, RuleOutcome, bound_value};
use crate::{Engine, Ports};

/// The outcome of a login.
#[derive(Debug)]
pub struct LoginExplanation {
    /// Each way to log in, in the order in which they are tried.
    pub methods: Vec<MethodExplanation>,
    /// The kind of login that lets in, and the claims that have decided it.
    pub admitted: Option<(AuthMethodKind, BTreeMap<String, String>)>,
    pub(crate) refusal: Option<LoginError>,
}

/// The outcome of one way to log in.
#[derive(Debug)]
pub struct MethodExplanation {
    /// The kind of it.
    pub kind: AuthMethodKind,
    /// True if it lets in; none if nothing is shown to it at a login.
    pub admits: Option<bool>,
    /// Its rules.
    pub rules: Vec<RuleOutcome>,
}

impl<P: Ports> Engine<P> {
    /// Explains the login as one identity, without using up a token that is good for one.
    pub(crate) async fn explain_login(
        &self,
        entry: Option<&(u64, Identity)>,
        shown: &LoginEvidence,
    ) -> LoginExplanation {
        let mut told = LoginExplanation { methods: vec![], admitted: None, refusal: None };
        let token = match shown {
            LoginEvidence::Jwt(jwt) => match UnverifiedJwt::parse(jwt.trim()) {
                Ok(token) => Some((token, jwt.trim())),
                Err(error) => {
                    told.refusal = Some(refused_login(error));
                    return told;
                }
            },
            _ => None,
        };
        let claims = match (&token, shown) {
            (Some((token, _)), _) => token.claims(),
            (None, LoginEvidence::Claims(claims)) => UnverifiedClaims::new(claims),
            (None, _) => return told,
        };
        let Some((number, identity)) = entry else {
            told.refusal = Some(refused_login(RefusalReason::NoIdentity));
            return told;
        };
        // A login is asked for by its kind, and knows of no other.
        let mut kinds: BTreeMap<AuthMethodKind, AttemptOutcomes> = BTreeMap::new();
        let methods = &identity.spec().auth;
        let all_tried: Vec<AttemptResult> = match &token {
            Some((unverified, jwt)) => {
                let deadline = self.now() + LOGIN_TIME;
                let ways: Vec<_> = methods.iter().map(|method| (identity, method)).collect();
                self.try_each_auth_method(&ways, &LoginToken { jwt, unverified, deadline }).await
            }
            None => methods
                .iter()
                .map(|method| self.decide_assumed_claims(identity, method, claims))
                .collect(),
        };
        for (method, tried) in methods.iter().zip(all_tried) {
            told.methods.push(self.explain_method(method, claims, token.is_some(), &tried));
            kinds.entry(method.kind()).or_default().add_outcome(*number, identity, tried);
        }
        kinds.remove(&AuthMethodKind::Token);
        for (kind, attempts) in kinds {
            match attempts.decide_login() {
                Ok(admitted) if told.admitted.is_none() => {
                    let claims = admitted.ways.into_iter().next().map(|way| way.claims);
                    told.admitted = Some((kind, claims.unwrap_or_default()));
                }
                Ok(_) => {}
                Err(error) => _ = told.refusal.get_or_insert(error),
            }
        }
        if told.admitted.is_some() {
            told.refusal = None;
        } else {
            told.refusal.get_or_insert_with(|| refused_login(RefusalReason::NoIdentity));
        }
        told
    }

    /// Decides on claims that are taken as given, by all rules but those of the token's issuer.
    fn decide_assumed_claims(
        &self,
        identity: &Identity,
        method: &AuthMethod<Reviewer>,
        claims: UnverifiedClaims<'_>,
    ) -> AttemptResult {
        let now = self.now();
        let may_try = self.check_login_allowed(identity, method.kind());
        let decided = match method {
            AuthMethod::Token(_) => return Ok(None),
            AuthMethod::Kubernetes(auth) => {
                let target = self.reviewing_target(auth)?;
                may_try.and_then(|()| {
                    let account = check_unverified_account_claims(auth, claims, now)?;
                    target.map(|_| kubernetes::deciding_claims(&account, ""))
                })
            }
            AuthMethod::Oidc(auth) => may_try.and_then(|()| {
                check_unverified(auth, claims, now)?;
                Ok(oidc::deciding_claims(auth, claims.as_map()))
            }),
        };
        let admission = |claims| AdmittedLogin { claims, single_use: None };
        Ok(Some(decided.map(admission).map_err(|reason| new_refusal(identity, reason))))
    }

    fn explain_method(
        &self,
        method: &AuthMethod<Reviewer>,
        claims: UnverifiedClaims<'_>,
        is_token: bool,
        tried: &AttemptResult,
    ) -> MethodExplanation {
        let now = self.now();
        let mut rules: Vec<_> = match method {
            AuthMethod::Token(_) => vec![],
            AuthMethod::Kubernetes(auth) => account_rules(auth, claims, now)
                .into_iter()
                .map(|(rule, outcome)| account_rule_outcome(auth, rule, claims, outcome))
                .collect(),
            AuthMethod::Oidc(auth) => oidc_rules(auth, claims, now)
                .into_iter()
                .map(|(rule, outcome)| oidc_rule_outcome(auth, rule, claims, outcome))
                .collect(),
        };
        rules.extend(verification_rule(method, is_token, &rules, tried));
        let admits = match tried {
            Ok(Some(outcome)) => Some(outcome.is_ok()),
            Ok(None) => None,
            Err(_) => Some(false),
        };
        MethodExplanation { kind: method.kind(), admits, rules }
    }
}

/// The last rule: that whoever has issued the token stands by it.
fn verification_rule(
    method: &AuthMethod<Reviewer>,
    is_token: bool,
    claims: &[RuleOutcome],
    tried: &AttemptResult,
) -> Option<RuleOutcome> {
    let would_pass = match method {
        AuthMethod::Token(_) => return None,
        AuthMethod::Kubernetes(auth) => format!(
            "a token that the API server of target `{}` has issued, and accepts for `{}`, of the ServiceAccount that \
             `sub` names",
            auth.target,
            auth.allowed_audience.as_str()
        ),
        AuthMethod::Oidc(auth) => {
            let once = if auth.is_single_use() { ", which has not been used before" } else { "" };
            format!("a token signed by a key of issuer `{}`{once}", auth.issuer())
        }
    };
    let is_refused_before = claims.iter().any(|rule| rule.passed == Some(false));
    let (passed, reason) = match tried {
        // Nobody would be asked, whatever the token is.
        Ok(Some(Err(refusal))) if !is_refused_before => {
            (Some(false), Some(refusal.reason.to_string()))
        }
        _ if !is_token => (None, Some("the claims are taken as given".to_owned())),
        Ok(Some(Ok(_))) => (Some(true), None),
        Ok(Some(Err(_))) => (
            None,
            Some("the token is refused by its claims, and was not sent to anybody".to_owned()),
        ),
        Ok(None) => return None,
        Err(error) => {
            (None, Some(format!("the token cannot be verified now: {}", unverified_message(error))))
        }
    };
    let rule = "verified".to_owned();
    Some(RuleOutcome { rule, compared: Value::Null, would_pass: json!(would_pass), passed, reason })
}

/// Why a token cannot be verified, for an administrator.
fn unverified_message(error: &LoginError) -> String {
    match error {
        LoginError::Review { source, .. } => source.public_message(),
        LoginError::IssuerKeys { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn account_rule_outcome(
    auth: &KubernetesAuth<Reviewer>,
    rule: AccountRule,
    claims: UnverifiedClaims<'_>,
    outcome: Result<(), RefusalReason>,
) -> RuleOutcome {
    let (name, claim, would_pass) = match rule {
        AccountRule::Subject => ("sub", "sub", json!("system:serviceaccount:NAMESPACE:NAME")),
        AccountRule::Namespace => ("allowed_namespaces", "sub", json!(auth.allowed_namespaces)),
        AccountRule::Name => ("allowed_names", "sub", json!(auth.allowed_names)),
        AccountRule::Audience => ("aud", "aud", json!([auth.allowed_audience])),
        AccountRule::Expiry => ("exp", "exp", json!(FUTURE_TIME_TEXT)),
    };
    claim_rule_outcome(name, claims.as_map().get(claim), would_pass, outcome)
}

fn oidc_rule_outcome(
    auth: &OidcAuth,
    rule: OidcRule<'_>,
    claims: UnverifiedClaims<'_>,
    outcome: Result<(), RefusalReason>,
) -> RuleOutcome {
    let claims = claims.as_map();
    match rule {
        OidcRule::Bound(name, values) => {
            let rule = format!("claims.{name}");
            claim_rule_outcome(&rule, name.find_in(claims), json!(values), outcome)
        }
        OidcRule::Expected(expected) => {
            let (name, would_pass) = match expected {
                ClaimRequirement::Issuer => ("iss", json!([auth.issuer()])),
                ClaimRequirement::Subject => ("sub", json!("a non-empty string")),
                ClaimRequirement::Audience => ("aud", json!(auth.audiences())),
                ClaimRequirement::Expiry => ("exp", json!(FUTURE_TIME_TEXT)),
                ClaimRequirement::NotBefore => ("nbf", json!(PAST_TIME_TEXT)),
                ClaimRequirement::IssuedAt => ("iat", json!(PAST_TIME_TEXT)),
                ClaimRequirement::Age => ("max_token_age", json!(auth.max_token_age())),
            };
            claim_rule_outcome(name, claims.get(expected.claim_name()), would_pass, outcome)
        }
    }
}

fn claim_rule_outcome(
    rule: &str,
    compared: Option<&Value>,
    would_pass: Value,
    outcome: Result<(), RefusalReason>,
) -> RuleOutcome {
    RuleOutcome {
        rule: rule.to_owned(),
        compared: compared.map_or(Value::Null, bound_value),
        would_pass,
        passed: Some(outcome.is_ok()),
        reason: outcome.err().map(|reason| reason.to_string()),
    }
}

const FUTURE_TIME_TEXT: &str = "a time in the future";
const PAST_TIME_TEXT: &str = "a time that is not in the future, or absent";
