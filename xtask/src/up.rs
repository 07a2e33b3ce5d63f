//! From nothing to a token that kubectl can use.

mod cluster;
mod demo;
mod state;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use testbed::control_plane::{self, Assets, ControlPlane};
use testbed::host::{App, DevHost, Host, Spin};
use testbed::http::Http;
use testbed::kubelease::{self, ADMIN_TOKEN, MASTER_KEY, SWEEP_TOKEN, Settings};
use testbed::process::Keeper;
use testbed::random;

use self::cluster::Cluster;
use self::state::State;
use crate::control_plane::until_interrupted;
use crate::{HostKind, HostOptions, build, workspace};

/// What `cargo xtask up` can be told.
#[derive(Args)]
pub struct Options {
    /// Use a cluster that is there instead of a local one.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Which of the kubeconfig's contexts; the current one by default.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,

    /// Where kubelease listens [default: port 3000 of loopback or, if that is taken, any].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// What is kept between runs.
    #[arg(long, value_name = "DIR", default_value_os_t = workspace::root().join(".kubelease"))]
    state_dir: PathBuf,

    /// Print one line of JSON when ready, and nothing else on the standard output.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: HostOptions,
}

/// Starts everything, shows that it works, and serves until Ctrl-C.
pub fn up(options: &Options) -> Result<()> {
    let host = prepare(options)?;
    let state = State::open(&options.state_dir)?;
    let keeper = Keeper::holding(state.lock()?)?;

    // What is declared later ends earlier: kubelease before its cluster.
    let mut local = None;
    let cluster = match &options.kubeconfig {
        Some(file) => Cluster::of(file, options.context.as_deref(), &state)?,
        None => Cluster::local(local.insert(start_cluster(&state, &keeper)?)),
    };
    let settings = settings(&state, &cluster)?;
    let app = App { listen: listen(options), ..kubelease::app(&settings, &state.path("host"))? };
    eprintln!("starting kubelease on {}", host.name());
    let running = host.start(&app, &keeper)?;

    let administrator = Http::plain(&running.url()).bearing(settings.variable(ADMIN_TOKEN));
    eprintln!("registering the cluster and leasing a token");
    demo::register(&cluster, &administrator, keeper.scratch())?;
    let greeting = demo::lease(&cluster, &administrator, keeper.scratch())?;
    eprintln!("with the leased token, `kubectl auth whoami` says:\n{greeting}");
    if options.json {
        let ready = json!({
            "url": running.url(),
            "admin_token": settings.variable(ADMIN_TOKEN),
            "sweep_token": settings.variable(SWEEP_TOKEN),
            "kubeconfig": cluster.kubeconfig,
            "target": demo::TARGET,
        });
        println!("{ready}");
    } else {
        println!("{}", instructions(&running.url(), &state, &cluster));
    }

    sweep_on_a_timer(Http::plain(&running.url()).bearing(settings.variable(SWEEP_TOKEN)));
    until_interrupted(|| {
        running.check()?;
        local.as_ref().map_or(Ok(()), ControlPlane::check)
    })?;
    eprintln!("ending");
    if options.kubeconfig.is_some() {
        eprintln!("the namespace `{}` stays in the cluster", demo::NAMESPACE);
    }
    running.stop()
}

/// Has what is due taken back, as a schedule would.
fn sweep_on_a_timer(sweeper: Http) {
    thread::spawn(move || {
        loop {
            thread::sleep(SWEEP_EVERY);
            // A sweep that fails says so in kubelease's log, and the next goes on.
            _ = sweeper.post("/api/v1/sweep", &json!({}));
        }
    });
}

/// Builds and finds what will be run.
fn prepare(options: &Options) -> Result<Box<dyn Host>> {
    // Missing, it is told before minutes of building.
    let spin = match options.host.host {
        HostKind::Spin => Some(Spin { program: options.host.spin_program()? }),
        HostKind::DevHost => None,
    };
    build::components()?;
    if options.kubeconfig.is_none() {
        Assets::prepare()?;
    }
    if let Some(spin) = spin {
        return Ok(Box::new(spin));
    }
    build::dev_host()?;
    Ok(Box::new(DevHost::built()?))
}

fn start_cluster(state: &State, keeper: &Keeper) -> Result<ControlPlane> {
    eprintln!("starting a cluster");
    let home = state.path("control-plane");
    let options = control_plane::Options {
        state_dir: Some(home),
        collects_garbage: true,
        ..control_plane::Options::default()
    };
    ControlPlane::start_with(&options, keeper.clone())
}

/// The same secrets in every run, or what was sealed could not be opened.
fn settings(state: &State, cluster: &Cluster) -> Result<Settings> {
    let variables = [
        (ADMIN_TOKEN, state.secret(ADMIN_TOKEN, random::token)?),
        (MASTER_KEY, state.secret(MASTER_KEY, random::key)?),
        (SWEEP_TOKEN, state.secret(SWEEP_TOKEN, random::token)?),
    ];
    Ok(Settings {
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        cluster_host: cluster.host()?.to_owned(),
        ca: cluster.ca.clone(),
        client_certificate: None,
        runtime_config: String::new(),
        faults: false,
    })
}

fn listen(options: &Options) -> Option<SocketAddr> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 3000));
    options.listen.or_else(|| TcpListener::bind(usual).is_ok().then_some(usual))
}

fn instructions(url: &str, state: &State, cluster: &Cluster) -> String {
    let trust = cluster.ca.as_ref().map_or_else(String::new, |_| {
        format!(" \\\n      --certificate-authority {}", state.path("host/ca.crt").display())
    });
    format!(
        "\
kubelease serves {url}. To lease a token yourself:

  printf 'authorization: Bearer %s' \"$(cat {})\" |
      curl --silent --header @- --data '{{\"ttl\":\"15m\"}}' \\
      {url}/api/v1/dynamic-secrets/{}/leases

and to use what that answers as `token`:

  {} --kubeconfig /dev/null --server {}{trust} \\
      --token … auth whoami

Ctrl-C ends it all.",
        state.path(ADMIN_TOKEN).display(),
        demo::DEPLOYER,
        cluster.kubectl_path().display(),
        cluster.url,
    )
}

/// Often enough that a lease of a minute ends within seconds of its time.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
