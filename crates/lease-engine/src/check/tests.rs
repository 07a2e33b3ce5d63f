use super::*;
use crate::fixtures::{
    ALL, CLUSTER_RULES, EXISTING, RULES, block_on, engine, name_of, prod, put_secret, with_secret,
};
use crate::testing::{Answer, Fault, SYSTEM_UID, TestPorts};

fn check(engine: &Engine<TestPorts>) -> TargetCheck {
    block_on(engine.check_target(&name_of("prod"))).expect("checks")
}

#[test]
fn a_target_that_answers_and_allows_everything_has_no_problem() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        let check = check(&engine);
        assert_eq!(check.problem, None, "{mode:?}");
        assert!(check.reachable, "{mode:?}");
        assert_eq!(check.version.as_deref(), Some("v1.36.3"), "{mode:?}");
        let username = "system:serviceaccount:kubelease:broker";
        assert_eq!(check.username.as_deref(), Some(username), "{mode:?}");
        assert_eq!(check.cluster.as_deref(), Some(SYSTEM_UID), "{mode:?}");
        assert_eq!(check.missing_permissions, [], "{mode:?}");
        let [secret] = &check.dynamic_secrets[..] else { panic!("{mode:?}: {check:?}") };
        assert!(secret.issue && secret.take_back && secret.problem.is_none(), "{mode:?}");
        assert_eq!(crate::fixtures::made(&engine), [""; 0], "{mode:?}: a check leaves nothing");
        assert_eq!(engine.ports.http.tokens(), [""; 0], "{mode:?}: and asks for no token");
        let kept = engine.target(&name_of("prod")).expect("is there").check;
        assert_eq!(kept, Some(check), "{mode:?}");
    }
}

#[test]
fn each_missing_verb_is_named_for_the_dynamic_secret_that_needs_it() {
    for (mode, verb, resource, take_back) in [
        (EXISTING, "create", "secrets", true),
        (EXISTING, "delete", "secrets", false),
        (EXISTING, "create", "leases.coordination.k8s.io", true),
        (EXISTING, "create", "serviceaccounts/token", true),
        (RULES, "create", "roles.rbac.authorization.k8s.io", true),
        (RULES, "delete", "rolebindings.rbac.authorization.k8s.io", false),
        (CLUSTER_RULES, "delete", "clusterroles.rbac.authorization.k8s.io", false),
    ] {
        let engine = with_secret(mode, "");
        engine.ports.http.deny(verb, resource);
        let check = check(&engine);
        let [secret] = &check.dynamic_secrets[..] else { panic!("{mode:?}: {check:?}") };
        assert!(!secret.issue, "{mode:?} {verb} {resource}");
        assert_eq!(secret.take_back, take_back, "{mode:?} {verb} {resource}");
        let missing = secret.missing_permissions.iter();
        let named: Vec<_> = missing
            .map(|missing| {
                let group = &missing.group;
                let dot = if group.is_empty() { "" } else { "." };
                format!("{} {}{dot}{group}", missing.verb, missing.resource)
            })
            .collect();
        assert_eq!(named, [format!("{verb} {resource}")], "{mode:?}");
        assert_eq!(check.missing_permissions, secret.missing_permissions, "{mode:?}");
    }
}

#[test]
fn rules_that_kubelease_itself_does_not_have_are_told() {
    for mode in [RULES, CLUSTER_RULES] {
        let engine = with_secret(mode, "");
        engine
            .ports
            .http
            .fail_all(Fault::Forbid, |sent| sent.is_dry() && sent.path.contains("roles"));
        let check = check(&engine);
        let [secret] = &check.dynamic_secrets[..] else { panic!("{mode:?}: {check:?}") };
        assert!(!secret.issue, "{mode:?}");
        let problem = secret.problem.as_deref().unwrap_or_default();
        assert!(problem.starts_with("kubelease may not grant these rules"), "{mode:?}: {problem}");
    }
}

#[test]
fn what_a_dynamic_secret_names_and_is_not_there_is_told() {
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    let account = r#"{"type":"existing","name":"nobody"}"#;
    put_secret(&engine, account, "");
    let check = check(&engine);
    let problem = check.dynamic_secrets[0].problem.as_deref();
    assert_eq!(problem, Some("there is no service account `nobody` in namespace `apps`"));
}

#[test]
fn what_keeps_a_target_from_answering_is_told() {
    let unauthorized = r#"{"kind":"Status","reason":"Unauthorized","code":401}"#;
    let refused = || Answer::Reply(401, unauthorized.to_owned());
    let page = || Answer::Reply(200, "<html>".to_owned());
    let redirect = || Answer::Reply(302, "<html>".to_owned());
    let unreachable =
        || Answer::Fail(kube_rest::TransportError::Unreachable("no route".to_owned()));
    let timeout = || Answer::Fail(kube_rest::TransportError::Timeout("first byte".to_owned()));
    for (answers, reachable, told) in [
        ([refused(), refused()], true, "the API server does not accept the target's credential"),
        (
            [page(), page()],
            true,
            "what is at the url answers no Kubernetes API: it is a page or JSON of something else, as where a \
             proxy wants a login",
        ),
        (
            [redirect(), redirect()],
            true,
            "what is at the url answers no Kubernetes API: it redirects (302), as where a proxy wants a login",
        ),
        ([unreachable(), unreachable()], false, "nothing answered at the address: no route"),
        ([timeout(), timeout()], false, "no whole answer came in time: first byte"),
    ] {
        let engine = with_secret(RULES, "");
        // Also to each try after the first.
        engine.ports.http.script(answers.into_iter().cycle().take(12));
        let check = check(&engine);
        assert_eq!(check.reachable, reachable, "{told}");
        assert_eq!(check.problem.as_deref(), Some(told));
        assert_eq!(check.dynamic_secrets, [], "{told}");
    }
}

#[test]
fn another_cluster_is_told_and_stays_noted() {
    let engine = with_secret(RULES, "");
    crate::Ports::now(&engine.ports);
    crate::fixtures::pass(&engine, 1);
    engine.put_target(prod("https://a.example", None)).expect("puts");
    engine.ports.http.go_to(1);
    let check = check(&engine);
    assert_eq!(check.cluster, None);
    let told = check.problem.as_deref();
    assert_eq!(told, Some("target `prod` leads to another cluster than before"));
}
