//! Files that are broken, a home that cannot be written, and several profiles.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome, program};
use crate::server::{Answer, ID, ISSUE, Server, access_token, lease, with};

#[test]
fn a_broken_login_is_told_and_the_next_login_takes_its_place() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let file = machine.login_file("default");
    let whole = fs::read(&file).unwrap();
    for broken in [&whole[..0], &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"\0\xff"] {
        fs::write(&file, broken).unwrap();
        let outcome = machine.outcome(&["whoami"]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        let told =
            format!("{} is not a valid login: log in again with `kubelease login`", file.display());
        assert!(outcome.told.contains(&told), "{outcome:?}");
        outcome.assert_secret();
        assert_eq!(machine.log_in("default").code, 0);
        assert_eq!(machine.outcome(&["whoami"]).code, 0);
    }
    fs::write(&file, &whole[..10]).unwrap();
    let outcome = machine.outcome(&["logout"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.told.contains("was not revoked") && !file.exists(), "{outcome:?}");
}

#[test]
fn a_login_that_others_can_read_is_not_used_and_the_next_one_cannot_be_read() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let file = machine.login_file("default");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let outcome = machine.outcome(&["whoami"]);
    assert!(outcome.code == 1 && outcome.told.contains("can be read by others"), "{outcome:?}");
    assert_eq!(machine.log_in("default").code, 0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(machine.outcome(&["whoami"]).code, 0);
}

/// Kills logins at every moment of theirs: what is kept is the login before, or the new one.
#[test]
fn a_login_that_is_killed_leaves_a_whole_login() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let file = machine.home.path().join("id-token");
    let file = file.to_str().unwrap();
    for milliseconds in 0..40 {
        let mut login = machine.command(&["login", "--oidc", "--token-file", file]);
        let mut login = login.stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        login.kill().unwrap();
        login.wait().unwrap();
        let outcome = machine.outcome(&["whoami"]);
        assert_eq!(outcome.code, 0, "killed after {milliseconds} ms: {outcome:?}");
    }
}

/// A home that the program's user cannot write. Root can write anywhere, so that the program runs as somebody else.
struct LockedHome {
    home: tempfile::TempDir,
    program: std::path::PathBuf,
}

impl LockedHome {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let copy = home.path().join("kubelease");
        fs::copy(program(), &copy).unwrap();
        fs::write(home.path().join("id-token"), "ey.ci.job").unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o555)).unwrap();
        Self { home, program: copy }
    }

    fn command(&self, server: &Server, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("HOME", self.home.path());
        command.env("KUBELEASE_URL", &server.url).env("PATH", "/usr/bin:/bin");
        if rustix::process::getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

#[test]
fn a_home_that_cannot_be_written_stops_a_login_and_nothing_else() {
    let server = Server::of_kubelease();
    let locked = LockedHome::new();
    let file = locked.home.path().join("id-token");
    let file = file.to_str().unwrap();
    let login = ["login", "--oidc", "--token-file", file];
    let outcome = Outcome::of(&mut locked.command(&server, &login));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(
        outcome.told.contains("could not create") && outcome.told.contains("`XDG_STATE_HOME`"),
        "{outcome:?}"
    );
    outcome.assert_secret();
    let last = server.asked().pop().unwrap();
    assert_eq!(last.what, "POST /api/v1/auth/token/revoke", "the new token is nobody's");
    assert_eq!(last.authorization.as_deref(), Some("Bearer sesame"));

    for home in [locked.home.path().to_str().unwrap(), "/dev/null", "/nowhere", ""] {
        for arguments in [&["whoami"][..], &["leases"], &["lease", "ci"]] {
            let mut command = locked.command(&server, arguments);
            let outcome = Outcome::of(command.env("HOME", home).env("KUBELEASE_TOKEN", "sesame"));
            assert_eq!(outcome.code, 0, "{home} {arguments:?}: {outcome:?}");
        }
        // A job without a login of its own keeps nothing, and needs no place for it.
        let mut job = locked.command(&server, &["whoami"]);
        job.env("HOME", home).env("GITLAB_CI", "true").env("KUBELEASE_ID_TOKEN", "ey.ci.job");
        let outcome = Outcome::of(&mut job);
        assert_eq!(outcome.code, 0, "{home}: {outcome:?}");
        let logout = Outcome::of(locked.command(&server, &["logout"]).env("HOME", home));
        assert!(logout.code == 0 && logout.told.contains("Nobody"), "{home}: {logout:?}");
    }
}

/// Without a place to keep it in, each command of kubectl would make a lease.
#[test]
fn a_cache_that_cannot_be_written_is_told_before_there_is_a_lease() {
    let server = Server::of_kubelease();
    let locked = LockedHome::new();
    let mut plugin = locked.command(&server, &["exec-credential", "ci"]);
    let outcome = Outcome::of(plugin.env("KUBELEASE_TOKEN", "sesame"));
    assert!(outcome.code == 1 && outcome.told.contains("could not create"), "{outcome:?}");
    assert!(!server.asked().iter().any(|asked| asked.what.ends_with("/leases")));
}

#[test]
fn profiles_at_once_do_not_mix() {
    let servers = [Server::of_kubelease(), Server::of_kubelease()];
    for (server, token) in servers.iter().zip(["sesame-one", "sesame-two"]) {
        for what in ["POST /api/v1/auth/oidc/login", "POST /api/v1/auth/token/renew"] {
            server.answer(what, &Answer::ok(&access_token(token)));
        }
    }
    let machine = Machine::new(&servers[0]);
    fs::write(machine.home.path().join("id-token"), "ey.ci.job").unwrap();
    let profiles = [("one", &servers[0]), ("two", &servers[1])];
    thread::scope(|scope| {
        for (profile, server) in profiles.iter().cycle().take(16) {
            let machine = &machine;
            scope.spawn(move || {
                let file = machine.home.path().join("id-token");
                let login = ["--profile", profile, "login", "--oidc", "--token-file"];
                let mut login = machine.command(&login);
                let outcome = Outcome::of(login.arg(file).env("KUBELEASE_URL", &server.url));
                assert_eq!(outcome.code, 0, "{outcome:?}");
                let mut whoami = machine.command(&["whoami"]);
                whoami.env_remove("KUBELEASE_URL").env("KUBELEASE_PROFILE", profile);
                let outcome = Outcome::of(&mut whoami);
                assert!(outcome.code == 0 && outcome.printed.contains(&server.url), "{outcome:?}");
            });
        }
    });
    for (server, token) in servers.iter().zip(["Bearer sesame-one", "Bearer sesame-two"]) {
        let shown: Vec<_> =
            server.asked().into_iter().filter_map(|asked| asked.authorization).collect();
        assert_eq!(shown, vec![token; 8]);
    }
    // A login is shown to its own server alone, whatever the environment names.
    let mut whoami = machine.command(&["--profile", "one", "whoami"]);
    let outcome = Outcome::of(whoami.env("KUBELEASE_URL", &servers[1].url));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_eq!(servers[1].asked().len(), 16);
}

/// The user `nobody` of most systems.
const NOBODY: u32 = 65_534;

/// kubectl must not send the token of one server's lease to another's cluster.
#[test]
fn a_kept_lease_is_its_login_s_and_goes_with_it() {
    let servers = [Server::of_kubelease(), Server::of_kubelease()];
    for (server, token) in servers.iter().zip(["leased-one", "leased-two"]) {
        server.answer("POST /api/v1/auth/oidc/login", &Answer::ok(&access_token("sesame")));
        let issued = with(lease(), "token", json!(token));
        server.answer(ISSUE, &Answer::json(201, &issued));
        server.answer("DELETE /api/v1/auth/token", &Answer::json(204, &json!(null)));
    }
    let machine = Machine::new(&servers[0]);
    fs::write(machine.home.path().join("id-token"), "ey.ci.job").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = machine.command(arguments);
        Outcome::of(command.current_dir(machine.home.path()).env_remove("KUBELEASE_URL"))
    };
    for (server, token) in servers.iter().zip(["leased-one", "leased-two"]) {
        let login = ["login", "--url", &server.url, "--oidc", "--token-file", "id-token"];
        assert_eq!(run(&login).code, 0);
        let outcome = run(&["exec-credential", "ci"]);
        assert!(outcome.code == 0 && outcome.printed.contains(token), "{outcome:?}");
    }
    run(&["logout"]);
    let kept = machine.home.path().join(".cache/kubelease/leases/default");
    assert!(!kept.exists(), "no token stays on the disk");
    let outcome = run(&["exec-credential", "ci"]);
    assert!(outcome.code != 0 && !outcome.printed.contains("leased"), "{outcome:?}");
}

#[test]
fn a_kept_lease_outlives_an_outage_in_the_last_fifth_of_its_time() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    assert_eq!(machine.outcome(&["exec-credential", "ci"]).code, 0);
    let kept = machine.home.path().join(".cache/kubelease/leases/default");
    let file = kept_lease(&kept);
    let mut content: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    content["renew_at"] = json!("2026-01-01T00:00:00Z");
    fs::write(&file, content.to_string()).unwrap();
    let away = Answer::problem(503, "store_unavailable", "the store is away");
    for what in [format!("POST /api/v1/leases/{ID}/renew"), ISSUE.to_owned()] {
        server.answer(&what, &away);
    }
    let outcome = machine.outcome(&["exec-credential", "ci"]);
    assert!(outcome.code == 0 && outcome.printed.contains("leased"), "{outcome:?}");
    // A login that cannot be read is no matter to whoever brings a token.
    fs::write(machine.login_file("default"), "{").unwrap();
    let mut plugin = machine.command(&["exec-credential", "ci"]);
    let outcome = Outcome::of(plugin.env("KUBELEASE_TOKEN", "sesame"));
    assert!(outcome.code == 4 && outcome.told.contains("the store is away"), "{outcome:?}");
}

/// Kills plugins at every moment of theirs: the next one has the kept lease, or leases anew.
#[test]
fn a_plugin_that_is_killed_leaves_no_half_written_lease() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let kept = machine.home.path().join(".cache/kubelease/leases/default");
    let give = |killed: &str| {
        let outcome = machine.outcome(&["exec-credential", "ci"]);
        assert!(outcome.code == 0 && outcome.printed.contains("leased"), "{killed}: {outcome:?}");
    };
    for milliseconds in 0..40 {
        let _ = fs::remove_dir_all(&kept);
        let mut plugin = machine.command(&["exec-credential", "ci"]);
        let mut plugin = plugin.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        plugin.kill().unwrap();
        plugin.wait().unwrap();
        give(&format!("killed after {milliseconds} ms"));
    }
    // A power cut may leave what no killed process does.
    let file = kept_lease(&kept);
    let whole = fs::read(&file).unwrap();
    for broken in [&whole[..0], &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"\0\xff"] {
        fs::write(&file, broken).unwrap();
        give(&format!("{} bytes", broken.len()));
        assert_eq!(fs::metadata(&file).unwrap().len(), whole.len() as u64, "it is whole again");
    }
}

#[test]
fn a_completion_whose_reader_is_gone_does_not_abort() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    let mut completion = machine.command(&["completion", "zsh"]);
    let mut child = completion.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert!(status.code().is_some(), "{status}");
}

/// Returns the one file of a lease in a directory of kept leases.
fn kept_lease(kept: &Path) -> PathBuf {
    let files = fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "json"));
    file.expect("a kept lease")
}
