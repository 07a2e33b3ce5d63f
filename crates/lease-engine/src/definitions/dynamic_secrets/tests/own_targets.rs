//! Targets that are put with their dynamic secret.

use super::*;

/// Dynamic secret `ci` with target `own`, which comes with it.
fn with_own_target(rest: &str) -> DynamicSecretInput {
    let auth = lease_core::TargetAuthInput::Token(Some(crate::fixtures::token("t0ken")));
    DynamicSecretInput {
        target: Some(crate::fixtures::target("own", "https://a.example", auth)),
        ..secret(RULES.1, &format!(r#""target":"own"{rest}"#))
    }
}

#[test]
fn a_target_that_came_with_a_dynamic_secret_goes_with_it() {
    for how in ["gone", "held"] {
        let engine = engine();
        block_on(engine.put_dynamic_secret(with_own_target(""))).expect("puts");
        issue(&engine).unwrap_or_else(|error| panic!("{}", chain(&error)));
        if how == "held" {
            engine.ports.http.deny("delete", "serviceaccounts");
        }
        let outcome = delete(&engine, false, true).expect("deletes");
        assert_eq!(outcome == DynamicSecretDeletion::Revoking, how == "held");
        engine.ports.http.heal();
        pass(&engine, 900);
        sweep(&engine);
        assert!(engine.get_target(&name_of("own")).is_err(), "{how}");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{how}");
    }
}

#[test]
fn a_target_that_is_there_is_not_taken_over_by_one_that_comes_along() {
    let engine = engine();
    let own = |url: &str| {
        let auth = lease_core::TargetAuthInput::Token(Some(crate::fixtures::token("t1")));
        crate::fixtures::target("own", url, auth)
    };
    engine.put_target(own("https://b.example")).expect("puts");
    let outcome = block_on(engine.put_dynamic_secret(with_own_target("")));
    assert!(matches!(outcome, Err(DynamicSecretError::TargetNameTaken(_))), "{outcome:?}");
    let still = engine.get_target(&name_of("own")).expect("is there").target;
    assert_eq!(still.url.as_str(), "https://b.example");
    // One of its own is replaced with it.
    let engine = self::engine();
    block_on(engine.put_dynamic_secret(with_own_target(""))).expect("puts");
    block_on(engine.put_dynamic_secret(with_own_target(r#","max_ttl":"20h""#))).expect("replaces");
}

#[test]
fn a_dynamic_secret_that_is_refused_brings_no_target_along() {
    let engine = engine();
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    engine.ports.http.put(json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"}, "rules": rules,
    }));
    let definition = with_own_target("");
    let refused =
        DynamicSecretInput { target: definition.target, ..secret(ROLE.1, r#""target":"own""#) };
    let outcome = block_on(engine.put_dynamic_secret(refused));
    assert!(matches!(outcome, Err(DynamicSecretError::Role(_))), "{outcome:?}");
    assert!(engine.get_target(&name_of("own")).is_err());
    assert_eq!(engine.list_dynamic_secret_page(0, 10).expect("lists").items, []);
}
