//! The exit code, and what is told with it.

use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::server::{Answer, ID, ISSUE, Server, lease, with};

/// Each exit code, by the ways to it.
#[test]
fn each_way_to_fail_has_its_exit_code_and_says_what_to_do() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let refused = |status, code| Answer::problem(status, code, "the server says so");
    let revoke = format!("DELETE /api/v1/leases/{ID}");
    let being_revoked = Answer::json(202, &with(lease(), "state", json!("revoking")));
    let half = json!({"revoked": 1, "revoking": 1, "not_revocable": 0, "next_cursor": null});
    let bad = json!({"ok": false, "reachable": true, "problem": "it is old", "version": null,
        "username": null, "dynamic_secrets": [], "warnings": []});
    let whole = ["revoke", "--all", "--dynamic-secret", "ci"];
    let lease_ci = &["lease", "ci"][..];
    let revoke_id = &["revoke", ID][..];
    for (arguments, answer, code, told) in [
        (&["whoami"][..], None, 0, ""),
        (revoke_id, None, 0, ""),
        (
            &["check", "prod"],
            Some(("POST /api/v1/targets/prod/check", Answer::ok(&bad))),
            1,
            "target `prod` has a problem",
        ),
        (lease_ci, Some((ISSUE, Answer::status(200).with_body("<html>"))), 1, "check the URL"),
        (&["lease"], None, 2, "<DYNAMIC_SECRET>"),
        (&["lease", "../x"], None, 2, "a name is 1 to 63"),
        (&["revoke", "../../x"], None, 2, "32"),
        (&["revoke", ID, "--state", "gone"], None, 2, "possible values"),
        (&whole, None, 2, "add `--yes`"),
        (&["revoke", "--all", "--yes"], None, 2, "needs a filter"),
        (&["--url", "http://10.0.0.1", "whoami"], None, 2, "`https://`"),
        (&["--url", "http://127.0.0.1:9", "whoami"], None, 3, "Log in with `kubelease login`"),
        (&["--profile", "other", "whoami"], None, 3, "Log in with `kubelease login`"),
        (
            lease_ci,
            Some((ISSUE, refused(403, "not_granted"))),
            3,
            "the server says so (not_granted)\n`kubelease whoami` shows what is granted.",
        ),
        (
            lease_ci,
            Some((ISSUE, refused(401, "invalid_token"))),
            3,
            "Log in with `kubelease login`.",
        ),
        (revoke_id, Some((&*revoke, refused(404, "unknown_lease"))), 3, "`kubelease leases` shows"),
        (
            lease_ci,
            Some((ISSUE, refused(502, "target_unreachable"))),
            4,
            "`kubelease check TARGET`",
        ),
        (lease_ci, Some((ISSUE, refused(503, "not_configured"))), 4, "(not_configured)"),
        (revoke_id, Some((&*revoke, being_revoked)), 5, ""),
        (
            &["revoke", "--all", "--dynamic-secret", "ci", "--yes"],
            Some(("POST /api/v1/leases/revoke", Answer::ok(&half))),
            5,
            "",
        ),
    ] {
        let server = Server::of_kubelease();
        // The login is of one server alone, so the same machine is put before it.
        let machine = if answer.is_some() { &Machine::logged_in(&server) } else { &machine };
        if let Some((what, answer)) = answer {
            server.answer(what, &answer);
        }
        let outcome = machine.outcome(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
        assert!(outcome.told.contains(told), "{arguments:?}: {outcome:?}");
        outcome.assert_secret();
    }
    let away = machine
        .command(&["--url", "http://127.0.0.1:9", "whoami"])
        .env("KUBELEASE_TOKEN", "sesame")
        .outcome();
    assert_eq!(away.code, 4, "{away:?}");
    assert!(away.told.contains("cannot be reached"), "{away:?}");
}

#[test]
fn of_several_leases_the_worst_outcome_counts_and_none_is_left_out() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let unknown = "f".repeat(32);
    server.answer(
        &format!("DELETE /api/v1/leases/{unknown}"),
        &Answer::problem(404, "unknown_lease", "there is no such lease"),
    );
    let outcome = machine.outcome(&["revoke", &unknown, ID]);
    assert_eq!(
        (outcome.code, &*outcome.printed),
        (3, &*format!("lease {ID} revoked\n")),
        "{outcome:?}"
    );
    assert!(outcome.told.contains(&format!("error: lease {unknown}: ")), "{outcome:?}");
}

#[test]
fn an_error_is_json_for_those_that_asked_for_json() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let refusal = Answer::problem(403, "not_granted", "it is \u{9b}2J not");
    server.answer(ISSUE, &refusal);
    for arguments in [["lease", "ci", "-o", "json"], ["lease", "ci", "--output", "json"]] {
        let outcome = machine.outcome(&arguments);
        assert_eq!((outcome.code, &*outcome.printed), (3, ""), "{outcome:?}");
        assert!(!outcome.told.contains('\u{9b}'), "{outcome:?}");
        let error: Value = serde_json::from_str(&outcome.told).unwrap();
        assert_eq!(
            error,
            json!({"error": {"code": "not_granted", "detail": "it is \u{fffd}2J not",
                "hint": "`kubelease whoami` shows what is granted.", "exit_code": 3}})
        );
    }
    let outcome = machine.outcome(&["--profile", "nobody", "lease", "ci", "-o", "json"]);
    let error: Value = serde_json::from_str(&outcome.told).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit_code"]), (&Value::Null, &json!(3)));
}

trait Run {
    fn outcome(&mut self) -> Outcome;
}

impl Run for std::process::Command {
    fn outcome(&mut self) -> Outcome {
        Outcome::of(self)
    }
}
