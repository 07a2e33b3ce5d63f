//! Servers that are not as they should be.

use serde_json::json;

use crate::machine::Machine;
use crate::server::{Answer, ID, ISSUE, Server, access_token, lease, with};

#[test]
fn a_redirect_is_not_followed_and_the_token_stays() {
    let elsewhere = Server::of_kubelease();
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    for status in [301, 302, 303, 307, 308] {
        for (what, arguments) in
            [("GET /api/v1/auth/token", &["whoami"][..]), (ISSUE, &["lease", "ci"])]
        {
            let (_, path) = what.split_once(' ').unwrap();
            let location = format!("{}{path}", elsewhere.url);
            server.answer(what, &Answer::status(status).with_header("location", &location));
            let outcome = machine.outcome(arguments);
            assert_eq!(outcome.code, 1, "{status}: {outcome:?}");
            assert!(outcome.told.contains(&format!("status {status}")), "{outcome:?}");
        }
    }
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
    assert!(server.asked().iter().any(|asked| asked.authorization.is_some()));
}

#[test]
fn an_answer_without_end_is_given_up() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let mut body = with(lease(), "token", json!("leased"));
    body["service_account"] = json!("a".repeat(10 * 1024 * 1024));
    for (status, what, arguments) in [
        (201, ISSUE, &["lease", "ci"][..]),
        (403, ISSUE, &["lease", "ci"]),
        (200, "GET /api/v1/leases", &["leases"]),
    ] {
        server.answer(what, &Answer::json(status, &body));
        let outcome = machine.outcome(arguments);
        assert_eq!((outcome.code, &*outcome.printed), (1, ""), "{status}");
        assert!(outcome.told.contains("more than 8 MiB"), "{outcome:?}");
    }
}

#[test]
fn a_token_or_an_id_that_is_none_is_not_taken() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let issued = |field: &str, value: &str| {
        with(with(lease(), "token", json!("leased")), field, json!(value))
    };
    for (field, value) in [
        ("token", "a\u{1b}]0;owned\u{7}b"),
        ("token", "a\nb"),
        ("token", "a b"),
        ("token", ""),
        ("lease_id", "../../../etc/passwd"),
        ("lease_id", "../x"),
        ("dynamic_secret", "../x"),
        ("namespace", "a\u{1b}[2J"),
    ] {
        server.answer(ISSUE, &Answer::json(201, &issued(field, value)));
        for output in ["token", "json", "exec-credential", "env"] {
            let outcome = machine.outcome(&["lease", "ci", "-o", output]);
            assert_eq!((outcome.code, &*outcome.printed), (1, ""), "{field}: {outcome:?}");
            assert!(outcome.told.contains("unexpected JSON at line 1"), "{field}: {outcome:?}");
            assert!(!outcome.told.contains(['\u{1b}', '\u{7}']), "{field}: {outcome:?}");
        }
    }
    // A token may have a quote, which is no place in a shell's text.
    server.answer(ISSUE, &Answer::json(201, &issued("token", "a';id;'b")));
    let outcome = machine.outcome(&["lease", "ci", "-o", "env"]);
    assert_eq!((outcome.code, &*outcome.printed), (1, ""), "{outcome:?}");
}

#[test]
fn an_access_token_with_control_characters_is_not_kept() {
    let server = Server::of_kubelease();
    server.answer("POST /api/v1/auth/oidc/login", &Answer::ok(&access_token("a\r\nx-admin: 1")));
    let machine = Machine::new(&server);
    let outcome = machine.log_in("default");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(!machine.login_file("default").exists());
}

#[test]
fn text_of_a_server_does_not_move_the_cursor() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let evil = "a\u{1b}[2J\u{9b}1A\r\u{202e}b";
    let leases = json!({"items": [with(lease(), "requester", json!(evil))]});
    server.answer("GET /api/v1/leases", &Answer::ok(&leases));
    let mut warned = with(lease(), "warnings", json!([evil]));
    warned["token"] = json!("leased");
    server.answer(ISSUE, &Answer::json(201, &warned));
    server.answer(&format!("DELETE /api/v1/leases/{ID}"), &Answer::problem(404, evil, evil));
    let check = json!({"ok": false, "reachable": false, "problem": evil, "version": evil, "username": evil,
        "dynamic_secrets": [], "warnings": [evil]});
    server.answer("POST /api/v1/targets/prod/check", &Answer::ok(&check));
    let sweep = json!({"due": 1, "done": 0, "postponed": 1, "more": false, "targets": {evil: evil},
        "failed": [{"target": evil, "reason": evil, "count": 1}]});
    server.answer("POST /api/v1/sweep", &Answer::ok(&sweep));
    for arguments in [
        &["leases"][..],
        &["leases", "-o", "json"],
        &["lease", "ci"],
        &["lease", "ci", "-o", "json"],
        &["revoke", ID],
        &["revoke", ID, "-o", "json"],
        &["check", "prod"],
        &["check", "prod", "-o", "json"],
        &["sweep"],
        &["sweep", "-o", "json"],
    ] {
        let outcome = machine.outcome(arguments);
        let all = format!("{}{}", outcome.printed, outcome.told);
        assert!(all.contains("[2J"), "{arguments:?} does not show it: {outcome:?}");
        assert!(
            !all.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']),
            "{arguments:?}: {outcome:?}"
        );
    }
}

#[test]
fn pages_that_repeat_themselves_come_to_an_end() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let page = json!({"items": [lease()], "next_cursor": "c1"});
    server.answer("GET /api/v1/leases", &Answer::ok(&page));
    let outcome = machine.outcome(&["leases"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let asked = server.asked().iter().filter(|asked| asked.what == "GET /api/v1/leases").count();
    assert_eq!(asked, 2);
}

/// A success of something else is no deletion.
#[test]
fn a_deletion_is_believed_of_kubelease_alone() {
    let server = Server::of_kubelease();
    let machine = Machine::logged_in(&server);
    let deletion = "DELETE /api/v1/identities/ci";
    for answer in [
        Answer::ok(&json!({"detail": "hello", "code": 5})),
        Answer::status(200).with_body("<html>"),
        Answer::status(201),
    ] {
        server.answer(deletion, &answer);
        let outcome = machine.outcome(&["delete", "identity/ci"]);
        assert_eq!((outcome.code, &*outcome.printed), (1, ""), "{outcome:?}");
        assert!(outcome.told.contains("does not answer as kubelease does"), "{outcome:?}");
    }
    let counts = json!({"revoked": 1, "revoking": 0, "not_revocable": 0});
    for answer in [Answer::status(204), Answer::ok(&counts)] {
        server.answer(deletion, &answer);
        assert_eq!(machine.outcome(&["delete", "identity/ci"]).printed, "identity/ci deleted\n");
    }
}
