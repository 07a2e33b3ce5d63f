//! Which cluster something is in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Namespace, ServiceAccountName};

/// The identity of a cluster: the UID of a namespace that lives as long as the cluster does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The namespace: `kube-system`, or a lease's own where that is not readable.
    pub namespace: Namespace,
    /// The UID of that namespace.
    pub uid: String,
}

/// The stored facts about the cluster that a target leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCluster {
    /// The cluster's identity.
    pub identity: ClusterIdentity,
    /// When the target was put whose cluster this is: one that is put anew is looked at anew.
    pub of: DateTime<Utc>,
    /// The name of kubelease's own user there, as the API server says it; absent before Kubernetes
    /// 1.28.
    pub username: Option<String>,
    /// That another was seen there: nothing is issued until an administrator says which is true.
    pub changed: Option<ChangedCluster>,
}

/// That another cluster was seen where a target leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedCluster {
    /// The identity that was seen.
    pub found: ClusterIdentity,
    /// When it was first seen, by the host's clock.
    pub since: DateTime<Utc>,
}

impl KnownCluster {
    /// The account that kubelease has there, where it is one of the cluster.
    #[must_use]
    pub fn own_account(&self) -> Option<(Namespace, ServiceAccountName)> {
        let account = self.username.as_deref()?.strip_prefix("system:serviceaccount:")?;
        let (namespace, name) = account.split_once(':')?;
        Some((namespace.parse().ok()?, name.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_account_is_known_where_it_is_one() {
        let identity = ClusterIdentity {
            namespace: "kube-system".parse().expect("a good name"),
            uid: "u".to_owned(),
        };
        for (username, account) in [
            (Some("system:serviceaccount:kubelease:broker"), Some(("kubelease", "broker"))),
            (Some("system:serviceaccount:kubelease"), None),
            (Some("kubelease"), None),
            (None, None),
        ] {
            let known = KnownCluster {
                identity: identity.clone(),
                of: DateTime::UNIX_EPOCH,
                username: username.map(str::to_owned),
                changed: None,
            };
            let got = known.own_account();
            let got = got.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
            assert_eq!(got, account, "{username:?}");
        }
    }
}
