//! Leases by which somebody could log in as an administrator.

use lease_core::Identity;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::secret;
use crate::{DynamicSecretError, IdentityError};

/// The audience of the API server of the tests' cluster.
const OWN: &str = "https://kubernetes.default.svc";

fn by_kubernetes(audience: &str) -> Value {
    json!({"type": "kubernetes", "target": "prod", "reviewer": "target", "allowed_names": ["*"],
        "allowed_namespaces": ["*"], "allowed_audience": audience})
}

fn by_oidc(audience: &str) -> Value {
    json!({"type": "oidc", "issuer": "https://cluster.example", "audiences": ["other", audience],
        "subject": "system:serviceaccount:apps:deployer"})
}

fn put(engine: &Engine<TestPorts>, admin: bool, auth: &Value) -> Result<(), IdentityError> {
    let input = json!({"admin": admin, "auth": [auth]});
    let input = serde_json::from_value(input).expect("a good identity");
    engine.put_identity(name_of("ops"), input).map(drop)
}

/// Puts an administrator at the same moment as a dynamic secret, so that neither put sees the other.
fn put_unseen(engine: &Engine<TestPorts>, auth: &Value) {
    let at = engine.now();
    let record = json!({"name": "ops", "spec": {"admin": true, "auth": [auth]}, "created_at": at, "updated_at": at});
    let identity: Identity = serde_json::from_value(record).expect("a good record");
    let marks = engine.administrator_audiences().mark_entries(&identity).expect("marks");
    engine.identities().put_definition_with_entries(&identity, &marks).expect("puts");
}

#[test]
fn no_lease_is_for_an_audience_by_which_an_administrator_logs_in() {
    let refused = |error: &dyn std::error::Error| chain(error).contains("administrators log in");
    for mode in ALL {
        for (rest, audience, is_said) in [
            ("", OWN, false),
            (r#""audiences":{"default":["ops"]}"#, "ops", true),
            (r#""audiences":{"default":["a","ops"]}"#, "ops", true),
        ] {
            for auth in [by_kubernetes(audience), by_oidc(audience)] {
                let row = format!("{mode:?} {rest} {auth}");
                let engine = with_secret(mode, rest);
                let first = issue_for(&engine, IssueRequest::default(), Some("k")).expect(&row);
                let before = (made(&engine), live(&engine).len());
                put_unseen(&engine, &auth);
                engine.ports.http.forget();
                let error = issue(&engine).map(drop).expect_err(&row);
                assert!(refused(&error), "{row}: {}", chain(&error));
                let asked = |sent: &lease_testing::Sent| sent.line().ends_with("/token");
                let tokens = engine.ports.http.sent().iter().filter(|sent| asked(sent)).count();
                assert_eq!(
                    tokens,
                    usize::from(!is_said),
                    "{row}: no token is made that is known to be one"
                );
                assert_eq!((made(&engine), live(&engine).len()), before, "{row}");
                let again = issue_for(&engine, IssueRequest::default(), Some("k"));
                assert!(refused(&again.map(drop).expect_err(&row)), "{row}");
                if mode != PLAIN {
                    let renewed = block_on(engine.renew_lease(first.held.lease.id, None));
                    assert!(refused(&renewed.map(drop).expect_err(&row)), "{row}");
                }
                // The mark stays, and says nothing by itself.
                block_on(engine.delete_identity(&name_of("ops"), false)).expect("deletes");
                issue(&engine).expect(&row);
            }
        }
    }
}

#[test]
fn an_administrator_and_a_dynamic_secret_are_put_with_no_audience_in_common() {
    for (audiences, conflicts) in [
        (json!({}), false),
        (json!({"default": ["other-one"]}), false),
        (json!({"default": ["ops"]}), true),
        (json!({"allowed": ["a", "ops"]}), true),
    ] {
        let rest = format!(r#""audiences":{audiences}"#);
        for auth in [by_kubernetes("ops"), by_oidc("ops")] {
            let row = format!("{rest} {auth}");
            let engine = with_secret(EXISTING, &rest);
            put(&engine, false, &auth).expect("whoever is no administrator may");
            match put(&engine, true, &auth) {
                Ok(()) => assert!(!conflicts, "{row}"),
                Err(IdentityError::AudienceLeased { audience, secret }) => {
                    assert!(conflicts, "{row}");
                    assert_eq!(
                        (audience.as_str(), secret.to_string().as_str()),
                        ("ops", "ci"),
                        "{row}"
                    );
                }
                Err(error) => panic!("{row}: {error}"),
            }
            let engine = with_secret(EXISTING, "");
            put(&engine, true, &auth).expect("puts");
            match block_on(engine.put_dynamic_secret(secret(EXISTING.1, &rest))) {
                Ok(_) => assert!(!conflicts, "{row}"),
                Err(DynamicSecretError::AdministratorAudience(audience)) => {
                    assert!(conflicts && audience.as_str() == "ops", "{row}");
                }
                Err(error) => panic!("{row}: {error}"),
            }
            put(&engine, false, &auth).expect("is none any more");
            block_on(engine.put_dynamic_secret(secret(EXISTING.1, &rest))).expect(&row);
        }
    }
}

#[test]
fn an_issue_reads_as_much_however_many_administrators_there_are() {
    let engine = warm(EXISTING);
    let reads = |engine: &Engine<TestPorts>| {
        let before = engine.ports.store.number_of_reads();
        issue(engine).expect("issues");
        engine.ports.store.number_of_reads() - before
    };
    let without = reads(&engine);
    for name in ["a", "b", "c"] {
        let input = json!({"admin": true, "auth": [by_kubernetes(name)]});
        let input = serde_json::from_value(input).expect("a good identity");
        engine.put_identity(name_of(name), input).expect("puts");
    }
    assert_eq!(reads(&engine), without);
}
