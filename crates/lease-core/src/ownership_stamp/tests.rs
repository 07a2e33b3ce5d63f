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
        assert_eq!(object.verifies_marks(lease, &marks, &keyring), proved, "{object:?}");
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
    let ours = |key: &&String| key.starts_with(OWN_KEY_PREFIX) || *key == MANAGED_BY_LABEL;
    for key in marks.labels.keys().filter(ours) {
        let mut changed = marks.clone();
        changed.labels.insert(key.clone(), "other".to_owned());
        assert!(!own.verifies_marks(lease, &changed, &keyring), "{key} changed");
        changed.labels.remove(key);
        assert!(!own.verifies_marks(lease, &changed, &keyring), "{key} removed");
    }
    for key in marks.annotations.keys() {
        let mut changed = marks.clone();
        changed.annotations.insert(key.clone(), "other".to_owned());
        assert!(!own.verifies_marks(lease, &changed, &keyring), "{key} changed");
        changed.annotations.remove(key);
        assert!(!own.verifies_marks(lease, &changed, &keyring), "{key} removed");
    }
    let mut added = marks.clone();
    added.annotations.insert("kubelease.dev/secret-uid".to_owned(), "u".to_owned());
    assert!(!own.verifies_marks(lease, &added, &keyring), "an annotation of ours added");
    // What others note on it is their matter.
    let mut noted = marks;
    noted.labels.insert("team".to_owned(), "a".to_owned());
    assert!(own.verifies_marks(lease, &noted, &keyring), "a stranger's label");
}

#[test]
fn a_mac_tells_whether_it_is_time_to_sign_anew() {
    let here = cluster("u1");
    let own =
        ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
    let mac = stamp().sign_marks(&own, &keys("A", &[])).annotations[MAC_ANNOTATION].clone();
    assert!(keys("A", &["E"]).names_current_key(&mac));
    assert!(!keys("E", &["A"]).names_current_key(&mac));
}

/// Objects that an earlier version has marked must be known again, so these bytes never change. They
/// were written with `hmac` 0.12 and `sha2` 0.10.
#[test]
fn macs_are_the_same_in_every_version() {
    let here = cluster("u1");
    let own =
        ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
    let keyring = keys("A", &[]);
    let mac = &stamp().sign_marks(&own, &keyring).annotations[MAC_ANNOTATION];
    assert_eq!(
        mac,
        "1.19ac40bb43b13cd7.79f9d1e9ddf4b8c90847867a0989f99abd3e9513d2331280a22fa7e322dbd058"
    );
    let name = "ci".parse().expect("a good name");
    assert_eq!(keyring.request_name("alice", &name, "k"), "ea4121ac3993443b2b34b0333a33e50b");
}

#[test]
fn another_end_is_signed_with_all_that_stays() {
    let here = cluster("u1");
    let own =
        ObjectRef { kind: ObjectKind::ClusterRole, namespace: None, name: "x", cluster: &here };
    let mut marks = stamp().sign_marks(&own, &keys("A", &[]));
    let later = DateTime::from_timestamp(5000, 0).expect("in range");
    let rotated = keys("E", &["A"]);
    assert!(!marks.are_signed_currently(&rotated));
    marks.annotations.extend(marks.annotations_for_deadline(later, &own, &rotated));
    assert!(own.verifies_marks(stamp().lease, &marks, &keys("E", &[])), "by the new key alone");
    assert_eq!((marks.expires_at(), marks.are_signed_currently(&rotated)), (Some(later), true));
}

#[test]
fn a_request_is_of_one_caller_and_one_secret_and_survives_a_new_key() {
    let keyring = keys("A", &[]);
    let name = |text: &str| text.parse::<DynamicSecretName>().expect("a good name");
    let own = keyring.request_name("alice", &name("ci"), "k");
    for (caller, secret, key) in
        [("bob", "ci", "k"), ("alice", "cd", "k"), ("alice", "ci", "l"), ("alic", "eci", "k")]
    {
        assert_ne!(keyring.request_name(caller, &name(secret), key), own, "{caller} {secret}");
    }
    assert!(keys("E", &["A"]).request_names("alice", &name("ci"), "k").contains(&own));
}
