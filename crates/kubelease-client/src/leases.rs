//! Leases: asked for, looked at, renewed and revoked.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ureq::http::Method;

use crate::client::{Call, with_query};
use crate::{Client, Error, IdempotencyKey, LeaseId, Name, Token};

/// The lease that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IssueRequest {
    /// The namespace; may be left out if the dynamic secret has only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// The duration of its life, such as `15m`; the server reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// The audiences of its token; those of the dynamic secret if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
}

/// A lease, without its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// The id.
    pub lease_id: LeaseId,
    /// The dynamic secret that it is of.
    pub dynamic_secret: Name,
    /// The target where it is.
    pub target: Name,
    /// The namespace of the account.
    pub namespace: Name,
    /// The `ServiceAccount` whose token it has.
    pub service_account: String,
    /// The state.
    pub state: LeaseState,
    /// If it can be revoked before it ends.
    pub revocable: bool,
    /// The one who asked for it.
    pub requester: String,
    /// The time at which it was issued.
    pub issued_at: DateTime<Utc>,
    /// The end of its time.
    pub expires_at: DateTime<Utc>,
    /// The end of its time with all renewals.
    pub max_expires_at: DateTime<Utc>,
    /// Remarks for its holder.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A lease with its token, as it is answered once.
#[derive(Debug, Clone, Deserialize)]
pub struct IssuedLease {
    /// The token.
    pub token: Token,
    /// The lease.
    #[serde(flatten)]
    pub lease: Lease,
}

/// A stage in the life of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// Being issued.
    Pending,
    /// Good for requests.
    Active,
    /// About to end, while something of it may still be in the cluster.
    Revoking,
    /// Revoked.
    Revoked,
    /// Ended in time.
    Expired,
    /// Never answered.
    Failed,
    /// The cluster was written off.
    Lost,
    /// A state that a newer server knows.
    #[serde(untagged)]
    Other(String),
}

/// A selection of leases. All that is set has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeaseFilter {
    /// Those of this dynamic secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_secret: Option<Name>,
    /// Those of this target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Name>,
    /// Those in this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// Those in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<LeaseState>,
    /// Those that this identity asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Name>,
}

/// A page of leases.
#[derive(Debug, Clone, Deserialize)]
pub struct LeasePage {
    /// The leases.
    pub items: Vec<Lease>,
    /// The beginning of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A lease that was asked to end.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The lease as it is now.
    pub lease: Lease,
    /// If nothing is left of it; otherwise the server goes on with it.
    pub is_done: bool,
}

/// The outcome of one page of a bulk revocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationCounts {
    /// Leases of which nothing is left.
    pub revoked: u64,
    /// Leases that the server goes on with.
    pub revoking: u64,
    /// Leases with plain tokens, which end by themselves.
    pub not_revocable: u64,
}

impl Client {
    /// Asks for a lease. The same `idempotency_key` with the same request has the same lease, so that this is sent
    /// again if the answer is lost.
    ///
    /// # Errors
    /// Fails if the server refuses it, or cannot be reached.
    pub fn issue_lease(
        &self,
        dynamic_secret: &Name,
        request: &IssueRequest,
        idempotency_key: &IdempotencyKey,
    ) -> Result<IssuedLease, Error> {
        let path = format!("/api/v1/dynamic-secrets/{dynamic_secret}/leases");
        self.send_with_retries(
            &Call::post(path, request).with_idempotency_key(idempotency_key.as_str()),
        )?
        .parse_json()
    }

    /// Looks at a lease.
    ///
    /// # Errors
    /// Fails if there is none that may be seen, or the server cannot be reached.
    pub fn get_lease(&self, id: &LeaseId) -> Result<Lease, Error> {
        self.send_with_retries(&Call::get(format!("/api/v1/leases/{id}")))?.parse_json()
    }

    /// Lists a page of the leases that meet `filter` and may be seen.
    ///
    /// # Errors
    /// Fails if the server cannot be reached.
    pub fn list_lease_page(
        &self,
        filter: &LeaseFilter,
        cursor: Option<&str>,
    ) -> Result<LeasePage, Error> {
        let text = |name: &Option<Name>| name.as_ref().map(Name::to_string);
        let query = [
            ("dynamic_secret", text(&filter.dynamic_secret)),
            ("target", text(&filter.target)),
            ("namespace", text(&filter.namespace)),
            ("state", filter.state.as_ref().map(LeaseState::to_string)),
            ("identity", text(&filter.identity)),
            ("limit", Some(MAX_PAGE_LEASES.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        self.send_with_retries(&Call::get(with_query("/api/v1/leases", &query)))?.parse_json()
    }

    /// Renews a lease, for `ttl` from now or as long as it was first issued for, and returns it with a new token.
    ///
    /// A second renewal only gives another token, so that this is sent again if the answer is lost.
    ///
    /// # Errors
    /// Fails if it cannot be renewed, or the server cannot be reached.
    pub fn renew_lease(&self, id: &LeaseId, ttl: Option<&str>) -> Result<IssuedLease, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            ttl: Option<&'a str>,
        }
        let path = format!("/api/v1/leases/{id}/renew");
        self.send_with_retries(&Call::post(path, &Body { ttl }).allow_repeats())?.parse_json()
    }

    /// Revokes a lease.
    ///
    /// # Errors
    /// Fails if there is none that may be revoked, or the server cannot be reached.
    pub fn revoke_lease(&self, id: &LeaseId) -> Result<Revocation, Error> {
        let answer =
            self.send_with_retries(&Call::new(Method::DELETE, format!("/api/v1/leases/{id}")))?;
        Ok(Revocation { lease: answer.parse_json()?, is_done: answer.status != 202 })
    }

    /// Revokes a page of the leases that meet `filter`; returns what it came to, and where the next page begins.
    ///
    /// # Errors
    /// Fails if the filter says nothing, or the server cannot be reached.
    pub fn revoke_lease_page(
        &self,
        filter: &LeaseFilter,
        cursor: Option<&str>,
    ) -> Result<(RevocationCounts, Option<String>), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(flatten)]
            filter: &'a LeaseFilter,
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<&'a str>,
        }
        #[derive(Deserialize)]
        struct Page {
            #[serde(flatten)]
            revoked: RevocationCounts,
            next_cursor: Option<String>,
        }
        let call = Call::post("/api/v1/leases/revoke", &Body { filter, cursor }).allow_repeats();
        let page: Page = self.send_with_retries(&call)?.parse_json()?;
        Ok((page.revoked, page.next_cursor))
    }
}

impl LeaseState {
    /// Returns true for a lease that has not ended.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Revoked | Self::Expired | Self::Failed | Self::Lost)
    }

    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for LeaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::ops::AddAssign for RevocationCounts {
    fn add_assign(&mut self, other: Self) {
        self.revoked += other.revoked;
        self.revoking += other.revoking;
        self.not_revocable += other.not_revocable;
    }
}

/// As many as a page may have.
const MAX_PAGE_LEASES: u32 = 500;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({"lease_id": "0123456789abcdef0123456789abcdef", "dynamic_secret": "ci", "target": "prod",
            "mode": "existing", "revocable": true, "state": "active", "namespace": "apps",
            "service_account": "deployer", "audiences": [], "requester": "identity:bot", "jti": null,
            "issued_at": "2026-11-22T07:00:00Z", "expires_at": "2026-11-22T08:00:00Z",
            "max_expires_at": "2026-11-23T07:00:00Z", "ttl_seconds": 3600, "objects": [], "warnings": [],
            "token": "sesame"})
    }

    #[test]
    fn what_is_not_named_here_is_kept_and_the_token_is_not_among_it() {
        let issued: IssuedLease = serde_json::from_value(answer()).unwrap();
        assert_eq!(issued.token.expose_secret(), "sesame");
        let mut shown = answer();
        shown.as_object_mut().unwrap().remove("token");
        assert_eq!(serde_json::to_value(&issued.lease).unwrap(), shown);
        assert!(!format!("{issued:?}").contains("sesame"));
    }

    #[test]
    fn a_state_of_a_newer_server_is_kept_as_it_is() {
        for (word, is_live) in
            [("active", true), ("revoking", true), ("lost", false), ("new", true)]
        {
            let state: LeaseState = serde_json::from_value(json!(word)).unwrap();
            assert_eq!((state.as_str(), state.is_live()), (word, is_live));
            assert_eq!(serde_json::to_value(&state).unwrap(), word);
        }
    }
}
