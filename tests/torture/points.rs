//! Every step of every operation, and everything that can go wrong with it.

use std::env;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testbed::faulty::Fault;
use testbed::harness::Case;

use crate::auditor::{Expectations, audit};
use crate::bench::Bench;
use crate::kind::{self, Kind};
use crate::operation::{Operation, Prepared};
use crate::random::Random;

pub fn an_issue_survives_everything(case: &Case) -> Result<()> {
    survives(case, Operation::Issue)
}

pub fn a_renewal_survives_everything(case: &Case) -> Result<()> {
    survives(case, Operation::Renew)
}

pub fn a_revocation_survives_everything(case: &Case) -> Result<()> {
    survives(case, Operation::Revoke)
}

pub fn a_sweep_survives_everything(case: &Case) -> Result<()> {
    survives(case, Operation::Sweep)
}

pub fn a_reconcile_survives_everything(case: &Case) -> Result<()> {
    survives(case, Operation::Reconcile)
}

/// The kinds of leases that it is tried with.
const KINDS: [&Kind; 4] = [&kind::EXISTING, &kind::ROLE, &kind::RULES, &kind::CLUSTER_RULES];

/// Something that goes wrong at one step.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// In the host, with an operation of the store or a request.
    Host(&'static str),
    /// On the way to the cluster, with a request.
    Way(&'static str, Fault),
}

/// What can go wrong with a read of the store.
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
    Wrong::Way("busy", Fault::Status(429)),
    Wrong::Way("failing", Fault::Status(500)),
    Wrong::Way("truncated", Fault::Truncate),
    Wrong::Way("wrong_body", Fault::WrongBody),
    Wrong::Way("late", Fault::Late),
];

/// A point: which step, and what goes wrong with it.
struct Point {
    step: usize,
    /// Which of the requests it is, if it is one.
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

    /// Whether whoever waits for it waits long: too long for a part of it.
    fn is_slow(&self) -> bool {
        matches!(self.wrong, Wrong::Way(_, Fault::Late) | Wrong::Host("slow"))
    }
}

/// How much of it is run.
struct Terms {
    seed: u64,
    until: Option<Instant>,
    only: Option<String>,
}

impl Terms {
    fn read() -> Result<Self> {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
        let minutes = number(MINUTES).context("minutes")?;
        // Each of the operations has its share of the time, side by side.
        let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        let seed = number(SEED).context("a seed")?.unwrap_or(1);
        Ok(Self { seed, until, only: env::var(POINT).ok() })
    }
}

fn survives(case: &Case, operation: Operation) -> Result<()> {
    let terms = Terms::read()?;
    let mut random = Random::new(terms.seed ^ operation as u64);
    let (mut known, mut run, mut violations) = (0, 0, vec![]);
    let mut kinds = KINDS;
    random.shuffle(&mut kinds);
    // A part tries each operation with two kinds.
    let all = terms.until.is_some() || terms.only.is_some();
    for kind in kinds.into_iter().take(if all { kinds.len() } else { 2 }) {
        let bench = Bench::new(case, kind)?;
        let mut points = points_of(&bench, operation)?;
        known += points.len();
        random.shuffle(&mut points);
        let mut left = if all { usize::MAX } else { PART };
        for point in points {
            let name = point.name(operation, kind);
            let skipped = match (&terms.only, terms.until) {
                (Some(only), _) => *only != name,
                (None, Some(until)) => Instant::now() >= until,
                (None, None) => left == 0 || point.is_slow(),
            };
            if skipped {
                continue;
            }
            left -= 1;
            run += 1;
            if let Err(error) = try_point(&bench, operation, &point, run) {
                violations.push(format!("{name}: {error:#}"));
                // What is left of it would be found again after the next.
                break;
            }
        }
    }
    tell(operation, known, run, violations.len());
    if violations.is_empty() { Ok(()) } else { bail!("{}", violations.join("\n")) }
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
            bench.proxy.arm(point.request, point.request, fault);
        }
    }
    let expected = prepared.perform(bench)?;
    bench.recover()?;
    bench.proxy.land();
    rest(bench)?;
    audit(bench, &expected)?;
    end(bench, &prepared, &expected)
}

/// What is made after this is made by the cluster's true time again, which tokens and objects are dated by.
fn end(bench: &Bench<'_>, prepared: &Prepared, expected: &Expectations) -> Result<()> {
    bench.set_clocks(0)?;
    prepared.finish(bench, expected)?;
    bench.set_clocks(0)
}

/// As long passes as anything may still land, and it sweeps twice.
fn rest(bench: &Bench<'_>) -> Result<()> {
    for _ in 0..2 {
        bench.pass(SETTLED)?;
        let report: Value = bench.sweep("")?.expect(200)?;
        anyhow::ensure!(report["failed"] == json!([]), "the sweep says {report}");
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

/// How many points of each operation and kind are a part.
const PART: usize = 8;

const MINUTES: &str = "KUBELEASE_TORTURE_MINUTES";
const SEED: &str = "KUBELEASE_TORTURE_SEED";
const POINT: &str = "KUBELEASE_POINT";
