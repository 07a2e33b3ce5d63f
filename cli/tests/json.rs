//! `--output json`: each command prints one document to standard output.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::server::{END, ID, Server, caller, lease, with};

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
