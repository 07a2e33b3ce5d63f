//! Runs tests that share one control plane, and counts honestly what a host cannot show.
//!
//! A package of such tests has one target with `harness = false`:
//! ```no_run
//! use anyhow::Result;
//! use testbed::harness::{TestCase, run_tests, tests};
//!
//! fn a_lease_survives_a_restart(case: &TestCase) -> Result<()> {
//!     let namespace = case.new_namespace()?;
//!     let kubelease = case.new_kubelease()?;
//!     // …
//!     kubelease.restart()
//! }
//!
//! fn a_lease_ends_on_time(case: &TestCase) -> Result<()> {
//!     let dev_host = case.dev_host_or_ignore_test("Spin's clock cannot be set")?;
//!     // …
//! #   Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run_tests(tests![a_lease_survives_a_restart, a_lease_ends_on_time])
//! }
//! ```
//! The command line is that of every Rust test. A function left out of [`tests!`] is dead code, of
//! which the compiler warns.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::control_plane::ControlPlane;
use crate::host::{self, DevHost, Host};
use crate::kubelease::{Kubelease, Settings};
use crate::namespace::Namespace;

/// The name of a test, and the test.
pub type NamedTest = (&'static str, fn(&TestCase<'_>) -> Result<()>);

/// Runs the tests that the command line selects; the control plane starts with the first of them.
#[must_use]
pub fn run_tests<const N: usize>(tests: [NamedTest; N]) -> ExitCode {
    let stage = Arc::new(OnceLock::new());
    let trials = tests.map(|(name, test)| {
        let stage = Arc::clone(&stage);
        Trial::ignorable_test(name, move || {
            let stage = stage.get_or_init(|| {
                TestEnvironment::start_environment().map_err(|error| format!("{error:#}"))
            });
            perform_test(stage.as_ref()?, test)
        })
    });
    let mut arguments = Arguments::from_args();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    arguments.test_threads.get_or_insert(TESTS_PER_CORE * cores);
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Makes of functions the list for [`run_tests`].
#[doc(inline)]
pub use crate::__tests as tests;

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($($test:path),* $(,)?) => { [$((stringify!($test), $test as fn(&$crate::harness::TestCase<'_>) -> _)),*] };
}

/// The equipment of a single test. All that it has made is reported if the test fails, and removed
/// after.
pub struct TestCase<'s> {
    stage: &'s TestEnvironment,
    namespaces: Mutex<Vec<Arc<Namespace>>>,
    kubeleases: Mutex<Vec<Arc<Kubelease<'s>>>>,
}

impl<'s> TestCase<'s> {
    /// The control plane of all tests.
    #[must_use]
    pub fn control_plane(&self) -> &'s ControlPlane {
        &self.stage.control_plane
    }

    /// The host of all tests.
    #[must_use]
    pub fn host(&self) -> &'s dyn Host {
        self.stage.host.as_ref()
    }

    /// A new namespace.
    pub fn new_namespace(&self) -> Result<Arc<Namespace>> {
        let namespace = Arc::new(Namespace::create_in(self.control_plane())?);
        keep_for_failure_report(&self.namespaces, &namespace);
        Ok(namespace)
    }

    /// Settings of a kubelease that knows the control plane's CA.
    pub fn new_settings(&self) -> Result<Settings> {
        Settings::new(self.control_plane().ca_pem())
    }

    /// A new kubelease with an empty store.
    pub fn new_kubelease(&self) -> Result<Arc<Kubelease<'s>>> {
        self.new_kubelease_with(self.new_settings()?)
    }

    /// A new kubelease with an empty store, told other things than usual.
    pub fn new_kubelease_with(&self, settings: Settings) -> Result<Arc<Kubelease<'s>>> {
        let kubelease = Arc::new(Kubelease::start_empty(self.host(), settings)?);
        keep_for_failure_report(&self.kubeleases, &kubelease);
        Ok(kubelease)
    }

    /// Ends the test, counted as ignored, when the host is not dev-host, without which it `cannot` be done.
    pub fn dev_host_or_ignore_test(&self, cannot: &'static str) -> Result<&'s DevHost> {
        self.host().dev_host().ok_or_else(|| anyhow!(IgnoredReason(cannot)))
    }

    fn report_failure(&self) {
        for namespace in self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match namespace.dump_state(self.control_plane()) {
                Ok(dump) => eprintln!("{dump}"),
                Err(error) => eprintln!("{error:#}"),
            }
        }
        for kubelease in self.kubeleases.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match kubelease.read_log() {
                Ok(log) => eprintln!("kubelease:\n{log}"),
                Err(error) => eprintln!("{error:#}"),
            }
        }
    }
}

fn keep_for_failure_report<T>(list: &Mutex<Vec<Arc<T>>>, item: &Arc<T>) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(item));
}

fn perform_test(
    stage: &TestEnvironment,
    test: fn(&TestCase<'_>) -> Result<()>,
) -> Result<Completion, Failed> {
    let case = TestCase { stage, namespaces: Mutex::default(), kubeleases: Mutex::default() };
    match catch_unwind(AssertUnwindSafe(|| test(&case))) {
        Ok(Ok(())) => Ok(Completion::Completed),
        Ok(Err(error)) => {
            if let Some(IgnoredReason(cannot)) = error.downcast_ref() {
                return Ok(Completion::ignored_with(cannot));
            }
            case.report_failure();
            Err(format!("{error:?}").into())
        }
        Err(panic) => {
            case.report_failure();
            resume_unwind(panic)
        }
    }
}

/// The equipment that all tests of a run share.
struct TestEnvironment {
    control_plane: ControlPlane,
    host: Box<dyn Host>,
}

impl TestEnvironment {
    fn start_environment() -> Result<Self> {
        Ok(Self { host: host::host_from_env()?, control_plane: ControlPlane::start_empty()? })
    }
}

/// The number of tests per core: mostly they wait, for the API server to forget a token, or for a
/// deadline.
const TESTS_PER_CORE: usize = 4;

/// Why a test was not done; not an error, but it takes the way of one.
#[derive(Debug)]
struct IgnoredReason(&'static str);

impl fmt::Display for IgnoredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for IgnoredReason {}
