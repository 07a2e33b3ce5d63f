//! From nothing to a token that kubectl can use.

mod cluster;
mod demo;
mod playground;
mod scripts;
mod state;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde_json::json;
use testbed::command;
use testbed::control_plane::{self, Assets, ControlPlane};
use testbed::host::{App, DevHost, Host, SpinHost};
use testbed::http::HttpClient;
use testbed::kubelease::{
    self, ADMIN_TOKEN_VARIABLE, MASTER_KEY_VARIABLE, SWEEP_TOKEN_VARIABLE, Settings,
};
use testbed::process::Supervisor;
use testbed::random;
use testbed::store_file::JournalMode;

use self::cluster::Cluster;
use self::playground::{EXAMPLES, ExampleDynamicSecret};
use self::state::StateDirectory;
use crate::standalone_cluster::wait_until_interrupted;
use crate::{HostKind, HostOptions, build, workspace};

/// The options of `cargo xtask up`.
#[derive(Args)]
pub struct Options {
    /// Use a cluster that is there instead of a local one.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig; the current one by default.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,

    /// The address to listen on [default: port 3000 of loopback or, if that is taken, any].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// The directory that is kept between runs.
    #[arg(long, value_name = "DIR", default_value_os_t = workspace::workspace_root().join(".kubelease"))]
    state_dir: PathBuf,

    /// Print one line of JSON when ready, and nothing else on the standard output.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: HostOptions,
}

/// Starts everything, shows that it works, and serves until Ctrl-C.
pub fn start_and_serve_demo(options: &Options) -> Result<()> {
    let start = Instant::now();
    // Missing, it is told before minutes of building.
    let spin = match options.host.host {
        HostKind::Spin => Some(SpinHost { program: options.host.spin_program()? }),
        HostKind::DevHost => None,
    };
    let state = StateDirectory::open_directory(&options.state_dir)?;
    let keeper = Supervisor::new_holding_lock(state.lock_directory()?)?;

    // What is declared later ends earlier: kubelease before its cluster.
    let ((cluster, local), host) = command::run_both_in_parallel(
        || find_or_start_cluster(options, &state, &keeper),
        || prepare_host(spin),
    )?;
    let settings = up_settings(&state, &cluster)?;
    let app = App {
        listen: listen_address(options),
        ..kubelease::write_app_config(&settings, &state.file_path(HOST_DIR))?
    };
    eprintln!("starting kubelease on {}, and preparing the cluster", host.name());
    let (running, token) = command::run_both_in_parallel(
        || host.start_app(&app, &keeper),
        || prepare_cluster(&cluster, local.as_ref(), &keeper),
    )?;

    let administrator = HttpClient::without_tls(&running.url())
        .with_bearer(settings.variable(ADMIN_TOKEN_VARIABLE));
    eprintln!("registering the cluster and leasing a token");
    demo::register_target_and_examples(&cluster, &token, &administrator)?;
    let greeting = demo::verify_leased_token(&cluster, &administrator, keeper.scratch_directory())?;
    eprintln!("with the leased token, `kubectl auth whoami` says:\n{greeting}");
    scripts::write_scripts(&state, &running.url(), &cluster)?;
    playground::write_examples(&state)?;
    eprintln!("ready after {:.1} s", start.elapsed().as_secs_f64());
    if options.json {
        let ready = json!({
            "url": running.url(),
            "admin_token": settings.variable(ADMIN_TOKEN_VARIABLE),
            "sweep_token": settings.variable(SWEEP_TOKEN_VARIABLE),
            "kubeconfig": cluster.kubeconfig,
            "target": demo::DEMO_TARGET_NAME,
        });
        println!("{ready}");
    } else {
        println!("{}", instructions_text(&running.url(), &state, local.is_some()));
    }

    sweep_on_a_timer(
        HttpClient::without_tls(&running.url())
            .with_bearer(settings.variable(SWEEP_TOKEN_VARIABLE)),
    );
    wait_until_interrupted(|| {
        running.require_running()?;
        local.as_ref().map_or(Ok(()), ControlPlane::require_all_running)
    })?;
    eprintln!("ending");
    if options.kubeconfig.is_some() {
        eprintln!("the namespace `{}` stays in the cluster", demo::DEMO_NAMESPACE);
    }
    running.stop_host()
}

/// Has what is due taken back, as a schedule would.
fn sweep_on_a_timer(sweeper: HttpClient) {
    thread::spawn(move || {
        loop {
            thread::sleep(SWEEP_EVERY);
            // A sweep that fails says so in kubelease's log, and the next goes on.
            _ = sweeper.post("/api/v1/sweep", &json!({}));
        }
    });
}

/// Builds what will be run, and the host unless that is a Spin.
fn prepare_host(spin: Option<SpinHost>) -> Result<Box<dyn Host>> {
    if let Some(spin) = spin {
        build::build_components()?;
        return Ok(Box::new(spin));
    }
    build::build_components_and_host()?;
    Ok(Box::new(DevHost::find_built()?))
}

/// Finds the cluster that the user names, or starts the local one.
fn find_or_start_cluster(
    options: &Options,
    state: &StateDirectory,
    keeper: &Supervisor,
) -> Result<(Cluster, Option<ControlPlane>)> {
    if let Some(file) = &options.kubeconfig {
        return Ok((Cluster::from_kubeconfig(file, options.context.as_deref(), state)?, None));
    }
    Assets::prepare_assets()?;
    eprintln!("starting a cluster");
    let home = state.file_path("control-plane");
    let options = control_plane::Options {
        state_dir: Some(home),
        collects_garbage: true,
        ..control_plane::Options::default()
    };
    let local = ControlPlane::start_with(&options, keeper.clone())?;
    Ok((Cluster::from_control_plane(&local), Some(local)))
}

/// Creates what the examples need, and returns a token of kubelease's account.
///
/// A cluster of the user's own gets the two examples alone: the playground would bring it a policy, and
/// accounts with rights in all of it.
fn prepare_cluster(
    cluster: &Cluster,
    local: Option<&ControlPlane>,
    keeper: &Supervisor,
) -> Result<String> {
    let scratch = keeper.scratch_directory();
    let playground = || match local {
        Some(_) => playground::prepare_namespace(cluster, scratch),
        None => Ok(()),
    };
    let (token, ()) =
        command::run_both_in_parallel(|| demo::prepare_cluster(cluster, scratch), playground)?;
    Ok(token)
}

/// The same secrets in every run, or what was sealed could not be opened.
fn up_settings(state: &StateDirectory, cluster: &Cluster) -> Result<Settings> {
    let variables = [
        (
            ADMIN_TOKEN_VARIABLE,
            state.read_or_create_secret(ADMIN_TOKEN_VARIABLE, random::random_token)?,
        ),
        (
            MASTER_KEY_VARIABLE,
            state.read_or_create_secret(MASTER_KEY_VARIABLE, random::random_key)?,
        ),
        (
            SWEEP_TOKEN_VARIABLE,
            state.read_or_create_secret(SWEEP_TOKEN_VARIABLE, random::random_token)?,
        ),
    ];
    Ok(Settings {
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        cluster_host: cluster.host_name()?.to_owned(),
        ca: cluster.ca.clone(),
        client_certificate: None,
        trusted: vec![],
        runtime_config: String::new(),
        faults: false,
        journal: JournalMode::Wal,
        counts_flushes: false,
    })
}

fn listen_address(options: &Options) -> Option<SocketAddr> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 3000));
    options.listen.or_else(|| TcpListener::bind(usual).is_ok().then_some(usual))
}

/// Returns what to try now; each indented line is a command.
fn instructions_text(url: &str, state: &StateDirectory, playground: bool) -> String {
    let directory = scripts::quote_word(&state.directory().display().to_string());
    let mut text = format!(
        "kubelease serves {url}. Lease a token, and run kubectl with nothing but that:\n\n  \
         cd {directory}\n  ./leased {} auth whoami\n\n",
        demo::DEPLOYER_SECRET_AND_ACCOUNT
    );
    if playground {
        text += "\
In the namespace `playground` every kind of lease works: put a dynamic secret, and use a lease of it.
Change a file to try something else; `api METHOD PATH [BODY]` asks for whatever docs/api.md tells.\n\n";
        text.extend(EXAMPLES.iter().map(ExampleDynamicSecret::command_text));
        text += "\n";
    }
    text + "Ctrl-C ends it all."
}

/// The host's directory, below the state directory.
const HOST_DIR: &str = "host";

/// Often enough that a lease of a minute ends within seconds of its time.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
