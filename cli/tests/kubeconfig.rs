//! Contexts that are added to kubectl's own files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::thread;

use serde_json::json;

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, ID, Server, lease};

/// A server that knows the cluster of `ci`.
fn server() -> Server {
    let server = Server::of_kubelease();
    let document = json!({
        "clusters": [{"name": "kubelease-prod", "cluster": {"server": "https://prod.example",
            "certificate-authority-data": "Q0E="}}],
        "contexts": [{"name": "x", "context": {"cluster": "kubelease-prod", "user": "x", "namespace": "apps"}}],
    });
    server.answer("GET /api/v1/dynamic-secrets/ci/kubeconfig", &Answer::ok(&document));
    server
}

fn config(machine: &Machine) -> PathBuf {
    machine.home.path().join(".kube/config")
}

fn holding(machine: &Machine, text: &str) -> PathBuf {
    let config = config(machine);
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, text).unwrap();
    config
}

#[test]
fn a_new_file_is_for_its_owner_and_has_no_secret() {
    let server = server();
    let machine = Machine::logged_in(&server);
    let outcome = machine.outcome(&["kubeconfig", "ci"]);
    assert_eq!((outcome.code, &*outcome.printed), (0, ""), "{outcome:?}");
    let file = config(&machine);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("sesame"), "{text}");
    let expected = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: \"Q0E=\"\n    \
         server: \"https://prod.example\"\n  name: \"kubelease-prod\"\nusers:\n- name: \"kubelease-ci\"\n  user:\n    \
         exec:\n      apiVersion: \"client.authentication.k8s.io/v1\"\n      args:\n        - \"exec-credential\"\n        \
         - \"ci\"\n        - \"--profile=default\"\n        - \"--url={}\"\n      command: \"kubelease\"\n      \
         installHint: \"The command kubelease leases the credential of this context: put it on the PATH.\"\n      \
         interactiveMode: \"Never\"\n      provideClusterInfo: false\ncontexts:\n- context:\n    \
         cluster: \"kubelease-prod\"\n    namespace: \"apps\"\n    user: \"kubelease-ci\"\n  name: \"kubelease-ci\"\n\
         current-context: \"kubelease-ci\"\n",
        server.url
    );
    assert_eq!(text, expected);

    // A second time nothing changes, and another context leaves the first one as it is.
    assert_eq!(machine.outcome(&["kubeconfig", "ci"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let outcome = machine.outcome(&["kubeconfig", "ci", "--context", "night", "--ttl", "1h"]);
    assert!(outcome.code == 0 && outcome.told.contains("Another context"), "{outcome:?}");
    let text = fs::read_to_string(&file).unwrap();
    for part in ["name: \"night\"", "--ttl=1h", "current-context: \"kubelease-ci\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(machine.outcome(&["kubeconfig", "ci", "--context", "night", "--use"]).code, 0);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("current-context: \"night\"") && text.contains("kubelease-ci"), "{text}");
}

#[test]
fn comments_mode_and_link_stay() {
    let server = server();
    let machine = Machine::logged_in(&server);
    let file = holding(
        &machine,
        "# mine\nkind: Config\nusers:\n- name: x # the first\n  user: {}\n# end\n",
    );
    let real = machine.home.path().join("dotfile");
    fs::rename(&file, &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, &file).unwrap();
    assert_eq!(machine.outcome(&["kubeconfig", "ci"]).code, 0);
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    let text = fs::read_to_string(&real).unwrap();
    for part in ["# mine\nkind", "x # the first\n  user: {}\n- name: \"kubelease-ci\"", "\n# end\n"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_kubelease_has_not_made_is_replaced_by_force_alone() {
    let server = server();
    let machine = Machine::logged_in(&server);
    let context = |user: &str| {
        format!("contexts:\n- {{name: kubelease-ci, context: {{cluster: c, user: {user}}}}}\n")
    };
    let cluster = "clusters:\n- {name: kubelease-prod, cluster: {server: \"https://other\"}}\n";
    let user = "users:\n- {name: kubelease-ci, user: {token: mine}}\n";
    let ours =
        "users:\n- name: u\n  user: {exec: {command: kubelease, args: [exec-credential, ci]}}\n";
    for (text, is_ours) in [
        (user.to_owned(), false),
        (context("me"), false),
        (cluster.to_owned(), false),
        // The cluster is another's too.
        (
            format!(
                "{cluster}{ours}contexts:\n- {{name: a, context: {{cluster: kubelease-prod, user: u}}}}\n\
                  - {{name: b, context: {{cluster: kubelease-prod, user: me}}}}\n"
            ),
            false,
        ),
        (format!("{}{ours}", context("u")), true),
        (
            format!(
                "{cluster}{ours}contexts:\n- {{name: a, context: {{cluster: kubelease-prod, user: u}}}}\n"
            ),
            true,
        ),
    ] {
        let file = holding(&machine, &text);
        let outcome = machine.outcome(&["kubeconfig", "ci"]);
        assert_eq!(outcome.code, if is_ours { 0 } else { 3 }, "{text}: {outcome:?}");
        assert!(!outcome.told.contains("mine"), "{outcome:?}");
        if !is_ours {
            assert!(outcome.told.contains("--force"), "{outcome:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            let outcome = machine.outcome(&["kubeconfig", "ci", "--force"]);
            assert_eq!(outcome.code, 0, "{text}: {outcome:?}");
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("https://prod.example") && !text.contains("token: mine"), "{text}");
        assert!(!file.with_extension("lock").exists());
    }
}

#[test]
fn of_several_files_the_one_that_kubectl_would_write_is_written() {
    let server = server();
    let machine = Machine::logged_in(&server);
    let path = |name: &str| machine.home.path().join(name);
    let all = std::env::join_paths(["one", "two", "three"].map(path)).unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["kubeconfig", "ci"][..], more].concat();
        Outcome::of(machine.command(&arguments).env("KUBECONFIG", &all))
    };
    fs::write(path("two"), "current-context: other\n").unwrap();
    let outcome = run(&[]);
    assert!(outcome.code == 0 && outcome.told.contains("two"), "{outcome:?}");
    // It stays in the file that has it, though another comes before.
    fs::write(path("one"), "{\"kind\": \"Config\"}").unwrap();
    assert_eq!(run(&[]).code, 0);
    assert_eq!(fs::read_to_string(path("one")).unwrap(), "{\"kind\": \"Config\"}");
    // A user of that name in any of the files is not hidden by ours.
    fs::write(path("three"), "users: [{name: night}]\n").unwrap();
    assert_eq!(run(&["--context", "night"]).code, 3);
    assert!(!path("three.lock").exists() && !path("one.lock").exists());
    // A file in JSON stays JSON.
    assert_eq!(run(&["--kubeconfig", path("one").to_str().unwrap()]).code, 0);
    let text = fs::read_to_string(path("one")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["current-context"], "kubelease-ci");
}

#[test]
fn a_file_that_cannot_be_changed_stays_as_it_is() {
    let server = server();
    let machine = Machine::logged_in(&server);
    for text in ["users: [{name: x, user: {token: mine}}]\n", "a: [\n", "a: 1\n---\nb: 1\n"] {
        let file = holding(&machine, text);
        let outcome = machine.outcome(&["kubeconfig", "ci"]);
        assert!(outcome.code == 1 && outcome.told.contains("--print"), "{outcome:?}");
        assert!(!outcome.told.contains("mine"), "{outcome:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    // Somebody else writes it just now, and does not end.
    let file = holding(&machine, "kind: Config\n");
    fs::write(file.with_extension("lock"), "").unwrap();
    let outcome = machine.outcome(&["kubeconfig", "ci"]);
    assert!(outcome.code == 1 && outcome.told.contains("Delete that file"), "{outcome:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "kind: Config\n");
}

#[test]
fn of_many_at_once_each_adds_its_context() {
    let server = server();
    let machine = Machine::logged_in(&server);
    let names: Vec<_> = (0..12).map(|number| format!("context-{number}")).collect();
    thread::scope(|scope| {
        for name in &names {
            let machine = &machine;
            scope.spawn(move || {
                let outcome = machine.outcome(&["kubeconfig", "ci", "--context", name]);
                assert_eq!(outcome.code, 0, "{outcome:?}");
            });
        }
    });
    let text = fs::read_to_string(config(&machine)).unwrap();
    for name in &names {
        assert!(text.contains(&format!("  name: \"{name}\"\n")), "{name}: {text}");
    }
}

#[test]
fn a_lease_is_not_renewed_for_a_kubeconfig_that_cannot_be_printed() {
    let known = format!("GET /api/v1/leases/{ID}");
    let server = server();
    server.answer(&known, &Answer::ok(&lease()));
    let machine = Machine::logged_in(&server);
    let renew = ["renew", ID, "-o", "kubeconfig"];
    let renewed = format!("POST /api/v1/leases/{ID}/renew");
    let is_renewed = || server.asked().iter().any(|asked| asked.what == renewed);
    let gone = Answer::problem(403, "target_disabled", "nothing is leased there");
    server.answer("GET /api/v1/dynamic-secrets/ci/kubeconfig", &gone);
    let outcome = machine.outcome(&renew);
    assert!(outcome.code == 3 && outcome.told.contains("target_disabled"), "{outcome:?}");
    assert!(!is_renewed(), "its new token is lost");
    let server = self::server();
    server.answer(&known, &Answer::ok(&lease()));
    let machine = Machine::logged_in(&server);
    let outcome = machine.outcome(&renew);
    assert!(outcome.code == 0 && outcome.printed.contains("https://prod.example"), "{outcome:?}");
    assert!(server.asked().iter().any(|asked| asked.what == renewed), "it is renewed");
}
