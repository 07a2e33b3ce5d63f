use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{
    RULES, block_on, engine, keys, live, master_key, name_of, pass, requester, restarted, sweep,
    with_secret,
};
use crate::{Config, Origin};
use lease_testing::{Death, TestPorts};

/// Puts identity `bot`, which takes tokens that an administrator makes, with these fields besides.
fn put(engine: &Engine<TestPorts>, more: Value) {
    let mut input = json!({"auth": [{"type": "token"}]});
    let Value::Object(more) = more else { panic!("{more} is no object") };
    for (field, value) in more {
        input[field] = value;
    }
    let input = serde_json::from_value(input).expect("a good identity");
    engine.put_identity(name_of("bot"), input).expect("puts");
}

/// An engine with identity `bot`, and a token of it.
fn with_token(more: Value) -> (Engine<TestPorts>, NewAccessToken) {
    let engine = engine();
    put(&engine, more);
    let made = make(&engine);
    (engine, made)
}

fn make(engine: &Engine<TestPorts>) -> NewAccessToken {
    let made = engine.make_token_for_identity(&name_of("bot"), None, &Description::default());
    made.expect("makes a token")
}

fn text(made: &NewAccessToken) -> String {
    made.token.expose_secret().to_owned()
}

fn from(address: &str) -> Origin {
    Origin { address: Some(address.parse().expect("an address")), ..Origin::default() }
}

/// Shows a token, and returns why it lets nobody in, if it does not.
fn show(engine: &Engine<TestPorts>, token: &str) -> Result<Session, String> {
    engine.authenticate_token(token, &from("192.0.2.1")).map_err(|error| error.to_string())
}

#[test]
fn a_token_lets_in_until_its_time_is_over() {
    let (engine, made) = with_token(json!({"access_token": {"ttl": "10m"}}));
    assert_eq!((made.expires_in, made.max_expires_in), (600, 86_400));
    let session = show(&engine, &text(&made)).expect("lets in");
    assert_eq!(session.identity.name, name_of("bot"));
    assert_eq!(session.accessor.to_string(), made.claims.accessor);
    pass(&engine, 599);
    show(&engine, &text(&made)).expect("lets in");
    pass(&engine, 1);
    assert_eq!(show(&engine, &text(&made)).expect_err("is over"), "the token is not valid");
}

#[test]
fn what_is_changed_of_an_identity_counts_at_once() {
    type Change = fn(&Engine<TestPorts>);
    let cases: [(Change, Option<&str>); 8] = [
        (|_| {}, None),
        (|engine| put(engine, json!({"description": "another"})), None),
        (|engine| put(engine, json!({"disabled": true})), Some("is disabled")),
        (|engine| put(engine, json!({"auth": []})), Some("no longer has this way")),
        (
            |engine| put(engine, json!({"access_token": {"trusted_ips": ["10.0.0.0/8"]}})),
            Some("is not trusted"),
        ),
        (
            |engine| _ = block_on(engine.delete_identity(&name_of("bot"), false)).expect("deletes"),
            Some("no longer exists"),
        ),
        (
            |engine| {
                block_on(engine.delete_identity(&name_of("bot"), false)).expect("deletes");
                put(engine, json!({}));
            },
            Some("no longer exists"),
        ),
        (
            |engine| {
                _ = block_on(engine.revoke_identity_tokens(&name_of("bot"), false))
                    .expect("revokes");
            },
            Some("is revoked"),
        ),
    ];
    for (row, (change, refused)) in cases.into_iter().enumerate() {
        let (engine, made) = with_token(json!({}));
        change(&engine);
        match (show(&restarted(&engine), &text(&made)), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(says)) => assert!(error.contains(says), "row {row}: {error}"),
            (shown, _) => panic!("row {row}: {shown:?}, expected {refused:?}"),
        }
    }
}

#[test]
fn a_revocation_is_of_what_it_names() {
    let (engine, first) = with_token(json!({}));
    let second = make(&engine);
    let accessor = first.claims.accessor.parse().expect("an accessor");
    block_on(engine.revoke_token_by_accessor(accessor, false)).expect("revokes");
    assert_eq!(show(&engine, &text(&first)).expect_err("revoked"), "the token is revoked");
    let session = show(&engine, &text(&second)).expect("lets in");
    block_on(engine.revoke_own_access_token(&session, false)).expect("revokes");
    assert_eq!(show(&engine, &text(&second)).expect_err("revoked"), "the token is revoked");
    block_on(engine.revoke_identity_tokens(&name_of("bot"), false)).expect("revokes");
    pass(&engine, 1);
    show(&engine, &text(&make(&engine))).expect("what is made later lets in");
}

#[test]
fn a_renewal_extends_to_the_maximum_and_carries_all_else() {
    let (engine, made) =
        with_token(json!({"access_token": {"ttl": "10m", "max_ttl": "25m", "num_uses": 9}}));
    let renew = |token: &str| engine.renew_access_token(&show(&engine, token).expect("lets in"));
    pass(&engine, 300);
    let second = renew(&text(&made)).expect("renews");
    assert_eq!((second.expires_in, second.max_expires_in), (600, 1200));
    assert_eq!(second.claims.accessor, made.claims.accessor);
    pass(&engine, 599);
    let third = renew(&text(&second)).expect("renews");
    assert_eq!((third.expires_in, third.max_expires_in), (600, 601));
    pass(&engine, 500);
    let last = renew(&text(&third)).expect("renews");
    assert_eq!((last.expires_in, last.max_expires_in), (101, 101));
    renew(&text(&last)).expect_err("is at its maximum");
    let session = show(&engine, &text(&last)).expect("lets in");
    assert_eq!(engine.read_uses_left(&session).expect("reads"), Some(9 - 5), "all count as one");
    // A maximum that is lowered holds for what is out.
    let (engine, made) = with_token(json!({"access_token": {"ttl": "10m", "max_ttl": "1h"}}));
    put(&engine, json!({"access_token": {"ttl": "10m", "max_ttl": "12m"}}));
    pass(&engine, 300);
    let session = show(&engine, &text(&made)).expect("lets in");
    assert_eq!(engine.renew_access_token(&session).expect("renews").expires_in, 420);
}

#[test]
fn revoking_one_token_of_a_login_revokes_all_that_it_was_renewed_to() {
    let (engine, made) = with_token(json!({}));
    let session = show(&engine, &text(&made)).expect("lets in");
    let renewed = engine.renew_access_token(&session).expect("renews");
    block_on(engine.revoke_own_access_token(&session, false)).expect("revokes");
    for token in [&made, &renewed] {
        assert_eq!(show(&engine, &text(token)).expect_err("revoked"), "the token is revoked");
    }
}

#[test]
fn uses_are_counted_exactly_and_refusals_are_recorded_once() {
    let (engine, made) = with_token(json!({"access_token": {"num_uses": 3}}));
    for _ in 0..3 {
        show(&engine, &text(&made)).expect("lets in");
    }
    for written in [5, 0, 0] {
        let writes = engine.ports.store.number_of_writes();
        let refused =
            engine.authenticate_token(&text(&made), &from("192.0.2.1")).expect_err("used up");
        assert_eq!(refused.to_string(), "the token has no uses left");
        assert_eq!(engine.ports.store.number_of_writes(), writes, "before the answer");
        let to_record = refused.to_record.expect("a token of ours");
        engine.record_refused_token(&to_record).expect("records");
        assert_eq!(
            engine.ports.store.number_of_writes() - writes,
            written,
            "its count, and its event"
        );
    }
    let untrusted = json!({"access_token": {"num_uses": 3, "trusted_ips": ["10.0.0.0/8"]}});
    let (engine, made) = with_token(untrusted);
    show(&engine, &text(&made)).expect_err("is not trusted");
    let session = engine.authenticate_token(&text(&made), &from("10.0.0.1")).expect("lets in");
    assert_eq!(
        engine.read_uses_left(&session).expect("reads"),
        Some(2),
        "only what was let in counts"
    );
}

#[test]
fn whatever_is_wrong_with_a_token_the_work_is_the_same() {
    let work = |engine: &Engine<TestPorts>, token: &str| {
        let store = &engine.ports.store;
        let before = (store.number_of_reads(), store.number_of_writes());
        let outcome = show(engine, token);
        (outcome.is_ok(), store.number_of_reads() - before.0, store.number_of_writes() - before.1)
    };
    let (engine, made) = with_token(json!({}));
    let good = text(&made);
    assert_eq!(work(&engine, &good), (true, 3, 0), "a request costs three reads");
    let other = Engine::new(engine.ports.clone(), keys("E"), Config::default());
    let forged = text(&with_token_of(other));
    for token in ["", "x", "a.b.c", forged.as_str(), &good[..good.len() - 2], &format!("{good}x")] {
        assert_eq!(work(&engine, token), (false, 4, 0), "{token}");
    }
    block_on(engine.revoke_identity_tokens(&name_of("bot"), false)).expect("revokes");
    // Once an hour it is recorded; whoever shows it has had it from us.
    work(&engine, &good);
    assert_eq!(work(&engine, &good), (false, 4, 0), "revoked");
    pass(&engine, 7200);
    work(&engine, &good);
    assert_eq!(work(&engine, &good), (false, 4, 0), "expired");
}

/// A token of the same identity by an installation that has other keys.
fn with_token_of(engine: Engine<TestPorts>) -> NewAccessToken {
    make(&engine.acting_for(requester()))
}

#[test]
fn an_earlier_master_key_still_knows_its_tokens() {
    let (engine, made) = with_token(json!({}));
    let both = lease_core::Keyring::new(&master_key("E"), &[master_key("A")]);
    let rotated = Engine::new(engine.ports.clone(), both, Config::default());
    show(&rotated, &text(&made)).expect("lets in");
    let renewed = rotated.renew_access_token(&show(&rotated, &text(&made)).expect("lets in"));
    let gone = Engine::new(engine.ports.clone(), keys("E"), Config::default());
    show(&gone, &text(&made)).expect_err("its key is gone");
    show(&gone, &text(&renewed.expect("renews"))).expect("is signed by the current key");
}

#[test]
fn a_token_is_made_for_who_takes_one_and_within_what_it_may_live() {
    let engine = engine();
    put(&engine, json!({"access_token": {"ttl": "1h", "max_ttl": "2h"}}));
    let make = |name: &str, ttl: Option<&str>| {
        let made = engine.make_token_for_identity(
            &name_of(name),
            ttl.map(name_of),
            &Description::default(),
        );
        made.map(|made| made.expires_in).map_err(|error| error.to_string())
    };
    assert_eq!(make("bot", Some("30m")), Ok(1800));
    assert_eq!(make("bot", Some("2h")), Ok(7200));
    assert!(make("bot", Some("2h1s")).expect_err("too long").contains("maximum of 2h"));
    assert!(make("nobody", None).expect_err("unknown").contains("no identity `nobody`"));
    put(&engine, json!({"auth": []}));
    assert!(make("bot", None).expect_err("takes none").contains("cannot create access tokens"));
    put(&engine, json!({"disabled": true}));
    assert!(make("bot", None).expect_err("disabled").contains("is disabled"));
}

#[test]
fn what_a_token_leaves_in_the_store_is_forgotten_in_time() {
    let (engine, made) =
        with_token(json!({"access_token": {"ttl": "10m", "max_ttl": "1h", "num_uses": 5}}));
    let session = show(&engine, &text(&made)).expect("lets in");
    block_on(engine.revoke_own_access_token(&session, false)).expect("revokes");
    let left = || {
        let keys = engine.ports.store.list_keys().into_iter();
        keys.filter(|key| key.contains(&made.claims.accessor)).count()
    };
    assert_eq!(left(), 2, "a mark and a count");
    pass(&engine, 3599);
    sweep(&engine);
    assert_eq!(left(), 2, "the token could live still");
    pass(&engine, 1);
    sweep(&engine);
    assert_eq!(left(), 0);
}

#[test]
fn leases_are_taken_back_with_the_token_or_the_identity_that_asked_for_them() {
    let grants = json!([{"dynamic_secrets": ["ci"], "namespaces": ["apps"], "actions": ["issue"]}]);
    for whole in [false, true] {
        let engine = with_secret(RULES, "");
        put(&engine, json!({"grants": grants}));
        let (first, second) = (make(&engine), make(&engine));
        let issue = |token: &NewAccessToken| {
            let session = show(&engine, &text(token)).expect("lets in");
            let acting = restarted(&engine).acting_for(crate::Requester::from_session(session));
            let issued = block_on(acting.issue_lease(
                &name_of("ci"),
                lease_core::IssueRequest::default(),
                None,
            ));
            issued.expect("issues").held.lease
        };
        let leases = [issue(&first), issue(&first), issue(&second)];
        assert_eq!(leases[0].requester, "identity:bot");
        let by_administrator = crate::fixtures::issue(&engine).expect("issues").held.lease.id;
        let done = if whole {
            block_on(engine.revoke_identity_tokens(&name_of("bot"), true))
        } else {
            let accessor = first.claims.accessor.parse().expect("an accessor");
            block_on(engine.revoke_token_by_accessor(accessor, true))
        };
        let done = done.expect("revokes").expect("takes leases back");
        assert_eq!((done.revoked, done.next), (if whole { 3 } else { 2 }, None));
        let left: Vec<_> = live(&engine).iter().map(|held| held.lease.id).collect();
        let expected =
            if whole { vec![by_administrator] } else { vec![leases[2].id, by_administrator] };
        assert_eq!(left, expected, "whole identity: {whole}");
    }
}

#[test]
fn the_times_of_a_token_never_go_past_what_a_revocation_remembers() {
    let longest = TimeDelta::from(lease_core::MAX_ACCESS_TOKEN_TTL);
    let (engine, made) = with_token(json!({"access_token": {"ttl": "365d", "max_ttl": "365d"}}));
    let accessor = made.claims.accessor.parse().expect("an accessor");
    block_on(engine.revoke_token_by_accessor(accessor, false)).expect("revokes");
    pass(&engine, longest.num_seconds() - 1);
    sweep(&engine);
    assert_eq!(show(&engine, &text(&made)).expect_err("revoked"), "the token is revoked");
}

#[test]
fn no_token_is_handed_out_whose_event_is_not_on_record() {
    for (terms, steps) in [(json!({}), 2), (json!({"access_token": {"num_uses": 3}}), 3)] {
        let (engine, made) = with_token(terms);
        let session = show(&engine, &text(&made)).expect("lets in");
        for step in 0..steps {
            engine.ports.die_at(step, Death::Before);
            let made =
                engine.make_token_for_identity(&name_of("bot"), None, &Description::default());
            assert!(matches!(made, Err(IdentityError::Store(_))), "at step {step}");
            assert!(engine.ports.revive());
        }
        pass(&engine, 1);
        for step in 0..2 {
            engine.ports.die_at(step, Death::Before);
            let renewed = engine.renew_access_token(&session);
            assert!(matches!(renewed, Err(TokenRenewalError::Store(_))), "at step {step}");
            assert!(engine.ports.revive());
        }
    }
}
