//! How what is made for a lease is marked, so that it can be found again and proved to be ours.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::mark_keys::{
    ACCOUNT_ANNOTATION, ACCOUNT_UID_ANNOTATION, AUDIENCES_ANNOTATION, DEADLINE_ANNOTATION,
    DYNAMIC_SECRET_LABEL, INSTALLATION_LABEL, ISSUED_AT_ANNOTATION, LATEST_END_ANNOTATION,
    LEASE_LABEL, MAC_ANNOTATION, MANAGED_BY_LABEL, MANAGED_BY_VALUE, MODE_ANNOTATION,
    OWN_KEY_PREFIX, REQUEST_ANNOTATION, REQUESTER_ANNOTATION, SECRET_UID_ANNOTATION, TARGET_LABEL,
};
use crate::sealing::{Keyring, encode_parts};
use crate::{
    ClusterIdentity, DynamicSecretName, LeaseId, LeaseMode, Namespace, ObjectKind, TargetName,
};

/// The signed facts about its lease that every object of the lease carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipStamp {
    /// The lease.
    pub lease: LeaseId,
    /// The target it was made on.
    pub target: TargetName,
    /// The kind of credential.
    pub mode: LeaseMode,
    /// The dynamic secret it is an issue of.
    pub dynamic_secret: DynamicSecretName,
    /// The stable id of the caller who asked for the lease.
    pub requester: String,
    /// When it was begun.
    pub issued_at: DateTime<Utc>,
    /// When it ends if it is not renewed.
    pub deadline: DateTime<Utc>,
    /// When it ends at the latest.
    pub latest_end: DateTime<Utc>,
    /// The request that the lease answers, if it has a name: see [`Keyring::request_name`].
    pub request: Option<String>,
    /// The account whose tokens it gives, where the object is not that account.
    pub account: Option<String>,
    /// The UID of that account: one that is made anew under its name gives no token.
    pub account_uid: Option<String>,
    /// The audiences of its tokens.
    pub audiences: Vec<String>,
    /// The UID of the Secret that the token is bound to, on what shows it to operators.
    pub secret_uid: Option<String>,
}

/// The object that carries a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<&'a Namespace>,
    /// The name.
    pub name: &'a str,
    /// The cluster it is in.
    pub cluster: &'a ClusterIdentity,
}

/// Labels and annotations of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectMarks {
    /// The labels that it can be listed by.
    pub labels: BTreeMap<String, String>,
    /// The annotations: everything else.
    pub annotations: BTreeMap<String, String>,
}

impl OwnershipStamp {
    /// The marks of this stamp on `object`, signed: whoever lacks the master key cannot make them for
    /// another object, another name, or another cluster.
    #[must_use]
    pub fn sign_marks(&self, object: &ObjectRef<'_>, keys: &Keyring) -> ObjectMarks {
        let mut marks = self.unsigned_marks(&keys.installation_name());
        let mac = keys.sign_message(&object.mac_message(&marks));
        marks.annotations.insert(MAC_ANNOTATION.to_owned(), mac);
        marks
    }

    /// Reads a stamp from marks, whoever wrote them: the caller must prove whose they are first.
    #[must_use]
    pub fn from_marks(marks: &ObjectMarks) -> Option<Self> {
        let label = |key: &str| marks.labels.get(key).map(String::as_str);
        let annotation = |key: &str| marks.annotations.get(key).map(String::as_str);
        let own = |key: &str| annotation(key).map(str::to_owned);
        let time = |key: &str| annotation(key)?.parse().ok();
        let audiences = annotation(AUDIENCES_ANNOTATION).unwrap_or_default();
        Some(Self {
            lease: label(LEASE_LABEL)?.parse().ok()?,
            target: label(TARGET_LABEL)?.parse().ok()?,
            mode: LeaseMode::from_text(annotation(MODE_ANNOTATION)?)?,
            dynamic_secret: label(DYNAMIC_SECRET_LABEL)?.parse().ok()?,
            requester: own(REQUESTER_ANNOTATION)?,
            issued_at: time(ISSUED_AT_ANNOTATION)?,
            deadline: time(DEADLINE_ANNOTATION)?,
            latest_end: time(LATEST_END_ANNOTATION)?,
            request: own(REQUEST_ANNOTATION),
            account: own(ACCOUNT_ANNOTATION),
            account_uid: own(ACCOUNT_UID_ANNOTATION),
            audiences: audiences
                .split(' ')
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect(),
            secret_uid: own(SECRET_UID_ANNOTATION),
        })
    }

    fn unsigned_marks(&self, installation: &str) -> ObjectMarks {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let labels = [
            (MANAGED_BY_LABEL, MANAGED_BY_VALUE.to_owned()),
            (LEASE_LABEL, self.lease.to_string()),
            (INSTALLATION_LABEL, installation.to_owned()),
            (TARGET_LABEL, self.target.to_string()),
            (DYNAMIC_SECRET_LABEL, self.dynamic_secret.to_string()),
        ];
        let mut annotations = vec![
            (MODE_ANNOTATION, self.mode.as_str().to_owned()),
            (REQUESTER_ANNOTATION, self.requester.clone()),
            (ISSUED_AT_ANNOTATION, time(self.issued_at)),
            (DEADLINE_ANNOTATION, time(self.deadline)),
            (LATEST_END_ANNOTATION, time(self.latest_end)),
        ];
        let audiences = (!self.audiences.is_empty()).then(|| self.audiences.join(" "));
        for (key, value) in [
            (REQUEST_ANNOTATION, &self.request),
            (ACCOUNT_ANNOTATION, &self.account),
            (ACCOUNT_UID_ANNOTATION, &self.account_uid),
            (AUDIENCES_ANNOTATION, &audiences),
            (SECRET_UID_ANNOTATION, &self.secret_uid),
        ] {
            annotations.extend(value.clone().map(|value| (key, value)));
        }
        let own = |(key, value): (&str, String)| (key.to_owned(), value);
        ObjectMarks {
            labels: labels.into_iter().map(own).collect(),
            annotations: annotations.into_iter().map(own).collect(),
        }
    }
}

impl ObjectMarks {
    /// When the lease ends, as the marks say.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.annotations.get(DEADLINE_ANNOTATION)?.parse().ok()
    }

    /// Returns true if they were signed under the current master key; otherwise it is time to sign
    /// them again.
    #[must_use]
    pub fn are_signed_currently(&self, keys: &Keyring) -> bool {
        self.annotations.get(MAC_ANNOTATION).is_some_and(|mac| keys.names_current_key(mac))
    }

    /// Returns false if the marks name this lease but were signed with a key we no longer have:
    /// then we cannot say whether they are ours.
    #[must_use]
    pub fn are_verifiable(&self, lease: LeaseId, keys: &Keyring) -> bool {
        let names_lease = self.labels.get(LEASE_LABEL).is_some_and(|id| *id == lease.to_string());
        let key = self.annotations.get(MAC_ANNOTATION).and_then(|mac| mac.split('.').nth(1));
        !names_lease || key.is_none_or(|key| keys.all_keys().any(|known| known.id() == key))
    }

    /// Returns the annotations to change so that the object says another end, signed under the
    /// current master key.
    ///
    /// All other annotations stay, also the request key that an earlier master key made.
    ///
    /// All else they say stays, also what an earlier key was named by.
    #[must_use]
    pub fn annotations_for_deadline(
        &self,
        deadline: DateTime<Utc>,
        object: &ObjectRef<'_>,
        keys: &Keyring,
    ) -> BTreeMap<String, String> {
        let mut marks = self.clone();
        let deadline = deadline.to_rfc3339_opts(SecondsFormat::Secs, true);
        marks.annotations.insert(DEADLINE_ANNOTATION.to_owned(), deadline.clone());
        let mac = keys.sign_message(&object.mac_message(&marks));
        BTreeMap::from([
            (DEADLINE_ANNOTATION.to_owned(), deadline),
            (MAC_ANNOTATION.to_owned(), mac),
        ])
    }
}

impl ObjectRef<'_> {
    /// Returns true if `marks`, as they were read on this object, are ours and for `lease`.
    ///
    /// A copy of them on another object is not, and one whose text was changed is not.
    #[must_use]
    pub fn verifies_marks(&self, lease: LeaseId, marks: &ObjectMarks, keys: &Keyring) -> bool {
        let label = |key: &str| marks.labels.get(key).map(String::as_str);
        label(MANAGED_BY_LABEL) == Some(MANAGED_BY_VALUE)
            && label(LEASE_LABEL) == Some(lease.to_string().as_str())
            && marks
                .annotations
                .get(MAC_ANNOTATION)
                .is_some_and(|mac| keys.verifies_mac(&self.mac_message(marks), mac))
    }

    /// All that a MAC vouches for: what is marked, and every mark of ours but the MAC itself.
    fn mac_message(&self, marks: &ObjectMarks) -> Vec<u8> {
        let ours = |(key, _): &(&String, &String)| {
            key.starts_with(OWN_KEY_PREFIX) && *key != MAC_ANNOTATION
        };
        let labels: Vec<_> = marks.labels.iter().filter(ours).collect();
        let annotations: Vec<_> = marks.annotations.iter().filter(ours).collect();
        let (labels_count, kind) = (labels.len().to_string(), self.kind.as_str());
        let mut parts = vec![
            STAMP_MAC_VERSION,
            kind,
            self.namespace.map_or("", Namespace::as_str),
            self.name,
            self.cluster.namespace.as_str(),
            self.cluster.uid.as_str(),
            labels_count.as_str(),
        ];
        for (key, value) in labels.into_iter().chain(annotations) {
            parts.extend([key.as_str(), value.as_str()]);
        }
        encode_parts(&parts)
    }
}

/// The version of what a MAC vouches for.
const STAMP_MAC_VERSION: &str = "kubelease stamp v1";

#[cfg(test)]
mod tests;
