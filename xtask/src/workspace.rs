//! Where things are, and Cargo in this workspace.

use std::env;
use std::path::Path;
use std::process::Command;

/// The workspace's root.
pub fn workspace_root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Cargo, with the workspace's toolchain, in its root.
pub fn cargo_command(subcommand: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(subcommand).current_dir(workspace_root());
    clear_cargo_environment(&mut cargo);
    cargo
}

/// Removes from `command`'s environment what the Cargo that started us has set for us.
///
/// Some build scripts watch such variables: that of `ring` watches `CARGO_PKG_NAME`. If a Cargo that we
/// start saw ours, it and the next `cargo xtask` would each undo the other's build, which is a minute of
/// compiling at every start. What the user may have set stays, such as `CARGO_TARGET_DIR` and
/// `RUSTUP_TOOLCHAIN`.
pub fn clear_cargo_environment(command: &mut Command) {
    let set_by_cargo = env::vars_os().map(|(name, _)| name);
    for name in set_by_cargo.filter(|name| is_set_by_cargo(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// Returns true for the variables that Cargo sets for what it runs, and does not read itself.
fn is_set_by_cargo(name: &str) -> bool {
    const NAMES: [&str; 5] =
        ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    const PREFIXES: [&str; 6] =
        ["CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_", "DEP_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_has_set_stays() {
        for (name, cleared) in [
            ("CARGO", true),
            ("CARGO_BIN_EXE_xtask", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_MANIFEST_PATH", true),
            ("CARGO_PKG_VERSION_MAJOR", true),
            ("DEP_SQLITE3_INCLUDE", true),
            ("OUT_DIR", true),
            ("CARGO_BUILD_JOBS", false),
            ("CARGO_ENCODED_RUSTFLAGS", false),
            ("CARGO_HOME", false),
            ("CARGO_INCREMENTAL", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_TERM_COLOR", false),
            ("PATH", false),
            ("RUSTUP_TOOLCHAIN", false),
        ] {
            assert_eq!(is_set_by_cargo(name), cleared, "{name}");
        }
    }

    #[test]
    fn cargo_does_not_see_what_a_test_is_told() {
        // Cargo has set this for the test that runs now.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let cargo = cargo_command("build");
        let cleared: Vec<_> = cargo.get_envs().filter(|(_, value)| value.is_none()).collect();
        for name in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"] {
            assert!(cleared.iter().any(|(it, _)| *it == name), "{name}: {cleared:?}");
        }
    }
}
