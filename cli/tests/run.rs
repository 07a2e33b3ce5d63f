//! `run`: what becomes of its command, and of its lease, when something fails in between.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, END, ID, ISSUE, Server, lease, with};

fn count_revocations(server: &Server) -> usize {
    let revoked = format!("DELETE /api/v1/leases/{ID}");
    server.asked().iter().filter(|asked| asked.what == revoked).count()
}

#[test]
fn a_renewed_token_that_cannot_be_written_is_told_and_the_command_goes_on() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let end = DateTime::<Utc>::from(std::time::SystemTime::now()) + TimeDelta::seconds(6);
    let issued = with(with(lease(), "token", json!("leased")), "expires_at", json!(end));
    server.answer(ISSUE, &Answer::json(201, &with(issued, "max_expires_at", json!(END))));
    // A file in the place of the directory: not even root can write into it.
    let script = "cd /; place=$(dirname \"$KUBECONFIG\"); rm -r \"$place\"; : > \"$place\"; sleep 6; rm \"$place\"; exit 7";
    let outcome =
        machine.outcome(&["run", "ci", "--server", "https://c.example", "--", "sh", "-c", script]);
    assert_eq!(outcome.code, 7, "{outcome:?}");
    let told = "warning: the lease could not be renewed";
    assert_eq!(outcome.told.matches(told).count(), 1, "{outcome:?}");
    outcome.assert_secret();
    let renewed = format!("POST /api/v1/leases/{ID}/renew");
    assert!(server.asked().iter().any(|asked| asked.what == renewed));
    assert_eq!(count_revocations(&server), 1);
}

/// Nobody reads what is told: a full disk, or a pipe whose reader is gone.
#[test]
fn a_standard_error_that_cannot_be_written_costs_no_lease() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let outcome = Outcome::of(machine.command(&["lease", "ci"]).stderr(full()));
    assert_eq!((outcome.code, &*outcome.printed), (0, "leased\n"), "{outcome:?}");
    let refused = Outcome::of(machine.command(&["--profile", "nobody", "whoami"]).stderr(full()));
    assert_eq!(refused.code, 3, "{refused:?}");

    let end = DateTime::<Utc>::from(std::time::SystemTime::now()) + TimeDelta::seconds(3);
    let issued = with(with(lease(), "token", json!("leased")), "expires_at", json!(end));
    server.answer(ISSUE, &Answer::json(201, &with(issued, "max_expires_at", json!(END))));
    let away = Answer::problem(503, "store_unavailable", "the store is away");
    server.answer(&format!("POST /api/v1/leases/{ID}/renew"), &away);
    let run = ["run", "ci", "--server", "https://c.example", "--", "sh", "-c", "sleep 4; exit 7"];
    let outcome = Outcome::of(machine.command(&run).stderr(full()));
    assert_eq!(outcome.code, 7, "{outcome:?}");
    assert_eq!(count_revocations(&server), 1);
}

#[test]
fn a_command_that_cannot_be_started_has_the_exit_code_of_a_shell() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    for (program, code) in [("no-such-program", 127), ("/etc/hostname", 126)] {
        let run = ["run", "ci", "--server", "https://c.example", "-o", "json", "--", program];
        let outcome = machine.outcome(&run);
        assert_eq!(outcome.code, code, "{outcome:?}");
        let error: Value = serde_json::from_str(&outcome.told).unwrap();
        let detail = error["error"]["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("could not start {program}: ")), "{detail}");
        assert_eq!(error["error"]["exit_code"], json!(code));
    }
    assert_eq!(count_revocations(&server), 2);
}

#[test]
fn a_signal_before_the_command_starts_ends_the_run_as_a_shell_says_it() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let server = Server::of_kubelease();
        let machine = Machine::logged_in(&server);
        let issued = with(lease(), "token", json!("leased"));
        server.answer(ISSUE, &Answer::json(201, &issued).after(Duration::from_secs(1)));
        let started = machine.home.path().join("started");
        let run = ["run", "ci", "--server", "https://c.example", "--", "touch"];
        let mut command = machine.command(&run);
        command.arg(&started).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        while !server.asked().iter().any(|asked| asked.what == ISSUE) {
            thread::sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(!started.exists(), "the command was started");
        assert_eq!(count_revocations(&server), 1, "{outcome:?}");
    }
}
