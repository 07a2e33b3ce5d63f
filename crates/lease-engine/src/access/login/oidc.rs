//! Login by an ID token: the keys of its issuer say if it is one.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use jwt_auth::{ClaimRequirement, IdTokenRequirements, JwtError, UnverifiedClaims, VerifiedClaims};
use lease_core::{ClaimName, ClaimValue, OidcAuth, digest_texts};
use serde_json::{Map, Value};

use super::attempts::LoginToken;
use super::issuer_keys::IssuerKeysError;
use super::{
    AdmittedLogin, LoginCandidate, LoginError, LoginOutcome, RefusalReason, SingleUseToken,
};
use crate::{Engine, Ports};

impl<P: Ports> Engine<P> {
    /// Lets the bearer of an ID token in as one identity, if it is what it says and claims what it should.
    pub(super) async fn verify_oidc_login(
        &self,
        candidate: &LoginCandidate<'_, OidcAuth>,
        token: &LoginToken<'_>,
    ) -> Result<LoginOutcome, LoginError> {
        let (auth, now) = (candidate.auth, self.now());
        if let Err(reason) = check_unverified(auth, token.unverified.claims(), now) {
            return Ok(Err(candidate.to_refusal(reason)));
        }
        let claims = match self.verify_with_keys(candidate, token).await? {
            Ok(claims) => claims,
            Err(error) => return Ok(Err(candidate.to_refusal(error))),
        };
        // Again, now that they are known to be the issuer's words.
        if let Err(mismatch) = auth.claim_rules().check_claims(claims.as_map()) {
            return Ok(Err(candidate.to_refusal(mismatch)));
        }
        let single_use = auth.is_single_use().then(|| single_use(candidate, &claims));
        if let Some(single_use) = &single_use
            && self.access_tokens().is_id_token_used(&single_use.digest)?
        {
            return Ok(Err(candidate.to_refusal(RefusalReason::Replayed)));
        }
        // It is used up only once it is decided that it logs in as this identity.
        Ok(Ok(AdmittedLogin { claims: deciding_claims(auth, claims.as_map()), single_use }))
    }

    /// Verifies a token by the keys of its issuer; by newer ones if it was signed with a key that is not known.
    async fn verify_with_keys(
        &self,
        candidate: &LoginCandidate<'_, OidcAuth>,
        token: &LoginToken<'_>,
    ) -> Result<Result<VerifiedClaims, JwtError>, LoginError> {
        let auth = candidate.auth;
        let failed = |source| match source {
            IssuerKeysError::Store(error) => error.into(),
            source => LoginError::IssuerKeys { identity: candidate.identity.name.clone(), source },
        };
        let audiences = expected_audiences(auth);
        let expected = token_expectations(auth, &audiences);
        let (token, deadline) = (token.unverified, token.deadline);
        let keys = self.issuer_keys(auth, false, deadline).await.map_err(failed)?;
        match token.verify_signature_and_claims(&keys, &expected, self.now()) {
            // Issuers publish a key before they sign with it, so a set that is read again has it.
            Err(JwtError::UnknownKey) => {
                let keys = self.issuer_keys(auth, true, deadline).await.map_err(failed)?;
                Ok(token.verify_signature_and_claims(&keys, &expected, self.now()))
            }
            verified => Ok(verified),
        }
    }
}

/// Returns the use of a token that is good for one login.
fn single_use(candidate: &LoginCandidate<'_, OidcAuth>, claims: &VerifiedClaims) -> SingleUseToken {
    // A token without an id is known by all that it claims.
    let id = match claims.get("jti").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => Value::Object(claims.as_map().clone()).to_string(),
    };
    let parts = [candidate.auth.issuer().as_str(), candidate.identity.name.as_str(), &id];
    SingleUseToken {
        digest: digest_texts(&parts),
        until: claims.expires_at() + jwt_auth::CLOCK_LEEWAY,
    }
}

/// A rule of a login by ID token, as far as its claims decide.
#[derive(Debug, Clone, Copy)]
pub(super) enum OidcRule<'a> {
    /// One that every ID token has to keep.
    Expected(ClaimRequirement),
    /// A claim that binds the identity, with the values of which it has to have one.
    Bound(&'a ClaimName, &'a [ClaimValue]),
}

/// All rules for the claims of a token, and what becomes of each.
///
/// They decide before the issuer is asked for its keys, and again by the claims that it has signed.
pub(super) fn oidc_rules<'a>(
    auth: &'a OidcAuth,
    claims: UnverifiedClaims<'a>,
    now: DateTime<Utc>,
) -> Vec<(OidcRule<'a>, Result<(), RefusalReason>)> {
    let (audiences, claims) = (expected_audiences(auth), claims.as_map());
    let expected = token_expectations(auth, &audiences);
    let expected = expected.check_each_claim(claims, now);
    let expected = expected
        .map(|(claim, outcome)| (OidcRule::Expected(claim), outcome.map_err(RefusalReason::from)));
    let bound = auth.claim_rules().check_each_rule(claims).map(|(name, values, outcome)| {
        (OidcRule::Bound(name, values), outcome.map_err(RefusalReason::from))
    });
    expected.chain(bound).collect()
}

/// Checks what a token says of itself, so that no issuer is asked for keys for a token that could not be let in.
pub(super) fn check_unverified(
    auth: &OidcAuth,
    claims: UnverifiedClaims<'_>,
    now: DateTime<Utc>,
) -> Result<(), RefusalReason> {
    oidc_rules(auth, claims, now).into_iter().try_for_each(|(_, outcome)| outcome)
}

fn token_expectations<'a>(auth: &'a OidcAuth, audiences: &'a [String]) -> IdTokenRequirements<'a> {
    IdTokenRequirements {
        issuer: auth.issuer().as_str(),
        audiences,
        algorithms: auth.algorithms(),
        max_age: auth.max_token_age().map(TimeDelta::from),
    }
}

fn expected_audiences(auth: &OidcAuth) -> Vec<String> {
    auth.audiences().iter().map(|audience| audience.as_str().to_owned()).collect()
}

/// The claims that have decided, as texts: for names of accounts, and for whoever looks a login up.
pub(super) fn deciding_claims(
    auth: &OidcAuth,
    claims: &Map<String, Value>,
) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let bound = auth.claim_rules().claim_names().filter_map(|name| {
        let value = name.find_in(claims)?;
        Some((name.as_str().to_owned(), text(value)))
    });
    let subject = claims.get("sub").map(|subject| ("sub".to_owned(), text(subject)));
    let all = bound.chain(subject);
    all.map(|(name, value)| (name, shorten_value(value))).take(MAX_KEPT_CLAIMS).collect()
}

/// Cuts a value off: an access token has to fit into a header.
pub(crate) fn shorten_value(mut value: String) -> String {
    if value.len() > MAX_KEPT_BYTES {
        let end = (0..=MAX_KEPT_BYTES).rev().find(|end| value.is_char_boundary(*end));
        value.truncate(end.unwrap_or(0));
        value.push('…');
    }
    value
}

const MAX_KEPT_CLAIMS: usize = 16;
const MAX_KEPT_BYTES: usize = 200;
