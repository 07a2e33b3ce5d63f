//! What lasts longer than one operation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::faulty_proxy::{Fault, FaultyProxy};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::auditor::{Expectations, audit};
use crate::bench::Bench;
use crate::broker::Lease;
use crate::kind::{self, Kind};
use crate::terms::Terms;

pub fn a_lease_of_a_minute_is_refused_in_time(case: &TestCase) -> Result<()> {
    let benches: Result<Vec<_>> = BOUND.iter().map(|kind| Bench::new(case, kind)).collect();
    let benches = benches?;
    let mut leases = vec![];
    for bench in &benches {
        leases.push((bench, bench.broker.lease(&json!({ "ttl": "60s" }))?));
    }
    let issued = Instant::now();
    while issued.elapsed() < Duration::from_secs(62) {
        thread::sleep(Duration::from_secs(10));
        for bench in &benches {
            bench.sweep("")?.expect_status(200)?;
        }
    }
    wait_until("every token's being refused", Duration::from_secs(23), || {
        for (bench, lease) in &leases {
            bench.sweep("")?.expect_status(200)?;
            let review = bench.broker.cluster.review_token(&lease.token)?;
            if review["authenticated"] == true {
                return Err(not_yet(format!("{}: {review}", bench.broker.kind.name)));
            }
        }
        Ok(())
    })
}

pub fn a_cluster_that_is_away_for_days_is_caught_up_with(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::ROLE)?;
    let count = Terms::read()?.part_or_whole(150, 10_000);
    let mut expected = Expectations::default();
    for _ in 0..count {
        // Longer than it takes to issue them all.
        over(&mut expected, bench.broker.lease(&json!({ "ttl": "1h" }))?);
    }
    let idle = idle_sweep(&bench)?;
    println!("torture: an idle sweep over {count} live leases took {} ms", idle.as_millis());
    bench.proxy.arm_fault_for_requests(1, u64::MAX, Fault::DropBefore);
    for _ in 0..9 {
        bench.pass(8 * 3600)?;
        let report = bench.sweep("")?.expect_status(200)?;
        ensure!(report["targets"]["local"] == "silent" && report["done"] == 0, "{report}");
    }
    let waits = bench.sweep("")?.expect_status(200)?["oldest_overdue_seconds"].clone();
    ensure!(waits.as_u64().is_some_and(|waits| waits > 70 * 3600), "{waits}");
    bench.proxy.clear_faults_and_count();
    // A silent target is asked again within a minute and a half.
    bench.pass(90)?;
    let (mut done, mut sweeps) = (0, 0);
    while done < count {
        let report = bench.sweep("")?.expect_status(200)?;
        done += report["done"].as_u64().context("a number")?;
        sweeps += 1;
        ensure!(report["more"] == true || done >= count, "{done} of {count}: {report}");
    }
    println!("torture: {count} expiries after 72 h in {sweeps} sweeps");
    audit(&bench, &expected)
}

/// Measures a sweep that has nothing to do: it writes nothing, and asks nobody.
fn idle_sweep(bench: &Bench<'_>) -> Result<Duration> {
    // Each record is read once soon after its issue, and a sweep that finds nothing is noted now and then.
    while bench.sweep("")?.expect_status(200)?["more"] == true {}
    bench.pass(6)?;
    while bench.sweep("")?.expect_status(200)?["more"] == true {}
    bench.sweep("")?.expect_status(200)?;
    bench.plan(&json!([]))?;
    let began = Instant::now();
    bench.sweep("")?.expect_status(200)?;
    let took = began.elapsed();
    let trace = bench.trace()?;
    ensure!(trace.iter().all(|line| line.starts_with("read ")), "{trace:?}");
    ensure!(took < Duration::from_secs(2), "{took:?}");
    Ok(took)
}

pub fn a_third_of_all_requests_may_fail(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::RULES)?;
    let terms = Terms::read()?;
    let time = terms.part_or_whole(Duration::from_secs(20), Duration::from_mins(5));
    let mut expected = Expectations::default();
    bench.proxy.fail_percent_of_requests(30, terms.seed);
    let (began, mut asked, mut answered) = (Instant::now(), 0, 0);
    while began.elapsed() < time {
        asked += 1;
        let issued = bench.broker.issue(&json!({ "ttl": "20m" }))?;
        let Ok(lease) = issued.expect_status(201).and_then(Lease::of) else { continue };
        answered += 1;
        let revoked = asked % 2 == 0 && matches!(bench.broker.revoke(&lease)?.status, 200 | 202);
        let noted = if revoked { over } else { alive };
        noted(&mut expected, lease);
        bench.sweep("")?.expect_status(200)?;
    }
    bench.proxy.clear_faults_and_count();
    rest(&bench)?;
    ensure!(answered > 0, "of {asked} issues none was answered");
    println!("torture: of {asked} issues under 30 % failures {answered} were answered");
    audit(&bench, &expected)
}

pub fn the_host_s_clock_may_say_anything(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::EXISTING)?;
    for clock in [3600, -3600, YEAR, -YEAR, 0] {
        let mut expected = Expectations::default();
        let short = bench.broker.lease(&json!({ "ttl": "10s" }))?;
        let issued = Instant::now();
        alive(&mut expected, bench.broker.lease(&json!({ "ttl": "20m" }))?);
        // The cluster's own clock goes on as ever.
        bench.set_host_clock(clock)?;
        bench.sweep("")?.expect_status(200)?;
        audit(&bench, &expected).with_context(|| format!("the host's clock is {clock} s ahead"))?;
        let new = bench.broker.lease(&json!({ "ttl": "20m" }))?;
        let lives = crate::broker::seconds(&new.json["expires_at"])? - crate::broker::now()?;
        ensure!((1190..=1201).contains(&lives), "{clock}: a new one lives {lives} s");
        alive(&mut expected, new);
        thread::sleep(Duration::from_secs(12).saturating_sub(issued.elapsed()));
        bench.sweep("")?.expect_status(200)?;
        over(&mut expected, short);
        audit(&bench, &expected).with_context(|| format!("{clock} s ahead, after its end"))?;
    }
    Ok(())
}

pub fn a_target_s_clock_that_jumps_is_not_believed_at_once(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::RULES)?;
    for jump in [3600, YEAR] {
        let lease = bench.broker.lease(&json!({ "ttl": "20m" }))?;
        bench.sweep("")?.expect_status(200)?;
        let mut expected = Expectations::default();
        let id = lease.id.clone();
        alive(&mut expected, lease);
        bench.proxy.set_clock_ahead(jump);
        let report = bench.sweep("?reconcile=true")?.expect_status(200)?;
        ensure!(report["targets"]["local"] == "clock_jumped", "{report}");
        audit(&bench, &expected)?;
        // Ten minutes on it is believed.
        bench.set_host_clock(601)?;
        bench.proxy.set_clock_ahead(jump + 601);
        bench.sweep("?reconcile=true")?.expect_status(200)?;
        bench.sweep("")?.expect_status(200)?;
        expected.alive.clear();
        expected.over.insert(id);
        audit(&bench, &expected)?;
        // A clock that is put back ends nothing.
        bench.set_clocks(0)?;
        bench.sweep("?reconcile=true")?.expect_status(200)?;
    }
    Ok(())
}

pub fn a_target_that_answers_nothing_delays_no_other(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::ROLE)?;
    let admin = bench.broker.admin()?;
    let hole = FaultyProxy::start_before(bench.broker.cluster.anonymous_client().clone())?;
    admin.put("/api/v1/targets/hole", &bench.broker.target(&hole.url()))?.expect_status(201)?;
    let path = format!("/api/v1/dynamic-secrets/hole-{}", bench.broker.secret_name());
    let mut secret = bench.broker.secret();
    secret["target"] = json!("hole");
    admin.put(&path, &secret)?.expect_status(201)?;
    for _ in 0..10 {
        admin.post(&format!("{path}/leases"), &json!({ "ttl": "10m" }))?.expect_status(201)?;
    }
    let mut expected = Expectations::default();
    over(&mut expected, bench.broker.lease(&json!({ "ttl": "10m" }))?);
    hole.arm_fault_for_requests(1, u64::MAX, Fault::BlackHole);
    hole.set_clock_ahead(605);
    bench.pass(605)?;
    let began = Instant::now();
    let report = bench.sweep("")?.expect_status(200)?;
    let first = began.elapsed();
    ensure!(first < Duration::from_secs(12), "it took {first:?}: {report}");
    ensure!(report["targets"]["hole"] == "silent", "{report}");
    audit(&bench, &expected)?;
    let began = Instant::now();
    bench.sweep("")?.expect_status(200)?;
    let next = began.elapsed();
    ensure!(next < Duration::from_secs(2), "while it is left alone nothing waits: {next:?}");
    hole.clear_faults_and_count();
    bench.pass(90)?;
    hole.set_clock_ahead(695);
    let report = bench.sweep("")?.expect_status(200)?;
    ensure!(report["done"] == 10, "{report}");
    Ok(())
}

pub fn what_others_delete_is_closed_as_lost(case: &TestCase) -> Result<()> {
    for kind in [&kind::RULES, &kind::CLUSTER_ROLE] {
        let bench = Bench::new(case, kind)?;
        let (account, binding) = (lease(&bench)?, lease(&bench)?);
        delete(&bench, &account, "ServiceAccount")?;
        delete(&bench, &binding, "Binding")?;
        bench.sweep("?reconcile=true")?.expect_status(200)?;
        let shown = bench.broker.shown(&account)?;
        ensure!(shown["state"] == "lost", "{shown}");
        let mut expected = Expectations::default();
        over(&mut expected, account);
        // Without its rights it is still somebody's account.
        ensure!(bench.broker.shown(&binding)?["state"] == "active", "{}", kind.name);
        bench.broker.revoke(&binding)?.expect_status(200)?;
        over(&mut expected, binding);
        audit(&bench, &expected)?;
    }
    Ok(())
}

pub fn the_master_key_changes_under_load(case: &TestCase) -> Result<()> {
    let bench = Bench::new(case, &kind::EXISTING)?;
    let (kept, revoked) = (lease(&bench)?, lease(&bench)?);
    let mut settings = bench.broker.kubelease.settings();
    let old = settings.variable("master_key").to_owned();
    settings =
        settings.with_variable("master_key", NEW_KEY).with_variable("previous_master_keys", &old);
    let mut expected = Expectations::default();
    let (broker, changed) = (&bench.broker, AtomicBool::new(false));
    let under_load = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut leases = vec![];
            // While it restarts nobody answers.
            while !changed.load(Ordering::Relaxed) {
                leases.extend(broker.lease(&json!({ "ttl": "20m" })));
            }
            leases
        });
        let change = || {
            bench.broker.kubelease.restart_with(settings.clone())?;
            bench.broker.revoke(&revoked)?.expect_status(200)?;
            for _ in 0..3 {
                bench.sweep("?reconcile=true")?.expect_status(200)?;
            }
            Ok(())
        };
        let result: Result<()> = change();
        changed.store(true, Ordering::Relaxed);
        let leases = load.join().ok().context("no panic")?;
        result.map(|()| leases)
    })?;
    ensure!(!under_load.is_empty(), "nothing was leased meanwhile");
    println!("torture: {} leases while the master key changed", under_load.len());
    for lease in under_load {
        alive(&mut expected, lease);
    }
    over(&mut expected, revoked);
    bench.sweep("?reconcile=true")?.expect_status(200)?;
    // The old key can go, as far as what is listed is concerned.
    bench.broker.kubelease.restart_with(settings.without_variable("previous_master_keys"))?;
    let admin = bench.broker.admin()?;
    admin.post(&format!("{}/renew", kept.path()), &json!({ "ttl": "30m" }))?.expect_status(200)?;
    alive(&mut expected, kept);
    bench.sweep("?reconcile=true")?.expect_status(200)?;
    audit(&bench, &expected)
}

/// Every kind of lease that can be ended.
const BOUND: [&Kind; 4] = [&kind::EXISTING, &kind::ROLE, &kind::RULES, &kind::CLUSTER_RULES];

pub fn lease(bench: &Bench<'_>) -> Result<Lease> {
    bench.broker.lease(&json!({ "ttl": "20m" }))
}

pub fn alive(expected: &mut Expectations, lease: Lease) {
    expected.alive.insert(lease.id.clone());
    expected.answered.push((lease.id, lease.token));
}

pub fn over(expected: &mut Expectations, lease: Lease) {
    expected.over.insert(lease.id.clone());
    expected.answered.push((lease.id, lease.token));
}

/// As long passes as anything may still land, and it sweeps twice.
pub fn rest(bench: &Bench<'_>) -> Result<()> {
    for _ in 0..2 {
        bench.pass(40)?;
        bench.sweep("")?.expect_status(200)?;
    }
    Ok(())
}

fn delete(bench: &Bench<'_>, lease: &Lease, kind: &str) -> Result<()> {
    let is_meant = |object: &&Value| object["kind"].as_str().is_some_and(|is| is.ends_with(kind));
    let object = lease.objects().iter().find(is_meant).context("such an object")?;
    let path = bench.broker.object_path(object)?;
    bench.broker.cluster.admin_client().delete(&path)?.expect_success().map(drop)
}

const YEAR: i64 = 365 * 86400;

/// 32 bytes in base64.
const NEW_KEY: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
