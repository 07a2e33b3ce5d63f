//! Starting, and refusing to start.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use testbed::host::any_port_address;

use crate::support::{Case, Probe};

pub fn port_zero_is_any_free_port(case: &Case) -> Result<()> {
    let probe = case.probe()?;
    let mut command = probe.command()?;
    command.arg("--listen").arg(any_port_address().to_string());
    let probe = probe.launch_as_told(command)?;
    assert_ne!(probe.address.port(), 0);
    assert_eq!(probe.http.get("/")?.status, 200);
    probe.process.stop()
}

pub fn a_taken_port_is_an_error_or_the_next_one(case: &Case) -> Result<()> {
    let first = case.probe()?.start()?;
    let listen = |command: &mut Command| {
        command.arg("--listen").arg(first.address.to_string());
    };
    let second = case.probe()?;
    let mut command = second.command()?;
    listen(&mut command);
    fails(&command, "in use")?;

    let mut command = second.command()?;
    listen(&mut command);
    command.arg("--find-free-port");
    let second = second.launch_as_told(command)?;
    assert_ne!(second.address, first.address);
    assert_eq!(second.http.get("/")?.status, 200);
    Ok(())
}

pub fn a_component_is_compiled_once_unless_what_was_kept_is_broken(case: &Case) -> Result<()> {
    case.needs_dev_host("what Spin keeps is its own")?;
    let cache = case.keeper.scratch_directory().join("cache");
    fs::create_dir(&cache)?;
    let serve = || -> Result<BTreeMap<PathBuf, u64>> {
        let probe = case.probe()?;
        let mut command = probe.command()?;
        command.env("XDG_CACHE_HOME", &cache);
        let probe = probe.launch(command)?;
        assert_eq!(probe.http.get("/")?.status, 200);
        probe.process.stop()?;
        let mut kept = BTreeMap::new();
        find_compiled(&cache, &mut kept)?;
        Ok(kept)
    };
    let kept = serve()?;
    assert!(!kept.is_empty());
    assert_eq!(serve()?, kept, "it was compiled again");

    for file in kept.keys() {
        fs::write(file, "broken")?;
    }
    let mended = serve()?;
    assert!(mended.keys().eq(kept.keys()), "{kept:?} {mended:?}");
    assert!(mended.keys().all(|file| fs::read(file).is_ok_and(|code| code != b"broken")));
    Ok(())
}

/// Finds the files with compiled code, each with its inode, which is another once it is written anew.
fn find_compiled(directory: &Path, found: &mut BTreeMap<PathBuf, u64>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        ensure!(metadata.mode() & 0o002 == 0, "others may write to {}", path.display());
        if metadata.is_dir() {
            find_compiled(&path, found)?;
        } else if path.extension().is_none() {
            found.insert(path, metadata.ino());
        }
    }
    Ok(())
}

pub fn what_is_missing_is_named(case: &Case) -> Result<()> {
    let valid = || case.probe();
    let label = r#"key_value_stores = ["nowhere"]"#;
    for (probe, complaint) in [
        (valid()?.edit(r#"key_value_stores = ["default"]"#, label), "nowhere"),
        (valid()?.edit("secret = {", "unset = { required = true }\nsecret = {"), "unset"),
        (valid()?.edit("source = ", "surplus_key = 1\nsource = "), "surplus_key"),
        (valid()?.edit("probe.wasm", "absent.wasm"), "absent.wasm"),
        (valid()?.edit("*://127.0.0.1:*", "http://127.0.0.1/path"), "127.0.0.1/path"),
        (valid()?.edit("{{ greeting }}", "{{ undeclared }}"), "undeclared"),
        (valid()?.runtime_config("surplus_table = 1")?, "surplus_table"),
    ] {
        let probe: Probe<'_> = probe;
        let mut command = probe.command()?;
        command.arg("--listen").arg(any_port_address().to_string());
        fails(&command, complaint)?;
    }
    Ok(())
}

/// Asserts that the host ends at once with this complaint.
pub fn fails(command: &Command, complaint: &str) -> Result<()> {
    // Without a complaint it would serve for ever.
    let mut bounded = Command::new("timeout");
    bounded.arg("60").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        bounded.current_dir(directory);
    }
    let output = bounded.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it started without complaint about {complaint}");
    assert!(said.contains(complaint), "{complaint} is not in: {said}");
    Ok(())
}
