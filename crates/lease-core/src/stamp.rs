//! How what is made for a lease is marked, so that it can be found again and proved to be ours.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::seal::{Keyring, encode_context};
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
        self.annotations.get(MAC).is_some_and(|mac| keys.is_current(mac))
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

impl Keyring {
    /// Returns the name of the installation: derived from the master key, and reveals nothing of
    /// it.
    #[must_use]
    pub fn installation_name(&self) -> String {
        self.current_key().installation_name()
    }

    /// The same of every key that is configured: what an earlier one has signed is still ours.
    #[must_use]
    pub fn installation_names(&self) -> Vec<String> {
        self.all_keys().map(crate::seal::SealingKey::installation_name).collect()
    }

    /// Returns the name of one request of one caller for one dynamic secret, as an
    /// `Idempotency-Key` gives it.
    ///
    /// The name is a MAC, because keys may be guessable, and the name is shown in the cluster.
    ///
    /// It is a MAC: keys may be guessable, and it is shown in the cluster.
    #[must_use]
    pub fn request_key(&self, caller: &str, secret: &DynamicSecretName, key: &str) -> String {
        let parts = ["kubelease request v1", caller, secret.as_str(), key];
        encode_hex(
            &hmac_sha256(self.current_key().mac_key(), &encode_context(&parts))
                .finalize()
                .into_bytes()[..16],
        )
    }

    /// The same under each key, the current first: a request is known again after the key has changed.
    #[must_use]
    pub fn request_keys(&self, caller: &str, secret: &DynamicSecretName, key: &str) -> Vec<String> {
        let parts = ["kubelease request v1", caller, secret.as_str(), key];
        let keys = self
            .all_keys()
            .map(|k| hmac_sha256(k.mac_key(), &encode_context(&parts)).finalize().into_bytes());
        keys.map(|bytes| encode_hex(&bytes[..16])).collect()
    }

    /// Returns true if `mac` was made with the current master key; otherwise it is time to sign
    /// again.
    #[must_use]
    pub fn is_current(&self, mac: &str) -> bool {
        mac.starts_with(&format!("1.{}.", self.current_key().id()))
    }

    fn sign_message(&self, message: &[u8]) -> String {
        let key = self.current_key();
        let code = hmac_sha256(key.mac_key(), message).finalize().into_bytes();
        format!("1.{}.{}", key.id(), encode_hex(&code))
    }

    fn verifies_mac(&self, message: &[u8], text: &str) -> bool {
        let mut parts = text.split('.');
        let (Some("1"), Some(id), Some(code), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let Some(code) = decode_hex(code) else { return false };
        let mut keys = self.all_keys().filter(|key| key.id() == id);
        // Compares in constant time.
        keys.any(|key| hmac_sha256(key.mac_key(), message).verify_slice(&code).is_ok())
    }
}

pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac
}

pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a `String` does not fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2)
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// The label by which all that kubelease made is listed (Kubernetes' recommended labels).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of the label that says who manages an object.
pub const MANAGER: &str = "kubelease";

/// The label that names the installation: see [`Keyring::installation_name`].
pub const INSTALLATION: &str = "kubelease.dev/installation";

/// The label with the lease's id.
pub const LEASE: &str = "kubelease.dev/lease";

/// The annotation with the MAC.
pub const MAC: &str = "kubelease.dev/mac";

/// The prefix of all our own keys; an administrator's labels must not have it.
pub(crate) const PREFIX: &str = "kubelease.dev/";

const TARGET: &str = "kubelease.dev/target";
const DYNAMIC_SECRET: &str = "kubelease.dev/dynamic-secret";
const MODE: &str = "kubelease.dev/mode";
const REQUESTER: &str = "kubelease.dev/requester";
const ISSUED_AT: &str = "kubelease.dev/issued-at";
const DEADLINE: &str = "kubelease.dev/deadline";
const LATEST_END: &str = "kubelease.dev/latest-end";
const REQUEST: &str = "kubelease.dev/request";
const ACCOUNT: &str = "kubelease.dev/account";
const ACCOUNT_UID: &str = "kubelease.dev/account-uid";
const AUDIENCES: &str = "kubelease.dev/audiences";
const SECRET_UID: &str = "kubelease.dev/secret-uid";

/// The version of what a MAC vouches for.
const FORMAT: &str = "kubelease stamp v1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    fn keys(current: &str, previous: &[&str]) -> Keyring {
        let key = |text: &str| MasterKey::from_base64(&format!("{}=", text.repeat(43)));
        let previous: Vec<_> = previous.iter().map(|text| key(text).expect("32 bytes")).collect();
        Keyring::new(&key(current).expect("32 bytes"), &previous)
    }

    fn stamp() -> OwnershipStamp {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("in range");
        OwnershipStamp {
            lease: LeaseId::new([7; 16]),
            target: "prod".parse().expect("a good name"),
            mode: LeaseMode::TemporaryInNamespace,
            dynamic_secret: "ci".parse().expect("a good name"),
            requester: "administrator".to_owned(),
            issued_at: at(1000),
            deadline: at(1600),
            latest_end: at(9000),
            request: None,
            account: None,
            account_uid: None,
            audiences: vec![],
            secret_uid: None,
        }
    }

    fn cluster(uid: &str) -> ClusterIdentity {
        let namespace = "kube-system".parse().expect("a good name");
        ClusterIdentity { namespace, uid: uid.to_owned() }
    }

    #[test]
    fn only_the_marked_object_of_the_same_cluster_is_proved() {
        let (here, there) = (cluster("u1"), cluster("u2"));
        let apps: Namespace = "apps".parse().expect("a good name");
        let web: Namespace = "web".parse().expect("a good name");
        let own = ObjectRef {
            kind: ObjectKind::ServiceAccount,
            namespace: Some(&apps),
            name: "ci-1",
            cluster: &here,
        };
        let marks = stamp().sign_marks(&own, &keys("A", &[]));
        let lease = stamp().lease;
        for (object, lease, keyring, proved) in [
            (own, lease, keys("A", &[]), true),
            (own, lease, keys("E", &["A"]), true),
            (own, lease, keys("E", &[]), false),
            (own, LeaseId::new([8; 16]), keys("A", &[]), false),
            (ObjectRef { name: "ci-2", ..own }, lease, keys("A", &[]), false),
            (ObjectRef { namespace: Some(&web), ..own }, lease, keys("A", &[]), false),
            (ObjectRef { namespace: None, ..own }, lease, keys("A", &[]), false),
            (ObjectRef { kind: ObjectKind::Role, ..own }, lease, keys("A", &[]), false),
            (ObjectRef { cluster: &there, ..own }, lease, keys("A", &[]), false),
        ] {
            assert_eq!(object.is_proved(lease, &marks, &keyring), proved, "{object:?}");
        }
    }

    #[test]
    fn a_changed_added_or_removed_mark_is_noticed() {
        let here = cluster("u1");
        let own =
            ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
        let keyring = keys("A", &[]);
        let marks = stamp().sign_marks(&own, &keyring);
        let lease = stamp().lease;
        let ours = |key: &&String| key.starts_with(PREFIX) || *key == MANAGED_BY;
        for key in marks.labels.keys().filter(ours) {
            let mut changed = marks.clone();
            changed.labels.insert(key.clone(), "other".to_owned());
            assert!(!own.is_proved(lease, &changed, &keyring), "{key} changed");
            changed.labels.remove(key);
            assert!(!own.is_proved(lease, &changed, &keyring), "{key} removed");
        }
        for key in marks.annotations.keys() {
            let mut changed = marks.clone();
            changed.annotations.insert(key.clone(), "other".to_owned());
            assert!(!own.is_proved(lease, &changed, &keyring), "{key} changed");
            changed.annotations.remove(key);
            assert!(!own.is_proved(lease, &changed, &keyring), "{key} removed");
        }
        let mut added = marks.clone();
        added.annotations.insert("kubelease.dev/secret-uid".to_owned(), "u".to_owned());
        assert!(!own.is_proved(lease, &added, &keyring), "an annotation of ours added");
        // What others note on it is their matter.
        let mut noted = marks;
        noted.labels.insert("team".to_owned(), "a".to_owned());
        assert!(own.is_proved(lease, &noted, &keyring), "a stranger's label");
    }

    #[test]
    fn a_mac_tells_whether_it_is_time_to_sign_anew() {
        let here = cluster("u1");
        let own =
            ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
        let mac = stamp().sign_marks(&own, &keys("A", &[])).annotations[MAC].clone();
        assert!(keys("A", &["E"]).is_current(&mac));
        assert!(!keys("E", &["A"]).is_current(&mac));
    }

    /// Objects that an earlier version has marked must be known again, so these bytes never change. They
    /// were written with `hmac` 0.12 and `sha2` 0.10.
    #[test]
    fn macs_are_the_same_in_every_version() {
        let here = cluster("u1");
        let own =
            ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
        let keyring = keys("A", &[]);
        let mac = &stamp().sign_marks(&own, &keyring).annotations[MAC];
        assert_eq!(
            mac,
            "1.19ac40bb43b13cd7.79f9d1e9ddf4b8c90847867a0989f99abd3e9513d2331280a22fa7e322dbd058"
        );
        let name = "ci".parse().expect("a good name");
        assert_eq!(keyring.request_key("alice", &name, "k"), "ea4121ac3993443b2b34b0333a33e50b");
    }

    #[test]
    fn another_end_is_signed_with_all_that_stays() {
        let here = cluster("u1");
        let own =
            ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
        let mut marks = stamp().sign_marks(&own, &keys("A", &[]));
        let later = DateTime::from_timestamp(5000, 0).expect("in range");
        let rotated = keys("E", &["A"]);
        assert!(!marks.are_current(&rotated));
        marks.annotations.extend(marks.with_deadline(later, &own, &rotated));
        assert!(own.is_proved(stamp().lease, &marks, &keys("E", &[])), "by the new key alone");
        assert_eq!((marks.expires_at(), marks.are_current(&rotated)), (Some(later), true));
    }

    #[test]
    fn a_request_is_of_one_caller_and_one_secret_and_survives_a_new_key() {
        let keyring = keys("A", &[]);
        let name = |text: &str| text.parse::<DynamicSecretName>().expect("a good name");
        let own = keyring.request_key("alice", &name("ci"), "k");
        for (caller, secret, key) in
            [("bob", "ci", "k"), ("alice", "cd", "k"), ("alice", "ci", "l"), ("alic", "eci", "k")]
        {
            assert_ne!(keyring.request_key(caller, &name(secret), key), own, "{caller} {secret}");
        }
        assert!(keys("E", &["A"]).request_keys("alice", &name("ci"), "k").contains(&own));
    }
}
