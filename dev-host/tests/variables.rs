//! Where the values of variables come from.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use testbed::host::any_port_address;

use crate::startup::fails;
use crate::support::{Case, Launched, Probe, server::Server};

/// Each source is added to those before it, and wins over them.
pub fn flags_go_before_files_and_the_environment(case: &Case) -> Result<()> {
    const SOURCES: [&str; 5] = ["default", "dotenv", "environment", "runtime config", "flag"];
    for (rank, source) in SOURCES.into_iter().enumerate() {
        let mut probe = case.probe()?.edit("default = \"hello\"", "default = \"default\"");
        if rank >= 1 {
            fs::write(probe.dir().join(".env"), "SPIN_VARIABLE_GREETING=dotenv\n")?;
        }
        if rank >= 2 {
            probe = probe.variable("greeting", "environment");
        }
        if rank >= 3 {
            let provider =
                "[[variables_provider]]\ntype = 'static'\nvalues = { greeting = 'runtime config' }";
            probe = probe.runtime_config(provider)?;
        }
        let mut command = probe.command()?;
        if rank >= 4 {
            command.args(["--variable", "greeting=flag"]);
        }
        let probe = probe.launch(command)?;
        assert_eq!(variable(&probe, "greeting")?["value"], format!("{source}, world"));
    }
    Ok(())
}

pub fn a_component_gets_only_its_own(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for (name, error) in [("absent", "Undefined"), ("Not A Name", "InvalidName")] {
        let result = probe.step(json!({"step": "variable", "name": name}))?;
        let told = result["error"].as_str().unwrap_or_default();
        assert!(told.starts_with(&format!("Error::{error}(")), "{name}: {result}");
    }
    assert_eq!(probe.step(json!({"step": "variable", "name": "secret"}))?["value"], "s3cret");
    Ok(())
}

pub fn allowed_hosts_follow_variables_and_an_empty_value_denies_all(case: &Case) -> Result<()> {
    let server = Server::plain()?;
    let port = server.address.port();
    let fetch = json!({"step": "fetch", "requests": [{"authority": server.address}]});
    let probe = |entries: &str, url: &str| {
        let probe = probe_with_url(case, "required = true", entries)?.variable("url", url);
        probe.start()
    };
    let allowed = probe(r#""{{ url }}""#, &format!("http://{}", server.address))?;
    assert_eq!(allowed.step(fetch.clone())?[0]["status"], 200);
    let elsewhere = probe(r#""{{ url }}""#, "http://192.0.2.1")?;
    assert_eq!(elsewhere.step(fetch.clone())?[0]["error"], "HttpRequestDenied");

    case.needs_dev_host("only Spin up to 4.0 is as strict")?;
    let spoilt = probe(&format!(r#""http://127.0.0.1:{port}", "{{{{ url }}}}""#), "")?;
    assert_eq!(spoilt.step(fetch)?[0]["error"], "HttpRequestDenied");
    Ok(())
}

pub fn allowed_hosts_that_are_empty_by_default_end_the_start(case: &Case) -> Result<()> {
    case.needs_dev_host("only Spin up to 4.0 is as strict")?;
    // Given or not: Spin looks at the defaults alone.
    for url in [None, Some("http://127.0.0.1")] {
        let mut probe = probe_with_url(case, r#"default = """#, r#""{{ url }}""#)?;
        if let Some(url) = url {
            probe = probe.variable("url", url);
        }
        let mut command = probe.command()?;
        command.arg("--listen").arg(any_port_address().to_string());
        fails(&command, "`allowed_outbound_hosts`")?;
    }
    Ok(())
}

fn probe_with_url<'c>(case: &'c Case, variable: &str, entries: &str) -> Result<Probe<'c>> {
    let probe = case.probe()?.edit(r#""*://127.0.0.1:*""#, entries);
    Ok(probe.edit("[variables]", &format!("[variables]\nurl = {{ {variable} }}")))
}

fn variable(probe: &Launched, name: &str) -> Result<Value> {
    probe.step(json!({"step": "variable", "name": name}))
}
