//! What goes wrong because a test asks for it. Spin has nothing of the kind: without `--faults` none of this
//! is there.
//!
//! The test writes a plan into a file, which is read anew before each operation. A plan with another mark
//! begins to count anew. Each operation is noted beside the file, so that a test can have each of them fail
//! that it has once seen to be made.

mod faulty_store;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use wasmtime_wasi::HostWallClock;

pub use self::faulty_store::with_faults;

/// The faults that a test has planned; shared by all that may fail.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

struct Inner {
    plan: PathBuf,
    trace: PathBuf,
    count: Mutex<OperationCount>,
}

/// The number of operations since the plan got its mark.
#[derive(Default)]
struct OperationCount {
    mark: u64,
    operations: u64,
}

/// The file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// Another mark begins to count anew.
    mark: u64,
    /// By how many seconds the guests' clock is ahead.
    clock_seconds: i64,
    faults: Vec<Fault>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct Fault {
    /// From which operation on, 1 being the first.
    from: u64,
    /// Up to which.
    to: u64,
    what: FaultKind,
}

/// A fault of an operation.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The host is killed before it is done.
    KillBefore,
    /// The host is killed once it is done, before the guest learns of it.
    KillAfter,
    /// The operation is not done, and fails.
    Error,
    /// The same, as where the disk is full.
    Full,
    /// The same, as where another has the database.
    Locked,
    /// The operation is done, and fails all the same.
    Torn,
    /// The operation is done late.
    Slow,
}

impl Faults {
    /// As the file of this name plans.
    pub fn new(plan: PathBuf) -> Self {
        let trace = plan.with_extension("trace");
        Self(Arc::new(Inner { plan, trace, count: Mutex::default() }))
    }

    /// Returns the fault of the operation that comes now.
    pub fn record_and_find_fault(&self, what: &str) -> Option<FaultKind> {
        let plan = self.read_plan();
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.mark != plan.mark {
            *count = OperationCount { mark: plan.mark, operations: 0 };
        }
        count.operations += 1;
        let number = count.operations;
        let trace = OpenOptions::new().create(true).append(true).open(&self.0.trace);
        // What cannot be noted, a test misses.
        let _ = trace.and_then(|mut file| writeln!(file, "{} {number} {what}", plan.mark));
        let meets = |fault: &&Fault| (fault.from..=fault.to).contains(&number);
        let what = plan.faults.iter().find(meets).map(|fault| fault.what);
        if what == Some(FaultKind::KillBefore) {
            kill_own_process();
        }
        what
    }

    /// Dies after an operation, where that is planned for it.
    pub fn die_if_planned(what: Option<FaultKind>) {
        if what == Some(FaultKind::KillAfter) {
            kill_own_process();
        }
    }

    /// Waits, where an operation is to be late.
    pub async fn delay_if_planned(what: Option<FaultKind>) {
        if what == Some(FaultKind::Slow) {
            tokio::time::sleep(SLOW_OPERATION_DELAY).await;
        }
    }

    /// The guests' clock.
    pub fn guest_clock(&self) -> impl HostWallClock + use<> {
        ShiftedClock(self.clone())
    }

    /// A file that is just being written is read again.
    fn read_plan(&self) -> Plan {
        (0..PLAN_READ_ATTEMPTS)
            .find_map(|_| serde_json::from_slice(&fs::read(&self.0.plan).ok()?).ok())
            .unwrap_or_default()
    }
}

/// The time, set ahead or back.
struct ShiftedClock(Faults);

impl HostWallClock for ShiftedClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ahead = self.0.read_plan().clock_seconds;
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { real.saturating_sub(by) } else { real + by }
    }
}

/// As `kill -9` ends it: nothing is flushed, and nobody is told.
fn kill_own_process() -> ! {
    std::process::abort()
}

/// The delay of a late operation: later than the guests' deadline for a first byte is not needed.
const SLOW_OPERATION_DELAY: Duration = Duration::from_secs(2);

/// The number of times that an incomplete plan is read.
const PLAN_READ_ATTEMPTS: usize = 100;
