//! One issue of a dynamic secret.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::rbac::RoleKind;
use crate::{
    Accessor, ClusterIdentity, DynamicSecretName, LeaseId, Namespace, ServiceAccountName,
    TargetName,
};

/// The record of a lease: all but its token.
///
/// The record holds all that a renewal and the end of the lease need. So the lease can be revoked
/// after its dynamic secret was changed or deleted.
///
/// It holds whatever renewing and ending it needs, so that neither a change nor the deletion of what it
/// was made from can keep it from being taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The lease's id.
    pub id: LeaseId,
    /// The dynamic secret it is an issue of.
    pub dynamic_secret: DynamicSecretName,
    /// The target its token is good for.
    pub target: TargetName,
    /// The cluster that the target led to when it was issued.
    pub cluster: ClusterIdentity,
    /// The kind of credential.
    pub mode: LeaseMode,
    /// The namespace of its account.
    pub namespace: Namespace,
    /// The account it is a token of.
    pub service_account: ServiceAccountName,
    /// The account's UID, once it is known: every token is asked for by it.
    pub account_uid: Option<String>,
    /// The audiences of its tokens; none stands for the API server itself.
    pub audiences: Vec<String>,
    /// The stable id of the caller who asked for it.
    pub requester: String,
    /// The access token by which it was asked for; none for who holds a token of the installation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessor: Option<Accessor>,
    /// The number that it has among the leases of its identity, if only so many of these may live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<LeaseShare>,
    /// The progress of its issue.
    pub phase: IssuePhase,
    /// When it was begun, by the host's clock.
    pub begun_at: DateTime<Utc>,
    /// When its issuer gives up, by the host's clock: no token is answered later.
    pub issue_deadline: DateTime<Utc>,
    /// When its first token was issued, by the cluster's clock; provisional while it is pending.
    pub issued_at: DateTime<Utc>,
    /// When it ends if it is not renewed, by the cluster's clock; provisional while it is pending.
    pub expires_at: DateTime<Utc>,
    /// When it ends at the latest, however often it is renewed.
    pub latest_end: DateTime<Utc>,
    /// The objects of the lease in the cluster, in the order in which they are deleted; none for a
    /// plain token.
    pub objects: Vec<LeasedObject>,
    /// Until when a request of its issue whose outcome was not known may still take effect, by the host's
    /// clock; absent where each was answered. It has not ended before, whatever was deleted by then.
    #[serde(default)]
    pub settles_at: Option<DateTime<Utc>>,
    /// The `jti` of its token, which the API server's audit log names; absent before Kubernetes
    /// 1.29.
    pub jti: Option<String>,
    /// The warnings that the answer gave to its holder.
    pub warnings: Vec<String>,
}

/// A number among the leases of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseShare {
    /// The number of the identity.
    pub identity: u64,
    /// The number of the lease among those of the identity.
    pub number: u64,
}

/// The kind of credential of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseMode {
    /// A token of an existing account, bound to nothing: it ends when its `exp` says so, and no sooner.
    Plain,
    /// A token of an existing account, bound to a Secret of its own, with which it ends.
    Existing,
    /// An account of its own with rights in one namespace.
    TemporaryInNamespace,
    /// An account of its own with rights in the whole cluster.
    TemporaryInCluster,
}

/// The progress of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuePhase {
    /// Recorded before anything was created for it. Nobody has a token of it.
    Pending,
    /// All was made and found as it should be; its holder may have the token.
    Active,
}

/// An object in the cluster that was created for a lease, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedObject {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<Namespace>,
    /// The name.
    pub name: String,
    /// The UID from the API server's answer to our create: that is proof that the object is ours.
    pub uid: Option<String>,
}

/// The kinds of objects that leases are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ObjectKind {
    /// An account of its own.
    ServiceAccount,
    /// The Secret that a token of an existing account is bound to.
    Secret,
    /// The coordination Lease that shows such a token to operators, and can be listed.
    Lease,
    /// Generated rights in a namespace.
    Role,
    /// Generated rights in the cluster.
    ClusterRole,
    /// The binding that gives the account rights in a namespace.
    RoleBinding,
    /// The binding that gives the account rights in the cluster.
    ClusterRoleBinding,
}

impl From<RoleKind> for ObjectKind {
    fn from(kind: RoleKind) -> Self {
        match kind {
            RoleKind::Role => Self::Role,
            RoleKind::ClusterRole => Self::ClusterRole,
        }
    }
}

/// Why a lease has ended, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Ended because a caller asked for it.
    Revoked,
    /// Ended because its time was over.
    Expired,
    /// Ended unanswered: its issue failed or stopped.
    Failed,
    /// Ended by others: its cluster is gone, or somebody else deleted its objects.
    Lost,
}

/// That the end of a lease is decided, and not yet carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub why: EndReason,
    /// Since when, by the host's clock.
    pub since: DateTime<Utc>,
    /// The reason why it cannot be finished, in words for an operator; absent if none is known.
    pub obstacle: Option<String>,
    /// Under which number it was left to the sweeps, where it was.
    #[serde(default)]
    pub work: Option<u64>,
}

/// That a lease has ended, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub why: EndReason,
    /// When that was confirmed, by the host's clock.
    pub at: DateTime<Utc>,
    /// The administrator's note, if there is one.
    pub note: Option<String>,
}

/// The state of a lease in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// The issue is under way.
    Pending,
    /// The token is good.
    Active,
    /// The end is decided, or the time over, and something of the lease may still be in the
    /// cluster.
    Revoking,
    /// The lease was revoked, and nothing is left of it.
    Revoked,
    /// The time was over, and nothing is left of the lease.
    Expired,
    /// The issue came to nothing, and nothing is left of the lease.
    Failed,
    /// The lease ended by others: its cluster is gone, or somebody else deleted its objects.
    Lost,
}

impl Lease {
    /// Returns the state of the lease at `now`, if it expires at `expires_at` with all renewals.
    #[must_use]
    pub fn state_at(
        &self,
        expires_at: DateTime<Utc>,
        closing: Option<&Closing>,
        ending: Option<&Ending>,
        now: DateTime<Utc>,
    ) -> LeaseState {
        match (ending, closing, self.phase) {
            (Some(ending), ..) => ending.why.into(),
            (None, None, IssuePhase::Pending) => LeaseState::Pending,
            (None, None, IssuePhase::Active) if now < expires_at => LeaseState::Active,
            // A plain token has ended by itself; what others are bound to is still to be deleted.
            (None, None, IssuePhase::Active) if self.mode == LeaseMode::Plain => {
                LeaseState::Expired
            }
            (None, Some(_), _) | (None, None, IssuePhase::Active) => LeaseState::Revoking,
        }
    }
}

impl LeaseMode {
    /// Returns true if its token is bound to an object whose deletion ends it.
    #[must_use]
    pub fn is_revocable(self) -> bool {
        self != LeaseMode::Plain
    }

    /// The kind of the object that can be listed, and says when the lease ends; none if nothing is made.
    #[must_use]
    pub fn anchor_kind(self) -> Option<ObjectKind> {
        match self {
            LeaseMode::Plain => None,
            LeaseMode::Existing => Some(ObjectKind::Lease),
            LeaseMode::TemporaryInNamespace | LeaseMode::TemporaryInCluster => {
                Some(ObjectKind::ServiceAccount)
            }
        }
    }

    /// The mode that is written so.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let all = [
            LeaseMode::Plain,
            LeaseMode::Existing,
            LeaseMode::TemporaryInNamespace,
            LeaseMode::TemporaryInCluster,
        ];
        all.into_iter().find(|mode| mode.as_str() == text)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LeaseMode::Plain => "plain",
            LeaseMode::Existing => "existing",
            LeaseMode::TemporaryInNamespace => "temporary_in_namespace",
            LeaseMode::TemporaryInCluster => "temporary_in_cluster",
        }
    }
}

impl ObjectKind {
    /// Returns true if its objects are in a namespace, and not of the whole cluster.
    #[must_use]
    pub fn is_namespaced(self) -> bool {
        !matches!(self, ObjectKind::ClusterRole | ObjectKind::ClusterRoleBinding)
    }

    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ObjectKind::ServiceAccount => "ServiceAccount",
            ObjectKind::Secret => "Secret",
            ObjectKind::Lease => "Lease",
            ObjectKind::Role => "Role",
            ObjectKind::ClusterRole => "ClusterRole",
            ObjectKind::RoleBinding => "RoleBinding",
            ObjectKind::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }
}

impl From<EndReason> for LeaseState {
    fn from(why: EndReason) -> Self {
        match why {
            EndReason::Revoked => Self::Revoked,
            EndReason::Expired => Self::Expired,
            EndReason::Failed => Self::Failed,
            EndReason::Lost => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("in range")
    }

    fn lease(mode: LeaseMode, phase: IssuePhase) -> Lease {
        Lease {
            id: LeaseId::new([1; 16]),
            dynamic_secret: "ci".parse().expect("a good name"),
            target: "prod".parse().expect("a good name"),
            cluster: ClusterIdentity {
                namespace: "kube-system".parse().expect("a good name"),
                uid: "0d3f7c3a".to_owned(),
            },
            mode,
            namespace: "apps".parse().expect("a good name"),
            service_account: "deployer".parse().expect("a good name"),
            account_uid: None,
            audiences: vec![],
            requester: "administrator".to_owned(),
            accessor: None,
            share: None,
            phase,
            begun_at: at(1000),
            issue_deadline: at(1030),
            issued_at: at(1000),
            expires_at: at(1600),
            latest_end: at(9000),
            objects: vec![],
            settles_at: None,
            jti: None,
            warnings: vec![],
        }
    }

    #[test]
    fn a_lease_is_where_its_last_record_says() {
        use LeaseState::{Active, Expired, Lost, Pending, Revoked, Revoking};
        let closing = Closing { why: EndReason::Revoked, since: at(1), obstacle: None, work: None };
        let ending = |why| Some(Ending { why, at: at(1), note: None });
        let closing = Some(closing);
        for (mode, phase, closing, ending, now, state) in [
            (LeaseMode::Existing, IssuePhase::Pending, &None, None, 1000, Pending),
            (LeaseMode::Existing, IssuePhase::Active, &None, None, 1599, Active),
            (LeaseMode::Existing, IssuePhase::Active, &None, None, 1600, Revoking),
            (LeaseMode::Plain, IssuePhase::Active, &None, None, 1600, Expired),
            (LeaseMode::Existing, IssuePhase::Active, &closing, None, 1000, Revoking),
            (
                LeaseMode::Existing,
                IssuePhase::Active,
                &closing,
                ending(EndReason::Revoked),
                1000,
                Revoked,
            ),
            (
                LeaseMode::Existing,
                IssuePhase::Active,
                &None,
                ending(EndReason::Expired),
                1000,
                Expired,
            ),
            (LeaseMode::Existing, IssuePhase::Pending, &None, ending(EndReason::Lost), 1000, Lost),
        ] {
            let lease = lease(mode, phase);
            let got = lease.state_at(lease.expires_at, closing.as_ref(), ending.as_ref(), at(now));
            assert_eq!(got, state, "{mode:?} {phase:?} {closing:?} {ending:?} at {now}");
        }
    }
}
