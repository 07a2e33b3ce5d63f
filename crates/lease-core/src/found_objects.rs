//! What was found of ours in a cluster, and what can be told of a lease from that alone.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    ClusterIdentity, IssuePhase, Keyring, Lease, LeaseId, LeaseMode, LeasedObject, Namespace,
    ObjectKind, ObjectMarks, ObjectRef, OwnershipStamp, ServiceAccountName,
};

/// An object that was listed by our labels, which anybody may have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundObject {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<Namespace>,
    /// The name.
    pub name: String,
    /// The UID.
    pub uid: String,
    /// When it was created, by the cluster's clock.
    pub created_at: DateTime<Utc>,
    /// The labels and annotations that can be ours.
    pub marks: ObjectMarks,
}

/// All that was found of one lease, each of it proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLease {
    id: LeaseId,
    objects: Vec<(FoundObject, OwnershipStamp)>,
}

impl FoundObject {
    /// The lease that it says it is of.
    #[must_use]
    pub fn lease_id(&self) -> Option<LeaseId> {
        self.marks.labels.get(crate::LEASE_LABEL)?.parse().ok()
    }

    /// Returns the stamp if the object is ours: signed by us for this very object, which was
    /// created while its issue could still create it.
    ///
    /// A MAC does not tell an object from another that somebody makes later under its name, with a copy of
    /// its annotations. The API server sets the time of creation, and nobody else.
    #[must_use]
    pub fn read_stamp_if_ours(
        &self,
        cluster: &ClusterIdentity,
        keys: &Keyring,
        longest_issue: TimeDelta,
    ) -> Option<OwnershipStamp> {
        let bearer = ObjectRef {
            kind: self.kind,
            namespace: self.namespace.as_ref(),
            name: &self.name,
            cluster,
        };
        if !bearer.verifies_marks(self.lease_id()?, &self.marks, keys) {
            return None;
        }
        let stamp = OwnershipStamp::from_marks(&self.marks)?;
        let age = self.created_at - stamp.issued_at;
        (age >= -MAX_CLOCK_SKEW && age <= longest_issue + MAX_CLOCK_SKEW).then_some(stamp)
    }

    /// Returns true if the object is the one of its lease that can be listed and that stores the
    /// expiry.
    fn is_anchor(&self, mode: LeaseMode) -> bool {
        mode.anchor_kind() == Some(self.kind)
    }

    /// The object as it is recorded of its lease.
    #[must_use]
    pub fn to_leased(&self) -> LeasedObject {
        LeasedObject {
            kind: self.kind,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: Some(self.uid.clone()),
        }
    }
}

impl FoundLease {
    /// A lease of which nothing was found yet.
    #[must_use]
    pub fn new(id: LeaseId) -> Self {
        Self { id, objects: vec![] }
    }

    /// Adds what was found and proved.
    pub fn add_object(&mut self, object: FoundObject, stamp: OwnershipStamp) {
        self.objects.push((object, stamp));
    }

    /// Returns the lease's id.
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// Returns the stamp of the object that stores the expiry: only there are renewals announced.
    #[must_use]
    pub fn anchor_stamp(&self) -> Option<&OwnershipStamp> {
        self.anchor_object().map(|(_, stamp)| stamp)
    }

    /// Returns the object that stores the expiry, if it was found.
    fn anchor_object(&self) -> Option<&(FoundObject, OwnershipStamp)> {
        self.objects.iter().find(|(object, stamp)| object.is_anchor(stamp.mode))
    }

    /// Returns the objects of the lease, and with them the Secret that is never listed, in the
    /// order in which they are deleted.
    #[must_use]
    pub fn leased_objects(&self) -> Vec<LeasedObject> {
        let mut objects: Vec<_> = self.bound_secret().into_iter().collect();
        objects.extend(self.objects.iter().map(|(object, _)| object.to_leased()));
        objects
    }

    /// The same in two rounds: what says when it ends goes last. Without that nothing would tell of the Secret,
    /// or whose the rest is.
    #[must_use]
    pub fn deletion_rounds(&self) -> [Vec<LeasedObject>; 2] {
        let bearer = self.anchor_object().map(|(object, _)| object.to_leased());
        let (last, first) =
            self.leased_objects().into_iter().partition(|object| Some(object) == bearer.as_ref());
        [first, last]
    }

    /// Returns true if every object says that the lease's time is over, with whatever renewals
    /// there were.
    #[must_use]
    pub fn is_past_latest_end(&self, now: DateTime<Utc>) -> bool {
        self.objects.iter().all(|(_, stamp)| stamp.latest_end <= now)
    }

    /// Returns the kind and namespace of the object that stores the expiry. The namespace is absent
    /// if no namespaced object was found: then it may be any.
    #[must_use]
    pub fn anchor_kind_and_namespace(&self) -> Option<(ObjectKind, Option<&Namespace>)> {
        let (object, stamp) = self.objects.first()?;
        Some((stamp.mode.anchor_kind()?, object.namespace.as_ref()))
    }

    /// The Secret that its token is bound to: it has the name of what shows it, and that knows its UID.
    fn bound_secret(&self) -> Option<LeasedObject> {
        self.objects.iter().find_map(|(object, stamp)| {
            let uid = stamp.secret_uid.clone().filter(|_| object.is_anchor(stamp.mode))?;
            Some(LeasedObject { kind: ObjectKind::Secret, uid: Some(uid), ..object.to_leased() })
        })
    }

    /// The newest of it, by the cluster's clock.
    #[must_use]
    pub fn last_created_at(&self) -> Option<DateTime<Utc>> {
        self.objects.iter().map(|(object, _)| object.created_at).max()
    }

    /// The lease as it would be on record; none where what says when it ends is not there.
    #[must_use]
    pub fn to_lease(&self, cluster: &ClusterIdentity) -> Option<Lease> {
        let (bearer, stamp) = self.anchor_object()?;
        let account = stamp.account.as_deref().unwrap_or(&bearer.name);
        let own = bearer.kind == ObjectKind::ServiceAccount;
        Some(Lease {
            id: self.id,
            dynamic_secret: stamp.dynamic_secret.clone(),
            target: stamp.target.clone(),
            cluster: cluster.clone(),
            mode: stamp.mode,
            namespace: bearer.namespace.clone()?,
            service_account: account.parse::<ServiceAccountName>().ok()?,
            account_uid: if own { Some(bearer.uid.clone()) } else { stamp.account_uid.clone() },
            audiences: stamp.audiences.clone(),
            requester: stamp.requester.clone(),
            accessor: None,
            share: None,
            phase: IssuePhase::Active,
            begun_at: stamp.issued_at,
            issue_deadline: stamp.issued_at,
            issued_at: stamp.issued_at,
            expires_at: stamp.deadline,
            latest_end: stamp.latest_end,
            objects: self.leased_objects(),
            settles_at: None,
            jti: None,
            warnings: vec![],
        })
    }
}

/// The greatest error of an issuer's idea of the cluster's clock: see [`crate::ClusterClock`].
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    fn keys(text: &str) -> Keyring {
        let key = MasterKey::from_base64(&format!("{}=", text.repeat(43))).expect("32 bytes");
        Keyring::new(&key, &[])
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1000 + seconds, 0).expect("in range")
    }

    fn cluster() -> ClusterIdentity {
        let namespace = "kube-system".parse().expect("a good name");
        ClusterIdentity { namespace, uid: "u1".to_owned() }
    }

    fn stamp(mode: LeaseMode) -> OwnershipStamp {
        let existing = mode == LeaseMode::Existing;
        OwnershipStamp {
            lease: LeaseId::new([7; 16]),
            target: "prod".parse().expect("a good name"),
            mode,
            dynamic_secret: "ci".parse().expect("a good name"),
            requester: "administrator".to_owned(),
            issued_at: at(0),
            deadline: at(600),
            latest_end: at(9000),
            request: Some("r".to_owned()),
            account: existing.then(|| "deployer".to_owned()),
            account_uid: existing.then(|| "deployer-uid".to_owned()),
            audiences: vec!["https://a.example".to_owned(), "b".to_owned()],
            secret_uid: existing.then(|| "secret-uid".to_owned()),
        }
    }

    fn found(kind: ObjectKind, mode: LeaseMode, created: i64) -> FoundObject {
        let namespace = kind.is_namespaced().then(|| "apps".parse().expect("a good name"));
        let cluster = cluster();
        let bearer =
            ObjectRef { kind, namespace: namespace.as_ref(), name: "ci-1", cluster: &cluster };
        let marks = stamp(mode).sign_marks(&bearer, &keys("A"));
        let uid = format!("{}-uid", kind.as_str());
        FoundObject {
            kind,
            namespace,
            name: "ci-1".to_owned(),
            uid,
            created_at: at(created),
            marks,
        }
    }

    #[test]
    fn what_a_stamp_says_is_read_as_it_was_written() {
        for mode in
            [LeaseMode::Existing, LeaseMode::TemporaryInNamespace, LeaseMode::TemporaryInCluster]
        {
            let object = found(ObjectKind::ServiceAccount, mode, 0);
            let read = object.read_stamp_if_ours(&cluster(), &keys("A"), TimeDelta::seconds(105));
            assert_eq!(read, Some(stamp(mode)), "{mode:?}");
        }
    }

    #[test]
    fn a_copy_that_was_made_later_or_elsewhere_is_not_ours() {
        let object =
            |created| found(ObjectKind::ServiceAccount, LeaseMode::TemporaryInNamespace, created);
        let renamed = FoundObject { name: "ci-2".to_owned(), ..object(0) };
        let mut changed = object(0);
        changed.marks.annotations.insert("kubelease.dev/deadline".to_owned(), at(700).to_rfc3339());
        for (what, object, key, ours) in [
            ("as it was made", object(0), "A", true),
            ("by another clock", object(-60), "A", true),
            ("as late as it may land", object(165), "A", true),
            ("later", object(166), "A", false),
            ("before", object(-61), "A", false),
            ("under another name", renamed, "A", false),
            ("with another end", changed, "A", false),
            ("of another installation", object(0), "E", false),
        ] {
            let proved = object
                .read_stamp_if_ours(&cluster(), &keys(key), TimeDelta::seconds(105))
                .is_some();
            assert_eq!(proved, ours, "{what}");
        }
    }

    #[test]
    fn a_lease_is_known_from_what_bears_its_end() {
        use ObjectKind::{Lease as Shown, Role, RoleBinding, Secret, ServiceAccount};
        let (existing, temporary) = (LeaseMode::Existing, LeaseMode::TemporaryInNamespace);
        for (mode, kinds, objects) in [
            (
                temporary,
                vec![ServiceAccount, Role, RoleBinding],
                Some(vec![ServiceAccount, Role, RoleBinding]),
            ),
            (temporary, vec![ServiceAccount], Some(vec![ServiceAccount])),
            (temporary, vec![Role, RoleBinding], None),
            (existing, vec![Shown], Some(vec![Secret, Shown])),
            (existing, vec![], None),
        ] {
            let mut lease = FoundLease::new(LeaseId::new([7; 16]));
            for kind in &kinds {
                lease.add_object(found(*kind, mode, 0), stamp(mode));
            }
            let known = lease.to_lease(&cluster());
            let of = known.as_ref().map(|lease| lease.objects.iter().map(|o| o.kind).collect());
            assert_eq!(of, objects, "{kinds:?}");
            let Some(known) = known else { continue };
            assert_eq!((known.expires_at, known.latest_end), (at(600), at(9000)));
            assert!(known.objects.iter().all(|object| object.uid.is_some()));
            let account = if mode == existing { "deployer" } else { "ci-1" };
            assert_eq!(known.service_account.to_string(), account);
            assert!(known.account_uid.is_some_and(|uid| uid.ends_with("-uid")));
        }
    }
}
