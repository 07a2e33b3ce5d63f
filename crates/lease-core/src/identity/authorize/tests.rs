use chrono::DateTime;
use serde_json::{Value, json};

use super::*;

/// An identity with these grants.
fn identity(grants: Value) -> Identity {
    let at = DateTime::UNIX_EPOCH;
    let mut identity = json!({"name": "ci", "spec": {}, "created_at": at, "updated_at": at});
    identity["spec"]["grants"] = grants;
    serde_json::from_value(identity).expect("a good identity")
}

fn grant(actions: &[&str], of: &str, max_ttl: Option<&str>) -> Value {
    json!({
        "dynamic_secrets": ["ci-*"], "namespaces": ["team-a-*"], "actions": actions, "of": of,
        "max_ttl": max_ttl,
    })
}

const EVERYTHING: [LeaseAction; 4] =
    [LeaseAction::Issue, LeaseAction::Read, LeaseAction::Renew, LeaseAction::Revoke];

fn decide(
    identity: &Identity,
    action: LeaseAction,
    (dynamic_secret, namespace): (&str, &str),
    is_own: bool,
) -> Result<Permit, DenialReason> {
    let (dynamic_secret, namespace) =
        (dynamic_secret.parse().expect("a name"), namespace.parse().expect("a namespace"));
    let subject = LeaseSubject { dynamic_secret: &dynamic_secret, namespace: &namespace, is_own };
    authorize_action(identity, action, &subject)
}

/// A place that the grants of these tests mean.
const THERE: (&str, &str) = ("ci-x", "team-a-b");

#[test]
fn without_a_grant_nothing_is_allowed_but_giving_back() {
    let nobody = identity(json!([]));
    for action in EVERYTHING {
        let own = decide(&nobody, action, THERE, true);
        let expected = if action == LeaseAction::Revoke {
            Ok(Permit::default())
        } else {
            Err(DenialReason::NotGranted)
        };
        assert_eq!(own, expected, "{action:?}");
        assert_eq!(decide(&nobody, action, THERE, false), Err(DenialReason::Hidden), "{action:?}");
    }
}

#[test]
fn a_grant_is_of_what_it_names_and_nothing_else() {
    for of in ["own", "all"] {
        for granted in EVERYTHING {
            let identity = identity(json!([grant(&[granted.as_str()], of, None)]));
            for action in EVERYTHING {
                for place in [THERE, ("ops", "team-a-b"), ("ci-x", "team-b"), ("ci", "team-a-b")] {
                    for is_own in [true, false] {
                        let covered = place == THERE && (is_own || of == "all");
                        let gives_back = action == LeaseAction::Revoke && is_own;
                        let decided = decide(&identity, action, place, is_own);
                        let row = format!("{granted:?} of {of}: {action:?} {place:?} own {is_own}");
                        if (covered && action == granted) || gives_back {
                            assert_eq!(decided, Ok(Permit::default()), "{row}");
                        } else if is_own || (covered && granted == LeaseAction::Read) {
                            assert_eq!(decided, Err(DenialReason::NotGranted), "{row}");
                        } else {
                            assert_eq!(decided, Err(DenialReason::Hidden), "{row}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn grants_add_up_and_the_longest_counts() {
    for (ttls, max_ttl) in [
        (&[Some("1h")][..], Some("1h")),
        (&[Some("1h"), Some("2h")], Some("2h")),
        (&[Some("2h"), Some("1h")], Some("2h")),
        (&[Some("1h"), None], None),
        (&[None, Some("1h")], None),
    ] {
        let grants: Vec<_> = ttls.iter().map(|ttl| grant(&["issue"], "own", *ttl)).collect();
        let permit =
            decide(&identity(json!(grants)), LeaseAction::Issue, THERE, true).expect("granted");
        assert_eq!(permit.max_ttl.map(|ttl| ttl.to_string()).as_deref(), max_ttl, "{ttls:?}");
    }
    // One that does not cover the lease lengthens nothing.
    let mut other = grant(&["issue"], "own", None);
    other["namespaces"] = json!(["ops"]);
    let identity = identity(json!([grant(&["issue"], "own", Some("1h")), other]));
    let permit = decide(&identity, LeaseAction::Issue, THERE, true).expect("granted");
    assert_eq!(permit.max_ttl, Some(Ttl::HOUR));
}

#[test]
fn a_dynamic_secret_is_granted_before_its_namespaces_are_known() {
    let identity = identity(json!([grant(&["issue"], "own", None)]));
    for (name, action, granted) in [
        ("ci-x", LeaseAction::Issue, true),
        ("ci-x", LeaseAction::Read, false),
        ("ops", LeaseAction::Issue, false),
    ] {
        let name = name.parse().expect("a name");
        assert_eq!(
            is_dynamic_secret_granted(&identity, action, &name),
            granted,
            "{name} {action:?}"
        );
    }
}
