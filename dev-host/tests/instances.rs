//! Instances: one for each request, and nothing of one in another.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use testbed::wait::{not_yet, wait_until};

use crate::support::{Case, Serving};

pub fn each_request_has_an_instance_of_its_own(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for _ in 0..3 {
        let counts = probe.steps(&json!([{"step": "count"}, {"step": "count"}]))?;
        assert_eq!(counts, json!([1, 2]));
    }
    Ok(())
}

pub fn a_trap_ends_one_request_with_an_empty_500(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for step in [json!({"step": "trap"}), json!({"step": "exit", "code": 1})] {
        let reply = probe.http.post("/", &json!([step]))?;
        assert_eq!((reply.status, &*reply.body), (500, &b""[..]), "{step}");
    }
    assert_eq!(probe.step(json!({"step": "count"}))?, 1);
    Ok(())
}

pub fn a_trap_after_the_response_started_ends_the_body_normally(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let steps =
        json!([{"step": "count"}, {"step": "respond", "end": "unfinished"}, {"step": "trap"}]);
    assert_eq!(probe.steps(&steps)?, json!([1]), "the client takes it for whole");
    Ok(())
}

pub fn a_component_goes_on_after_its_response(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let start = Instant::now();
    probe.steps(
        &json!([{"step": "respond"}, {"step": "sleep", "ms": 5000}, set("after", "done")]),
    )?;
    assert!(start.elapsed() < Duration::from_millis(4900), "it took {:?}", start.elapsed());
    assert_eq!(get(&probe, "after")?, Value::Null);
    eventually_set(&probe, "after")
}

pub fn a_component_goes_on_after_the_client_has_gone(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    let steps = json!([set("before", "done"), {"step": "sleep", "ms": 5000}, set("after", "done")])
        .to_string();
    let mut stream = TcpStream::connect(probe.address)?;
    write!(stream, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{steps}", steps.len())?;
    eventually_set(&probe, "before")?;
    drop(stream);
    assert_eq!(get(&probe, "after")?, Value::Null);
    eventually_set(&probe, "after")
}

pub fn one_instance_too_many_is_an_error_at_once(case: &Case) -> Result<()> {
    let probe = case.probe()?;
    let mut command = probe.command()?;
    command.env("SPIN_MAX_INSTANCE_COUNT", "2");
    let probe = probe.launch(command)?;
    for _ in 0..2 {
        // It answers and stays.
        let steps = json!([{"step": "respond"}, {"step": "sleep", "ms": 8000}]);
        probe.http.post("/", &steps)?.expect_status(200)?;
    }
    let start = Instant::now();
    let reply = probe.http.get("/")?;
    assert_eq!((reply.status, &*reply.body), (500, &b""[..]));
    assert!(start.elapsed() < Duration::from_secs(6), "it queued for {:?}", start.elapsed());
    wait_until("having room again", Duration::from_secs(20), || match probe.http.get("/")?.status {
        200 => Ok(()),
        status => Err(not_yet(status)),
    })
}

pub fn an_instance_that_wants_too_much_memory_fails_alone(case: &Case) -> Result<()> {
    let probe = case.probe()?.runtime_config("max_instance_memory = 33554432")?.start()?;
    assert_eq!(probe.step(json!({"step": "memory", "bytes": 16 << 20}))?, 16 << 20);
    let reply = probe.http.post("/", &json!([{"step": "memory", "bytes": 64 << 20}]))?;
    assert_eq!((reply.status, &*reply.body), (500, &b""[..]));
    assert_eq!(probe.step(json!({"step": "memory", "bytes": 16 << 20}))?, 16 << 20);
    Ok(())
}

pub fn an_instance_that_computes_for_ever_is_stopped(case: &Case) -> Result<()> {
    case.needs_dev_host("Spin lets a component compute for ever")?;
    let probe = case.probe()?;
    let mut command = probe.command()?;
    command.args(["--compute-limit-ms", "300"]);
    let probe = probe.launch(command)?;
    let reply = probe.http.post("/", &json!([{"step": "loop"}]))?;
    assert_eq!((reply.status, &*reply.body), (500, &b""[..]));
    // Waiting is not computing.
    assert_eq!(probe.step(json!({"step": "sleep", "ms": 1000}))?, true);
    Ok(())
}

pub fn an_instance_sees_nothing_of_the_host(case: &Case) -> Result<()> {
    let environment = "[component.probe.environment]\nGIVEN = 'yes'\n\n[component.probe.variables]";
    let probe = case.probe()?.edit("[component.probe.variables]", environment).start()?;
    let seen = probe.step(json!({"step": "environment"}))?;
    assert_eq!(seen, json!({"environment": [["GIVEN", "yes"]], "arguments": []}));
    for path in ["/", ".", "/etc"] {
        let seen = probe.step(json!({"step": "directory", "path": path}))?;
        assert!(seen["error"].is_string(), "{path}: {seen}");
    }
    Ok(())
}

pub fn output_goes_to_files_named_after_the_component(case: &Case) -> Result<()> {
    let probe = case.probe()?.start()?;
    for text in ["one line", "another line"] {
        probe.step(json!({"step": "print", "text": text}))?;
    }
    for stream in ["stdout", "stderr"] {
        assert_eq!(probe.output(stream)?, "one line\nanother line\n", "{stream}");
    }
    drop(probe);

    let probe = case.probe()?;
    let command = probe.command()?;
    let loud = probe.launch(command)?;
    loud.step(json!({"step": "print", "text": "heard"}))?;
    assert!(fs::read_to_string(&loud.console)?.contains("heard"), "the console has it too");

    let probe = case.probe()?;
    let mut command = probe.command()?;
    command.arg("--quiet");
    let quiet = probe.launch(command)?;
    quiet.step(json!({"step": "print", "text": "not heard"}))?;
    assert!(!fs::read_to_string(&quiet.console)?.contains("not heard"), "unless it is quiet");
    let file = quiet.dir().join("state/logs/probe_stdout.txt");
    assert_eq!(fs::read_to_string(file)?, "not heard\n");
    Ok(())
}

fn set(key: &str, value: &str) -> Value {
    json!({"step": "key_value", "op": "set", "key": key, "value": value})
}

fn get(probe: &Serving, key: &str) -> Result<Value> {
    probe.step(json!({"step": "key_value", "op": "get", "key": key}))
}

fn eventually_set(probe: &Serving, key: &str) -> Result<()> {
    wait_until(&format!("writing `{key}`"), Duration::from_secs(10), || {
        if get(probe, key)? == "done" { Ok(()) } else { Err(not_yet("nothing written")) }
    })
}
