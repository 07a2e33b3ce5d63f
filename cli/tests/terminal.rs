//! What is shown on a terminal alone: colours, and progress.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::machine::{Machine, Outcome, program};
use crate::server::{Answer, Server};

/// The same command on a terminal, which `script` of util-linux makes; both outputs are one there.
fn on_terminal(machine: &Machine, line: &str) -> Command {
    let mut command = Command::new("script");
    let line = format!("{} {line}", program().display());
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
    command.env("HOME", machine.home.path()).env("KUBELEASE_URL", &machine.server.url);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm-256color");
    command
}

#[test]
fn colours_are_for_terminals_and_not_for_those_that_say_no() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let coloured = |command: &mut Command| Outcome::of(command).printed.contains('\u{1b}');
    assert!(coloured(&mut on_terminal(&machine, "--nonsense")));
    assert!(!coloured(on_terminal(&machine, "--nonsense").env("NO_COLOR", "1")));
    let piped = machine.outcome(&["--nonsense"]);
    assert!(!piped.told.is_empty() && !piped.told.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn progress_is_for_terminals_and_only_for_what_takes_long() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let checked = |command: &mut Command| {
        let outcome = Outcome::of(command);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.printed + &outcome.told
    };
    let line = "Checking target `prod` …";
    let at_once = checked(&mut on_terminal(&machine, "check prod"));
    assert!(at_once.contains("Kubernetes v1") && !at_once.contains(line), "{at_once}");
    let answer = serde_json::json!({"ok": true, "reachable": true, "problem": null, "version": "v1.37.0",
        "username": null});
    let slow = Answer::ok(&answer).after(Duration::from_millis(1500));
    server.answer("POST /api/v1/targets/prod/check", &slow);
    let shown = checked(&mut on_terminal(&machine, "check prod"));
    let (before, after) = shown.split_once(line).unwrap_or_else(|| panic!("{shown:?}"));
    assert!(!before.contains("v1.37.0") && after.starts_with("\r\u{1b}[K"), "{shown:?}");
    let dumb = checked(on_terminal(&machine, "check prod").env("TERM", "dumb"));
    let piped = checked(&mut machine.command(&["check", "prod"]));
    for other in [dumb, piped] {
        assert!(other.contains("v1.37.0") && !other.contains("Checking"), "{other:?}");
    }
}

#[test]
fn a_person_without_a_token_of_a_job_is_asked_for_an_access_token() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let mut login = on_terminal(&machine, "login")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // What is typed before the prompt would be thrown away.
    let mut shown = String::new();
    let mut output = BufReader::new(login.stdout.take().unwrap());
    while !shown.ends_with("Access token: ") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        shown.push(byte[0].into());
    }
    thread::sleep(Duration::from_millis(100));
    login.stdin.take().unwrap().write_all(b"sesame\n").unwrap();
    output.read_to_string(&mut shown).unwrap();
    assert!(login.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("as `ci`") && !shown.contains("sesame"), "{shown}");
    assert_eq!(machine.outcome(&["whoami"]).code, 0);
}
