//! Texts that people read, compared with files: helps, man pages, tables and errors.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p kubelease-cli snapshots` writes the files anew; look at the difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, ID, ISSUE, Server, lease, with};

#[test]
fn helps() {
    let server = Server::start();
    let machine = Machine::new(&server);
    let mut helps = BTreeMap::new();
    let mut open = vec![vec![]];
    while let Some(path) = open.pop() {
        let mut arguments = path.clone();
        arguments.push("--help".to_owned());
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let outcome = machine.outcome(&arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        for name in subcommands(&outcome.printed) {
            open.push([&path[..], &[name]].concat());
        }
        let name = [&["kubelease".to_owned()], &path[..]].concat().join("-");
        helps.insert(format!("{name}.txt"), outcome.printed);
    }
    assert!(helps.len() > 10, "{:?}", helps.keys());
    compare("help", helps);
}

/// The names under `Commands:` of a help.
fn subcommands(help: &str) -> Vec<String> {
    let section = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.is_empty());
    // A long text goes on in a line that is indented further.
    let names =
        lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next());
    // `help` has no help of its own: it shows those of the others.
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn man_pages() {
    let server = Server::start();
    let machine = Machine::new(&server);
    let directory = machine.home.path().join("man");
    let outcome = machine.outcome(&["man", "--output-dir", directory.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let page = fs::read_to_string(entry.path()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        pages.insert(name, page.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
    assert!(pages.len() > 10, "{:?}", pages.keys());
    assert_eq!(
        machine.outcome(&["man"]).printed.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
        pages["kubelease.1"]
    );
    compare("man", pages);
}

#[test]
fn tables() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let other = with(with(lease(), "state", json!("revoking")), "requester", json!("admin"));
    let long =
        with(with(lease(), "namespace", json!("a-longer-namespace")), "state", json!("pending"));
    let leases = json!({"items": [lease(), other, long]});
    server.answer("GET /api/v1/leases", &Answer::ok(&leases));
    let check = json!({"ok": false, "reachable": true, "problem": null, "version": "v1.37.0",
        "username": "system:serviceaccount:kubelease:broker", "warnings": ["the policy is not there"],
        "dynamic_secrets": [{"dynamic_secret": "ci", "issue": false, "revoke": true, "problem": null,
            "missing_permissions": [{"verb": "create", "group": "rbac.authorization.k8s.io",
                "resource": "rolebindings", "name": null, "namespace": "apps"}]}]});
    server.answer("POST /api/v1/targets/prod/check", &Answer::ok(&check));
    let sweep = json!({"due": 3, "done": 2, "postponed": 1, "more": true,
        "failed": [{"target": "prod", "reason": "unreachable", "count": 1}], "targets": {"old": "clock_jumped"}});
    server.answer("POST /api/v1/sweep", &Answer::ok(&sweep));
    compare_outcomes(
        "tables",
        &machine,
        &[
            ("whoami", &["whoami"]),
            ("leases", &["leases"]),
            ("lease", &["lease", "ci", "-o", "exec-credential"]),
            ("lease-env", &["lease", "ci", "-o", "env"]),
            ("revoke", &["revoke", ID]),
            ("revoke-all", &["revoke", "--all", "--dynamic-secret", "ci", "--yes"]),
            ("check", &["check", "prod"]),
            ("sweep", &["sweep"]),
            ("version", &["version"]),
            ("logout", &["logout"]),
            ("login", &["login", "--oidc", "--token-file", "id-token"]),
        ],
    );
}

#[test]
fn errors() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let fields = json!({"code": "invalid_body", "detail": "two fields do not fit", "errors": [
        {"pointer": "/ttl", "detail": "a duration is such as 15m"},
        {"pointer": "/audiences/0", "detail": "an audience is not empty"}]});
    server.answer(ISSUE, &Answer::json(400, &fields));
    let unknown = Answer::problem(404, "unknown_dynamic_secret", "there is no dynamic secret `cj`");
    server.answer("POST /api/v1/dynamic-secrets/cj/leases", &unknown);
    let away = Answer::problem(
        502,
        "target_unreachable",
        "the cluster of target `prod` cannot be reached",
    );
    server.answer(&format!("DELETE /api/v1/leases/{ID}"), &away);
    server.answer("POST /api/v1/sweep", &Answer::status(200).with_body("<html>"));
    compare_outcomes(
        "errors",
        &machine,
        &[
            ("fields", &["lease", "ci"]),
            ("fields-json", &["lease", "ci", "-o", "json"]),
            ("unknown-dynamic-secret", &["lease", "cj"]),
            ("cluster-away", &["revoke", ID]),
            ("not-kubelease", &["sweep"]),
            ("unknown-option", &["leases", "--dynamicsecret", "ci"]),
            ("bad-name", &["lease", "../ci"]),
            ("nobody-to-ask", &["revoke", "--all", "--dynamic-secret", "ci"]),
            ("no-token", &["login"]),
            ("not-logged-in", &["--profile", "other", "whoami"]),
            ("insecure", &["--url", "http://kubelease.example", "whoami"]),
            (
                "away",
                &[
                    "--url",
                    "http://127.0.0.1:9",
                    "--profile",
                    "other",
                    "login",
                    "--oidc",
                    "--token-file",
                    "id-token",
                ],
            ),
        ],
    );
}

/// Compares what commands print and tell, with their exit codes.
fn compare_outcomes(kind: &str, machine: &Machine, commands: &[(&str, &[&str])]) {
    let mut texts = BTreeMap::new();
    for (name, arguments) in commands {
        let outcome = Outcome::of(machine.command(arguments).current_dir(machine.home.path()));
        let Outcome { code, printed, told } = outcome;
        let text = format!(
            "$ kubelease {}\n{printed}--- standard error\n{told}--- exit code {code}\n",
            arguments.join(" ")
        );
        texts.insert(format!("{name}.txt"), normal(&text, machine));
    }
    compare(kind, texts);
}

/// Replaces what is another in each run.
fn normal(text: &str, machine: &Machine) -> String {
    let text = text.replace(&machine.server.url, "https://kubelease.example");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let text = text.replace(machine.home.path().to_str().unwrap(), "HOME");
    // The years up to the end of a lease, in days.
    let mut parts = text.split("in 2");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let is_years = digits == 4 && part[digits..].starts_with('d');
        normal += if is_years { "in 29999" } else { "in 2" };
        normal += if is_years { &part[digits..] } else { part };
    }
    normal
}

/// Compares texts with the files of a directory, or writes them.
fn compare(kind: &str, texts: BTreeMap<String, String>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(kind);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in &texts {
            fs::write(directory.join(name), text).unwrap();
        }
        return;
    }
    let files = fs::read_dir(&directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    });
    let files: BTreeMap<_, _> = files.collect();
    let names = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&texts), names(&files), "{UPDATE}");
    for (name, text) in texts {
        assert_eq!(text, files[&name], "{kind}/{name} is another: {UPDATE}");
    }
}

const UPDATE: &str = "if that is as it should be, set UPDATE_SNAPSHOTS=1";
