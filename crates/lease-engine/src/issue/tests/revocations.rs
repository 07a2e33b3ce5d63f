//! An identity's leases, taken back while it asks for another: neither misses the other.

use std::cell::RefCell;
use std::rc::Rc;

use lease_core::Description;
use serde_json::json;

use super::*;
use crate::fixtures::requester;
use crate::{BulkRevocation, Origin, RenewError, Session};

/// The ways to have all leases of somebody taken back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Identity,
    Accessor,
    Bearer,
    Deletion,
}

const WAYS: [Way; 4] = [Way::Identity, Way::Accessor, Way::Bearer, Way::Deletion];

/// An installation with identity `bot`, and a token of it.
fn with_bot(mode: LeaseKind) -> (Engine<TestPorts>, String) {
    let engine = warm(mode);
    let input = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue", "read", "renew"], "of": "all"}]});
    let input = serde_json::from_value(input).expect("a good identity");
    engine.put_identity(name_of("bot"), input).expect("puts");
    let token = engine.make_token_for_identity(&name_of("bot"), None, &Description::default());
    let token = token.expect("makes").token.expose_secret().to_owned();
    (engine, token)
}

/// Lets the bearer of a token in, as another instance.
fn let_in(engine: &Engine<TestPorts>, token: &str) -> Result<(Engine<TestPorts>, Session), String> {
    let session =
        engine.authenticate_token(token, &Origin::default()).map_err(|error| error.to_string())?;
    Ok((restarted(engine).acting_for(Requester::from_session(session.clone())), session))
}

/// Has all leases of the bot taken back.
fn revoke(engine: &Engine<TestPorts>, way: Way, session: &Session) -> BulkRevocation {
    let engine = restarted(engine).acting_for(requester());
    let done = match way {
        Way::Identity => block_on(engine.revoke_identity_tokens(&name_of("bot"), true)),
        Way::Accessor => block_on(engine.revoke_token_by_accessor(session.accessor, true)),
        Way::Bearer => block_on(engine.revoke_own_access_token(session, true))
            .map_err(crate::IdentityError::from),
        Way::Deletion => block_on(engine.delete_identity(&name_of("bot"), true)),
    };
    done.expect("takes back").expect("says what became of them")
}

#[test]
fn a_lease_that_is_issued_meanwhile_is_found_or_is_given_nobody() {
    for (mode, way) in
        [PLAIN, EXISTING, RULES].into_iter().flat_map(|mode| WAYS.map(|way| (mode, way)))
    {
        let (mut found, mut refused) = (0, 0);
        for step in 0.. {
            let (engine, token) = with_bot(mode);
            let (_, session) = let_in(&engine, &token).expect("lets in");
            let told: Rc<RefCell<Option<BulkRevocation>>> = Rc::default();
            let (seen, other) = (told.clone(), restarted(&engine));
            let number = engine.ports.store.operations() + step;
            engine.ports.store.on_operation(move |operation| {
                if operation == number && seen.borrow().is_none() {
                    let done = revoke(&other, way, &session);
                    *seen.borrow_mut() = Some(done);
                }
            });
            let outcome = let_in(&engine, &token)
                .and_then(|(bot, _)| issue(&bot).map_err(|error| chain(&error)));
            engine.ports.store.on_operation(|_| {});
            let Some(told) = told.take() else { break };
            let row = format!("{mode:?}, {way:?}, step {step}: {outcome:?}, {told:?}");
            let known = told.revoked + told.revoking + told.plain;
            if outcome.is_ok() {
                assert_eq!(known, 1, "{row}");
            }
            found += known;
            refused += usize::from(outcome.is_err());
            // Whatever is under way ends, and nothing is left that anybody could use.
            sweep_what_stopped(&engine);
            assert_eq!(made(&engine), [""; 0], "{row}");
            if mode != PLAIN {
                assert_eq!(live(&engine), [], "{row}");
            }
        }
        assert!(found > 0 && refused > 0, "{mode:?}, {way:?}: {found} found, {refused} refused");
    }
}

#[test]
fn who_is_let_in_no_more_is_given_no_token_of_a_renewal_or_a_retry() {
    for (mode, way) in [EXISTING, RULES].into_iter().flat_map(|mode| WAYS.map(|way| (mode, way))) {
        for call in 0.. {
            let (engine, token) = with_bot(mode);
            let (bot, session) = let_in(&engine, &token).expect("lets in");
            // The lease of somebody else is not taken back.
            let id = issue(&engine).expect("issues").held.lease.id;
            let (other, came) = (restarted(&engine), Rc::new(RefCell::new(false)));
            let (seen, number) = (came.clone(), engine.ports.http.calls() + call);
            engine.ports.http.on_call(move |_, sent| {
                if sent.number == number && !seen.replace(true) {
                    revoke(&other, way, &session);
                }
            });
            let outcome = block_on(bot.renew_lease(id, None));
            if !came.take() {
                assert!(call > 0, "{mode:?}, {way:?}: nothing was called");
                break;
            }
            let row = format!("{mode:?}, {way:?}, call {call}");
            assert!(matches!(outcome, Err(RenewError::NotAdmitted)), "{row}: {outcome:?}");
            assert_eq!(state(&engine, id), LeaseState::Active, "{row}");
        }
    }
    // A retry of what was issued before: of a plain token nothing else is read.
    for way in WAYS {
        let (engine, token) = with_bot(PLAIN);
        let (bot, session) = let_in(&engine, &token).expect("lets in");
        issue_for(&bot, IssueRequest::default(), Some("k")).expect("issues");
        let other = restarted(&engine);
        let number = engine.ports.http.calls();
        engine.ports.http.on_call(move |_, sent| {
            if sent.number == number {
                revoke(&other, way, &session);
            }
        });
        let again = issue_for(&bot, IssueRequest::default(), Some("k"));
        assert!(matches!(again, Err(IssueError::NotAdmitted)), "{way:?}: {again:?}");
    }
}
