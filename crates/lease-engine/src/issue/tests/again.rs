//! The same lease for the same request.

use futures::future::join_all;

use super::*;

fn again(engine: &Engine<TestPorts>, ttl: &str) -> Result<IssuedLease, IssueError> {
    issue_for(engine, asked(ttl), Some("k"))
}

#[test]
fn the_same_request_gives_the_same_lease_and_a_fresh_token() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        let first = again(&engine, "2h").expect("issues");
        assert!(!first.again, "{mode:?}");
        pass(&engine, 60);
        let made_before = made(&engine);
        let second = again(&engine, "2h").unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
        assert!(second.again, "{mode:?}");
        assert_eq!(second.held.lease.id, first.held.lease.id, "{mode:?}");
        assert_eq!(second.held.expires_at, first.held.expires_at, "{mode:?}");
        assert_ne!(second.token.expose_secret(), first.token.expose_secret(), "{mode:?}");
        assert_eq!(claims(&second).secret_uid(), claims(&first).secret_uid(), "{mode:?}");
        assert!(claims(&second).expires_at <= first.held.expires_at, "{mode:?}");
        assert_eq!(made(&engine), made_before, "{mode:?}");
        assert_eq!(all_leases(&engine).len(), 1, "{mode:?}");
    }
}

#[test]
fn a_key_is_one_caller_s_for_one_dynamic_secret() {
    let engine = with_secret(RULES, "");
    again(&engine, "1h").expect("issues");
    let other = Requester { id: "somebody else".to_owned(), ..requester() };
    let engine = restarted(&engine).acting_for(other);
    let issued = again(&engine, "1h");
    assert!(!issued.expect("issues").again);
    assert_eq!(all_leases(&engine).len(), 2);
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    for mode in ALL {
        let audiences = r#""audiences":{"default":["https://a"],"allowed":["https://a","https://b"]},
            "namespaces":["apps","web"]"#;
        let engine = with_secret(mode, audiences);
        let request = |ttl: &str, namespace: &str, audience: &str| IssueRequest {
            ttl: Some(name_of(ttl)),
            namespace: Some(name_of(namespace)),
            audiences: Some(vec![audience.to_owned().try_into().expect("good")]),
        };
        issue_for(&engine, request("1h", "apps", "https://a"), Some("k")).expect("issues");
        for (ttl, namespace, audience) in [("2h", "apps", "https://a"), ("1h", "apps", "https://b")]
        {
            let outcome = issue_for(&engine, request(ttl, namespace, audience), Some("k"));
            assert!(matches!(outcome, Err(IssueError::KeyReused)), "{mode:?} {ttl}: {outcome:?}");
        }
        let same = issue_for(&engine, request("1h", "apps", "https://a"), Some("k"));
        assert!(same.expect("the first still stands").again, "{mode:?}");
    }
}

#[test]
fn a_lease_that_has_ended_never_comes_back_under_its_key() {
    for mode in BOUND {
        for how in ["revoked", "expired", "forgotten"] {
            let engine = with_secret(mode, "");
            let first = again(&engine, "1h").expect("issues");
            match how {
                "revoked" => assert!(revoke(&engine, first.held.lease.id)),
                _ => pass(&engine, 3601),
            }
            let outcome = again(&engine, "1h");
            assert!(matches!(outcome, Err(IssueError::Ended(_))), "{mode:?} {how}: {outcome:?}");
            sweep(&engine);
            let outcome = again(&engine, "1h");
            assert!(matches!(outcome, Err(IssueError::Ended(_))), "{mode:?} {how}: {outcome:?}");
            if how == "forgotten" {
                pass(&engine, 8 * 86400);
                sweep(&engine);
                sweep(&engine);
                let anew = again(&engine, "1h").unwrap_or_else(|e| panic!("{}", chain(&e)));
                assert!(!anew.again && anew.held.lease.id != first.held.lease.id, "{mode:?}");
            }
        }
    }
}

#[test]
fn in_parallel_one_creates_and_the_others_get_the_same() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        let name = name_of("ci");
        let requests = (0..10).map(|_| engine.issue_lease(&name, asked("1h"), Some("k")));
        let outcomes = block_on(join_all(requests));
        let mut ids = vec![];
        for outcome in outcomes {
            match outcome {
                Ok(issued) => ids.push(issued.held.lease.id),
                Err(IssueError::InProgress) => {}
                Err(error) => panic!("{mode:?}: {}", chain(&error)),
            }
        }
        assert!(!ids.is_empty(), "{mode:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{mode:?}");
        assert_eq!(all_leases(&engine).len(), 1, "{mode:?}");
    }
}

#[test]
fn a_request_that_failed_frees_its_key() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        engine.ports.http.deny("create", "serviceaccounts/token");
        again(&engine, "1h").expect_err("no token");
        engine.ports.http.heal();
        let issued = again(&engine, "1h").unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
        assert!(!issued.again, "{mode:?}");
        let same = again(&engine, "1h").expect("issues");
        assert_eq!((same.again, same.held.lease.id), (true, issued.held.lease.id), "{mode:?}");
    }
}

#[test]
fn a_request_that_may_still_come_to_life_keeps_its_key_until_it_cannot() {
    for mode in BOUND {
        let engine = with_secret(mode, "");
        // Nothing of what was sent is answered, and nothing can be undone.
        engine.ports.http.fail_all(Fault::Late, |sent| sent.method == "POST");
        engine.ports.http.fail_all(Fault::Lose, |sent| sent.method == "DELETE");
        again(&engine, "1h").expect_err("no answer");
        engine.ports.http.heal();
        let outcome = again(&engine, "1h");
        assert!(matches!(outcome, Err(IssueError::InProgress)), "{mode:?}: {outcome:?}");
        engine.ports.http.land();
        sweep_what_stopped(&engine);
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
        let issued = again(&engine, "1h").unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
        assert!(!issued.again, "{mode:?}");
    }
}

#[test]
fn a_request_whose_server_died_is_free_again_after_its_time() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        // The claim is its first write.
        let account_writes = usize::from(matches!(mode, PLAIN | EXISTING));
        engine.ports.die_at(first_write(mode) + account_writes, Death::After);
        again(&engine, "1h").expect_err("died");
        assert!(engine.ports.revive(), "{mode:?}");
        let outcome = again(&engine, "1h");
        assert!(matches!(outcome, Err(IssueError::InProgress)), "{mode:?}: {outcome:?}");
        pass(&engine, 30 + 75 + 1);
        let issued = again(&engine, "1h").unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
        assert!(!issued.again, "{mode:?}");
    }
}

/// How many steps come before the claim of an issue whose cluster is known: the account is read.
fn first_write(mode: LeaseKind) -> usize {
    usize::from(matches!(mode, PLAIN | EXISTING))
}

#[test]
fn a_plain_token_that_ends_soon_is_not_given_again() {
    let engine = with_secret(PLAIN, "");
    again(&engine, "20m").expect("issues");
    pass(&engine, 600);
    again(&engine, "20m").expect("just enough is left");
    pass(&engine, 1);
    let outcome = again(&engine, "20m");
    assert!(matches!(outcome, Err(IssueError::EndsTooSoon(_))), "{outcome:?}");
}

#[test]
fn every_check_of_a_new_issue_is_made_again() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        again(&engine, "1h").expect("issues");
        put_secret(&engine, mode.1, r#""disabled":true"#);
        let outcome = again(&engine, "1h");
        assert!(matches!(outcome, Err(IssueError::NotGranted { .. })), "{mode:?}: {outcome:?}");
        put_secret(&engine, mode.1, r#""namespaces":["web"]"#);
        let request = IssueRequest { namespace: Some(name_of("apps")), ..asked("1h") };
        let outcome = issue_for(&engine, request, Some("k"));
        assert!(matches!(outcome, Err(IssueError::NotGranted { .. })), "{mode:?}: {outcome:?}");
        put_secret(&engine, mode.1, "");
        engine
            .put_target(TargetInput { disabled: true, ..prod("https://a.example", None) })
            .expect("puts");
        let outcome = again(&engine, "1h");
        assert!(matches!(outcome, Err(IssueError::TargetDisabled(_))), "{mode:?}: {outcome:?}");
    }
}

#[test]
fn an_end_that_was_decided_while_the_token_was_made_keeps_it_from_being_answered() {
    for mode in BOUND {
        let engine = with_secret(mode, "");
        let id = again(&engine, "1h").expect("issues").held.lease.id;
        let other = restarted(&engine);
        engine.ports.http.on_call(move |http, sent| {
            if sent.asks("create", "serviceaccounts/token") {
                // Nothing is deleted yet, so that the token is still given.
                http.fail_all(Fault::Unreachable, |sent| sent.method == "DELETE");
                assert!(!revoke(&other, id));
            }
        });
        let outcome = again(&engine, "1h");
        assert!(matches!(outcome, Err(IssueError::Ended(_))), "{mode:?}: {outcome:?}");
    }
}
