//! What goes wrong once is over at the next try, whatever was asked.

use chrono::DateTime;
use lease_core::TargetCheck;

use super::*;
use crate::SweepOptions;
use crate::fixtures::{
    EXISTING, LeaseKind, PLAIN, ROLE, issue_of, live, pass, prod, secret, sweep, sweep_with, warm,
    with_secret,
};
use lease_testing::Fault;

/// The faults of an API server that is busy, is replaced, or closes its connections now and then;
/// and the answer to another request.
const PASSING: [Fault; 5] = [
    Fault::BreakAnswer,
    Fault::Unreachable,
    Fault::Busy(1),
    Fault::FailAfter(503),
    Fault::Misplace(404, "NotFound", r#"{"name":"other","kind":"pods"}"#),
];

/// An operation: its name, the engine before it, and what it comes to.
struct Operation {
    name: &'static str,
    before: fn(LeaseKind) -> Engine<TestPorts>,
    run: fn(&Engine<TestPorts>) -> String,
}

const OPERATIONS: [Operation; 7] = [
    Operation { name: "put", before: |_| with_target(), run: put },
    Operation { name: "first check", before: unmet, run: check },
    Operation { name: "check", before: |mode| with_secret(mode, ""), run: check },
    Operation { name: "first issue", before: unmet, run: issues },
    Operation { name: "issue", before: warm, run: issues },
    Operation { name: "renewal", before: leased, run: renew },
    Operation { name: "reconcile", before: leased, run: reconcile },
];

/// Those of a lease that can be taken back.
const ENDS: [Operation; 2] = [
    Operation { name: "revocation", before: leased, run: revoke_all },
    Operation { name: "sweep", before: overdue, run: end },
];

fn with_target() -> Engine<TestPorts> {
    let engine = engine();
    engine.put_target(prod(URL, Some("t0ken"))).expect("puts");
    engine
}

fn unmet(mode: LeaseKind) -> Engine<TestPorts> {
    let engine = with_target();
    put_secret(&engine, mode.1, "");
    engine.ports.http.forget();
    engine
}

fn leased(mode: LeaseKind) -> Engine<TestPorts> {
    let engine = warm(mode);
    issue_of(&engine, "20m").expect("issues");
    pass(&engine, 60);
    engine.ports.http.forget();
    engine
}

fn overdue(mode: LeaseKind) -> Engine<TestPorts> {
    let engine = leased(mode);
    pass(&engine, 1200);
    engine
}

fn put(engine: &Engine<TestPorts>) -> String {
    let put = block_on(engine.put_dynamic_secret(secret(ROLE.1, "")));
    format!("{:?}", put.map(|(_, warnings)| warnings))
}

fn check(engine: &Engine<TestPorts>) -> String {
    let check = block_on(engine.check_target(&name_of("prod"))).expect("checks");
    format!("{:?}", TargetCheck { checked_at: DateTime::UNIX_EPOCH, ..check })
}

fn issues(engine: &Engine<TestPorts>) -> String {
    match issue(engine) {
        Ok(issued) => {
            format!("accepted: {}", engine.ports.http.accepts(issued.token.expose_secret()))
        }
        Err(error) => chain(&error),
    }
}

fn renew(engine: &Engine<TestPorts>) -> String {
    let id = live(engine)[0].lease.id;
    match block_on(engine.renew_lease(id, Some(name_of("1h")))) {
        Ok(renewal) => {
            format!("accepted: {}", engine.ports.http.accepts(renewal.token.expose_secret()))
        }
        Err(error) => chain(&error).replace(&id.to_string(), "it"),
    }
}

fn reconcile(engine: &Engine<TestPorts>) -> String {
    let report = sweep_with(engine, SweepOptions { dry_run: false, reconcile: true });
    format!("{:?} {:?}", report.reconciled, live(engine).len())
}

fn revoke_all(engine: &Engine<TestPorts>) -> String {
    let done: Vec<_> = live(engine).iter().map(|held| revoke(engine, held.lease.id)).collect();
    format!("{done:?} {:?}", made(engine))
}

fn end(engine: &Engine<TestPorts>) -> String {
    format!("{} {:?}", sweep(engine).done, made(engine))
}

#[test]
fn whichever_call_of_an_operation_fails_once_it_comes_to_the_same() {
    let rows =
        OPERATIONS.iter().flat_map(|of| [PLAIN, EXISTING, ROLE, RULES].map(|mode| (of, mode)));
    let ends = ENDS.iter().flat_map(|of| [EXISTING, RULES].map(|mode| (of, mode)));
    for (Operation { name, before, run }, mode) in rows.chain(ends) {
        let sample = before(mode);
        sample.ports.http.forget();
        let (undisturbed, calls) = (run(&sample), sample.ports.http.calls());
        // A plain token is neither renewed nor ended.
        assert!(calls > 0 || mode == PLAIN, "{name}, {mode:?}");
        for (call, fault) in (0..calls).flat_map(|call| PASSING.map(|fault| (call, fault))) {
            let engine = before(mode);
            engine.ports.http.forget();
            engine.ports.http.fail_call(call, fault);
            let line = sample.ports.http.sent()[call].line();
            assert_eq!(run(&engine), undisturbed, "{name}, {mode:?}, {line}, {fault:?}");
        }
    }
}

#[test]
fn a_call_that_goes_on_failing_is_given_up() {
    for (fault, pauses) in [
        (Fault::Unreachable, 150),
        (Fault::BreakAnswer, 1_550),
        (Fault::Fail(503), 1_550),
        // As the server asks, as long as there is time: a check has thirty seconds.
        (Fault::Busy(1), 5_000),
        (Fault::Busy(7), 28_000),
        (Fault::Busy(40), 0),
        (Fault::Fail(401), 0),
    ] {
        let engine = unmet(RULES);
        engine.ports.http.fail_all(fault, |_| true);
        let began = engine.ports.now();
        let check = block_on(engine.check_target(&name_of("prod"))).expect("tells");
        assert!(check.problem.is_some(), "{fault:?}");
        let took = (engine.ports.now() - began).num_milliseconds();
        assert_eq!(took, pauses, "{fault:?}");
        let tries = match (fault, pauses) {
            (_, 0) => 1,
            (Fault::Unreachable, _) => 3,
            (Fault::Busy(7), _) => 5,
            _ => 6,
        };
        // The version, and who we are.
        assert_eq!(engine.ports.http.calls(), 2 * tries, "{fault:?}");
    }
}
