//! The directory of a lease for the steps of a CI job.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, ID, ISSUE, Server, lease, with};

fn lease_to(machine: &Machine, directory: &str) -> Outcome {
    let options = ["lease", "ci", "--server", "https://cluster.example", "--directory", directory];
    Outcome::of(machine.command(&options).current_dir(machine.home.path()))
}

fn revoke(machine: &Machine, directory: &str) -> Outcome {
    let mut revoke = machine.command(&["revoke", "--directory", directory]);
    Outcome::of(revoke.current_dir(machine.home.path()))
}

#[test]
fn it_has_what_the_steps_need_until_the_lease_is_revoked() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let outcome = lease_to(&machine, "job");
    assert_eq!((outcome.code, &*outcome.printed), (0, ""), "{outcome:?}");
    outcome.assert_secret();
    let directory = machine.home.path().join("job");
    let mode =
        |name: &str| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["", "lease", "token", "kubeconfig"].map(mode), [0o700, 0o600, 0o600, 0o600]);
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!((&*read("lease"), &*read("token")), (ID, "leased"));
    let kubeconfig: Value = serde_json::from_str(&read("kubeconfig")).unwrap();
    let token_file = directory.join("token");
    assert_eq!(kubeconfig["users"][0]["user"]["tokenFile"], token_file.to_str().unwrap());
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], "https://cluster.example");

    let outcome = revoke(&machine, "job");
    assert_eq!((outcome.code, &*outcome.printed), (0, &*format!("lease {ID} revoked\n")));
    assert!(!directory.exists());
    let outcome = revoke(&machine, "job");
    assert!(outcome.code == 0 && outcome.told.contains("no lease in job"), "{outcome:?}");
    let revoked = format!("DELETE /api/v1/leases/{ID}");
    assert_eq!(server.asked().iter().filter(|asked| asked.what == revoked).count(), 1);
}

#[test]
fn one_that_is_there_already_is_not_used() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    fs::create_dir(machine.home.path().join("job")).unwrap();
    let outcome = lease_to(&machine, "job");
    assert!(outcome.code == 1 && outcome.told.contains("could not create job"), "{outcome:?}");
    assert!(!server.asked().iter().any(|asked| asked.what.ends_with("/leases")));
}

#[test]
fn the_token_goes_also_if_the_lease_cannot_be_revoked_and_the_id_stays() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    assert_eq!(lease_to(&machine, "job").code, 0);
    let away = Answer::problem(502, "target_unreachable", "the cluster is away");
    server.answer(&format!("DELETE /api/v1/leases/{ID}"), &away);
    let outcome = revoke(&machine, "job");
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let left = fs::read_dir(machine.home.path().join("job")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lease"]);
}

#[test]
fn a_ca_that_is_missing_is_told_before_a_lease_is_asked_for() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let missing = ["--certificate-authority", "missing.crt"];
    let options = ["lease", "ci", "--server", "https://cluster.example", "--directory", "job"];
    let mut command = machine.command(&[&options[..], &missing].concat());
    let outcome = Outcome::of(command.current_dir(machine.home.path()));
    assert!(outcome.code == 1 && outcome.told.contains("missing.crt"), "{outcome:?}");
    assert!(!server.asked().iter().any(|asked| asked.what.ends_with("/leases")));
    assert!(!machine.home.path().join("job").exists());
}

#[test]
fn a_signal_does_not_come_between_a_lease_and_its_files() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let issued = with(lease(), "token", json!("leased"));
    server.answer(ISSUE, &Answer::json(201, &issued).after(Duration::from_secs(1)));
    for signal in ["INT", "TERM", "HUP"] {
        let options = ["lease", "ci", "--server", "https://cluster.example", "--directory", "job"];
        let mut command = machine.command(&options);
        let asked = server.asked().len();
        let child =
            command.current_dir(machine.home.path()).stderr(Stdio::piped()).spawn().unwrap();
        while server.asked().len() == asked {
            thread::sleep(Duration::from_millis(5));
        }
        let kill = ["-s", signal, &child.id().to_string()];
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{signal}: {output:?}");
        assert_eq!(server.asked().pop().unwrap().what, format!("DELETE /api/v1/leases/{ID}"));
        assert!(!machine.home.path().join("job").exists(), "{signal}");
    }
}
