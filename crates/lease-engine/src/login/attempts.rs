//! All ways to log in that a token is shown to, and what comes of them together.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lease_core::Identity;

use super::{LoginError, Refusal, RefusalReason, refuse, refused};
use crate::{Engine, Ports};

/// What became of a token for one way to log in.
pub(super) type Outcome = Result<Admission, Refusal>;

/// A way to log in that lets a token in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admission {
    /// The claims that have decided.
    pub(super) claims: BTreeMap<String, String>,
    /// What the login uses up, if the token is good for one.
    pub(super) single_use: Option<SingleUse>,
}

/// A token that is good for one login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SingleUse {
    /// A digest of it, its issuer and the identity.
    pub(super) digest: String,
    /// The time until which it has to be remembered.
    pub(super) until: DateTime<Utc>,
}

/// An identity that lets a token in, by one way or by several.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) number: u64,
    pub(super) identity: Identity,
    pub(super) ways: Vec<Admission>,
}

/// What became of a token for each way to log in.
#[derive(Default)]
pub(super) struct Attempts {
    admitted: Vec<Admitted>,
    refusals: Vec<Refusal>,
}

impl Attempts {
    /// Adds what became of it for one. An identity with two ways to log in that both let it in is one identity.
    pub(super) fn add(&mut self, number: u64, identity: &Identity, outcome: Outcome) {
        let known = self.admitted.iter_mut().find(|admitted| admitted.number == number);
        match (outcome, known) {
            (Err(refusal), _) => self.refusals.push(refusal),
            (Ok(admission), Some(admitted)) => admitted.ways.push(admission),
            (Ok(admission), None) => {
                let (identity, ways) = (identity.clone(), vec![admission]);
                self.admitted.push(Admitted { number, identity, ways });
            }
        }
    }

    /// Returns the only identity that lets it in.
    pub(super) fn decide(mut self) -> Result<Admitted, LoginError> {
        match (self.admitted.pop(), self.admitted.is_empty()) {
            (Some(admitted), true) => Ok(admitted),
            (Some(_), false) => Err(LoginError::Ambiguous),
            (None, _) if self.refusals.is_empty() => Err(refused(RefusalReason::NoIdentity)),
            (None, _) => Err(LoginError::Refused(self.refusals)),
        }
    }
}

impl<P: Ports> Engine<P> {
    /// Uses a token up that is good for one login, now that it is decided which one that is.
    pub(super) fn use_up(
        &self,
        admitted: Admitted,
    ) -> Result<(u64, Identity, BTreeMap<String, String>), LoginError> {
        let Admitted { number, identity, ways } = admitted;
        for Admission { claims, single_use } in ways {
            let is_first = match single_use {
                None => true,
                Some(SingleUse { digest, until }) => {
                    self.tokens().use_id_token(&digest, self.now(), until)?
                }
            };
            if is_first {
                return Ok((number, identity, claims));
            }
        }
        Err(LoginError::Refused(vec![refuse(&identity, RefusalReason::Replayed)]))
    }
}
