//! Others that come between any two steps: another instance, at every call.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

/// Runs `act` once for each of its calls, with `rival` let in just before that call is done; `look` gets
/// the call's number. The rival is another instance.
fn at_every_call(
    mode: LeaseKind,
    prepare: impl Fn(&Engine<TestPorts>) -> LeaseId,
    act: impl Fn(&Engine<TestPorts>, LeaseId) -> String,
    rival: impl Fn(&Engine<TestPorts>, LeaseId) + Clone + 'static,
    look: impl Fn(&Engine<TestPorts>, LeaseId, &str),
) {
    let mut call = 0;
    loop {
        let engine = warm(mode);
        let id = prepare(&engine);
        let came = Rc::new(Cell::new(false));
        let (other, seen, rival) = (restarted(&engine), came.clone(), rival.clone());
        let number = engine.ports.http.calls() + call;
        engine.ports.http.on_call(move |_, sent| {
            if sent.number == number && !seen.replace(true) {
                rival(&other, id);
            }
        });
        let outcome = act(&engine, id);
        if !came.get() {
            break;
        }
        look(&engine, id, &format!("{mode:?}, call {call}: {outcome}"));
        call += 1;
    }
    assert!(call > 0, "{mode:?}: nothing was called");
}

fn told<T, E: std::error::Error>(outcome: &Result<T, E>) -> String {
    match outcome {
        Ok(_) => "done".to_owned(),
        Err(error) => chain(error),
    }
}

fn nothing(_: &Engine<TestPorts>) -> LeaseId {
    LeaseId::new([0; 16])
}

fn a_lease(engine: &Engine<TestPorts>) -> LeaseId {
    issue_for(engine, IssueRequest::default(), Some("k")).expect("issues").held.lease.id
}

#[test]
fn an_issuer_that_was_taken_for_dead_leaves_nothing_and_answers_nothing() {
    for mode in BOUND {
        at_every_call(
            mode,
            nothing,
            |engine, _| told(&issue(engine)),
            |other, _| {
                pass(other, 31);
                sweep(other);
                sweep_what_stopped(other);
            },
            |engine, _, row| {
                assert!(!row.ends_with("done"), "{row}");
                assert_eq!(made(engine), [""; 0], "{row}");
                assert_eq!(live(engine), [], "{row}");
            },
        );
    }
}

#[test]
fn a_sweep_at_any_time_does_no_harm_to_an_issue_in_time() {
    for mode in ALL {
        at_every_call(
            mode,
            nothing,
            |engine, _| {
                let issued = issue(engine).unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
                pass(engine, 600);
                sweep(engine);
                sweep(engine);
                assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{mode:?}");
                format!("{:?}", state(engine, issued.held.lease.id))
            },
            |other, _| {
                sweep(other);
                pass(other, 5);
                sweep(other);
            },
            |_, _, row| assert!(row.ends_with("Active"), "{row}"),
        );
    }
}

#[test]
fn a_retry_while_the_first_is_at_work_makes_no_second_lease() {
    for mode in ALL {
        at_every_call(
            mode,
            nothing,
            |engine, _| told(&issue_for(engine, IssueRequest::default(), Some("k"))),
            |other, _| {
                let outcome = issue_for(other, IssueRequest::default(), Some("k"));
                let good = matches!(&outcome, Ok(_) | Err(IssueError::InProgress));
                assert!(good, "{}", told(&outcome));
            },
            |engine, _, row| {
                let again = issue_for(engine, IssueRequest::default(), Some("k"));
                let again = again.unwrap_or_else(|error| panic!("{row}: {}", chain(&error)));
                let mut ids: Vec<_> = live(engine).iter().map(|held| held.lease.id).collect();
                // The first one of a plain token cannot be taken back.
                ids.retain(|id| mode != PLAIN || *id == again.held.lease.id);
                assert_eq!(ids, [again.held.lease.id], "{row}");
                assert_eq!(made(engine).len(), again.held.lease.objects.len(), "{row}");
            },
        );
    }
}

/// The revocation came first in the end: nobody was answered, and nothing is left.
fn refused_and_gone(engine: &Engine<TestPorts>, id: LeaseId, row: &str) {
    assert!(!row.ends_with("done"), "{row}");
    assert_eq!(state(engine, id), LeaseState::Revoked, "{row}");
    assert_eq!(made(engine), [""; 0], "{row}");
}

#[test]
fn a_lease_that_is_taken_back_meanwhile_is_given_nobody_again() {
    for mode in BOUND {
        at_every_call(
            mode,
            a_lease,
            |engine, _| told(&issue_for(engine, IssueRequest::default(), Some("k"))),
            |other, id| assert!(revoke(other, id)),
            refused_and_gone,
        );
    }
}

#[test]
fn a_renewal_and_a_revocation_end_as_a_revocation() {
    for mode in BOUND {
        at_every_call(
            mode,
            a_lease,
            |engine, id| told(&block_on(engine.renew_lease(id, None))),
            |other, id| assert!(revoke(other, id)),
            refused_and_gone,
        );
    }
}

#[test]
fn a_renewal_and_the_end_of_its_time_agree() {
    for mode in BOUND {
        at_every_call(
            mode,
            |engine| {
                let id = a_lease(engine);
                pass(engine, 3595);
                id
            },
            |engine, id| told(&block_on(engine.renew_lease(id, None))),
            |other, _| {
                pass(other, 6);
                sweep(other);
                sweep(other);
            },
            |engine, id, row| {
                // Whoever was told that it lives on has it; whoever was not has nothing.
                let lives = row.ends_with("done");
                let want = if lives { LeaseState::Active } else { LeaseState::Expired };
                assert_eq!(state(engine, id), want, "{row}");
                assert_eq!(made(engine).is_empty(), !lives, "{row}");
            },
        );
    }
}

#[test]
fn two_who_take_a_lease_back_end_it_once() {
    for mode in BOUND {
        at_every_call(
            mode,
            a_lease,
            |engine, id| told(&block_on(engine.revoke_lease(id))),
            |other, id| assert!(revoke(other, id)),
            |engine, id, row| {
                assert!(row.ends_with("done"), "{row}");
                assert_eq!(state(engine, id), LeaseState::Revoked, "{row}");
                assert_eq!(made(engine), [""; 0], "{row}");
            },
        );
    }
}
