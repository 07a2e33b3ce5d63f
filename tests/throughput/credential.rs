//! The price of `kubelease exec-credential`, which kubectl starts for each command.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::machine::Machine;
use crate::{TURN, quantile};

/// A kept lease is printed without a request, as a whole process about as fast as one that does nothing; a new one costs
/// little more than the server's own answer.
pub fn a_credential_costs_little_more_than_its_lease(case: &TestCase) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::logged_in(case)?;
    let built = env::var_os(PROGRAM).map(PathBuf::from);
    let is_release = built.is_some();
    machine.kubelease = built.unwrap_or(machine.kubelease);
    let mut failures = vec![];
    for _ in 0..ATTEMPTS {
        let hit = measure_hits(&machine)?;
        let miss = measure_misses(&machine)?;
        eprintln!("{hit}\n{miss}");
        // A build for tests is slow: only the count of its leases is a promise.
        if !is_release || (hit.is_kept() && miss.is_kept()) {
            return Ok(());
        }
        failures.push(format!("{hit}; {miss}"));
    }
    bail!("exec-credential is slower than promised: {failures:#?}")
}

/// Two measurements of the same run, and the most that the first may take.
struct Compared {
    what: &'static str,
    ours: Vec<Duration>,
    other: &'static str,
    others: Vec<Duration>,
    most: fn(Duration) -> Duration,
}

impl Compared {
    fn is_kept(&self) -> bool {
        median(&self.ours) <= (self.most)(median(&self.others))
    }
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, ours, other, others, most } = self;
        let most = most(median(others));
        write!(
            f,
            "{what}: p50 {:.1?}, p90 {:.1?}; {other}: p50 {:.1?}, p90 {:.1?}; at most {most:.1?}",
            median(ours),
            ninetieth(ours),
            median(others),
            ninetieth(others),
        )
    }
}

fn measure_hits(machine: &Machine<'_>) -> Result<Compared> {
    print_credential(machine)?;
    let before = machine.leases()?.len();
    let (mut ours, mut others) = (vec![], vec![]);
    for _ in 0..HITS {
        others.push(time(|| run(&mut Command::new("/bin/true")))?);
        ours.push(time(|| print_credential(machine))?);
    }
    assert_eq!(machine.leases()?.len(), before, "a kept lease is used");
    let most = |other| Duration::from_millis(10).min(2 * other);
    Ok(Compared { what: "a kept lease", ours, other: "/bin/true", others, most })
}

fn measure_misses(machine: &Machine<'_>) -> Result<Compared> {
    let http = machine.broker.admin()?.with_bearer(&machine.access_token);
    let path = format!("{}/leases", machine.broker.secret_path());
    let before = machine.leases()?.len();
    let (mut ours, mut others) = (vec![], vec![]);
    for _ in 0..MISSES {
        others.push(time(|| http.post(&path, &json!({}))?.expect_status(201).map(drop))?);
        fs::remove_dir_all(machine.kept_leases())?;
        ours.push(time(|| print_credential(machine))?);
    }
    assert_eq!(machine.leases()?.len(), before + 2 * MISSES, "each is a lease");
    let most = |other| other + Duration::from_millis(15);
    Ok(Compared { what: "a new lease", ours, other: "the server's issue", others, most })
}

fn print_credential(machine: &Machine<'_>) -> Result<()> {
    run(&mut machine.command(&["exec-credential", machine.broker.secret_name()])?)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{output:?}");
    if !output.stdout.is_empty() {
        let credential: Value = serde_json::from_slice(&output.stdout)?;
        credential["status"]["token"].as_str().context("a token")?;
    }
    Ok(())
}

fn time(act: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    act()?;
    Ok(began.elapsed())
}

fn median(times: &[Duration]) -> Duration {
    quantile(&mut times.to_vec(), 50)
}

fn ninetieth(times: &[Duration]) -> Duration {
    quantile(&mut times.to_vec(), 90)
}

/// The variable that names the release build of the command; `cargo xtask throughput` sets it.
const PROGRAM: &str = "KUBELEASE_PROGRAM";

/// The number of times that all is measured until it is as promised.
const ATTEMPTS: usize = 3;

const HITS: usize = 200;

const MISSES: usize = 40;
