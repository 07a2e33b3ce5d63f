//! What is not as it was sent, or not ours.

use serde_json::{Value, json};

use super::*;

#[test]
fn what_a_webhook_changes_is_undone() {
    type Change = fn(&mut Value);
    let strip: Change = |object| object["metadata"]["labels"] = json!({});
    let relabel: Change =
        |object| object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("helm");
    let unmark: Change = |object| {
        object["metadata"]["annotations"]
            .as_object_mut()
            .expect("marks")
            .remove("kubelease.dev/mac");
    };
    let add_subject: Change = |object| {
        if let Some(subjects) = object["subjects"].as_array_mut() {
            subjects.push(json!({"kind": "User", "name": "eve",
                "apiGroup": "rbac.authorization.k8s.io"}));
        }
    };
    let widen: Change = |object| {
        if object["rules"].is_array() {
            object["rules"][0]["verbs"] = json!(["*"]);
        }
    };
    let mount: Change = |object| {
        if object["kind"] == "ServiceAccount" {
            object["automountServiceAccountToken"] = json!(true);
        }
    };
    for (name, change, modes) in [
        ("strip labels", strip, &BOUND[..]),
        ("another manager", relabel, &BOUND),
        ("strip the mark", unmark, &BOUND),
        ("add a subject", add_subject, &[ROLE, CLUSTER_ROLE, RULES, CLUSTER_RULES, MANIFEST]),
        ("widen the rules", widen, &[RULES, CLUSTER_RULES, MANIFEST]),
        ("mount tokens", mount, &[ROLE, CLUSTER_ROLE, RULES, CLUSTER_RULES, MANIFEST]),
    ] {
        for mode in modes {
            let engine = warm(*mode);
            engine.ports.http.set_webhook(change);
            let error = issue(&engine).expect_err(name);
            assert!(
                matches!(&error, IssueError::Cluster(ClusterError::WrongAnswer { .. })),
                "{name} {mode:?}: {}",
                chain(&error)
            );
            assert_eq!(made(&engine), [""; 0], "{name} {mode:?}");
            assert_eq!(live(&engine), [], "{name} {mode:?}");
        }
    }
}

#[test]
fn what_a_webhook_adds_that_grants_nothing_does_no_harm() {
    for mode in BOUND {
        let engine = warm(mode);
        engine.ports.http.set_webhook(|object| {
            object["metadata"]["labels"]["team"] = json!("a");
            object["metadata"]["annotations"]["seen"] = json!("yes");
        });
        issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
    }
}

#[test]
fn a_stranger_with_our_name_is_left_alone_and_another_name_is_taken() {
    for (mode, kind) in [
        (EXISTING, "Secret"),
        (ROLE, "ServiceAccount"),
        (RULES, "Role"),
        (CLUSTER_RULES, "ClusterRole"),
    ] {
        let engine = warm(mode);
        let http = engine.ports.http.clone();
        let taken = std::rc::Rc::new(std::cell::RefCell::new(None));
        let seen = taken.clone();
        http.on_call(move |http, sent| {
            if sent.method == "POST" && sent.body["kind"] == kind && seen.borrow().is_none() {
                // The stranger has copied all that can be seen of ours, but has no key.
                let mut object = sent.body.clone();
                object["metadata"]["annotations"]["kubelease.dev/requester"] = json!("eve");
                let uid = http.put(object.clone());
                *seen.borrow_mut() = Some((object["metadata"]["name"].clone(), uid));
            }
        });
        let issued = issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
        let (name, uid) = taken.borrow().clone().expect("was taken");
        let name = name.as_str().expect("a name");
        let lease = issued.held.lease;
        assert!(lease.objects.iter().all(|object| object.name != name), "{mode:?}");
        assert_eq!(made(&engine).len(), lease.objects.len(), "{mode:?}: {:?}", made(&engine));
        let namespace = if kind == "ClusterRole" { "" } else { "apps" };
        assert!(revoke(&engine, lease.id), "{mode:?}");
        let stands = http.object(kind, namespace, name).expect("still there");
        assert_eq!(stands["metadata"]["uid"], uid.as_str(), "{mode:?}");
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn a_stranger_with_the_name_of_what_comes_last_fails_the_issue_and_stays() {
    for (mode, kind) in
        [(EXISTING, "Lease"), (ROLE, "RoleBinding"), (CLUSTER_ROLE, "ClusterRoleBinding")]
    {
        let engine = warm(mode);
        let http = engine.ports.http.clone();
        http.on_call(move |http, sent| {
            if sent.method == "POST" && sent.body["kind"] == kind {
                let mut object = sent.body.clone();
                object["metadata"]["annotations"] = json!({});
                http.put(object);
            }
        });
        let outcome = issue(&engine);
        assert!(
            matches!(&outcome, Err(IssueError::Cluster(ClusterError::Taken { .. }))),
            "{mode:?}: {outcome:?}"
        );
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
        let created = http.sent().into_iter().rev().find(|sent| sent.body["kind"] == kind);
        let name = created.expect("was tried").body["metadata"]["name"].clone();
        let namespace = if kind == "ClusterRoleBinding" { "" } else { "apps" };
        let name = name.as_str().expect("a name");
        assert!(http.object(kind, namespace, name).is_some(), "{mode:?}");
        sweep_what_stopped(&engine);
        assert!(http.object(kind, namespace, name).is_some(), "{mode:?}: the stranger's is gone");
        assert_eq!(live(&engine), [], "{mode:?}");
    }
}

#[test]
fn a_token_that_is_not_what_was_asked_for_is_not_handed_on() {
    type Change = fn(&mut Value);
    let forgeries: [(&str, Change, bool); 9] = [
        ("sub", |claims| claims["sub"] = json!("system:serviceaccount:apps:admin"), true),
        (
            "sub elsewhere",
            |claims| claims["sub"] = json!("system:serviceaccount:web:deployer"),
            true,
        ),
        ("aud", |claims| claims["aud"] = json!(["https://elsewhere"]), false),
        ("no aud", |claims| claims["aud"] = json!([]), true),
        (
            "account",
            |claims| claims["kubernetes.io"]["serviceaccount"]["uid"] = json!("other"),
            true,
        ),
        ("secret", |claims| claims["kubernetes.io"]["secret"]["uid"] = json!("other"), false),
        ("no private claims", |claims| claims["kubernetes.io"] = Value::Null, true),
        ("ended", |claims| claims["exp"] = claims["iat"].clone(), true),
        ("long id", |claims| claims["jti"] = json!("x".repeat(257)), true),
    ];
    for (name, change, everywhere) in forgeries {
        for mode in ALL {
            if !everywhere && mode != EXISTING {
                continue;
            }
            let engine = with_secret(
                mode,
                r#""audiences":{"default":["https://a"],"allowed":["https://a"]}"#,
            );
            engine.ports.http.forge(change);
            let error = issue(&engine).expect_err(name);
            assert!(
                matches!(
                    &error,
                    IssueError::Cluster(
                        ClusterError::WrongAnswer { .. } | ClusterError::Kubernetes { .. }
                    )
                ),
                "{name} {mode:?}: {}",
                chain(&error)
            );
            assert_eq!(made(&engine), [""; 0], "{name} {mode:?}");
            assert_eq!(live(&engine), [], "{name} {mode:?}");
        }
    }
}

#[test]
fn an_account_that_was_made_anew_is_looked_at_anew() {
    for mode in [PLAIN, EXISTING] {
        let engine = warm(mode);
        let uid = engine.ports.http.put(json!({
            "kind": "ServiceAccount", "apiVersion": "v1",
            "metadata": {"namespace": "apps", "name": "deployer"},
        }));
        let issued = issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
        assert_eq!(claims(&issued).account_uid(), Some(uid.as_str()), "{mode:?}");
        engine.ports.http.remove("ServiceAccount", "apps", "deployer");
        let error = issue(&engine).expect_err("there is none");
        assert!(matches!(&error, IssueError::NoAccount { .. }), "{mode:?}: {}", chain(&error));
        let left = live(&engine).len();
        assert_eq!(left, if mode == PLAIN { 2 } else { 1 }, "{mode:?}");
    }
}

#[test]
fn a_cluster_that_was_swapped_issues_nothing() {
    for mode in ALL {
        let engine = warm(mode);
        engine.ports.http.go_to(1);
        for _ in 0..2 {
            let error = issue(&engine).expect_err("another cluster");
            assert!(
                matches!(&error, IssueError::Cluster(ClusterError::Changed { .. })),
                "{mode:?}: {}",
                chain(&error)
            );
        }
        sweep_what_stopped(&engine);
        assert_eq!(made(&engine), [""; 0], "{mode:?}");
    }
}

#[test]
fn another_name_is_taken_only_where_nothing_can_still_land_under_the_first() {
    let engine = warm(RULES);
    let http = engine.ports.http.clone();
    http.fail_once(Fault::Late, |sent| sent.asks("create", "roles.rbac.authorization.k8s.io"));
    http.fail_all(Fault::Lose, |sent| sent.asks("create", "roles.rbac.authorization.k8s.io"));
    http.on_call(|http, sent| {
        if sent.asks("create", "serviceaccounts") {
            let mut object = sent.body.clone();
            object["metadata"]["annotations"] = json!({});
            http.put(object);
        }
    });
    issue(&engine).expect_err("the role was never answered");
    http.heal();
    assert_eq!(http.land(), 1);
    assert_eq!(made(&engine).len(), 1, "{:?}", made(&engine));
    sweep_what_stopped(&engine);
    assert_eq!(made(&engine), [""; 0]);
    assert_eq!(live(&engine), []);
}

#[test]
fn a_sweep_leaves_what_a_stranger_made_under_the_name_of_what_never_came() {
    for (mode, kind) in
        [(EXISTING, "Secret"), (ROLE, "ServiceAccount"), (CLUSTER_RULES, "ClusterRole")]
    {
        let engine = warm(mode);
        let http = engine.ports.http.clone();
        http.fail_all(Fault::Lose, |sent| sent.method == "POST");
        issue(&engine).expect_err("nothing is answered");
        http.heal();
        let sent = http.sent().into_iter().rev().find(|sent| sent.body["kind"] == kind);
        // It has copied all that can be seen of ours, and says one thing else.
        let mut object = sent.expect("was tried").body;
        object["metadata"]["annotations"]["kubelease.dev/requester"] = json!("eve");
        let (name, namespace) =
            (object["metadata"]["name"].clone(), object["metadata"]["namespace"].clone());
        let uid = http.put(object);
        sweep_what_stopped(&engine);
        let (name, namespace) =
            (name.as_str().expect("a name"), namespace.as_str().unwrap_or_default());
        let stands = http.object(kind, namespace, name).expect("still there");
        assert_eq!(stands["metadata"]["uid"], uid.as_str(), "{mode:?}");
        assert_eq!(live(&engine), [], "{mode:?}");
    }
}
