//! What a host is told and how, seen through one that only pretends to be one.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use anyhow::Result;
use testbed::closed_port::ClosedPort;
use testbed::host::{self, App, DevHost, Host, SpinHost};
use testbed::process::Supervisor;

#[test]
fn a_host_is_told_what_to_serve_and_its_secrets_in_private() -> Result<()> {
    let keeper = Supervisor::new()?;
    let mut app = app(&keeper, "echo \"$@\"; echo \"$SPIN_VARIABLE_ADMIN_TOKEN\"; serve");
    app.variables.push(("admin_token".into(), "hush".into()));
    app.runtime_config = Some("tls.toml".into());
    let running = pretender().start_app(&app, &keeper)?;

    let told = app.read_log()?;
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
    let keeper = Supervisor::new()?;
    let app = app(&keeper, "echo unknown variable; exit 1");
    let error = format!("{:#}", pretender().start_app(&app, &keeper).unwrap_err());
    assert!(error.ends_with("exited with status 1; its last words:\nunknown variable"), "{error}");
    Ok(())
}

#[test]
fn a_host_that_chooses_its_port_is_found_there() -> Result<()> {
    let keeper = Supervisor::new()?;
    let app = app(&keeper, "[ $address = 127.0.0.1:0 ] && address=127.0.0.1:4711; serve");
    let running = DevHost { program: pretender().program }.start_app(&app, &keeper)?;
    assert_eq!(running.url(), "http://127.0.0.1:4711");
    Ok(())
}

#[test]
fn a_port_lost_to_another_is_replaced() -> Result<()> {
    let keeper = Supervisor::new()?;
    let script = "mkdir \"$SPIN_VARIABLE_MARKS/lost\" 2>/dev/null || serve
        echo \"Error: $address is already in use\"; echo; echo 'Stack backtrace:'
        for i in $(seq 50); do echo \"  $i: main\"; echo '        at ./src/main.rs:1'; done; exit 1";
    let mut app = app(&keeper, script);
    app.variables.push(("marks".into(), keeper.scratch_directory().display().to_string()));
    let running = pretender().start_app(&app, &keeper)?;
    assert!(app.read_log()?.contains("already in use"));
    running.require_running()
}

#[test]
fn words_of_an_earlier_run_prove_nothing() -> Result<()> {
    let keeper = Supervisor::new()?;
    let listen = Some(host::free_port_address()?);
    pretender().start_app(&App { listen, ..app(&keeper, "serve") }, &keeper)?.stop_host()?;
    let error =
        pretender().start_app(&App { listen, ..app(&keeper, "exit 7") }, &keeper).unwrap_err();
    assert!(format!("{error:#}").contains("exited with status 7"), "{error:#}");
    Ok(())
}

#[test]
fn a_closed_port_refuses_connections_and_is_given_to_nobody() -> Result<()> {
    let port = ClosedPort::take_port()?;
    let refused = TcpStream::connect(port.address()?).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(port.address()?).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    Ok(())
}

fn app(keeper: &Supervisor, script: &str) -> App {
    App {
        manifest: "spin.toml".into(),
        state_dir: keeper.scratch_directory().join("state"),
        runtime_config: None,
        variables: vec![("script".into(), script.into())],
        listen: None,
        faults: None,
        flushes: None,
    }
}

fn pretender() -> SpinHost {
    SpinHost { program: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pretender.sh") }
}
