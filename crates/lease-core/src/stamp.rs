//! How what is made for a lease is marked, so that it can be found again and proved to be ours.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::seal::{Keyring, encode_context};
use crate::well_known::{
    ACCOUNT, ACCOUNT_UID, AUDIENCES, DEADLINE, DYNAMIC_SECRET, INSTALLATION, ISSUED_AT, LATEST_END,
    LEASE, MAC, MANAGED_BY, MANAGER, MODE, PREFIX, REQUEST, REQUESTER, SECRET_UID, TARGET,
};
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
    /// The request that the lease answers, if it has a name: see [`Keyring::request_key`].
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
        marks.annotations.insert(MAC.to_owned(), mac);
        marks
    }

    /// Reads a stamp from marks, whoever wrote them: the caller must prove whose they are first.
    #[must_use]
    pub fn from_marks(marks: &ObjectMarks) -> Option<Self> {
        let label = |key: &str| marks.labels.get(key).map(String::as_str);
        let annotation = |key: &str| marks.annotations.get(key).map(String::as_str);
        let own = |key: &str| annotation(key).map(str::to_owned);
        let time = |key: &str| annotation(key)?.parse().ok();
        let audiences = annotation(AUDIENCES).unwrap_or_default();
        Some(Self {
            lease: label(LEASE)?.parse().ok()?,
            target: label(TARGET)?.parse().ok()?,
            mode: LeaseMode::from_text(annotation(MODE)?)?,
            dynamic_secret: label(DYNAMIC_SECRET)?.parse().ok()?,
            requester: own(REQUESTER)?,
            issued_at: time(ISSUED_AT)?,
            deadline: time(DEADLINE)?,
            latest_end: time(LATEST_END)?,
            request: own(REQUEST),
            account: own(ACCOUNT),
            account_uid: own(ACCOUNT_UID),
            audiences: audiences
                .split(' ')
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect(),
            secret_uid: own(SECRET_UID),
        })
    }

    fn unsigned_marks(&self, installation: &str) -> ObjectMarks {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let labels = [
            (MANAGED_BY, MANAGER.to_owned()),
            (LEASE, self.lease.to_string()),
            (INSTALLATION, installation.to_owned()),
            (TARGET, self.target.to_string()),
            (DYNAMIC_SECRET, self.dynamic_secret.to_string()),
        ];
        let mut annotations = vec![
            (MODE, self.mode.as_str().to_owned()),
            (REQUESTER, self.requester.clone()),
            (ISSUED_AT, time(self.issued_at)),
            (DEADLINE, time(self.deadline)),
            (LATEST_END, time(self.latest_end)),
        ];
        let audiences = (!self.audiences.is_empty()).then(|| self.audiences.join(" "));
        for (key, value) in [
            (REQUEST, &self.request),
            (ACCOUNT, &self.account),
            (ACCOUNT_UID, &self.account_uid),
            (AUDIENCES, &audiences),
            (SECRET_UID, &self.secret_uid),
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
        self.annotations.get(DEADLINE)?.parse().ok()
    }

    /// Returns true if they were signed under the current master key; otherwise it is time to sign
    /// them again.
    #[must_use]
    pub fn are_current(&self, keys: &Keyring) -> bool {
        self.annotations.get(MAC).is_some_and(|mac| keys.is_current_mac(mac))
    }

    /// Returns false if the marks name this lease but were signed with a key we no longer have:
    /// then we cannot say whether they are ours.
    #[must_use]
    pub fn are_ours_to_judge(&self, lease: LeaseId, keys: &Keyring) -> bool {
        let names_lease = self.labels.get(LEASE).is_some_and(|id| *id == lease.to_string());
        let key = self.annotations.get(MAC).and_then(|mac| mac.split('.').nth(1));
        !names_lease || key.is_none_or(|key| keys.all_keys().any(|known| known.id() == key))
    }

    /// Returns the annotations to change so that the object says another end, signed under the
    /// current master key.
    ///
    /// All other annotations stay, also the request key that an earlier master key made.
    ///
    /// All else they say stays, also what an earlier key was named by.
    #[must_use]
    pub fn with_deadline(
        &self,
        deadline: DateTime<Utc>,
        object: &ObjectRef<'_>,
        keys: &Keyring,
    ) -> BTreeMap<String, String> {
        let mut marks = self.clone();
        let deadline = deadline.to_rfc3339_opts(SecondsFormat::Secs, true);
        marks.annotations.insert(DEADLINE.to_owned(), deadline.clone());
        let mac = keys.sign_message(&object.mac_message(&marks));
        BTreeMap::from([(DEADLINE.to_owned(), deadline), (MAC.to_owned(), mac)])
    }
}

impl ObjectRef<'_> {
    /// Returns true if `marks`, as they were read on this object, are ours and for `lease`.
    ///
    /// A copy of them on another object is not, and one whose text was changed is not.
    #[must_use]
    pub fn is_proved(&self, lease: LeaseId, marks: &ObjectMarks, keys: &Keyring) -> bool {
        let label = |key: &str| marks.labels.get(key).map(String::as_str);
        label(MANAGED_BY) == Some(MANAGER)
            && label(LEASE) == Some(lease.to_string().as_str())
            && marks
                .annotations
                .get(MAC)
                .is_some_and(|mac| keys.verifies_mac(&self.mac_message(marks), mac))
    }

    /// All that a MAC vouches for: what is marked, and every mark of ours but the MAC itself.
    fn mac_message(&self, marks: &ObjectMarks) -> Vec<u8> {
        let ours = |(key, _): &(&String, &String)| key.starts_with(PREFIX) && *key != MAC;
        let labels: Vec<_> = marks.labels.iter().filter(ours).collect();
        let annotations: Vec<_> = marks.annotations.iter().filter(ours).collect();
        let (labels_count, kind) = (labels.len().to_string(), self.kind.as_str());
        let mut parts = vec![
            FORMAT,
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
        encode_context(&parts)
    }
}

/// The version of what a MAC vouches for.
const FORMAT: &str = "kubelease stamp v1";

#[cfg(test)]
mod tests;
