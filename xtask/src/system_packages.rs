//! Programs of the system, installed from Debian where they are missing.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::command;

/// Sees to it that these programs are on the `PATH`; each comes with its package.
pub fn install_missing_programs(programs: &[(&str, &str)]) -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &str| env::split_paths(&path).any(|directory| directory.join(program).is_file());
    let missing = programs.iter().filter(|(program, _)| !is_there(program));
    let packages: Vec<_> = missing.map(|(_, package)| package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.iter().map(|name| **name).collect::<Vec<_>>().join(", ");
    let install = || {
        command::run_with_progress(
            "asking Debian for its packages",
            &mut apt_command(&["update"]),
        )?;
        let mut install = apt_command(&["install", "--no-install-recommends"]);
        command::run_with_progress(&format!("installing {names}"), install.args(&packages))
    };
    install().with_context(|| {
        format!("programs of these packages are missing, and only root can install them: {names}")
    })
}

fn apt_command(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["--yes", "--quiet=2"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
