//! Logins in a real key ring: gnome-keyring, on a session bus of its own.

use std::fs;
use std::process::Command;

use crate::machine::{Machine, Outcome, program};
use crate::server::Server;

/// Runs a script of a desktop session, in which `kubelease` is the program.
fn session(machine: &Machine, script: &str) -> Outcome {
    for needed in ["dbus-run-session", "gnome-keyring-daemon"] {
        let found = Command::new(needed).arg("--version").output();
        assert!(found.is_ok(), "`cargo xtask test` installs {needed}");
    }
    let runtime = machine.home.path().join("run");
    fs::create_dir_all(&runtime).unwrap();
    fs::write(machine.home.path().join("id-token"), "ey.ci.job").unwrap();
    let start = format!("set -eu; kubelease() {{ {} \"$@\"; }}\n{script}", program().display());
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "bash", "-c", &start]).env_clear();
    command.env("HOME", machine.home.path()).env("XDG_RUNTIME_DIR", runtime);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("KUBELEASE_URL", &machine.server.url);
    Outcome::of(&mut command)
}

#[test]
fn a_login_is_kept_in_the_key_ring_where_there_is_one() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let outcome = session(
        &machine,
        &format!(
            "{UNLOCKED}
            kubelease login --oidc --token-file $HOME/id-token
            kubelease whoami
            kubelease whoami -o json | grep kept_in
            secret-tool lookup application kubelease profile default server $KUBELEASE_URL | md5sum
            KUBELEASE_KEYRING=off kubelease --profile other login --oidc --token-file $HOME/id-token
            cp $HOME/.local/state/kubelease/logins/*.json $HOME
            kubelease logout
            secret-tool lookup application kubelease profile default server $KUBELEASE_URL || echo gone"
        ),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.told.contains("kept in the system's key ring."), "{outcome:?}");
    assert!(outcome.told.contains("kept in a file of mode 0600."), "{outcome:?}");
    let row = outcome.printed.lines().find(|line| line.starts_with("Token kept in"));
    assert!(row.unwrap().ends_with("the system's key ring"), "{outcome:?}");
    assert!(outcome.printed.contains("\"kept_in\": \"key_ring\""), "{outcome:?}");
    // That of `sesame`.
    assert!(outcome.printed.contains("c8dae1c50e092f3d877192fc555b1dcf"), "{outcome:?}");
    assert!(outcome.printed.ends_with("gone\n"), "{outcome:?}");
    outcome.assert_secret();
    let kept = |name: &str| fs::read_to_string(machine.home.path().join(name)).unwrap();
    assert!(!kept("default.json").contains("sesame") && kept("other.json").contains("sesame"));
    assert_eq!(server.asked().pop().unwrap().what, "POST /api/v1/auth/token/revoke");
}

/// Nobody is there who could unlock it.
#[test]
fn a_locked_key_ring_is_told_and_a_file_is_used() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let outcome = session(
        &machine,
        &format!(
            "{LOCKED}
            kubelease login --oidc --token-file $HOME/id-token
            kubelease whoami"
        ),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.told.contains("The token is stored in a file"), "{outcome:?}");
    assert!(outcome.printed.contains("a file of mode 0600"), "{outcome:?}");
    outcome.assert_secret();
}

#[test]
fn a_key_ring_that_is_locked_after_the_login_is_told_with_what_to_do() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let login = format!("{UNLOCKED}\nkubelease login --oidc --token-file $HOME/id-token");
    let outcome = session(&machine, &login);
    assert!(outcome.told.contains("kept in the system's key ring."), "{outcome:?}");
    let outcome = session(&machine, &format!("{LOCKED}\nkubelease whoami"));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.told.contains("the key ring did not return the token"), "{outcome:?}");
    assert!(outcome.told.contains("Unlock it, or log in again"), "{outcome:?}");
    // Outside of a session there is no key ring at all, and a login does without.
    let outcome = machine.outcome(&["whoami"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert_eq!(machine.log_in("default").code, 0);
    assert_eq!(machine.outcome(&["whoami"]).code, 0);
}

const UNLOCKED: &str =
    "printf password | gnome-keyring-daemon --unlock --components=secrets >$HOME/daemon.log 2>&1";

const LOCKED: &str = "gnome-keyring-daemon --start --components=secrets >$HOME/daemon.log 2>&1";
