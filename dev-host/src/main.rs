//! Runs the components of a Spin manifest as `spin up` does, for development and tests.
//!
//! Whatever this host does, Spin 3.6 to 4.1 does too, and it is no kinder: what passes here must not fail
//! there. The exceptions are on purpose and stricter: a guest may not compute for ever, and what this host
//! does not know it refuses at the start. It knows nothing of the application it runs.

mod allowed_hosts;
mod app;
mod bindings;
mod client_tls;
mod engine;
mod faults;
mod guest;
mod key_value;
mod logs;
mod manifest;
mod outbound;
mod runtime_config;
mod triggers;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::app::{App, Options};
use crate::faults::Faults;
use crate::manifest::{Manifest, Triggers};
use crate::triggers::{command, cron, http as http_trigger};

/// SIGTERM and SIGINT are left to do what they do by default: they end the process at once, as they end
/// Spin, whatever the guests are doing.
#[tokio::main]
async fn main() -> ExitCode {
    let Args { command: Command::Up(up) } = Args::parse();
    match run_app(*up).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn run_app(up: Up) -> anyhow::Result<()> {
    let options = up.to_options();
    let manifest = Manifest::read_file(&options.manifest)?;
    let app = App::load_app(&options, &manifest).await?;
    match manifest.triggers()? {
        Triggers::Http(triggers) => {
            let address =
                http_trigger::ListenAddress { listen: up.listen, find_free: up.find_free_port };
            http_trigger::serve_http(app, &triggers, manifest.application, &address).await
        }
        Triggers::Cron(triggers) => cron::serve_schedules(app, &triggers).await,
        Triggers::Command(trigger) => command::run_command(&app, &trigger).await,
    }
}

/// Runs the components of a Spin manifest as Spin does, for development and tests.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run an application; the flags are those of `spin up`.
    Up(Box<Up>),
}

#[derive(clap::Args)]
struct Up {
    /// The manifest, or the directory that has a `spin.toml`
    #[arg(short = 'f', long = "from", alias = "file", default_value = "spin.toml")]
    from: PathBuf,
    /// The address to listen on; port 0 for any that is free
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Try the next ports when the one to listen on is taken
    #[arg(long)]
    find_free_port: bool,
    /// The directory of the default key-value store and the logs; "" keeps the store in memory
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Stores, variables and TLS
    #[arg(long, env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,
    /// A variable: `name=value`, `name=@file`, `@file.json` or `@file.toml`
    #[arg(long = "variable")]
    variables: Vec<String>,
    /// The directory of the components' output; "" for nowhere but the console
    #[arg(short = 'L', long)]
    log_dir: Option<PathBuf>,
    /// Keep the components' output off the console
    #[arg(short, long)]
    quiet: bool,
    /// The most linear memory one instance may have, in bytes
    #[arg(long, env = "SPIN_MAX_INSTANCE_MEMORY")]
    max_instance_memory: Option<usize>,
    /// The longest computing time of one instance, in milliseconds (Spin has no such limit)
    #[arg(long, env = "DEV_HOST_COMPUTE_LIMIT_MS", default_value_t = 30_000)]
    compute_limit_ms: u64,
    /// A file that plans what goes wrong, and sets the guests' clock; for tests (Spin has nothing like it)
    #[arg(long)]
    faults: Option<PathBuf>,
}

impl Up {
    fn to_options(&self) -> Options {
        let manifest =
            if self.from.is_dir() { self.from.join("spin.toml") } else { self.from.clone() };
        Options {
            manifest,
            runtime_config: self.runtime_config_file.clone(),
            state_dir: self.state_dir.clone(),
            log_dir: self.log_dir.clone(),
            quiet: self.quiet,
            variables: self.variables.clone(),
            max_instance_memory: self.max_instance_memory,
            compute_limit: Duration::from_millis(self.compute_limit_ms),
            faults: self.faults.clone().map(Faults::new),
        }
    }
}
