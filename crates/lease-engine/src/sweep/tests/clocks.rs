//! Sweeps by the clocks of targets.

use super::*;

#[test]
fn what_is_due_is_judged_by_the_target_s_clock_whatever_the_host_says() {
    let year = 365 * 86400;
    for mode in BOUND {
        for ahead in [3600, -3600, year, -year] {
            let engine = warm(mode);
            let issued = issue_of(&engine, "10m").expect("issues");
            let id = issued.held.lease.id;
            // The host's clock is set; the cluster's goes on.
            engine.ports.http.set_ahead(TimeDelta::seconds(-ahead));
            pass(&engine, ahead + 300);
            sweep(&engine);
            assert_eq!(
                engine.read_visible_lease(id).expect("is there").ending,
                None,
                "{mode:?} {ahead}"
            );
            let now = engine.cluster_now(&name_of("prod")).expect("reads");
            assert_eq!(held(&engine, id).state_at(now), LeaseState::Active, "{mode:?} {ahead}");
            for _ in 0..31 {
                pass(&engine, 10);
                sweep(&engine);
            }
            assert!(
                held(&engine, id).ending.is_some(),
                "{mode:?}: {ahead}, ten seconds after its end"
            );
            let next = issue_of(&engine, "10m").expect("issues by the cluster's clock");
            let lives = next.held.expires_at - next.held.lease.issued_at;
            assert_eq!(lives.num_seconds(), 600, "{mode:?} {ahead}");
        }
    }
}

#[test]
fn a_target_whose_clock_jumps_ends_nothing_by_it_for_ten_minutes() {
    for mode in BOUND {
        let engine = warm(mode);
        let kept = issue_of(&engine, "1h").expect("issues").held.lease.id;
        let asked = issue_of(&engine, "1h").expect("issues").held.lease.id;
        let due = issue_of(&engine, "10m").expect("issues").held.lease.id;
        engine.ports.http.set_ahead(TimeDelta::hours(2));
        assert!(revoke(&engine, asked), "{mode:?}: what is asked for goes on");
        pass(&engine, 601);
        let report = sweep(&engine);
        assert_eq!(
            report.targets.get(&name_of("prod")),
            Some(&TargetState::ClockJumped),
            "{mode:?}"
        );
        let ends = |id| held(&engine, id).ending.is_some();
        assert_eq!((ends(kept), ends(due)), (false, true), "{mode:?}: as if it had not jumped");
        pass(&engine, 601);
        sweep_with(&engine, SweepOptions { dry_run: false, reconcile: true });
        sweep(&engine);
        assert!(ends(kept), "{mode:?}: the new time is believed");
    }
}
