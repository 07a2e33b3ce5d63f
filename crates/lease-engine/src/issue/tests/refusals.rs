//! What is told of a request that RBAC allows, and of a namespace that is not there.

use kube_rest::DeniedBy;

use super::*;

const QUOTA: &str = "secrets \"x\" is forbidden: exceeded quota: canary, requested: secrets=1, used: \
                     secrets=0, limited: secrets=0";
const POLICY: &str =
    "x is forbidden: ValidatingAdmissionPolicy 'canary' with binding 'b' denied request: no";
const WEBHOOK: &str = "admission webhook \"canary\" denied the request: no";
const SILENT: &str = "x is forbidden: no";

/// The error of an issue that is refused with `message` wherever `resource` is created.
fn refused(
    engine: &Engine<TestPorts>,
    resource: &'static str,
    message: &'static str,
) -> ClusterError {
    engine.ports.http.fail_all(Fault::Deny(message), move |sent| sent.asks("create", resource));
    match issue(engine).expect_err("refused") {
        IssueError::Cluster(error) => error,
        error => panic!("{resource}: {}", chain(&error)),
    }
}

#[test]
fn what_rbac_allows_is_not_told_as_a_missing_permission() {
    for (mode, resource) in [
        (EXISTING, "secrets"),
        (EXISTING, "leases.coordination.k8s.io"),
        (PLAIN, "serviceaccounts/token"),
        (ROLE, "serviceaccounts"),
        (ROLE, "rolebindings.rbac.authorization.k8s.io"),
        (RULES, "roles.rbac.authorization.k8s.io"),
        (RULES, "serviceaccounts/token"),
        (CLUSTER_RULES, "clusterrolebindings.rbac.authorization.k8s.io"),
    ] {
        for (message, want) in [
            (QUOTA, Some(DeniedBy::Quota)),
            (POLICY, Some(DeniedBy::Policy)),
            (WEBHOOK, Some(DeniedBy::Webhook)),
            (SILENT, None),
        ] {
            let row = format!("{mode:?} {resource} {want:?}");
            let engine = warm(mode);
            let error = refused(&engine, resource, message);
            let ClusterError::Denied { by, .. } = &error else { panic!("{row}: {error}") };
            assert_eq!(*by, want, "{row}");
            let told = format!("{} {}", error.public_message(), chain(&error));
            assert!(!told.contains("canary"), "{row}: {told}");
            assert!(told.contains("RBAC allows it"), "{row}: {told}");
            assert_eq!(made(&engine), [""; 0], "{row}");
        }
    }
}

#[test]
fn rules_that_kubelease_has_not_itself_are_told_as_that() {
    let held = "user \"b\" (groups=[]) is attempting to grant RBAC permissions not currently held:";
    for (mode, resource) in [
        (RULES, "roles.rbac.authorization.k8s.io"),
        (CLUSTER_RULES, "clusterroles.rbac.authorization.k8s.io"),
    ] {
        let told = refused(&warm(mode), resource, held).public_message();
        assert!(told.contains("must itself have every permission"), "{mode:?}: {told}");
    }
}

#[test]
fn where_the_authorizers_cannot_be_asked_the_message_decides() {
    for (message, is_denied) in [(QUOTA, true), (SILENT, false)] {
        for fault in [Fault::Forbid, Fault::Fail(503)] {
            let engine = warm(EXISTING);
            engine.ports.http.fail_all(fault, |sent| sent.path.ends_with("accessreviews"));
            let error = refused(&engine, "secrets", message);
            let denied = matches!(error, ClusterError::Denied { .. });
            assert_eq!(denied, is_denied, "{message} {fault:?}: {error}");
        }
    }
}

#[test]
fn a_missing_permission_stays_one_whatever_the_message_says() {
    let engine = warm(EXISTING);
    engine.ports.http.deny("create", "secrets");
    let error = refused(&engine, "secrets", QUOTA);
    assert!(
        error.public_message().contains("may not `create` `secrets`"),
        "{}",
        error.public_message()
    );
}

#[test]
fn a_deletion_that_a_policy_denies_is_told_as_that() {
    for (mode, resource) in [(EXISTING, "secrets"), (RULES, "serviceaccounts")] {
        let engine = warm(mode);
        let id = issue(&engine).expect("issues").held.lease.id;
        engine.ports.http.fail_all(Fault::Deny(POLICY), move |sent| sent.asks("delete", resource));
        assert!(!revoke(&engine, id), "{mode:?}");
        let closing = held(&engine, id).closing.expect("is ending");
        let reason = closing.obstacle.unwrap_or_default();
        let told = format!("refused to `delete` `{resource}`");
        assert!(reason.contains(&told) && reason.contains("an admission policy"), "{reason}");
        assert!(!reason.contains("canary"), "{reason}");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told_in_every_mode() {
    for mode in ALL {
        for known in [false, true] {
            // A known account is not read again before its token is asked for.
            let engine = if known { warm(mode) } else { with_secret(mode, "") };
            let before = live(&engine).len();
            engine.ports.http.remove("ServiceAccount", "apps", "deployer");
            assert!(engine.ports.http.remove("Namespace", "", "apps"));
            let error = issue(&engine).expect_err("no namespace");
            let text = "target `prod` has no namespace `apps`";
            assert_eq!(error.to_string(), text, "{mode:?} {known}: {}", chain(&error));
            assert_eq!(live(&engine).len(), before, "{mode:?} {known}");
        }
    }
}

#[test]
fn an_account_that_is_not_there_is_told_apart_from_its_namespace() {
    for mode in [PLAIN, EXISTING] {
        for known in [false, true] {
            let engine = if known { warm(mode) } else { with_secret(mode, "") };
            assert!(engine.ports.http.remove("ServiceAccount", "apps", "deployer"));
            let error = issue(&engine).expect_err("no account");
            assert!(matches!(error, IssueError::NoAccount { .. }), "{mode:?}: {}", chain(&error));
        }
    }
}
