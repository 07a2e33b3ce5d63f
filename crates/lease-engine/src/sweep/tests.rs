use lease_core::LeaseState;

use super::*;
use crate::fixtures::{
    ALL, BOUND, PLAIN, RULES, all_leases, block_on, engine, held, issue, issue_of, keys, live,
    made, master_key, name_of, pass, prod, put_secret, restarted, revoke, state, sweep, sweep_with,
    target, warm,
};
use crate::{Config, TargetState};
use lease_testing::Fault;

mod clocks;
mod requests;

#[test]
fn what_is_due_ends_and_what_is_not_stays() {
    for mode in BOUND {
        let engine = warm(mode);
        let short = issue_of(&engine, "10m").expect("issues");
        let long = issue_of(&engine, "2h").expect("issues");
        pass(&engine, 601);
        let report = sweep(&engine);
        assert_eq!((report.due, report.done, report.postponed), (1, 1, 0), "{mode:?}");
        assert_eq!(state(&engine, short.held.lease.id), LeaseState::Expired, "{mode:?}");
        assert!(!engine.ports.http.accepts(short.token.expose_secret()), "{mode:?}");
        assert_eq!(state(&engine, long.held.lease.id), LeaseState::Active, "{mode:?}");
        assert!(engine.ports.http.accepts(long.token.expose_secret()), "{mode:?}");
        assert_eq!(made(&engine).len(), long.held.lease.objects.len(), "{mode:?}");
    }
}

#[test]
fn an_idle_sweep_writes_nothing_and_asks_nobody() {
    for mode in ALL {
        let engine = warm(mode);
        issue_of(&engine, "2h").expect("issues");
        for _ in 0..3 {
            pass(&engine, 200);
            sweep(&engine);
        }
        let before = (engine.ports.store.number_of_writes(), engine.ports.http.calls());
        for seconds in 1..=30 {
            pass(&engine, 10);
            assert_eq!(sweep(&engine), SweepReport::default(), "{mode:?}");
            // That sweeps run at all is written with every second one.
            let now = (engine.ports.store.number_of_writes(), engine.ports.http.calls());
            assert_eq!(now, (before.0 + seconds / 2, before.1), "{mode:?}");
            assert!(!engine.sweep_health().expect("reads").overdue, "{mode:?}");
        }
    }
}

#[test]
fn a_plain_token_ends_by_itself() {
    let engine = warm(PLAIN);
    let id = issue(&engine).expect("issues").held.lease.id;
    pass(&engine, 3601);
    assert_eq!(state(&engine, id), LeaseState::Expired, "also before the sweep");
    let report = sweep(&engine);
    assert_eq!((report.due, report.done), (0, 0), "there is nothing to be done");
    assert_eq!(state(&engine, id), LeaseState::Expired);
}

#[test]
fn what_cannot_be_ended_now_is_tried_again_and_not_too_often() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        pass(&engine, 3601);
        engine.ports.http.fail_all(Fault::Unreachable, |_| true);
        let report = sweep(&engine);
        assert_eq!((report.due, report.done, report.postponed), (1, 0, 1), "{mode:?}");
        assert_eq!(state(&engine, id), LeaseState::Revoking, "{mode:?}");
        let told = &report.failures[0];
        assert_eq!((told.reason.as_str(), told.count), ("target `prod` cannot be reached", 1));
        assert_eq!(report.targets[&name_of("prod")], TargetState::Silent, "{mode:?}");
        let calls = engine.ports.http.calls();
        assert_eq!(sweep(&engine).due, 1, "{mode:?}: told");
        assert_eq!(engine.ports.http.calls(), calls, "{mode:?}: not asked at once");
        let writes = engine.ports.store.number_of_writes();
        for _ in 0..720 {
            pass(&engine, 60);
            assert!(sweep(&engine).oldest_overdue_seconds.is_some(), "{mode:?}");
        }
        let tries = engine.ports.http.calls() - calls;
        assert!((200..1500).contains(&tries), "{mode:?}: {tries} calls in twelve hours");
        let writes = engine.ports.store.number_of_writes() - writes;
        assert!(writes < 2200, "{mode:?}: {writes} writes: that it is silent, and the report");
        engine.ports.http.heal();
        pass(&engine, 81);
        assert_eq!(sweep(&engine).done, 1, "{mode:?}: as soon as it answers");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
    }
}

#[test]
fn one_cluster_that_does_not_answer_keeps_no_other_lease_alive() {
    let engine = warm(RULES);
    let kept = issue(&engine).expect("issues").held.lease;
    let other = issue(&engine).expect("issues").held.lease;
    let name = kept.service_account.to_string();
    engine.ports.http.fail_all(Fault::Lose, move |sent| sent.path.ends_with(&name));
    pass(&engine, 3601);
    let report = sweep(&engine);
    assert_eq!((report.done, report.postponed), (1, 1));
    assert_eq!(state(&engine, other.id), LeaseState::Expired);
    assert_eq!(state(&engine, kept.id), LeaseState::Revoking);
}

#[test]
fn an_ended_lease_is_seen_for_its_retention_and_then_forgotten() {
    for mode in ALL {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        pass(&engine, 3601);
        sweep(&engine);
        pass(&engine, 6 * 86400);
        sweep(&engine);
        assert_eq!(state(&engine, id), LeaseState::Expired, "{mode:?}");
        pass(&engine, 86400 + 3602);
        let mut forgotten = sweep(&engine).forgotten;
        forgotten += sweep(&engine).forgotten;
        assert_eq!(forgotten, 2, "{mode:?}: it and the first one");
        assert_eq!(all_leases(&engine), [], "{mode:?}");
        let text = id.to_string();
        let keys = engine.ports.store.list_keys();
        assert!(keys.iter().all(|key| !key.contains(&text)), "{mode:?}: {keys:?}");
    }
}

#[test]
fn two_sweeps_at_once_end_each_lease_once() {
    use futures::future::join;
    for mode in BOUND {
        let engine = warm(mode);
        for _ in 0..5 {
            issue(&engine).expect("issues");
        }
        pass(&engine, 3601);
        let other = restarted(&engine);
        let (one, two) = block_on(join(
            engine.run_sweep(SweepOptions::default()),
            other.run_sweep(SweepOptions::default()),
        ));
        assert!(one.expect("sweeps").done + two.expect("sweeps").done >= 5, "{mode:?}");
        assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{mode:?}");
        for held in all_leases(&engine) {
            let why = held.ending.expect("has ended").why;
            let expired =
                matches!(why, lease_core::EndReason::Expired | lease_core::EndReason::Revoked);
            assert!(expired, "{mode:?}: {why:?}");
        }
    }
}

#[test]
fn more_than_one_batch_is_swept() {
    let engine = warm(RULES);
    for _ in 0..NUMBERS_PER_BATCH + 20 {
        issue(&engine).expect("issues");
    }
    pass(&engine, 3601);
    let mut ended = 0;
    for _ in 0..5 {
        ended += sweep(&engine).done;
    }
    assert_eq!(ended, NUMBERS_PER_BATCH + 20);
    assert_eq!((made(&engine), live(&engine)), (vec![], vec![]));
}

#[test]
fn a_sweep_stops_at_its_budget_and_the_next_goes_on() {
    let engine = warm(RULES);
    for _ in 0..NUMBERS_PER_BATCH + 20 {
        issue(&engine).expect("issues");
    }
    pass(&engine, 3601);
    let ports = engine.ports.clone();
    engine.ports.http.on_call(move |_, _| {
        ports.set_now(ports.now() + TimeDelta::milliseconds(100));
    });
    let first = sweep(&engine);
    assert!(first.more && first.done < NUMBERS_PER_BATCH + 20, "{first:?}");
    for _ in 0..5 {
        sweep(&engine);
    }
    assert_eq!((made(&engine), live(&engine)), (vec![], vec![]));
}

#[test]
fn what_an_earlier_master_key_sealed_is_sealed_anew() {
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    let both = lease_core::Keyring::new(&master_key("E"), &[master_key("A")]);
    let engine = Engine::new(engine.ports.clone(), both, engine.config.clone())
        .acting_for(crate::fixtures::requester());
    assert_eq!(sweep(&engine).resealed, 1);
    assert_eq!(sweep(&engine).resealed, 0);
    // The first key can go: the target opens, and the lease, whose UIDs are on record, ends.
    let engine = Engine::new(engine.ports.clone(), keys("E"), engine.config.clone())
        .acting_for(crate::fixtures::requester());
    assert!(crate::fixtures::revoke(&engine, id));
    issue(&engine).expect("issues");
    let sent = engine.ports.http.bearers();
    assert!(sent.iter().all(|bearer| bearer == "Bearer t0ken"), "{sent:?}");
}

#[test]
fn a_sweep_fails_with_the_store_and_the_next_makes_up_for_it() {
    let engine = warm(RULES);
    issue(&engine).expect("issues");
    pass(&engine, 3601);
    engine.ports.store.set_down(true);
    block_on(engine.run_sweep(SweepOptions::default())).expect_err("the store is down");
    engine.ports.store.set_down(false);
    sweep(&engine);
    assert_eq!((made(&engine), live(&engine)), (vec![], vec![]));
}

#[test]
fn a_target_that_does_not_open_is_told_and_keeps_no_other_from_being_swept() {
    let engine = warm(RULES);
    let id = issue(&engine).expect("issues").held.lease.id;
    engine
        .put_target(target("other", "https://b.example", prod("https://b.example", Some("t")).auth))
        .expect("puts");
    put_secret(&engine, RULES.1, "");
    let engine = Engine::new(engine.ports.clone(), keys("E"), engine.config.clone())
        .acting_for(crate::fixtures::requester());
    pass(&engine, 3601);
    let report = sweep(&engine);
    assert_eq!((report.due, report.postponed, report.resealed), (1, 1, 0));
    assert_eq!(report.failures[0].reason, "the credential of target `prod` cannot be opened");
    assert_eq!(state(&engine, id), LeaseState::Revoking);
}

#[test]
fn what_an_earlier_master_key_signed_is_signed_anew_once() {
    for mode in BOUND {
        let engine = warm(mode);
        for _ in 0..3 {
            issue(&engine).expect("issues");
        }
        let listed = |engine: &Engine<lease_testing::TestPorts>| {
            let marks = engine.ports.http.made().into_iter().filter_map(|object| {
                let listed = ["ServiceAccount", "Lease"].contains(&object["kind"].as_str()?);
                let mac = object["metadata"]["annotations"]["kubelease.dev/mac"].as_str()?;
                listed.then(|| engine.keys.names_current_key(mac))
            });
            marks.collect::<Vec<_>>()
        };
        let both = lease_core::Keyring::new(&master_key("E"), &[master_key("A")]);
        let engine = Engine::new(engine.ports.clone(), both, engine.config.clone())
            .acting_for(crate::fixtures::requester());
        assert_eq!(listed(&engine), [false; 3], "{mode:?}");
        // One of them cannot be signed now: it is tried again.
        engine.ports.http.fail_once(Fault::Forbid, |sent| sent.method == "PATCH");
        for _ in 0..3 {
            sweep(&engine);
        }
        assert_eq!(listed(&engine), [true; 3], "{mode:?}");
        let calls = engine.ports.http.calls();
        sweep(&engine);
        assert_eq!(engine.ports.http.calls(), calls, "{mode:?}: it is done");
        let engine = Engine::new(engine.ports.clone(), keys("E"), engine.config.clone())
            .acting_for(crate::fixtures::requester());
        for held in live(&engine) {
            let renewed = block_on(engine.renew_lease(held.lease.id, None));
            assert!(renewed.is_ok(), "{mode:?}: {renewed:?}");
        }
    }
}

#[test]
fn what_has_expired_is_held_and_what_is_asked_for_is_not() {
    for mode in BOUND {
        let engine = warm(mode);
        let id = issue_of(&engine, "10m").expect("issues").held.lease.id;
        let asked = issue_of(&engine, "1h").expect("issues").held.lease.id;
        let config = Config { hold_expired: true, ..engine.config.clone() };
        let holding = Engine::new(engine.ports.clone(), keys("A"), config)
            .acting_for(crate::fixtures::requester());
        pass(&engine, 601);
        let report = sweep(&holding);
        assert_eq!((report.due, report.done, report.held), (0, 0, 1), "{mode:?}");
        assert_eq!(report.oldest_overdue_seconds, Some(1), "{mode:?}");
        assert!(revoke(&holding, asked), "{mode:?}");
        assert_eq!(held(&engine, id).ending, None, "{mode:?}");
        pass(&engine, 31);
        assert_eq!(sweep(&engine).done, 1, "{mode:?}: it is let go");
    }
}

#[test]
fn a_dry_run_tells_what_is_due_and_does_nothing() {
    for mode in BOUND {
        let engine = warm(mode);
        issue_of(&engine, "10m").expect("issues");
        issue_of(&engine, "1h").expect("issues");
        pass(&engine, 605);
        let before = (engine.ports.store.all_contents(), engine.ports.http.calls(), made(&engine));
        let report = sweep_with(&engine, SweepOptions { dry_run: true, reconcile: false });
        assert_eq!((report.due, report.done), (1, 0), "{mode:?}");
        assert_eq!(report.oldest_overdue_seconds, Some(5), "{mode:?}");
        let after = (engine.ports.store.all_contents(), engine.ports.http.calls(), made(&engine));
        assert_eq!(after, before, "{mode:?}");
    }
}

#[test]
fn what_another_sweep_is_at_work_on_is_left_to_it() {
    use futures::future::join;
    for mode in BOUND {
        let engine = warm(mode);
        for _ in 0..20 {
            issue_of(&engine, "10m").expect("issues");
        }
        pass(&engine, 300);
        sweep(&engine);
        pass(&engine, 301);
        let calls = engine.ports.http.calls();
        let other = restarted(&engine);
        let options = SweepOptions::default();
        let (one, two) = block_on(join(engine.run_sweep(options), other.run_sweep(options)));
        let (one, two) = (one.expect("sweeps"), two.expect("sweeps"));
        assert_eq!(one.done + two.done, 20, "{mode:?}");
        let each = (engine.ports.http.calls() - calls) / 20;
        assert!(each <= 4, "{mode:?}: {each} calls a lease, for two sweeps");
        // One that has stopped holds nothing up for long.
        issue_of(&engine, "10m").expect("issues");
        pass(&engine, 601);
        engine.ports.die_at(6, lease_testing::Death::Before);
        let _ = block_on(engine.run_sweep(options));
        assert!(engine.ports.revive(), "{mode:?}");
        pass(&engine, 30);
        sweep(&restarted(&engine));
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn one_target_that_does_not_answer_delays_no_other() {
    let engine = warm(RULES);
    let other =
        target("dead", "https://dead.example", prod("https://dead.example", Some("t")).auth);
    engine.put_target(other).expect("puts");
    let mut dead = crate::fixtures::secret(RULES.1, r#""target":"dead""#);
    dead.name = name_of("dead");
    block_on(engine.put_dynamic_secret(dead)).expect("puts");
    for _ in 0..10 {
        let request = crate::fixtures::asked("10m");
        block_on(engine.issue_lease(&name_of("dead"), request, None)).expect("issues");
    }
    let id = issue_of(&engine, "10m").expect("issues").held.lease.id;
    let is_dead = |sent: &lease_testing::Sent| {
        sent.headers.get("host").is_some_and(|host| host == "dead.example")
            || sent.authorization() == Some("Bearer t")
    };
    engine.ports.http.fail_all(Fault::Lose, is_dead);
    pass(&engine, 601);
    let began = engine.ports.now();
    let report = sweep(&engine);
    assert!(held(&engine, id).ending.is_some(), "{report:?}");
    assert!((engine.ports.now() - began).num_seconds() <= 10, "it waits once");
    assert_eq!((report.done, report.postponed), (1, 10), "{report:?}");
    // While it is left alone, nothing waits for it at all.
    let began = engine.ports.now();
    sweep(&engine);
    assert_eq!(engine.ports.now(), began);
}
