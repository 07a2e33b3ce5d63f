//! Every step of every operation, and everything that can go wrong with it.

use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use testbed::faulty_proxy::Fault;
use testbed::harness::TestCase;

use crate::auditor::{Expectations, audit};
use crate::bench::Bench;
use crate::kind::{Kind, PLAIN};
use crate::operation::{Operation, Prepared};
use crate::terms::Terms;

pub fn a_login_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Login)
}

pub fn an_issue_by_an_identity_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::IssueByIdentity)
}

pub fn an_issue_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Issue)
}

pub fn a_renewal_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Renew)
}

pub fn a_revocation_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Revoke)
}

pub fn a_sweep_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Sweep)
}

pub fn a_reconcile_survives_everything(case: &TestCase) -> Result<()> {
    survives(case, Operation::Reconcile)
}

/// Something that goes wrong at one step.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// In the host, with an operation of the store or a request.
    Host(&'static str),
    /// On the way to the cluster, with a request.
    Way(&'static str, Fault),
}

/// The faults of a read of the store.
const READS: &[Wrong] = &[Wrong::Host("kill_before"), Wrong::Host("error"), Wrong::Host("locked")];

/// With a write.
const WRITES: &[Wrong] = &[
    Wrong::Host("kill_before"),
    Wrong::Host("kill_after"),
    Wrong::Host("error"),
    Wrong::Host("full"),
    Wrong::Host("torn"),
    Wrong::Host("slow"),
];

/// With a request.
const REQUESTS: &[Wrong] = &[
    Wrong::Host("kill_before"),
    Wrong::Host("kill_after"),
    Wrong::Way("drop_before", Fault::DropBefore),
    Wrong::Way("drop_after", Fault::DropAfter),
    Wrong::Way("status_401", Fault::Status(401)),
    Wrong::Way("status_403", Fault::Status(403)),
    Wrong::Way("status_404", Fault::Status(404)),
    Wrong::Way("status_409", Fault::Status(409)),
    Wrong::Way("status_429", Fault::Status(429)),
    Wrong::Way("status_500", Fault::Status(500)),
    Wrong::Way("status_503", Fault::Status(503)),
    Wrong::Way("truncated", Fault::Truncate),
    Wrong::Way("wrong_body", Fault::WrongBody),
    Wrong::Way("late", Fault::Late),
];

/// A point: which step, and what goes wrong with it.
struct Point {
    step: usize,
    /// The number of the request, if the point is one.
    request: u64,
    wrong: Wrong,
}

impl Point {
    fn name(&self, operation: Operation, kind: &Kind) -> String {
        let wrong = match self.wrong {
            Wrong::Host(name) | Wrong::Way(name, _) => name,
        };
        format!("{} {} {} {wrong}", operation.name(), kind.name, self.step)
    }

    /// Returns true if it makes its caller wait long: too long for a part of it.
    fn is_slow(&self) -> bool {
        matches!(self.wrong, Wrong::Way(_, Fault::Late) | Wrong::Host("slow"))
    }
}

fn survives(case: &TestCase, operation: Operation) -> Result<()> {
    let terms = Terms::read()?;
    let mut random = Rng::with_seed(terms.seed ^ operation as u64);
    let (mut known, mut run, mut violations) = (0, 0, vec![]);
    let mut kinds = operation.kinds();
    random.shuffle(&mut kinds);
    if let Some(only) = &terms.only {
        ensure!(Operation::ALL.iter().any(|of| is_any_of(*of, only)), "{only}: no such point");
        kinds.retain(|kind| is_of(operation, kind, only));
        if kinds.is_empty() {
            return Ok(());
        }
    } else if !terms.is_whole() {
        kinds.truncate(KINDS_OF_A_PART);
    }
    let turns = u32::try_from(kinds.len())?;
    for (turn, kind) in (1..).zip(kinds) {
        // Plain tokens live on, whatever is done.
        let bench = Bench::with(case, kind, (kind.name != PLAIN.name).then_some(CAP))?;
        let mut points = points_of(&bench, operation)?;
        known += points.len();
        random.shuffle(&mut points);
        let wanted = |point: &Point| match &terms.only {
            Some(only) => *only == point.name(operation, kind),
            None => terms.is_whole() || !point.is_slow(),
        };
        points.retain(wanted);
        if !terms.is_whole() {
            points.truncate(POINTS_OF_A_PART);
        }
        for point in points {
            if terms.is_over(turn, turns) {
                break;
            }
            run += 1;
            if let Err(error) = try_point(&bench, operation, &point, run) {
                violations.push(format!("{}: {error:#}", point.name(operation, kind)));
                // What is left of it would be found again after the next.
                break;
            }
        }
    }
    tell(operation, known, run, violations.len());
    ensure!(run > 0, "none of {known} points was run: is there no such one, or no time?");
    if violations.is_empty() { Ok(()) } else { bail!("{}", violations.join("\n")) }
}

/// Returns true if a point of this name is one of an operation, with whatever kind of lease.
fn is_any_of(operation: Operation, point: &str) -> bool {
    operation.kinds().into_iter().any(|kind| is_of(operation, kind, point))
}

fn is_of(operation: Operation, kind: &Kind, point: &str) -> bool {
    point.starts_with(&format!("{} {} ", operation.name(), kind.name))
}

/// The steps of an operation that goes well, each with all that can go wrong with it.
fn points_of(bench: &Bench<'_>, operation: Operation) -> Result<Vec<Point>> {
    let prepared = operation.prepare(bench, 0)?;
    bench.plan(&json!([]))?;
    let expected = prepared.perform(bench)?;
    let trace = bench.trace()?;
    rest(bench)?;
    audit(bench, &expected).context("without any fault")?;
    end(bench, &prepared, &expected)?;
    let (mut points, mut request) = (vec![], 0);
    for (index, line) in trace.iter().enumerate() {
        let wrongs = match line.split(' ').next() {
            Some("read") => READS,
            Some("write") => WRITES,
            _ => REQUESTS,
        };
        request += u64::from(line.starts_with("http"));
        points.extend(wrongs.iter().map(|wrong| Point { step: index + 1, request, wrong: *wrong }));
    }
    ensure!(!points.is_empty(), "nothing was noted of what it does");
    Ok(points)
}

fn try_point(bench: &Bench<'_>, operation: Operation, point: &Point, round: u64) -> Result<()> {
    let prepared = operation.prepare(bench, round).context("before the fault")?;
    match point.wrong {
        Wrong::Host(what) => {
            let step = point.step;
            let last = if what == "locked" { step + 3 } else { step };
            bench.plan(&json!([{ "from": step, "to": last, "what": what }]))?;
        }
        Wrong::Way(_, fault) => {
            bench.plan(&json!([]))?;
            bench.proxy.arm_fault_for_requests(point.request, point.request, fault);
        }
    }
    let expected = prepared.perform(bench)?;
    bench.recover()?;
    bench.proxy.deliver_delayed_requests();
    rest(bench)?;
    audit(bench, &expected)?;
    end(bench, &prepared, &expected)
}

/// Ends the experiment by the cluster's true time again, which tokens and objects are dated by.
fn end(bench: &Bench<'_>, prepared: &Prepared, expected: &Expectations) -> Result<()> {
    bench.set_clocks(0)?;
    prepared.finish(bench, expected)?;
    bench.set_clocks(0)
}

/// As long passes as anything may still land, and it sweeps twice.
fn rest(bench: &Bench<'_>) -> Result<()> {
    for _ in 0..2 {
        bench.pass(SETTLED)?;
        let report: Value = bench.sweep("")?.expect_status(200)?;
        ensure!(report["failed"] == json!([]), "the sweep says {report}");
    }
    Ok(())
}

/// Prints what was run, for the record.
fn tell(operation: Operation, known: usize, run: u64, violations: usize) {
    static TOLD: Mutex<()> = Mutex::new(());
    let _told = TOLD.lock();
    println!("torture: {}: {run} of {known} points, {violations} violations", operation.name());
}

/// An issue is given up after half a minute, and what was given up may land for a second.
const SETTLED: i64 = 35;

/// As many leases as live at once while nothing is left behind: two of an operation, what it makes, and what may
/// have been made of a copy where the store was lost. Were a place ever lost, the next would soon be refused.
const CAP: usize = 4;

/// With how many kinds of leases a part tries each operation.
const KINDS_OF_A_PART: usize = 3;

/// The number of points of each operation and kind that make a part.
const POINTS_OF_A_PART: usize = 14;
