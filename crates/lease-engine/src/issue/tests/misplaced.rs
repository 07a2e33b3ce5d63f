//! Refusals that are not about what was asked, and decide nothing.

use super::*;
use crate::objects::object_builder::resource_name;
use lease_testing::{Answer, Sent};

/// Details that name something else than what is asked here, or nothing.
const ELSEWHERE: [&str; 4] = [
    "{}",
    "null",
    r#"{"name":"other","group":"GROUP","kind":"KIND"}"#,
    r#"{"name":"NAME","group":"GROUP","kind":"pods"}"#,
];

/// The details of a refusal of this very request.
const HERE: &str = r#"{"name":"NAME","group":"GROUP","kind":"KIND"}"#;

fn asks(verb: &'static str, resource: &str) -> impl Fn(&Sent) -> bool + 'static {
    let resource = resource.to_owned();
    move |sent| sent.asks(verb, &resource)
}

/// An engine that has put all and asked nothing.
fn unmet(mode: LeaseKind) -> Engine<TestPorts> {
    let engine = crate::fixtures::engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put_secret(&engine, mode.1, "");
    engine
}

#[test]
fn a_create_that_is_answered_of_something_else_is_known_only_by_its_name_and_mark() {
    for mode in BOUND {
        let kinds = issue(&warm(mode)).expect("issues").held.lease.objects;
        for kind in kinds.into_iter().map(|object| object.kind) {
            for (code, reason) in [(404, "NotFound"), (409, "AlreadyExists"), (409, "Conflict")] {
                for details in ELSEWHERE {
                    let fault = Fault::Misplace(code, reason, details);
                    let row = format!("{mode:?}, {kind:?}, {fault:?}");
                    let engine = warm(mode);
                    engine.ports.http.fail_once(fault, asks("create", &resource_name(kind)));
                    let issued = issue(&engine).unwrap_or_else(|e| panic!("{row}: {}", chain(&e)));
                    assert!(engine.ports.http.accepts(issued.token.expose_secret()), "{row}");

                    let engine = warm(mode);
                    engine.ports.http.fail_all(fault, asks("create", &resource_name(kind)));
                    let error = issue(&engine).expect_err("is never answered");
                    assert!(
                        matches!(&error, IssueError::Cluster(ClusterError::Kubernetes { .. })),
                        "{row}: {}",
                        chain(&error)
                    );
                    assert_eq!(live(&engine).len(), 1, "{row}: it may still come");
                    sweep_what_stopped(&engine);
                    assert_eq!((made(&engine), live(&engine)), (vec![], vec![]), "{row}");
                }
            }
        }
    }
}

#[test]
fn a_create_in_a_namespace_that_is_not_there_is_known_to_have_failed() {
    for mode in [EXISTING, ROLE, RULES] {
        let engine = warm(mode);
        let fault = Fault::Misplace(404, "NotFound", r#"{"name":"apps","kind":"namespaces"}"#);
        engine.ports.http.fail_all(fault, |sent| sent.method == "POST");
        let calls = engine.ports.http.calls();
        issue(&engine).expect_err("has no place");
        assert!(engine.ports.http.calls() - calls < 8, "{mode:?}: it is not tried again");
        assert_eq!(live(&engine), [], "{mode:?}");
    }
}

#[test]
fn an_account_is_missing_only_if_a_refusal_names_it() {
    for mode in [PLAIN, EXISTING] {
        for (details, is_missing) in
            ELSEWHERE.map(|details| (details, false)).into_iter().chain([(HERE, true)])
        {
            let fault = Fault::Misplace(404, "NotFound", details);
            let row = format!("{mode:?}, {details}");
            // When it is read for the first lease.
            let engine = unmet(mode);
            engine.ports.http.fail_all(fault, asks("get", "serviceaccounts"));
            let error = issue(&engine).expect_err("is not read");
            assert_eq!(matches!(error, IssueError::NoAccount { .. }), is_missing, "{row}");
            // And when a token of it is asked for: only then is it read again.
            let engine = warm(mode);
            engine.ports.http.fail_all(fault, asks("create", "serviceaccounts/token"));
            issue(&engine).expect_err("gives no token");
            let reads = engine.ports.http.sent();
            let reads = reads.iter().filter(|sent| sent.asks("get", "serviceaccounts")).count();
            assert_eq!(reads, 0, "{row}: `serviceaccounts/token` is no resource that is missing");
            sweep_what_stopped(&engine);
            assert_eq!(made(&engine), [""; 0], "{row}");
        }
    }
}

#[test]
fn a_namespace_is_missing_only_if_a_refusal_names_it() {
    let selector = r#""namespaces":null,"namespace_selector":{"matchLabels":{"team":"a"}}"#;
    for (details, is_missing) in
        ELSEWHERE.map(|details| (details, false)).into_iter().chain([(HERE, true)])
    {
        let engine = with_secret(RULES, selector);
        let fault = Fault::Misplace(404, "NotFound", details);
        engine.ports.http.fail_all(fault, |sent| sent.path == "/api/v1/namespaces/web");
        let request = IssueRequest { namespace: Some(name_of("web")), ..IssueRequest::default() };
        let error = issue_for(&engine, request, None).expect_err("is not covered");
        let is_refused = matches!(error, IssueError::NotGranted { .. });
        assert_eq!(is_refused, is_missing, "{details}: {}", chain(&error));
    }
}

#[test]
fn a_cluster_is_known_by_another_namespace_only_if_kube_system_itself_is_refused() {
    for (details, is_refused) in
        ELSEWHERE.map(|details| (details, false)).into_iter().chain([(HERE, true)])
    {
        let engine = unmet(RULES);
        let fault = Fault::Misplace(403, "Forbidden", details);
        engine.ports.http.fail_all(fault, |sent| sent.path == "/api/v1/namespaces/kube-system");
        let issued = issue(&engine);
        let known = issued.as_ref().ok().map(|issued| issued.held.lease.cluster.namespace.as_str());
        assert_eq!(known, is_refused.then_some("apps"), "{details}");
    }
}

#[test]
fn the_answer_of_another_namespace_makes_no_other_cluster() {
    let engine = warm(RULES);
    let lease = issue(&engine).expect("issues").held.lease;
    engine.ports.http.on_call(|http, sent| {
        if sent.path == "/api/v1/namespaces/kube-system" {
            let other = http.object("Namespace", "", "web").expect("is there");
            http.script([Answer::Reply(200, other.to_string())]);
        }
    });
    assert!(engine.ports.http.remove("ServiceAccount", "apps", lease.service_account.as_str()));
    assert!(!revoke(&engine, lease.id), "that it is gone was read beside nothing");
    let error = issue(&engine).expect_err("is not known where");
    assert!(
        matches!(&error, IssueError::Cluster(ClusterError::WrongAnswer { .. })),
        "{}",
        chain(&error)
    );
    let known = engine.get_target(&name_of("prod")).expect("is there").cluster.expect("was met");
    assert_eq!(known.changed, None);
}

#[test]
fn our_own_account_is_unknown_only_where_the_review_is_not_served() {
    for (details, is_served) in [
        ("{}", false),
        (r#"{"kind":"selfsubjectreviews","group":"authentication.k8s.io"}"#, true),
        (r#"{"name":"other","kind":"pods"}"#, true),
    ] {
        let engine = unmet(RULES);
        let fault = Fault::Misplace(404, "NotFound", details);
        engine.ports.http.fail_all(fault, |sent| sent.path.ends_with("/selfsubjectreviews"));
        assert_eq!(issue(&engine).is_err(), is_served, "{details}");
        let check = block_on(engine.check_target(&name_of("prod"))).expect("checks");
        assert_eq!(check.problem.is_some(), is_served, "{details}: {check:?}");
    }
}
