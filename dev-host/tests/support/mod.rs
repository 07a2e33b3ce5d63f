//! The probe under the host at hand.

pub mod server;

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;
use testbed::host::{self, App, Host, RunningHost};
use testbed::http::HttpClient;
use testbed::process::{Process, Supervisor};
use testbed::wait::{not_yet, wait_until};

/// A test and its name.
pub type Test = (&'static str, fn(&Case) -> Result<()>);

/// Makes of functions the list for [`run`].
macro_rules! tests {
    ($($test:path),* $(,)?) => {
        [$((stringify!($test), $test as fn(&$crate::support::Case) -> anyhow::Result<()>)),*]
    };
}
pub(crate) use tests;

/// Runs the tests that the command line selects.
pub fn run<const N: usize>(tests: [Test; N]) -> ExitCode {
    let trial = |(name, test): Test| Trial::ignorable_test(name, move || perform(test));
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

fn perform(test: fn(&Case) -> Result<()>) -> Result<Completion, Failed> {
    let case = Case::new().map_err(|error| format!("{error:#}"))?;
    match catch_unwind(AssertUnwindSafe(|| test(&case))) {
        Ok(Ok(())) => Ok(Completion::Completed),
        Ok(Err(error)) => match error.downcast_ref() {
            Some(Ignored(why)) => Ok(Completion::ignored_with(*why)),
            None => Err(format!("{error:?}").into()),
        },
        Err(_) => Err("it panicked".into()),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Ignored(&'static str);

/// The equipment of one test.
pub struct Case {
    host: Box<dyn Host>,
    pub keeper: Supervisor,
}

impl Case {
    fn new() -> Result<Self> {
        Ok(Self { host: host::host_from_env()?, keeper: Supervisor::new()? })
    }

    /// Ends the test, counted as ignored, under any other host.
    pub fn needs_dev_host(&self, why: &'static str) -> Result<()> {
        self.host.dev_host().map(|_| ()).ok_or_else(|| anyhow!(Ignored(why)))
    }

    /// Returns true unless the host is another than dev-host.
    pub fn is_dev_host(&self) -> bool {
        self.host.dev_host().is_some()
    }

    /// The host's executable; its flags are those of `spin up`.
    fn program(&self) -> PathBuf {
        match self.host.dev_host() {
            Some(dev_host) => dev_host.program.clone(),
            None => env::var_os(host::SPIN_VARIABLE).unwrap_or_else(|| "spin".into()).into(),
        }
    }

    /// The probe, with the manifest beside its source.
    pub fn probe(&self) -> Result<Probe<'_>> {
        Probe::new(self, MANIFEST)
    }

    /// The probe under a manifest of its own.
    pub fn probe_with(&self, manifest: &str) -> Result<Probe<'_>> {
        Probe::new(self, manifest)
    }
}

/// A probe to be started.
pub struct Probe<'c> {
    case: &'c Case,
    dir: TempDir,
    manifest: String,
    app: App,
}

impl<'c> Probe<'c> {
    fn new(case: &'c Case, manifest: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let wasm = wasm()?;
        let source = wasm.to_str().context("the target directory is not UTF-8")?;
        let app = App {
            manifest: dir.path().join("spin.toml"),
            state_dir: dir.path().join("state"),
            runtime_config: None,
            variables: vec![("secret".to_owned(), "s3cret".to_owned())],
            listen: None,
            faults: None,
            flushes: None,
        };
        Ok(Self { case, manifest: manifest.replace(SOURCE, source), dir, app })
    }

    /// Changes the manifest.
    pub fn edit(mut self, from: &str, to: &str) -> Self {
        assert!(self.manifest.contains(from), "`{from}` is not in the manifest");
        self.manifest = self.manifest.replace(from, to);
        self
    }

    /// Sets an application variable in the environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.app.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a runtime configuration; its files go into [`Self::dir`].
    pub fn runtime_config(mut self, text: &str) -> Result<Self> {
        let path = self.dir.path().join("runtime.toml");
        fs::write(&path, text)?;
        self.app.runtime_config = Some(path);
        Ok(self)
    }

    /// Has what is planned in a file go wrong.
    pub fn faults(mut self, plan: &Path) -> Self {
        self.app.faults = Some(plan.to_owned());
        self
    }

    /// The application's directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it.
    pub fn start(self) -> Result<Serving> {
        fs::write(&self.app.manifest, &self.manifest)?;
        let running = self.case.host.start_app(&self.app, &self.case.keeper)?;
        let http = HttpClient::without_tls(&running.url());
        Ok(Serving { http, address: running.address(), running, app: self.app, dir: self.dir })
    }

    /// The command that runs it, for flags and settings of one's own; it says where it listens.
    pub fn command(&self) -> Result<Command> {
        fs::write(&self.app.manifest, &self.manifest)?;
        let mut command = Command::new(self.case.program());
        command.arg("up").arg("-f").arg(&self.app.manifest);
        command.arg("--state-dir").arg(&self.app.state_dir);
        if let Some(path) = &self.app.runtime_config {
            command.arg("--runtime-config-file").arg(path);
        }
        command.envs(
            self.app
                .variables
                .iter()
                .map(|(name, value)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), value)),
        );
        // No `.env` but the test's own.
        command.current_dir(self.dir.path());
        Ok(command)
    }

    /// Starts it by a command of one's own, on a port of its choice.
    pub fn launch(self, mut command: Command) -> Result<Launched> {
        command.arg("--listen").arg(host::any_port_address().to_string());
        self.launch_as_told(command)
    }

    /// Starts it by a command that says where to listen.
    pub fn launch_as_told(self, mut command: Command) -> Result<Launched> {
        let console = self.dir.path().join("console.txt");
        let process = self.case.keeper.spawn_process("host", &mut command, &console)?;
        let address = wait_until("starting the host", START_TIMEOUT, || {
            if let Some(address) = host::announced_address(&fs::read_to_string(&console)?) {
                return Ok(address);
            }
            process.require_running()?;
            Err(not_yet("it does not serve"))
        })?;
        let http = HttpClient::without_tls(&format!("http://{address}"));
        Ok(Launched { http, address, process, console, dir: self.dir })
    }
}

/// A probe that answers.
pub struct Serving {
    pub http: HttpClient,
    pub address: SocketAddr,
    pub running: RunningHost,
    app: App,
    dir: TempDir,
}

impl Serving {
    /// The results of the steps.
    pub fn steps(&self, steps: &Value) -> Result<Value> {
        self.http.post("/", steps)?.expect_status(200)
    }

    /// The result of a single step.
    pub fn step(&self, step: Value) -> Result<Value> {
        Ok(self.steps(&Value::Array(vec![step]))?[0].take())
    }

    /// The same application, stopped and started; one that has died is only started.
    pub fn restart(self, case: &Case) -> Result<Self> {
        if self.running.require_running().is_ok() {
            self.running.stop_host()?;
        }
        let running = case.host.start_app(&self.app, &case.keeper)?;
        let http = HttpClient::without_tls(&running.url());
        Ok(Self { http, address: running.address(), running, app: self.app, dir: self.dir })
    }

    /// Everything that the host has printed, and the component.
    pub fn log(&self) -> Result<String> {
        self.app.read_log()
    }

    /// The file that a component's output goes to.
    pub fn output(&self, stream: &str) -> Result<String> {
        let file = self.app.state_dir.join(format!("logs/probe_{stream}.txt"));
        fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))
    }
}

/// A probe that was started by a command.
pub struct Launched {
    pub http: HttpClient,
    pub address: SocketAddr,
    pub process: Process,
    pub console: PathBuf,
    dir: TempDir,
}

impl Launched {
    /// The result of a single step.
    pub fn step(&self, step: Value) -> Result<Value> {
        Ok(self.http.post("/", &Value::Array(vec![step]))?.expect_status(200)?[0].take())
    }

    /// The application's directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Sends exactly these bytes and reads until the other side ends.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error).context("no end of the answer"),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The probe, as `cargo build` leaves it beside this test's own directory.
fn wasm() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let target = own.ancestors().nth(3).context("no target directory")?;
    let wasm = target.join("wasm32-wasip2/release/probe.wasm");
    ensure!(
        wasm.is_file(),
        "{} is not there: `cargo build --package probe --target wasm32-wasip2 --release` makes it",
        wasm.display()
    );
    Ok(wasm)
}

const MANIFEST: &str = include_str!("../../probe/spin.toml");

/// The component's source in the probe's manifests.
const SOURCE: &str = "../../target/wasm32-wasip2/release/probe.wasm";

const START_TIMEOUT: Duration = Duration::from_mins(1);
