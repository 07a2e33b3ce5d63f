//! What `cargo xtask` has compiled, it does not compile again.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

#[test]
fn a_second_start_compiles_nothing() -> Result<()> {
    build()?;
    let second = build()?;
    assert!(!second.contains("Compiling"), "{second}");
    // Cargo has looked: for xtask itself, for the components, and for dev-host.
    assert_eq!(second.matches("Finished").count(), 3, "{second}");
    Ok(())
}

/// Runs `cargo xtask build` as from a shell, and returns what Cargo says of it.
fn build() -> Result<String> {
    let mut cargo = Command::new(env::var_os("CARGO").context("Cargo runs this test")?);
    cargo.args(["xtask", "build"]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    // A shell has none of what Cargo tells this test.
    for (name, _) in env::vars_os() {
        let is_told = |prefix| name.to_string_lossy().starts_with(prefix);
        if ["CARGO_BIN_EXE_", "CARGO_MANIFEST_", "CARGO_PKG_"].into_iter().any(is_told) {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.env_remove("CARGO").output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{said}");
    Ok(said)
}
