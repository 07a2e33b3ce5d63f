//! A cluster alone.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;
use testbed::control_plane::ControlPlane;

/// Starts an empty cluster, prints its kubeconfig, and ends it at Ctrl-C.
pub fn run_standalone_cluster() -> Result<()> {
    let cluster = ControlPlane::start_empty()?;
    println!("{}", cluster.kubeconfig_path().display());
    eprintln!("{} is ready; Ctrl-C ends it", cluster.url());
    wait_until_interrupted(|| cluster.require_all_running())?;
    eprintln!("ending");
    Ok(())
}

/// Waits for Ctrl-C, or for the first failure of `check`.
pub fn wait_until_interrupted(check: impl Fn() -> Result<()>) -> Result<()> {
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // An error means that nobody waits any more: we are on our way out.
        let _ = interrupt.send(());
    })?;
    while interrupted.recv_timeout(Duration::from_secs(1)).is_err() {
        check()?;
    }
    Ok(())
}
