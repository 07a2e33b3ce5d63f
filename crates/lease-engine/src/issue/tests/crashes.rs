//! Dying at any step of an issue.

use super::*;

/// Dies at each step of `act` in each way, and has a new instance look at what is left.
fn at_every_step(
    mode: LeaseKind,
    act: impl Fn(&Engine<TestPorts>),
    look: impl Fn(&Engine<TestPorts>, &str),
) {
    for death in [Death::Before, Death::After, Death::Late] {
        let mut step = 0;
        loop {
            let engine = warm(mode);
            engine.ports.die_at(step, death);
            act(&engine);
            if !engine.ports.revive() {
                break;
            }
            look(&restarted(&engine), &format!("{mode:?}, step {step}, {death:?}"));
            step += 1;
        }
        assert!(step > 3, "{mode:?} {death:?}: only {step} steps");
    }
}

#[test]
fn a_crash_at_any_step_of_an_issue_leaves_nothing_after_two_sweeps() {
    for mode in ALL {
        for key in [None, Some("k")] {
            let act = |engine: &Engine<TestPorts>| {
                let _ = issue_for(engine, IssueRequest::default(), key);
            };
            at_every_step(mode, act, |engine, row| {
                pass(engine, 31);
                sweep(engine);
                engine.ports.http.land();
                sweep_what_stopped(engine);
                let left = live(engine);
                // Its record was complete: it lives as long as it was to live, for a retry may have it.
                let complete =
                    left.iter().all(|held| held.state_at(engine.now()) == LeaseState::Active);
                assert!(complete, "{row}: {left:?}");
                let objects: usize = left.iter().map(|held| held.lease.objects.len()).sum();
                assert_eq!(made(engine).len(), objects, "{row}: {:?}", made(engine));
                pass(engine, 3600);
                sweep(engine);
                assert_eq!(made(engine), [""; 0], "{row}");
                assert_eq!(live(engine), [], "{row}");
            });
        }
    }
}

#[test]
fn a_retry_after_a_crash_makes_no_second_lease() {
    for mode in BOUND {
        let act = |engine: &Engine<TestPorts>| {
            let _ = issue_for(engine, IssueRequest::default(), Some("k"));
        };
        at_every_step(mode, act, |engine, row| {
            let mut tries = 0;
            let issued = loop {
                match issue_for(engine, IssueRequest::default(), Some("k")) {
                    Ok(issued) => break issued,
                    Err(IssueError::InProgress) if tries < 9 => {
                        pass(engine, 30);
                        engine.ports.http.land();
                        sweep(engine);
                        tries += 1;
                    }
                    Err(error) => panic!("{row}: {}", chain(&error)),
                }
            };
            engine.ports.http.land();
            sweep_what_stopped(engine);
            let live: Vec<_> = live(engine).iter().map(|held| held.lease.id).collect();
            assert_eq!(live, [issued.held.lease.id], "{row}");
            assert_eq!(made(engine).len(), issued.held.lease.objects.len(), "{row}");
            assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{row}");
        });
    }
}

#[test]
fn a_crash_at_any_step_of_a_revocation_is_made_up_for_by_the_next() {
    for mode in BOUND {
        for death in [Death::Before, Death::After, Death::Late] {
            let mut step = 0;
            loop {
                let engine = warm(mode);
                let lease = issue(&engine).expect("issues").held.lease;
                engine.ports.die_at(step, death);
                let outcome = block_on(engine.revoke_lease(lease.id));
                if !engine.ports.revive() {
                    break;
                }
                let row = format!("{mode:?}, step {step}, {death:?}");
                let engine = restarted(&engine);
                if let Ok(RevocationOutcome::Begun(_)) = outcome {
                    // That was answered: from here on it is the sweep's.
                    engine.ports.http.land();
                    pass(&engine, 600);
                    sweep(&engine);
                }
                assert!(revoke(&engine, lease.id), "{row}");
                engine.ports.http.land();
                assert_eq!(state(&engine, lease.id), LeaseState::Revoked, "{row}");
                assert_eq!(made(&engine), [""; 0], "{row}");
                step += 1;
            }
            assert!(step >= 3, "{mode:?} {death:?}: only {step} steps");
        }
    }
}

#[test]
fn a_crash_at_any_step_of_a_sweep_is_made_up_for_by_the_next() {
    for mode in BOUND {
        for death in [Death::Before, Death::After, Death::Late] {
            let mut step = 0;
            loop {
                let engine = warm(mode);
                let lease = issue(&engine).expect("issues").held.lease;
                pass(&engine, 3601);
                engine.ports.die_at(step, death);
                let _ = block_on(engine.run_sweep(crate::SweepOptions::default()));
                if !engine.ports.revive() {
                    break;
                }
                let row = format!("{mode:?}, step {step}, {death:?}");
                let engine = restarted(&engine);
                sweep(&engine);
                pass(&engine, 900);
                sweep(&engine);
                engine.ports.http.land();
                assert_eq!(state(&engine, lease.id), LeaseState::Expired, "{row}");
                assert_eq!(made(&engine), [""; 0], "{row}");
                step += 1;
            }
            assert!(step > 3, "{mode:?} {death:?}: only {step} steps");
        }
    }
}
