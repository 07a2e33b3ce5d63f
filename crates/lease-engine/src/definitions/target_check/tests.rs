use super::*;
use crate::fixtures::{
    ALL, CLUSTER_RULES, EXISTING, PLAIN, ROLE, RULES, block_on, engine, name_of, prod, put_secret,
    with_secret,
};
use lease_testing::{Answer, Fault, SYSTEM_UID, TestPorts};

const NOT_HELD: &str =
    "user \"b\" (groups=[]) is attempting to grant RBAC permissions not currently held:";

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
        assert!(secret.issue && secret.revoke && secret.problem.is_none(), "{mode:?}");
        assert_eq!(crate::fixtures::made(&engine), [""; 0], "{mode:?}: a check leaves nothing");
        assert_eq!(engine.ports.http.tokens(), [""; 0], "{mode:?}: and asks for no token");
        let kept = engine.get_target(&name_of("prod")).expect("is there").check;
        assert_eq!(kept, Some(check), "{mode:?}");
    }
}

#[test]
fn each_missing_verb_is_named_for_the_dynamic_secret_that_needs_it() {
    for (mode, verb, resource, revoke) in [
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
        assert_eq!(secret.revoke, revoke, "{mode:?} {verb} {resource}");
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
            .fail_all(Fault::Deny(NOT_HELD), |sent| sent.is_dry() && sent.path.contains("roles"));
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
    assert_eq!(problem, Some("there is no ServiceAccount `nobody` in namespace `apps`"));
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
            "the answer at the url does not come from a Kubernetes API: it was a page, or JSON of another API; a proxy may require a login",
        ),
        (
            [redirect(), redirect()],
            true,
            "the answer at the url does not come from a Kubernetes API: it was a redirect (302); a proxy may require a login",
        ),
        ([unreachable(), unreachable()], false, "nothing answered at the address: no route"),
        ([timeout(), timeout()], false, "no complete answer arrived in time: first byte"),
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
    assert_eq!(told, Some("target `prod` leads to a different cluster than before"));
}

/// Returns the problem of the one dynamic secret.
fn problem(engine: &Engine<TestPorts>) -> String {
    let check = check(engine);
    let [secret] = &check.dynamic_secrets[..] else { panic!("{check:?}") };
    assert!(!secret.issue, "{check:?}");
    secret.problem.clone().unwrap_or_else(|| panic!("{check:?}"))
}

#[test]
fn what_denies_is_named_to_an_administrator() {
    let quota = "secrets \"x\" is forbidden: exceeded quota: none-left, requested: secrets=1";
    let policy =
        "x is forbidden: ValidatingAdmissionPolicy 'no-x' with binding 'b' denied request: no";
    let webhook = "admission webhook \"a.example\" denied the request: no";
    for (mode, resource, message, told) in [
        (
            EXISTING,
            "secrets",
            quota,
            "resource quota `none-left` refuses to `create` `secrets` in namespace `apps`",
        ),
        (
            EXISTING,
            "leases.coordination.k8s.io",
            policy,
            "admission policy `no-x` refuses to `create` `leases.coordination.k8s.io` in namespace `apps`",
        ),
        (
            EXISTING,
            "serviceaccounts/token",
            policy,
            "admission policy `no-x` refuses to `create` `serviceaccounts/token` of `deployer` in namespace `apps`",
        ),
        (
            PLAIN,
            "serviceaccounts/token",
            webhook,
            "admission webhook `a.example` refuses to `create` `serviceaccounts/token` of `deployer` in namespace `apps`",
        ),
        (
            ROLE,
            "serviceaccounts",
            webhook,
            "admission webhook `a.example` refuses to `create` `serviceaccounts` in namespace `apps`",
        ),
        (
            RULES,
            "rolebindings.rbac.authorization.k8s.io",
            policy,
            "admission policy `no-x` refuses to `create` `rolebindings.rbac.authorization.k8s.io` in namespace `apps`",
        ),
        (
            CLUSTER_RULES,
            "clusterroles.rbac.authorization.k8s.io",
            "x is forbidden: no",
            "a component other than RBAC (a quota, an admission policy or a webhook) refuses to `create` \
             `clusterroles.rbac.authorization.k8s.io`",
        ),
    ] {
        let engine = with_secret(mode, "");
        engine.ports.http.fail_all(Fault::Deny(message), move |sent| sent.asks("create", resource));
        assert_eq!(problem(&engine), told, "{mode:?}");
        assert_eq!(engine.ports.http.tokens(), [""; 0], "{mode:?}: no token is asked for");
    }
}

#[test]
fn a_name_that_could_be_the_credential_is_not_told() {
    for (credential, name, is_told) in [
        ("abcdef-none-left-0123", "none-left", false),
        ("none-left", "x-none-left-x", false),
        ("abcdef-none-0123", "none", true),
        ("t0ken", "none-left", true),
    ] {
        let engine = engine();
        engine.put_target(prod("https://a.example", Some(credential))).expect("puts");
        put_secret(&engine, EXISTING.1, "");
        let message = format!("secrets \"x\" is forbidden: exceeded quota: {name}, requested");
        engine
            .ports
            .http
            .fail_all(Fault::Deny(message.leak()), |sent| sent.asks("create", "secrets"));
        assert_eq!(problem(&engine).contains(name), is_told, "{credential} {name}");
    }
}

#[test]
fn what_comes_back_otherwise_than_it_was_sent_is_told() {
    for (mode, kind) in [(EXISTING, "Secret"), (ROLE, "ServiceAccount"), (RULES, "ServiceAccount")]
    {
        let engine = with_secret(mode, "");
        engine.ports.http.set_webhook(|object| {
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "somebody".into();
        });
        let told = format!("changes `metadata.labels` of each created {kind}");
        assert!(problem(&engine).contains(&told), "{mode:?}: {}", problem(&engine));
    }
}

#[test]
fn a_namespace_or_role_that_is_not_there_or_is_dangerous_is_told() {
    for mode in ALL {
        let engine = with_secret(mode, "");
        engine.ports.http.remove("ServiceAccount", "apps", "deployer");
        engine.ports.http.remove("Namespace", "", "apps");
        assert_eq!(problem(&engine), "there is no namespace `apps`", "{mode:?}");
    }
    let engine = with_secret(ROLE, "");
    engine.ports.http.remove("ClusterRole", "", "view");
    assert_eq!(problem(&engine), "there is no ClusterRole `view`");
    engine.ports.http.put(serde_json::json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }));
    let told = problem(&engine);
    assert!(told.contains("has changed since") && told.contains("core/secrets:get"), "{told}");
    let (groups, resources) = (vec!["a"; 300], vec!["b"; 300]);
    engine.ports.http.put(serde_json::json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"},
        "rules": [{"apiGroups": groups, "resources": resources, "verbs": ["get"]}],
    }));
    let told = problem(&engine);
    assert!(told.contains("cannot all be checked: they make more than 65,536"), "{told}");
    // One that may not be read is not said to be well.
    engine.ports.http.deny("get", "clusterroles.rbac.authorization.k8s.io");
    let missing = &check(&engine).missing_permissions;
    let [missing] = &missing[..] else { panic!("{missing:?}") };
    assert_eq!((missing.verb.as_str(), missing.name.as_deref()), ("get", Some("view")));
}

#[test]
fn what_is_refused_and_not_needed_is_named_and_the_rest_goes_on() {
    // A token of the account that kubelease has, as it is in a cluster.
    let token = |account: &str| {
        let engine = with_secret(PLAIN, "");
        engine.ports.http.put(serde_json::json!({
            "kind": "ServiceAccount", "apiVersion": "v1",
            "metadata": {"namespace": "apps", "name": account},
        }));
        put_secret(&engine, &PLAIN.1.replace("deployer", account), "");
        crate::fixtures::issue(&engine).expect("issues").token.expose_secret().to_owned()
    };
    let (own, opaque) = (token("broker"), "t0ken".to_owned());
    for (path, credential, warning, is_well) in [
        ("/version", &opaque, Some("kubelease may not `get` `/version`"), true),
        ("selfsubjectreviews", &own, Some("its user name was read from its own token"), true),
        (
            "selfsubjectreviews",
            &opaque,
            Some("kubelease may not `create` `selfsubjectreviews"),
            false,
        ),
        ("selfsubjectaccessreviews", &own, None, false),
    ] {
        let row = format!("{path} {}", credential.len());
        let engine = engine();
        engine.put_target(prod("https://a.example", Some(credential))).expect("puts");
        put_secret(&engine, RULES.1, "");
        engine.ports.http.fail_all(Fault::Forbid, move |sent| sent.path.ends_with(path));
        let seen = check(&engine);
        assert_eq!(seen.warnings.len(), usize::from(warning.is_some()), "{row}: {seen:?}");
        let told = seen.warnings.first().map(String::as_str).unwrap_or_default();
        assert!(told.contains(warning.unwrap_or_default()), "{row}: {seen:?}");
        let [secret] = &seen.dynamic_secrets[..] else { panic!("{row}: {seen:?}") };
        assert_eq!(seen.problem.is_none() && secret.issue, is_well, "{row}: {seen:?}");
        let username = seen.username.as_deref();
        if path == "selfsubjectreviews" {
            let want = (credential == &own).then_some("system:serviceaccount:apps:broker");
            assert_eq!(username, want, "{row}");
        }
        if path == "selfsubjectaccessreviews" {
            let problem = secret.problem.as_deref().unwrap_or_default();
            assert!(problem.contains("cannot check its other permissions"), "{row}: {seen:?}");
        }
        // Issuing needs to know whose account it may not lease, and nothing of the rest.
        let outcome = crate::fixtures::issue(&engine);
        let knows = path != "selfsubjectreviews" || credential == &own;
        assert_eq!(outcome.is_ok(), knows, "{row}: {outcome:?}");
    }
    // Its own account is known by its token, and not leased.
    let engine = engine();
    engine.put_target(prod("https://a.example", Some(&token("deployer")))).expect("puts");
    put_secret(&engine, EXISTING.1, "");
    engine.ports.http.fail_all(Fault::Forbid, |sent| sent.path.ends_with("selfsubjectreviews"));
    let outcome = crate::fixtures::issue(&engine);
    assert!(matches!(outcome, Err(crate::IssueError::OwnAccount(_))), "{outcome:?}");
}

#[test]
fn a_gateway_that_hides_the_version_alone_is_named_and_the_rest_goes_on() {
    for (code, is_well) in
        [(403, true), (404, true), (418, true), (401, false), (302, false), (502, false)]
    {
        let engine = with_secret(RULES, "");
        engine.ports.http.fail_all(Fault::Fail(code), |sent| sent.path == "/version");
        let seen = check(&engine);
        assert_eq!(seen.problem.is_none(), is_well, "{code}: {seen:?}");
        let warning = format!("the API server refused `/version` with status {code}");
        let is_named = seen.warnings.iter().any(|told| told.contains(&warning));
        assert_eq!(is_named, is_well, "{code}: {seen:?}");
        assert_eq!(seen.dynamic_secrets.iter().any(|secret| secret.issue), is_well, "{code}");
        // If nothing answers as Kubernetes does, its version is not all that is missing.
        let engine = with_secret(RULES, "");
        engine.ports.http.fail_all(Fault::Fail(code), |_| true);
        let seen = check(&engine);
        assert!(seen.problem.is_some() && seen.warnings.is_empty(), "{code}: {seen:?}");
    }
}
