//! `target add-from-kubeconfig`, with a kubectl that says what a test likes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, Server};

const TARGET: &str = "GET /api/v1/targets/prod";
const PUT: &str = "PUT /api/v1/targets/prod";

/// A server with no target `prod` yet, which finds it good once it is there.
fn server() -> Server {
    let server = Server::of_kubelease();
    server.answer(TARGET, &Answer::problem(404, "unknown_target", "there is none"));
    server.answer(PUT, &Answer::json(201, &json!({"name": "prod", "change": "created"})));
    let told = json!({"allowed_outbound_hosts": [], "runtime_config": "[[client_tls]]\nx = 1\n",
        "notes": ["restart it"]});
    server.answer("GET /api/v1/targets/prod/runtime-config", &Answer::ok(&told));
    server
}

/// Puts a kubectl on the `PATH` that notes what it is asked, and has one context.
fn install(machine: &Machine<'_>, cluster: &Value) {
    let home = machine.home.path();
    let view = json!({"clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "sesame"}}]});
    fs::write(home.join("view.json"), view.to_string()).unwrap();
    let script = "#!/bin/sh\n\
        echo \"$@\" >> \"$HOME/asked\"\n\
        env >> \"$HOME/asked\"\n\
        case \"$*\" in\n\
        *'config view'*) cat \"$HOME/view.json\" ;;\n\
        *apply*) cat > \"$HOME/applied\"; test ! -e \"$HOME/broken\" && echo applied ;;\n\
        *'create token'*) echo leased ;;\n\
        esac\n";
    fs::create_dir_all(home.join("bin")).unwrap();
    let program = home.join("bin/kubectl");
    fs::write(&program, script).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(machine: &Machine<'_>, more: &[&str]) -> Outcome {
    let add = ["target", "add-from-kubeconfig", "admin@c", "prod", "--modes", "existing"];
    let arguments = [&add[..], &["-n", "apps", "--account", "robot"], more].concat();
    let mut command = machine.command(&arguments);
    let path = format!("{}:/usr/bin:/bin", machine.home.path().join("bin").display());
    let outcome = Outcome::of(command.env("PATH", path).env("KUBELEASE_TOKEN", "sesame"));
    outcome.assert_secret();
    outcome
}

/// The body of the put that counts, after a dry run of it with no credential.
fn put_body(server: &Server) -> Option<Value> {
    let asked = server.asked();
    let puts: Vec<_> = asked.iter().filter(|asked| asked.what == PUT).collect();
    if let [rehearsed, ..] = &puts[..] {
        assert_eq!(rehearsed.query, "dry_run=true");
        assert!(rehearsed.body.contains("not-created-yet"), "{}", rehearsed.body);
    }
    let put = puts.iter().find(|put| put.query.is_empty())?;
    Some(serde_json::from_str(&put.body).unwrap())
}

#[test]
fn a_cluster_is_set_up_with_the_kubectl_of_its_administrator() {
    let server = server();
    let machine = Machine::new(&server);
    install(
        &machine,
        &json!({"server": "https://c.example:6443", "certificate-authority-data": "UEVN"}),
    );
    let outcome = run(&machine, &["--yes"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.printed.contains("target/prod created"), "{outcome:?}");
    assert!(outcome.told.contains("[[client_tls]]\nx = 1") && outcome.told.contains("restart it"));
    let spec = json!({"url": "https://c.example:6443", "ca": "custom", "ca_certificate": "PEM",
        "auth": {"type": "token", "token": "leased"}});
    assert_eq!(put_body(&server), Some(spec));
    let asked = fs::read_to_string(machine.home.path().join("asked")).unwrap();
    let token = "--context=admin@c create token kubelease -n kubelease --duration=8760h";
    assert!(asked.contains(token) && !asked.contains("sesame"), "{asked}");
    let applied = fs::read_to_string(machine.home.path().join("applied")).unwrap();
    assert!(applied.contains("kind: ServiceAccount") && applied.contains("- robot"), "{applied}");
    assert!(!applied.contains("null"), "`kubectl create` refuses a null field: {applied}");
}

#[test]
fn a_credential_is_replaced_and_what_else_is_said_stays() {
    let server = server();
    let known = json!({"name": "prod", "url": "https://c.example/", "auth": {"type": "token"},
        "ca": "custom", "description": "ours", "disabled": false, "apply_set": "infra",
        "created_at": "t", "updated_at": "t", "cluster": null, "last_check": null});
    server.answer(TARGET, &Answer::ok(&known));
    let machine = Machine::new(&server);
    install(&machine, &json!({"server": "https://c.example"}));
    assert_eq!(run(&machine, &["--yes"]).code, 0);
    let spec = json!({"url": "https://c.example", "ca": "system", "ca_certificate": null,
        "description": "ours", "apply_set": "infra", "auth": {"type": "token", "token": "leased"}});
    assert_eq!(put_body(&server), Some(spec));
}

#[test]
fn nothing_is_applied_or_put_that_was_not_meant() {
    let good = json!({"server": "https://c.example"});
    let other = json!({"name": "prod", "url": "https://other.example", "auth": {"type": "token"}});
    for (cluster, known, is_broken, more, code, told) in [
        (&good, None, false, &["--print"][..], 0, ""),
        (&good, None, false, &[], 2, "review it with `--print`"),
        (&good, Some(&other), false, &["--yes"], 1, "has another URL"),
        (
            &json!({"server": "https://c.example", "insecure-skip-tls-verify": true}),
            None,
            false,
            &["--yes"],
            1,
            "skips the verification of the API server",
        ),
        (&good, None, true, &["--yes"], 1, "`kubectl apply -f` has failed"),
        (&good, None, false, &["--modes", "temporary-role", "--yes"], 2, "needs `--role`"),
        (&good, None, false, &["--service-account", "x", "--yes"], 2, "`NAMESPACE/NAME`"),
    ] {
        let server = server();
        if let Some(known) = known {
            server.answer(TARGET, &Answer::ok(known));
        }
        let machine = Machine::new(&server);
        install(&machine, cluster);
        if is_broken {
            fs::write(machine.home.path().join("broken"), "").unwrap();
        }
        let outcome = run(&machine, more);
        assert_eq!(outcome.code, code, "{more:?}: {outcome:?}");
        assert!(outcome.told.contains(told), "{more:?}: {outcome:?}");
        let is_applied = machine.home.path().join("applied").exists();
        assert_eq!(is_applied, is_broken, "{more:?}: {outcome:?}");
        assert_eq!(put_body(&server), None, "{more:?}: {outcome:?}");
    }
}

#[test]
fn a_target_that_is_refused_costs_the_cluster_nothing() {
    let server = server();
    let refusal = Answer::problem(422, "validation_failed", "the url is not for targets");
    server.answer(PUT, &refusal);
    let machine = Machine::new(&server);
    install(&machine, &json!({"server": "https://c.example"}));
    let outcome = run(&machine, &["--yes"]);
    assert!(outcome.code == 3 && outcome.told.contains("not for targets"), "{outcome:?}");
    assert!(!machine.home.path().join("applied").exists(), "no object");
    let asked = fs::read_to_string(machine.home.path().join("asked")).unwrap_or_default();
    assert!(!asked.contains("create token"), "no credential: {asked}");
}

#[test]
fn a_failure_of_kubectl_is_in_the_json_and_not_beside_it() {
    let server = server();
    let machine = Machine::new(&server);
    install(&machine, &json!({"server": "https://c.example"}));
    let program = machine.home.path().join("bin/kubectl");
    let script = fs::read_to_string(&program).unwrap();
    let failing = script
        .replace("*apply*)", "*apply*) echo 'error: no such context' >&2; exit 1 ;;\n*unused*)");
    fs::write(&program, failing).unwrap();
    let outcome = run(&machine, &["--yes", "-o", "json"]);
    let error: Value = serde_json::from_str(&outcome.told).unwrap();
    assert_eq!((outcome.code, &*outcome.printed), (1, ""), "{outcome:?}");
    assert_eq!(error["error"]["detail"], "`kubectl apply -f` has failed");
    assert_eq!(error["error"]["hint"], "error: no such context");
}
