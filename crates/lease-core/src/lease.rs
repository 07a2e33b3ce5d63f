//! One issue of a dynamic secret.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{DynamicSecretName, Namespace, ServiceAccountName, TargetName};

/// What is kept of a lease: all but its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    /// The dynamic secret it is an issue of.
    pub dynamic_secret: DynamicSecretName,
    /// The target its token is good for.
    pub target: TargetName,
    /// Where its account is.
    pub namespace: Namespace,
    /// The account it is a token of.
    pub service_account: ServiceAccountName,
    /// The token's own id, under which the API server's audit log knows it; absent before Kubernetes 1.29.
    pub jti: Option<String>,
    /// When its token was issued, by the cluster's clock.
    pub issued_at: DateTime<Utc>,
    /// When its token ends, by the cluster's clock.
    pub expires_at: DateTime<Utc>,
    /// What its holder should know.
    pub warnings: Vec<String>,
}

/// The id of a lease: 128 random bits, written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId(u128);

/// A text that is not the id of any lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lease id is 32 lower-case hexadecimal digits")]
pub struct LeaseIdError;

/// Where a lease is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// Its token is good.
    Active,
    /// Its token has ended by itself.
    Expired,
}

impl Lease {
    /// Where the lease is in its life at `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> LeaseState {
        if now < self.expires_at { LeaseState::Active } else { LeaseState::Expired }
    }

    /// How long its token was given, in seconds.
    #[must_use]
    pub fn ttl_seconds(&self) -> i64 {
        (self.expires_at - self.issued_at).num_seconds()
    }
}

impl LeaseId {
    /// An id of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for LeaseId {
    type Err = LeaseIdError;

    fn from_str(text: &str) -> Result<Self, LeaseIdError> {
        // One id has one text: `from_str_radix` alone would take a sign and upper case.
        let digits =
            text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u128::from_str_radix(text, 16).map_err(|_| LeaseIdError)?;
        if digits { Ok(Self(id)) } else { Err(LeaseIdError) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = LeaseIdError;

    fn try_from(text: String) -> Result<Self, LeaseIdError> {
        text.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_has_one_text() {
        let id = LeaseId::new([0x0a; 16]);
        assert_eq!(id.to_string(), "0a".repeat(16));
        assert_eq!("0a".repeat(16).parse(), Ok(id));
        for text in
            ["", "0", &"0A".repeat(16), &"0a".repeat(15), &format!("+{}", "0".repeat(31)), "zz"]
        {
            assert_eq!(text.parse::<LeaseId>(), Err(LeaseIdError), "{text:?}");
        }
    }

    #[test]
    fn a_lease_has_expired_at_the_very_second_its_token_ends() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("in range");
        let lease = Lease {
            id: LeaseId::new([1; 16]),
            dynamic_secret: "ci".parse().expect("a good name"),
            target: "prod".parse().expect("a good name"),
            namespace: "apps".parse().expect("a good name"),
            service_account: "deployer".parse().expect("a good name"),
            jti: None,
            issued_at: at(1000),
            expires_at: at(1600),
            warnings: vec![],
        };
        assert_eq!(lease.ttl_seconds(), 600);
        assert_eq!(lease.state(at(1599)), LeaseState::Active);
        assert_eq!(lease.state(at(1600)), LeaseState::Expired);
    }
}
