use lease_core::{LeaseState, TargetAuthInput, TokenVariableName};
use serde_json::json;

use super::*;
use crate::fixtures::{
    BOUND, PLAIN, RULES, block_on, chain, engine, issue, live, made, name_of, pass, prod,
    put_secret, state, sweep, target, token, warm,
};
use crate::{DynamicSecretError, IssueError};
use lease_testing::TestPorts;

fn delete(engine: &Engine<TestPorts>, revoke: bool) -> Result<TargetDeletion, TargetError> {
    block_on(engine.delete_target(&name_of("prod"), revoke))
}

/// An engine whose leases have outlived their dynamic secret.
fn with_lease_alone(mode: crate::fixtures::LeaseKind) -> (Engine<TestPorts>, lease_core::LeaseId) {
    let engine = warm(mode);
    let id = issue(&engine).expect("issues").held.lease.id;
    engine.dynamic_secrets().delete_definition(&name_of("ci")).expect("deletes");
    (engine, id)
}

#[test]
fn a_credential_is_asked_for_where_none_is_known_for_the_address() {
    let engine = engine();
    let outcome = engine.put_target(prod("https://a.example", None));
    assert!(matches!(outcome, Err(TargetError::Auth { .. })), "{outcome:?}");
    assert_eq!(engine.list_target_page(0, 10).expect("lists").items, []);
    let put = engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    assert!(put.is_new());
    let put = engine.put_target(prod("https://a.example", None)).expect("is known");
    assert!(!put.is_new());
    let outcome = engine.put_target(prod("https://b.example", None));
    assert!(matches!(outcome, Err(TargetError::Auth { .. })), "{outcome:?}");
    let still = engine.get_target(&name_of("prod")).expect("is there").target;
    assert_eq!(still.url.as_str(), "https://a.example");
}

#[test]
fn a_replaced_credential_is_forgotten_and_the_leases_go_on() {
    use lease_store::KeyValue as _;
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    let stored = |engine: &Engine<TestPorts>| {
        engine.ports.store.get("target.prod").expect("reads").expect("is there")
    };
    let before = stored(&engine);
    engine.put_target(prod("https://a.example", Some("t1ken"))).expect("puts");
    assert_ne!(stored(&engine), before);
    engine.ports.http.forget();
    issue(&engine).expect("issues");
    assert!(crate::fixtures::revoke(&engine, id));
    assert!(engine.ports.http.bearers().iter().all(|bearer| bearer == "Bearer t1ken"));
}

#[test]
fn two_targets_of_one_origin_are_reached_in_one_way() {
    let variable: TokenVariableName = "target_prod".to_owned().try_into().expect("good");
    for (auth, url, good) in [
        (TargetAuthInput::Token(Some(token("t"))), "https://a.example", true),
        (TargetAuthInput::Variable(variable), "https://a.example", true),
        (TargetAuthInput::Gateway(None), "https://a.example", false),
        (TargetAuthInput::ClientCertificate, "https://a.example", false),
        (TargetAuthInput::ClientCertificate, "https://a.example/k8s/other", false),
        (TargetAuthInput::ClientCertificate, "https://a.example:443", false),
        (TargetAuthInput::ClientCertificate, "https://a.example:8443", false),
        (TargetAuthInput::Gateway(None), "https://a.example:8443", true),
        (TargetAuthInput::Gateway(None), "https://b.example", true),
    ] {
        let engine = engine();
        engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
        let row = format!("{auth:?} {url}");
        let outcome = engine.put_target(target("other", url, auth));
        match outcome {
            Ok(_) => assert!(good, "{row}"),
            Err(TargetError::OriginShared { other }) => {
                assert!(!good, "{row}");
                assert_eq!(other, name_of("prod"), "{row}");
                assert!(engine.get_target(&name_of("other")).is_err(), "{row}");
            }
            Err(error) => panic!("{row}: {}", chain(&error)),
        }
        // The one target may change its way.
    }
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    let other = target("prod", "https://a.example", TargetAuthInput::ClientCertificate);
    engine.put_target(other).expect("nobody else is there");
}

#[test]
fn a_target_in_use_is_not_deleted() {
    let engine = warm(RULES);
    let outcome = delete(&engine, true);
    let Err(TargetError::InUse { by, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(by, [name_of("ci")]);
    let unknown = block_on(engine.delete_target(&name_of("other"), false));
    assert!(matches!(unknown, Err(TargetError::Unknown(_))), "{unknown:?}");
}

#[test]
fn a_target_with_live_leases_goes_only_after_them() {
    for mode in BOUND {
        let (engine, id) = with_lease_alone(mode);
        let outcome = delete(&engine, false);
        assert!(matches!(outcome, Err(TargetError::LiveLeases(_))), "{mode:?}: {outcome:?}");
        assert_eq!(delete(&engine, true).expect("deletes"), TargetDeletion::Gone, "{mode:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
        assert!(engine.get_target(&name_of("prod")).is_err(), "{mode:?}");
    }
}

#[test]
fn a_target_whose_leases_cannot_end_now_is_retired_until_they_have() {
    for mode in BOUND {
        let (engine, id) = with_lease_alone(mode);
        let hold = json!(["example.com/hold"]);
        engine.ports.http.change_made(|object| object["metadata"]["finalizers"] = hold.clone());
        assert_eq!(delete(&engine, true).expect("retires"), TargetDeletion::Retired, "{mode:?}");
        let outcome = block_on(
            engine.put_dynamic_secret(crate::fixtures::secret(mode.1, r#""description":"again""#)),
        );
        assert!(
            matches!(outcome, Err(DynamicSecretError::UnknownTarget(_))),
            "{mode:?}: {outcome:?}"
        );
        pass(&engine, 60);
        sweep(&engine);
        assert!(engine.get_target(&name_of("prod")).is_ok(), "{mode:?}: it is needed");
        engine.ports.http.change_made(|object| object["metadata"]["finalizers"] = json!([]));
        pass(&engine, 900);
        sweep(&engine);
        assert_eq!(state(&engine, id), LeaseState::Revoked, "{mode:?}");
        assert!(engine.get_target(&name_of("prod")).is_err(), "{mode:?}");
    }
}

#[test]
fn a_retired_target_that_is_put_again_stays() {
    let (engine, id) = with_lease_alone(RULES);
    engine.ports.http.deny("delete", "serviceaccounts");
    assert_eq!(delete(&engine, true).expect("retires"), TargetDeletion::Retired);
    let put = engine.put_target(prod("https://a.example", Some("t1"))).expect("puts");
    assert!(put.is_new(), "it was deleted, as far as anybody was told");
    engine.ports.http.heal();
    pass(&engine, 900);
    sweep(&engine);
    assert_eq!(state(&engine, id), LeaseState::Revoked);
    put_secret(&engine, RULES.1, "");
    issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
}

#[test]
fn a_target_with_plain_tokens_goes_when_the_last_has_ended() {
    let (engine, _) = with_lease_alone(PLAIN);
    assert_eq!(delete(&engine, true).expect("retires"), TargetDeletion::Retired);
    assert_eq!(live(&engine).len(), 2);
    pass(&engine, 3601);
    sweep(&engine);
    assert!(engine.get_target(&name_of("prod")).is_err());
}

#[test]
fn on_a_disabled_target_nothing_is_issued_and_everything_ends() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        let disabled = TargetInput { disabled: true, ..prod("https://a.example", None) };
        engine.put_target(disabled).expect("puts");
        let calls = engine.ports.http.calls();
        let outcome = issue(&engine);
        assert!(matches!(outcome, Err(IssueError::TargetDisabled(_))), "{mode:?}: {outcome:?}");
        assert_eq!(engine.ports.http.calls(), calls, "{mode:?}");
        pass(&engine, 3601);
        sweep(&engine);
        assert_eq!(state(&engine, id), LeaseState::Expired, "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn a_target_that_is_gone_is_forgotten_with_the_cluster_it_led_to() {
    let engine = warm(RULES);
    block_on(engine.delete_dynamic_secret(&name_of("ci"), false, false)).expect("deletes");
    assert_eq!(delete(&engine, false).expect("deletes"), TargetDeletion::Gone);
    engine.ports.http.go_to(1);
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put_secret(&engine, RULES.1, "");
    issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
}
