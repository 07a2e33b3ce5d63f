//! The hosts that can run a Spin manifest: dev-host, and Spin itself.
//!
//! A test is written once and [`host_from_env`] says who runs it. A test that needs what only dev-host can
//! do asks [`Host::dev_host`] for it, and is counted as ignored if there is none (see
//! [`crate::harness`]).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::flushes::FlushLog;
use crate::process::{Process, Supervisor, log_tail};
use crate::wait::{not_yet, wait_until};

/// An application for a host to run.
#[derive(Clone, Debug)]
pub struct App {
    /// The manifest, `spin.toml`; the components are where it says.
    pub manifest: PathBuf,
    /// The directory of the store and the logs, which the host keeps between runs.
    pub state_dir: PathBuf,
    /// Stores and TLS, in Spin's own format.
    pub runtime_config: Option<PathBuf>,
    /// Application variables, handed over in the environment: a command line is public.
    pub variables: Vec<(String, String)>,
    /// The address to listen on; any free port of loopback if none.
    pub listen: Option<SocketAddr>,
    /// The plan of what goes wrong, which dev-host alone can do.
    pub faults: Option<PathBuf>,
    /// The log of what the host flushes to its disk, for which it runs under strace.
    pub flushes: Option<FlushLog>,
}

impl App {
    /// Everything that the host and the components have printed, over all runs in this state directory.
    pub fn read_log(&self) -> Result<String> {
        let directory = self.log_dir();
        let mut files = fs::read_dir(&directory)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>()
            })
            .with_context(|| format!("could not list {}", directory.display()))?;
        files.sort();
        files.iter().map(|file| read_text(file)).collect()
    }

    /// Returns the output of one component, both streams.
    pub fn component_log(&self, component: &str) -> Result<String> {
        ["stdout", "stderr"]
            .map(|stream| self.log_dir().join(format!("{component}_{stream}.txt")))
            .iter()
            .filter(|file| file.exists())
            .map(|file| read_text(file))
            .collect()
    }

    fn log_dir(&self) -> PathBuf {
        self.state_dir.join("logs")
    }
}

/// A program that serves a Spin application.
pub trait Host: Send + Sync {
    /// Returns the name of the host in messages.
    fn name(&self) -> &'static str;

    /// Serves `app` until the answer is dropped or the `keeper` gone; returns once it listens.
    fn start_app(&self, app: &App, keeper: &Supervisor) -> Result<RunningHost>;

    /// Access to what this host offers beyond Spin, if it does.
    fn dev_host(&self) -> Option<&DevHost> {
        None
    }
}

/// This workspace's own host, built.
#[derive(Clone, Debug)]
pub struct DevHost {
    /// The executable.
    pub program: PathBuf,
}

impl DevHost {
    /// The executable beside our own, as Cargo builds them into one directory.
    pub fn find_built() -> Result<Self> {
        let own = env::current_exe().context("could not find our own executable")?;
        let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps"));
        let program = directory.unwrap_or(&own).join("dev-host");
        ensure!(
            program.is_file(),
            "{} is not there: `cargo build -p dev-host` makes it, and `cargo xtask test` does so \
             first",
            program.display()
        );
        Ok(Self { program })
    }
}

impl Host for DevHost {
    fn name(&self) -> &'static str {
        "dev-host"
    }

    fn start_app(&self, app: &App, keeper: &Supervisor) -> Result<RunningHost> {
        let listen = app.listen.unwrap_or_else(any_port_address);
        start_host_program(listen, self.name(), &self.program, app, keeper)
    }

    fn dev_host(&self) -> Option<&DevHost> {
        Some(self)
    }
}

/// A released Spin.
#[derive(Clone, Debug)]
pub struct SpinHost {
    /// The executable: a path, or a name to look up.
    pub program: PathBuf,
}

impl Host for SpinHost {
    fn name(&self) -> &'static str {
        "spin"
    }

    /// Spin is given a port by number: up to 4.0.2 it sends an application's requests to itself to the
    /// port that it was told, not to the one that it got, and so to port 0.
    fn start_app(&self, app: &App, keeper: &Supervisor) -> Result<RunningHost> {
        if let Some(listen) = app.listen.filter(|address| address.port() != 0) {
            return start_host_program(listen, self.name(), &self.program, app, keeper);
        }
        for _ in 1..PORT_ATTEMPTS {
            match start_host_program(free_port_address()?, self.name(), &self.program, app, keeper)
            {
                // Somebody was faster than we.
                Err(error) if format!("{error:#}").contains("in use") => {}
                result => return result,
            }
        }
        start_host_program(free_port_address()?, self.name(), &self.program, app, keeper)
    }
}

/// The host that `KUBELEASE_HOST` names, `dev-host` (the default) or `spin`; `KUBELEASE_SPIN` is the
/// path of the latter.
pub fn host_from_env() -> Result<Box<dyn Host>> {
    match env::var(HOST_VARIABLE).as_deref() {
        Err(_) | Ok("dev-host") => Ok(Box::new(DevHost::find_built()?)),
        Ok("spin") => {
            let program = env::var_os(SPIN_VARIABLE).unwrap_or_else(|| "spin".into());
            Ok(Box::new(SpinHost { program: program.into() }))
        }
        Ok(other) => bail!("`{HOST_VARIABLE}` is `dev-host` or `spin`, not `{other}`"),
    }
}

/// A host that serves an application.
#[derive(Debug)]
pub struct RunningHost {
    address: SocketAddr,
    process: Process,
}

impl RunningHost {
    /// Returns the address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL on which it listens, without a path or a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// The host's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns the CPU time that the host has used, to a hundredth of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        self.process.cpu_time()
    }

    /// Fails, with the end of its log, once the host has exited.
    pub fn require_running(&self) -> Result<()> {
        self.process.require_running()
    }

    /// Asks the host to end, and waits until it has.
    pub fn stop_host(self) -> Result<()> {
        self.process.stop()
    }

    /// Ends the host as `kill -9` does.
    pub fn kill_host(self) -> Result<()> {
        self.process.kill()
    }
}

/// Any free port of loopback, for a program that says which it got.
#[must_use]
pub fn any_port_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A loopback address that nobody listened on just now.
///
/// Another program may take it first: this is for a program that cannot choose a port itself, whose
/// failure is noticed and followed by another attempt.
pub fn free_port_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind(any_port_address()).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// Finds the address that a host says it serves, in what it has printed.
///
/// Only its own words prove that it is this process that has the port.
#[must_use]
pub fn announced_address(printed: &str) -> Option<SocketAddr> {
    // A line without its end may still be in the writing.
    let mut lines = printed.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.find_map(|line| line.trim().strip_prefix("Serving http://")?.parse().ok())
}

/// Runs `program up`; dev-host takes the flags of `spin up`.
fn start_host_program(
    listen: SocketAddr,
    name: &'static str,
    program: &Path,
    app: &App,
    keeper: &Supervisor,
) -> Result<RunningHost> {
    let console = app.log_dir().join("host.txt");
    let earlier = fs::read(&console).map_or(0, |log| log.len());
    let process = keeper.spawn_process(name, &mut up_command(listen, program, app), &console)?;

    let address = wait_until(&format!("starting {name}"), START_TIMEOUT, || {
        let log = fs::read(&console)?;
        if let Some(address) = announced_address(&String::from_utf8_lossy(&log[earlier..])) {
            return Ok(address);
        }
        process.require_running()?;
        Err(not_yet(format!("it does not say what it serves:\n{}", log_tail(&console))))
    })?;
    Ok(RunningHost { address, process })
}

fn up_command(listen: SocketAddr, program: &Path, app: &App) -> Command {
    let mut command = match &app.flushes {
        Some(log) => log.strace_command(program),
        None => Command::new(program),
    };
    // The caller's own settings are none of the application's.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("SPIN_") {
            command.env_remove(name);
        }
    }
    for (name, value) in &app.variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    command.args(["up", "--quiet"]);
    command.arg("-f").arg(&app.manifest);
    command.arg("--listen").arg(listen.to_string());
    command.arg("--state-dir").arg(&app.state_dir);
    command.arg("--log-dir").arg(app.log_dir());
    if let Some(file) = &app.runtime_config {
        command.arg("--runtime-config-file").arg(file);
    }
    if let Some(file) = &app.faults {
        command.arg("--faults").arg(file);
    }
    command
}

fn read_text(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Selects the host.
pub const HOST_VARIABLE: &str = "KUBELEASE_HOST";

/// The environment variable with the path of Spin.
pub const SPIN_VARIABLE: &str = "KUBELEASE_SPIN";

/// Enough to compile the components on a slow machine.
const START_TIMEOUT: Duration = Duration::from_mins(3);

const PORT_ATTEMPTS: usize = 5;
