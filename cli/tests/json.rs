//! `--output json`: each command prints one document to standard output.

use std::fs;

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, END, ID, Server, caller, lease, with};

#[test]
fn each_command_prints_json() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let file = machine.home.path().join("id-token");
    let issued = with(lease(), "token", json!("leased"));
    let bulk = json!({"revoked": 2, "revoking": 0, "not_revocable": 1});
    for (arguments, printed) in [
        (&["whoami"][..], with(caller(), "kept_in", json!("file"))),
        (&["lease", "ci"], issued.clone()),
        (&["renew", ID], issued),
        (&["leases"], json!([lease()])),
        (&["revoke", ID], json!([{"lease_id": ID, "state": "revoked"}])),
        (&["revoke", "--all", "--dynamic-secret=ci", "--yes"], bulk),
        (
            &["check", "prod"],
            json!({"ok": true, "reachable": true, "problem": null, "version": "v1.37.0",
            "username": "system:serviceaccount:kubelease:broker", "dynamic_secrets": [], "warnings": []}),
        ),
        (
            &["sweep"],
            json!({"due": 3, "done": 2, "postponed": 1, "failed": [], "targets": {}, "more": false}),
        ),
        (&["version"], json!({"version": env!("CARGO_PKG_VERSION")})),
        (&["logout"], json!({"profile": "default", "server": server.url})),
        (&["logout"], json!({"profile": "default", "server": null})),
    ] {
        let outcome = machine.outcome(&[arguments, &["-o", "json"]].concat());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let document: Value = serde_json::from_str(&outcome.printed).unwrap();
        assert_eq!(document, printed, "{arguments:?}");
    }
    let outcome =
        machine.outcome(&["login", "--oidc", "--token-file", file.to_str().unwrap(), "-o", "json"]);
    let mut login: Value = serde_json::from_str(&outcome.printed).unwrap();
    assert!(login["expires_at"].take().as_str().unwrap() < END, "{outcome:?}");
    assert_eq!((&login["identity"], &login["kept_in"]), (&json!("ci"), &json!("file")));
    assert_eq!((&login["profile"], &login["server"]), (&json!("default"), &json!(server.url)));
    outcome.assert_secret();
}

#[test]
fn of_several_leases_each_has_its_outcome() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let unknown = "f".repeat(32);
    let outcome = machine.outcome(&["revoke", &unknown, ID, "-o", "json"]);
    assert_eq!((outcome.code, &*outcome.told), (3, ""), "{outcome:?}");
    let outcomes: Value = serde_json::from_str(&outcome.printed).unwrap();
    assert_eq!(
        (&outcomes[0]["lease_id"], &outcomes[0]["error"]["exit_code"]),
        (&json!(unknown), &json!(3))
    );
    assert_eq!(outcomes[1], json!({"lease_id": ID, "state": "revoked"}));
}

const TARGETS: &str = "/api/v1/targets";

/// A server with the target `prod`, to which `staging` can be added, and `broken` cannot.
fn server_of_targets() -> Server {
    let server = Server::of_kubelease();
    let shown = |name: &str| json!({"name": name, "url": format!("https://{name}.example"), "auth": {"type": "token"}, "ca": "system"});
    server.answer(&format!("GET {TARGETS}/prod"), &Answer::ok(&shown("prod")));
    server.answer(&format!("GET {TARGETS}"), &Answer::ok(&json!({"items": [shown("prod")]})));
    server.answer(&format!("DELETE {TARGETS}/prod"), &Answer::status(204));
    let absent = Answer::problem(404, "unknown_target", "there is no target of this name");
    for name in ["staging", "broken"] {
        server.answer(&format!("GET {TARGETS}/{name}"), &absent);
        server.answer(&format!("DELETE {TARGETS}/{name}"), &absent);
    }
    let put = with(with(shown("staging"), "change", json!("created")), "changed_fields", json!([]));
    server.answer(&format!("PUT {TARGETS}/staging"), &Answer::json(201, &put));
    let refused = Answer::problem(422, "validation_failed", "the url is not for targets");
    server.answer(&format!("PUT {TARGETS}/broken"), &refused);
    server
}

fn target(name: &str) -> String {
    format!(
        "apiVersion: kubelease.dev/v1\nkind: Target\nmetadata: {{name: {name}}}\nspec:\n  url: https://{name}.example\n  \
         auth: {{type: token, token: \"${{TARGET_TOKEN}}\"}}\n"
    )
}

#[test]
fn commands_over_definitions_print_json_with_failures_in_it() {
    let server = server_of_targets();
    let machine = Machine::logged_in(&server);
    let write = |file: &str, names: &[&str]| {
        let texts: Vec<_> = names.iter().map(|name| target(name)).collect();
        fs::write(machine.home.path().join(file), texts.join("---\n")).unwrap();
    };
    write("both.yaml", &["broken", "staging"]);
    write("good.yaml", &["staging"]);
    let run = |arguments: &[&str]| -> (i32, Value) {
        let mut command = machine.command(&[arguments, &["--output=json"]].concat());
        command.current_dir(machine.home.path()).env("TARGET_TOKEN", "sesame");
        let outcome = Outcome::of(&mut command);
        outcome.assert_secret();
        assert_eq!(outcome.told, "", "{outcome:?}");
        (outcome.code, serde_json::from_str(&outcome.printed).unwrap())
    };
    let (code, outcomes) = run(&["apply", "-f", "both.yaml"]);
    let created = json!({"kind": "Target", "name": "staging", "change": "created"});
    assert_eq!((code, &outcomes[1]), (3, &created), "{outcomes:#}");
    assert_eq!(outcomes[0]["name"], "broken");
    assert_eq!(outcomes[0]["error"]["code"], "validation_failed");
    let detail = outcomes[0]["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("both.yaml:1:1") && detail.contains("not for targets"), "{detail}");

    let (code, differences) = run(&["diff", "-f", "good.yaml"]);
    assert_eq!((code, differences.as_array().map(Vec::len)), (1, Some(1)), "{differences:#}");
    let difference = &differences[0];
    assert_eq!((&difference["change"], &difference["before"]), (&json!("created"), &Value::Null));
    assert_eq!(difference["after"]["metadata"], json!({"name": "staging"}));
    assert_eq!(difference["after"]["spec"]["url"], "https://staging.example");
    assert_eq!(difference["changed_secrets"], json!([]));

    let (code, exported) = run(&["export", "target"]);
    assert_eq!((code, &exported[0]["metadata"]["name"]), (0, &json!("prod")), "{exported:#}");
    let (code, outcomes) = run(&["delete", "target/staging", "target/prod"]);
    assert_eq!(code, 3, "{outcomes:#}");
    assert_eq!(outcomes[0]["error"]["detail"], "there is no target `staging`");
    assert_eq!(outcomes[1], json!({"kind": "Target", "name": "prod", "change": "deleted"}));
    let (code, _) = run(&["delete", "target", "staging", "--ignore-not-found"]);
    assert_eq!(code, 0);
}

#[test]
fn a_kubeconfig_is_told_as_json() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let kubeconfig = ["kubeconfig", "ci", "--server", "https://c.example", "-o", "json"];
    let outcome = machine.outcome(&kubeconfig);
    let told: Value = serde_json::from_str(&outcome.printed).unwrap();
    let file = machine.home.path().join(".kube/config");
    assert_eq!(told, json!({"context": "kubelease-ci", "kubeconfig": file, "current": true}));
}

#[test]
fn a_wrong_command_line_is_json_too() {
    let server = Server::of_kubelease();
    let machine = Machine::new(&server);
    for (arguments, detail) in [
        (&["leases", "--nonsense", "-o", "json"][..], "unexpected argument '--nonsense' found"),
        (&["lease", "-ojson"], "the following required arguments were not provided:"),
        (&["lease", "ci", "--ttl=soon", "--output=json"], "a duration is written like `15m`"),
        (
            &["audit", "--since", "today", "-o=json"],
            "a time is written like `2026-11-28T04:00:00Z`",
        ),
        (&["delete", "target", "--output", "json"], "no target is named"),
        (&["delete", "pods/x", "--output", "json"], "`pods`: "),
    ] {
        let outcome = machine.outcome(arguments);
        assert_eq!((outcome.code, &*outcome.printed), (2, ""), "{outcome:?}");
        let error: Value = serde_json::from_str(&outcome.told).unwrap();
        let (told, code) = (&error["error"]["detail"], &error["error"]["exit_code"]);
        assert!(told.as_str().unwrap().contains(detail), "{error:#}");
        assert_eq!(code, &json!(2));
    }
    // A command that is run has options of its own.
    let outcome = machine.outcome(&["run", "--nonsense", "--", "kubectl", "get", "-o", "json"]);
    assert!(outcome.told.starts_with("error: "), "{outcome:?}");
    let help = machine.outcome(&["help", "lease", "-o", "json"]);
    assert!(help.code == 2 && help.told.starts_with('{'), "{help:?}");
    assert!(machine.outcome(&["help", "lease"]).printed.contains("--namespace"));
}
