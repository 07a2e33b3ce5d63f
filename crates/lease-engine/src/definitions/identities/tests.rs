use serde_json::{Value, json};

use super::*;
use crate::fixtures::{block_on, engine, keys, name_of, prod, requester, restarted, sweep};
use crate::{Origin, Requester, Session};
use lease_testing::TestPorts;

fn put(
    engine: &Engine<TestPorts>,
    name: &str,
    input: Value,
) -> Result<(PutOutcome<Identity>, Vec<String>), IdentityError> {
    engine.put_identity(name_of(name), serde_json::from_value(input).expect("good input"))
}

/// The engine of somebody who has logged in with a token of an identity.
fn acting_as(engine: &Engine<TestPorts>, name: &str) -> Engine<TestPorts> {
    let made =
        engine.make_token_for_identity(&name_of(name), None, &lease_core::Description::default());
    let session: Session = engine
        .authenticate_token(made.expect("makes").token.expose_secret(), &Origin::default())
        .expect("lets in");
    restarted(engine).acting_for(Requester::from_session(session))
}

#[test]
fn an_identity_is_put_shown_listed_and_deleted() {
    let engine = engine();
    for name in ["b", "a"] {
        let (put, warnings) = put(&engine, name, json!({})).expect("puts");
        assert!(put.is_new() && warnings.is_empty(), "{name}");
    }
    let long = json!({"access_token": {"max_ttl": "30d"}});
    let (replaced, warnings) = put(&engine, "a", long).expect("puts");
    assert!(!replaced.is_new());
    assert!(warnings[0].contains("can live for 30d"), "{warnings:?}");
    let names = |engine: &Engine<TestPorts>| -> Vec<_> {
        let page = engine.list_identity_page(1, 10).expect("lists");
        page.items.iter().map(|identity| identity.name.to_string()).collect()
    };
    assert_eq!(names(&engine), ["b", "a"]);
    assert!(block_on(engine.delete_identity(&name_of("b"), false)).expect("deletes").is_none());
    assert_eq!(names(&engine), ["a"]);
    let gone = block_on(engine.delete_identity(&name_of("b"), false));
    assert!(matches!(gone, Err(IdentityError::Unknown(_))));
    assert!(matches!(engine.get_identity(&name_of("b")), Err(IdentityError::Unknown(_))));
}

#[test]
fn only_who_manages_administrators_touches_one() {
    let engine = engine();
    let token = json!([{"type": "token"}]);
    let administrator = json!({"auth": token, "admin": true});
    let manager = json!({"auth": token, "admin": true, "manage_administrators": true});
    put(&engine, "manager", manager.clone()).expect("the first administrator may");
    put(&engine, "admin", administrator.clone()).expect("the first administrator may");
    put(&engine, "bot", json!({"auth": token})).expect("puts");
    for (name, may) in [("admin", false), ("manager", true)] {
        let acting = acting_as(&engine, name);
        assert!(acting.requester().is_administrator());
        put(&acting, "other", json!({"auth": token})).expect("puts what is no administrator");
        block_on(acting.delete_identity(&name_of("other"), false)).expect("deletes it");
        acting
            .make_token_for_identity(&name_of("bot"), None, &lease_core::Description::default())
            .expect("makes a token of it");
        let refused = |outcome: Result<(), IdentityError>, what: &str| match outcome {
            Ok(()) => assert!(may, "{name} may {what}"),
            Err(IdentityError::Administrators) => assert!(!may, "{name} may not {what}"),
            Err(error) => panic!("{name}: {what}: {error}"),
        };
        refused(put(&acting, "new", administrator.clone()).map(drop), "make one");
        refused(put(&acting, "admin", json!({"auth": token})).map(drop), "unmake one");
        put(&engine, "admin", administrator.clone()).expect("puts");
        refused(put(&acting, name, manager.clone()).map(drop), "raise itself");
        put(&engine, name, if may { manager.clone() } else { administrator.clone() })
            .expect("puts");
        let made = acting.make_token_for_identity(
            &name_of("admin"),
            None,
            &lease_core::Description::default(),
        );
        refused(made.map(drop), "make its token");
        refused(
            block_on(acting.revoke_identity_tokens(&name_of("admin"), false)).map(drop),
            "revoke its tokens",
        );
        refused(block_on(acting.delete_identity(&name_of("admin"), false)).map(drop), "delete one");
        put(&engine, "admin", administrator.clone()).expect("puts");
    }
}

#[test]
fn an_installation_has_an_administrator_as_long_as_one_may_come_in() {
    let engine = engine();
    let has_one = || engine.has_administrator().expect("reads");
    assert!(!has_one());
    put(&engine, "bot", json!({})).expect("puts");
    assert!(!has_one());
    put(&engine, "one", json!({"admin": true})).expect("puts");
    put(&engine, "two", json!({"admin": true})).expect("puts");
    let before = engine.ports.store.number_of_reads();
    assert!(has_one());
    assert_eq!(
        engine.ports.store.number_of_reads() - before,
        2,
        "the hint, and whether it is true"
    );
    block_on(engine.delete_identity(&name_of("two"), false)).expect("deletes");
    assert!(has_one(), "found without the hint");
    put(&engine, "one", json!({"admin": true, "disabled": true})).expect("puts");
    assert!(!has_one());
}

#[test]
fn a_reviewer_s_token_is_kept_sealed_and_sealed_anew_by_the_sweep() {
    let engine = engine();
    let method = |reviewer: Value| {
        json!({"auth": [{"type": "kubernetes", "target": "prod", "reviewer": reviewer,
            "allowed_names": ["ci-*"], "allowed_namespaces": ["build"],
            "allowed_audience": "kubelease"}]})
    };
    let unknown = put(&engine, "ci", method(json!("target")));
    assert!(unknown.expect_err("has no target").to_string().contains("no target `prod`"));
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put(&engine, "ci", method(json!({"token": "canary"}))).expect("puts");
    put(&engine, "ci", method(json!({"token": null}))).expect("keeps it");
    let stored = |engine: &Engine<TestPorts>| {
        let contents = engine.ports.store.all_contents();
        String::from_utf8_lossy(&contents["identity.ci"]).into_owned()
    };
    assert!(!stored(&engine).contains("canary"));

    let both = lease_core::Keyring::new(
        &crate::fixtures::master_key("E"),
        &[crate::fixtures::master_key("A")],
    );
    let rotated = Engine::new(engine.ports.clone(), both, engine.config.clone());
    assert_eq!(sweep(&rotated).resealed, 2, "the target's and the reviewer's");
    let new = Engine::new(engine.ports.clone(), keys("E"), engine.config.clone());
    put(&new.acting_for(requester()), "ci", method(json!({"token": null}))).expect("opens");
}
