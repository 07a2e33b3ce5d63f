//! The kinds of audit events, and what was decided. Their names never change: logs are searched by them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares a closed set of names: the enum, its names, and how each is read and written.
macro_rules! names {
    ($(#[$of:meta])* $type:ident: $($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$meta])* #[serde(rename = $name)] $variant,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = ();

            fn from_str(name: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name).ok_or(())
            }
        }
    };
}

names! {
    /// The type of an event.
    AuditEventType:
    /// Somebody has logged in, or has tried to.
    Login = "login",
    /// A request was not let in, or asked for what is not granted.
    Refusal = "refusal",
    /// A request was allowed, and could not be done. The events of its lease, if there is one, are others.
    RequestFailed = "request_failed",
    /// A lease was issued.
    Issue = "issue",
    /// A lease that was issued before for the same request was given another token.
    IssueRepeated = "issue_repeated",
    /// Nothing came of an issue, and nothing of it is left. It ends the events of a lease.
    IssueFailed = "issue_failed",
    /// A lease was found in a cluster without a record, and is on record again.
    Adoption = "adoption",
    /// A lease was renewed, or that has failed.
    Renewal = "renewal",
    /// A lease is to be revoked; something stands in the way, and the sweeps go on with it.
    RevocationBegun = "revocation_begun",
    /// A lease was revoked. It ends the events of a lease.
    Revocation = "revocation",
    /// The time of a lease was over, and it was ended. It ends the events of a lease.
    Expiry = "expiry",
    /// An administrator has closed the record of a lease whose cluster is gone. It ends the events of a lease.
    WriteOff = "write_off",
    /// Objects of a lease were deleted by others. It ends the events of a lease.
    Loss = "loss",
    /// A target was put.
    TargetPut = "target_put",
    /// A target was deleted.
    TargetDeleted = "target_deleted",
    /// An administrator has said which of two clusters a target leads to.
    ClusterAccepted = "cluster_accepted",
    /// An administrator has given the cluster of a target up. Each lease that ends by that has an event of its own.
    TargetWrittenOff = "target_written_off",
    /// A dynamic secret was put.
    DynamicSecretPut = "dynamic_secret_put",
    /// A dynamic secret was deleted.
    DynamicSecretDeleted = "dynamic_secret_deleted",
    /// An identity was put.
    IdentityPut = "identity_put",
    /// An identity was deleted.
    IdentityDeleted = "identity_deleted",
    /// An administrator has made an access token.
    AccessTokenCreated = "access_token_created",
    /// An access token was renewed.
    AccessTokenRenewed = "access_token_renewed",
    /// An access token was revoked.
    AccessTokenRevoked = "access_token_revoked",
    /// All access tokens of an identity were revoked.
    IdentityTokensRevoked = "identity_tokens_revoked",
}

names! {
    /// The change of a definition.
    AuditChange:
    /// There was none of its name.
    Created = "created",
    /// Another content than before.
    Changed = "changed",
    /// Put, with the content that it had before.
    Unchanged = "unchanged",
    /// Gone, or to go with the last of its leases.
    Deleted = "deleted",
}

names! {
    /// A decision, or an outcome.
    AuditDecision:
    /// Allowed, and done.
    Allowed = "allowed",
    /// Refused.
    Denied = "denied",
    /// Allowed, and could not be done.
    Failed = "failed",
}

impl AuditEventType {
    /// Returns true for the last event of a lease: each lease that has ended has exactly one.
    #[must_use]
    pub fn is_last_event_of_lease(self) -> bool {
        matches!(
            self,
            Self::Revocation | Self::Expiry | Self::WriteOff | Self::Loss | Self::IssueFailed
        )
    }
}
