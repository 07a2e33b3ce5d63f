//! What a host is told and how, seen through one that only pretends to be one.

use std::fs;
use std::path::Path;

use anyhow::Result;
use testbed::host::{self, App, Host, Spin};
use testbed::process::Keeper;

#[test]
fn a_host_is_told_what_to_serve_and_its_secrets_in_private() -> Result<()> {
    let keeper = Keeper::new()?;
    let mut app = app(&keeper, "echo \"$@\"; echo \"$SPIN_VARIABLE_ADMIN_TOKEN\"; serve");
    app.variables.push(("admin_token".into(), "hush".into()));
    app.runtime_config = Some("tls.toml".into());
    let running = pretender().start(&app, &keeper)?;

    let told = app.log()?;
    let expected = format!(
        "up --quiet -f spin.toml --listen {} --state-dir {1} --log-dir {1}/logs \
         --runtime-config-file tls.toml\nhush\n",
        running.address(),
        app.state_dir.display(),
    );
    assert!(told.starts_with(&expected), "{told}\n{expected}");
    let public = fs::read_to_string(format!("/proc/{}/cmdline", running.pid()))?;
    assert!(!public.contains("hush"), "{public}");
    Ok(())
}

#[test]
fn a_host_that_does_not_start_says_why() -> Result<()> {
    let keeper = Keeper::new()?;
    let app = app(&keeper, "echo unknown variable; exit 1");
    let error = format!("{:#}", pretender().start(&app, &keeper).unwrap_err());
    assert!(error.ends_with("exited with status 1; its last words:\nunknown variable"), "{error}");
    Ok(())
}

#[test]
fn a_port_lost_to_another_is_replaced() -> Result<()> {
    let keeper = Keeper::new()?;
    let script = "mkdir \"$SPIN_VARIABLE_MARKS/lost\" 2>/dev/null || serve; echo \"$address is already in use\"; exit 1";
    let mut app = app(&keeper, script);
    app.variables.push(("marks".into(), keeper.scratch().display().to_string()));
    let running = pretender().start(&app, &keeper)?;
    assert!(app.log()?.contains("already in use"));
    running.check()
}

#[test]
fn words_of_an_earlier_run_prove_nothing() -> Result<()> {
    let keeper = Keeper::new()?;
    let listen = Some(host::free_port()?);
    pretender().start(&App { listen, ..app(&keeper, "serve") }, &keeper)?.stop()?;
    let error = pretender().start(&App { listen, ..app(&keeper, "exit 7") }, &keeper).unwrap_err();
    assert!(format!("{error:#}").contains("exited with status 7"), "{error:#}");
    Ok(())
}

fn app(keeper: &Keeper, script: &str) -> App {
    App {
        manifest: "spin.toml".into(),
        state_dir: keeper.scratch().join("state"),
        runtime_config: None,
        variables: vec![("script".into(), script.into())],
        listen: None,
        faults: None,
    }
}

fn pretender() -> Spin {
    Spin { program: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pretender.sh") }
}
