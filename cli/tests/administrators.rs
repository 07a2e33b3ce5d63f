//! `audit` and `explain`: what is printed, and the exit code.

use std::fs;

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, Server};

fn event(id: &str, event: &str, time: &str, more: &Value) -> Value {
    let mut event = json!({"id": id, "time": time, "event": event, "decision": "allowed",
        "requester": "administrator"});
    for (field, value) in more.as_object().into_iter().flatten() {
        event[field] = value.clone();
    }
    event
}

#[test]
fn events_are_printed_the_newest_last_and_what_was_altered_is_marked() {
    let server = Server::of_kubelease();
    let items = [
        event(
            "audit.2",
            "refusal",
            "2026-11-28T05:00:00Z",
            &json!({"reason": "a\u{1b}[2Jb", "altered": true}),
        ),
        event(
            "audit.1",
            "target_put",
            "2026-11-28T04:00:00.5Z",
            &json!({"target": "prod", "change": "created"}),
        ),
    ];
    server.answer("GET /api/v1/audit", &Answer::ok(&json!({ "items": items })));
    let machine = Machine::logged_in(&server);
    let outcome = machine.outcome(&["audit", "--identity", "ci"]);
    let lines: Vec<_> = outcome.printed.lines().collect();
    assert_eq!((outcome.code, lines.len()), (0, 3), "{outcome:?}");
    assert!(lines[1].starts_with("2026-11-28T04:00:00Z   target_put"), "{outcome:?}");
    assert!(lines[1].ends_with("prod    created"), "{outcome:?}");
    assert!(
        lines[2].contains("refusal (ALTERED)") && !outcome.printed.contains('\u{1b}'),
        "{outcome:?}"
    );
    let printed = machine.outcome(&["audit", "-o", "json", "--limit", "1"]).printed;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed.as_array().map(Vec::len), Some(1));
    assert_eq!(printed[0]["id"], "audit.2");
    assert_eq!(machine.outcome(&["audit", "--type", "a&b"]).code, 2);
    assert_eq!(machine.outcome(&["audit", "-f", "--verify"]).code, 2);
}

#[test]
fn a_verification_that_finds_something_fails() {
    for (findings, code) in [(json!([]), 0), (json!([{"finding": "missing", "id": "audit.7"}]), 1)]
    {
        let server = Server::of_kubelease();
        let found = json!({"checked": 41, "voids": 0, "unsettled": 0, "findings": findings});
        server.answer("GET /api/v1/audit/verify", &Answer::ok(&found));
        let outcome = Machine::logged_in(&server).outcome(&["audit", "--verify"]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(
            outcome.printed.starts_with("41 events are unchanged since they were recorded\n"),
            "{outcome:?}"
        );
        assert_eq!(outcome.printed.contains("audit.7"), code == 1, "{outcome:?}");
    }
}

#[test]
fn an_explanation_has_its_rules_and_a_refusal_its_exit_code() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let rule = json!({"rule": "claims.ref", "passed": false, "compared": "refs/heads/dev", "would_pass": ["refs/heads/main"]});
    let unseen = json!({"rule": "ttl", "passed": null, "compared": null, "would_pass": "1h"});
    let refused = json!({"allowed": false,
        "refusal": {"status": 401, "code": "login_refused", "detail": "nobody is let in", "reason": "claim `ref`"},
        "identity": {"name": "ci", "rules": []},
        "login": {"admitted": false, "methods": [{"index": 0, "type": "oidc", "admits": false, "rules": [rule]}]},
        "issue": {"rules": [unseen], "objects": []}});
    server.answer("POST /api/v1/explain", &Answer::ok(&refused));
    let claims = machine.home.path().join("claims.yaml");
    fs::write(&claims, "ref: refs/heads/dev\n").unwrap();
    let arguments = ["explain", "ci", "deploy", "--claims", claims.to_str().unwrap()];
    let outcome = machine.outcome(&arguments);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let text = "It would be refused: nobody is let in (login_refused)\nReason: claim `ref`\n\nlogin 0 (oidc)\n  \
        NO  claims.ref: refs/heads/dev; would pass: [\"refs/heads/main\"]\n\nissue\n  --  ttl: -\n";
    assert_eq!(outcome.printed, text);
    let asked = server.asked().pop().unwrap();
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({"identity": "ci", "dynamic_secret": "deploy", "claims": {"ref": "refs/heads/dev"}})
    );

    let allowed = json!({"allowed": true, "identity": {"name": "ci", "rules": []}});
    server.answer("POST /api/v1/explain", &Answer::ok(&allowed));
    let token = machine.home.path().join("token");
    fs::write(&token, "ey.ci.job\n").unwrap();
    let mut command = machine.command(&["explain", "ci", "--token-file", token.to_str().unwrap()]);
    let outcome = Outcome::of(&mut command);
    outcome.assert_secret();
    assert_eq!((outcome.code, outcome.printed.as_str()), (0, "It would be allowed.\n"));
    assert!(server.asked().pop().unwrap().body.contains("\"jwt\":\"ey.ci.job\""));
}
