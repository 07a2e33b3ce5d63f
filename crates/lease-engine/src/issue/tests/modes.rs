//! What an issue of each kind costs, and what it leaves.

use chrono::TimeDelta;
use lease_core::{ObjectKind, ObjectMarks, ObjectRef};
use serde_json::Value;

use super::*;

/// Each kind, with its rounds, its durable writes, and the kinds of objects that it leaves.
const COSTS: [(LeaseKind, usize, usize, &[&str]); 7] = [
    (PLAIN, 1, 2, &[]),
    (EXISTING, 2, 3, &["Lease", "Secret"]),
    (ROLE, 2, 3, &["RoleBinding", "ServiceAccount"]),
    (CLUSTER_ROLE, 2, 3, &["ClusterRoleBinding", "ServiceAccount"]),
    (RULES, 2, 3, &["Role", "RoleBinding", "ServiceAccount"]),
    (CLUSTER_RULES, 2, 3, &["ClusterRole", "ClusterRoleBinding", "ServiceAccount"]),
    (MANIFEST, 2, 3, &["ClusterRole", "RoleBinding", "ServiceAccount"]),
];

#[test]
fn an_issue_costs_two_rounds_and_three_writes_at_the_most() {
    for (mode, rounds, writes, kinds_left) in COSTS {
        let engine = warm(mode);
        let before = engine.ports.store.number_of_writes();
        let issued = issue(&engine).unwrap_or_else(|e| panic!("{mode:?}: {}", chain(&e)));
        assert_eq!(engine.ports.http.rounds(), rounds, "{mode:?}");
        assert_eq!(engine.ports.store.number_of_writes() - before, writes, "{mode:?}");
        assert_eq!(kinds(&engine), kinds_left, "{mode:?}");
        assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{mode:?}");
        assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Active, "{mode:?}");
    }
}

#[test]
fn an_idempotency_key_costs_one_write_more_and_a_retry_that_of_its_event() {
    for (mode, _, writes, _) in COSTS {
        let engine = warm(mode);
        let before = engine.ports.store.number_of_writes();
        issue_for(&engine, IssueRequest::default(), Some("k")).expect("issues");
        assert_eq!(engine.ports.store.number_of_writes() - before, writes + 1, "{mode:?}");
        let before = engine.ports.store.number_of_writes();
        engine.ports.http.forget();
        issue_for(&engine, IssueRequest::default(), Some("k")).expect("issues again");
        assert_eq!(engine.ports.store.number_of_writes() - before, 2, "{mode:?}");
        assert_eq!(engine.ports.http.rounds(), 1, "{mode:?}");
    }
}

#[test]
fn what_is_not_known_yet_costs_one_read_before_the_first_write() {
    // An account that was never leased.
    for (mode, rounds) in [(PLAIN, 2), (EXISTING, 3)] {
        let engine = with_secret(mode, "");
        issue(&engine).expect("issues");
        assert_eq!(engine.ports.http.rounds(), rounds, "{mode:?}");
    }
    // A namespace that is found by its labels, each time.
    let selects = r#""namespaces":null,"namespace_selector":{"matchLabels":{"team":"a"}}"#;
    let engine = with_secret(ROLE, selects);
    let request = || IssueRequest { namespace: Some(name_of("web")), ..IssueRequest::default() };
    engine.ports.http.put_namespace("web", &serde_json::json!({"team": "a"}), None);
    issue_for(&engine, request(), None).expect("issues");
    assert_eq!(engine.ports.http.rounds(), 3);
    let before = (engine.ports.store.number_of_writes(), made(&engine));
    engine.ports.http.put_namespace("web", &serde_json::json!({"team": "b"}), None);
    issue_for(&engine, request(), None).expect_err("another team's");
    assert_eq!(
        (engine.ports.store.number_of_writes(), made(&engine)),
        before,
        "nothing was written"
    );
}

#[test]
fn the_intent_is_on_record_before_anything_is_made() {
    for mode in BOUND {
        let engine = warm(mode);
        let store = engine.ports.store.clone();
        let before = store.number_of_writes();
        engine.ports.http.on_call(move |_, sent| {
            if sent.method == "POST" && sent.access().is_some() {
                assert_eq!(store.number_of_writes() - before, 2, "{}", sent.line());
            }
        });
        issue(&engine).expect("issues");
    }
}

#[test]
fn rights_come_only_after_what_gives_none() {
    for mode in BOUND {
        let engine = warm(mode);
        issue(&engine).expect("issues");
        for sent in engine.ports.http.sent() {
            let first = ["serviceaccounts", "secrets", "roles.rbac.authorization.k8s.io"];
            let Some(access) = sent.access().filter(|access| access.verb == "create") else {
                continue;
            };
            let resource = access.resource.as_str();
            let is_first =
                first.contains(&resource) || resource == "clusterroles.rbac.authorization.k8s.io";
            assert_eq!(sent.round, if is_first { 1 } else { 2 }, "{mode:?}: {}", sent.line());
        }
    }
}

#[test]
fn every_object_says_whose_it_is_and_proves_it() {
    for mode in BOUND {
        let labels = r#""labels":{"team":"a"},"annotations":{"example.com/why":"ci"}"#;
        let engine = with_secret(mode, labels);
        let issued = issue_for(&engine, IssueRequest::default(), Some("k")).expect("issues");
        let lease = &issued.held.lease;
        for leased in &lease.objects {
            let object = object_of(&engine, lease, leased.kind.as_str());
            let metadata = &object["metadata"];
            let text = |key: &str, name: &str| metadata[key][name].as_str().unwrap_or_default();
            for (key, name, want) in [
                ("labels", "app.kubernetes.io/managed-by", "kubelease"),
                ("labels", "kubelease.dev/lease", &lease.id.to_string()),
                ("labels", "kubelease.dev/installation", &engine.keys.installation_name()),
                ("labels", "kubelease.dev/target", "prod"),
                ("labels", "kubelease.dev/dynamic-secret", "ci"),
                ("labels", "team", "a"),
                ("annotations", "example.com/why", "ci"),
                ("annotations", "kubelease.dev/mode", lease.mode.as_str()),
                ("annotations", "kubelease.dev/requester", "administrator"),
                ("annotations", "kubelease.dev/issued-at", "2026-11-22T07:00:00Z"),
                ("annotations", "kubelease.dev/deadline", "2026-11-22T08:00:00Z"),
                ("annotations", "kubelease.dev/latest-end", "2026-11-23T07:00:00Z"),
            ] {
                assert_eq!(text(key, name), want, "{mode:?} {:?} {name}", leased.kind);
            }
            assert_eq!(text("annotations", "kubelease.dev/request").len(), 32, "{mode:?}");
            assert_eq!(metadata["uid"].as_str(), leased.uid.as_deref(), "{mode:?}");
            let marks: ObjectMarks = marks_of(&object);
            let bearer = |kind| ObjectRef {
                kind,
                namespace: leased.namespace.as_ref(),
                name: &leased.name,
                cluster: &lease.cluster,
            };
            assert!(bearer(leased.kind).verifies_marks(lease.id, &marks, &engine.keys), "{mode:?}");
            // A copy of them proves nothing.
            let other =
                if leased.kind == ObjectKind::Role { ObjectKind::Secret } else { ObjectKind::Role };
            assert!(!bearer(other).verifies_marks(lease.id, &marks, &engine.keys), "{mode:?}");
            assert!(!bearer(leased.kind).verifies_marks(lease.id, &marks, &keys("B")), "{mode:?}");
        }
    }
}

fn marks_of(object: &Value) -> ObjectMarks {
    let map = |key: &str| serde_json::from_value(object["metadata"][key].clone()).expect("texts");
    ObjectMarks { labels: map("labels"), annotations: map("annotations") }
}

#[test]
fn a_revocable_token_of_an_existing_account_ends_with_an_empty_secret_and_is_listed() {
    let engine = with_secret(EXISTING, "");
    let issued = issue(&engine).expect("issues");
    let lease = &issued.held.lease;
    let secret = object_of(&engine, lease, "Secret");
    assert_eq!(secret["type"], SECRET_TYPE);
    assert_eq!((secret.get("data"), secret.get("stringData")), (None, None));
    let shown = object_of(&engine, lease, "Lease");
    assert_eq!(shown["spec"]["holderIdentity"], "administrator");
    assert_eq!(shown["spec"]["leaseDurationSeconds"], 3600);
    let annotations = &shown["metadata"]["annotations"];
    assert_eq!(annotations["kubelease.dev/account"], "deployer");
    assert_eq!(annotations["kubelease.dev/secret-uid"], secret["metadata"]["uid"]);
    assert_eq!(claims(&issued).secret_uid(), secret["metadata"]["uid"].as_str());
}

#[test]
fn a_temporary_account_is_the_only_subject_of_its_own_binding() {
    for mode in [ROLE, CLUSTER_ROLE, RULES, CLUSTER_RULES, MANIFEST] {
        let engine = with_secret(mode, "");
        let lease = issue(&engine).expect("issues").held.lease;
        let account = object_of(&engine, &lease, "ServiceAccount");
        assert_eq!(account["automountServiceAccountToken"], false, "{mode:?}");
        let binding =
            engine.ports.http.made().into_iter().find(|object| object["subjects"].is_array());
        let binding = binding.expect("a binding");
        let name = &account["metadata"]["name"];
        let subjects =
            serde_json::json!([{"kind": "ServiceAccount", "namespace": "apps", "name": name}]);
        assert_eq!(binding["subjects"], subjects, "{mode:?}");
        let role = &binding["roleRef"]["name"];
        let own = mode != ROLE && mode != CLUSTER_ROLE;
        let want = if own { name.clone() } else { serde_json::json!("view") };
        assert_eq!(*role, want, "{mode:?}");
    }
}

#[test]
fn a_token_is_asked_for_by_the_uids_of_what_it_is_bound_to() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        let lease = issue(&engine).expect("issues").held.lease;
        let asked: Vec<_> = engine
            .ports
            .http
            .sent()
            .into_iter()
            .filter(|sent| sent.asks("create", "serviceaccounts/token"))
            .collect();
        let [asked] = &asked[..] else { panic!("{mode:?}: {asked:?}") };
        let uid = match mode {
            PLAIN | EXISTING => lease_testing::DEPLOYER_UID.to_owned(),
            _ => {
                let account = object_of(&engine, &lease, "ServiceAccount");
                account["metadata"]["uid"].as_str().expect("a uid").to_owned()
            }
        };
        assert_eq!(asked.body["metadata"]["uid"], uid.as_str(), "{mode:?}");
        assert!(!asked.is_dry(), "a dry run gives a real token: {mode:?}");
        let bound = &asked.body["spec"]["boundObjectRef"];
        if mode == EXISTING {
            let secret = object_of(&engine, &lease, "Secret");
            assert_eq!(bound["uid"], secret["metadata"]["uid"]);
            assert_eq!(bound["name"], secret["metadata"]["name"]);
        } else {
            assert!(bound.is_null(), "{mode:?}");
        }
    }
}

#[test]
fn a_short_lease_has_a_token_of_ten_minutes_and_ends_before() {
    let engine = with_secret(RULES, "");
    let issued = issue_of(&engine, "30s").expect("issues");
    let claims = claims(&issued);
    assert_eq!((claims.expires_at - claims.issued_at).num_seconds(), 600);
    assert_eq!((issued.held.expires_at - engine.now()).num_seconds(), 30);
    assert!(issued.held.lease.warnings.is_empty(), "{:?}", issued.held.lease.warnings);
    pass(&engine, 31);
    assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Revoking);
    sweep(&engine);
    assert_eq!(state(&engine, issued.held.lease.id), LeaseState::Expired);
    assert!(!engine.ports.http.accepts(issued.token.expose_secret()));
    assert_eq!(made(&engine), [""; 0]);
    issue_of(&with_secret(PLAIN, ""), "30s").expect_err("it could not be ended");
}

#[test]
fn a_short_lease_says_where_sweeps_come_too_seldom_for_it() {
    for (interval, mode, ttl, is_told) in [
        (30, RULES, "599s", false),
        (31, RULES, "599s", true),
        (31, EXISTING, "10s", true),
        (31, RULES, "10m", false),
        (3600, PLAIN, "10m", false),
    ] {
        let row = format!("{mode:?} for {ttl}, swept every {interval} s");
        let mut engine = with_secret(mode, "");
        engine.config.sweep_interval = TimeDelta::seconds(interval);
        let issued = issue_of(&engine, ttl).expect("issues");
        let says = |warnings: &[String]| {
            warnings.iter().any(|told| told.contains(&format!("every {interval} seconds")))
        };
        assert_eq!(says(&issued.held.lease.warnings), is_told, "{row}");
        let kept = held(&engine, issued.held.lease.id).lease.warnings;
        assert_eq!(says(&kept), is_told, "{row}, as it is shown later");
    }
}

#[test]
fn a_cap_of_the_api_server_shortens_the_lease_and_is_told() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        engine.ports.http.set_longest_token(1800);
        let issued = issue(&engine).expect("issues");
        assert_eq!((issued.held.expires_at - engine.now()).num_seconds(), 1800, "{mode:?}");
        let warnings = &issued.held.lease.warnings;
        assert!(warnings.iter().any(|warning| warning.contains("shortened")), "{mode:?}");
        assert_eq!(warnings.len(), if mode == PLAIN { 2 } else { 1 }, "{mode:?} {warnings:?}");
        assert_eq!(held(&engine, issued.held.lease.id).expires_at, issued.held.expires_at);
    }
}

#[test]
fn no_token_leaves_after_the_deadline() {
    for mode in ALL {
        for slow in ["serviceaccounts/token", "namespaces"] {
            let engine = warm(mode);
            let (ports, before) = (engine.ports.clone(), live(&engine));
            let verb = if slow == "namespaces" { "get" } else { "create" };
            engine.ports.http.on_call(move |_, sent| {
                if sent.asks(verb, slow) && sent.number < 10 {
                    ports.set_now(ports.now() + chrono::TimeDelta::seconds(31));
                }
            });
            issue(&engine).expect_err("too late");
            sweep_what_stopped(&engine);
            assert_eq!(made(&engine), [""; 0], "{mode:?} {slow}");
            assert_eq!(live(&engine), before, "{mode:?} {slow}");
        }
    }
}

#[test]
fn no_more_leases_live_than_may_also_at_once() {
    use futures::future::join_all;
    for mode in ALL {
        let engine = with_secret(mode, r#""max_live_leases":3"#);
        let name = name_of("ci");
        let requests = (0..10).map(|_| engine.issue_lease(&name, IssueRequest::default(), None));
        let outcomes = block_on(join_all(requests));
        let (issued, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(issued.len(), 3, "{mode:?}");
        for error in refused {
            let error = error.expect_err("refused");
            assert!(matches!(error, crate::IssueError::Full { cap: 3, .. }), "{}", chain(&error));
        }
        issue(&engine).expect_err("still full");
        if mode == PLAIN {
            pass(&engine, 3601);
            sweep(&engine);
        } else {
            let first = issued.into_iter().next().expect("three").expect("issued");
            assert!(revoke(&engine, first.held.lease.id), "{mode:?}");
        }
        issue(&engine).unwrap_or_else(|error| panic!("{mode:?}: {}", chain(&error)));
    }
}
