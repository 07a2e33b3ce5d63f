use kube_rest::{DeniedBy, Error as Kube, Status, TlsFailure, TransportError};
use lease_core::rbac::{ExistingRole, RoleKind};
use lease_core::{OpenError, TtlError};
use lease_engine::{
    ApiAction, ClusterError, DynamicSecretError, IssueError, RenewError, RevokeError, TargetError,
};

use super::*;

fn target() -> lease_core::TargetName {
    "prod".parse().expect("a name")
}

fn id() -> lease_core::LeaseId {
    "00112233445566778899aabbccddeeff".parse().expect("an id")
}

fn ttl(text: &str) -> lease_core::Ttl {
    text.parse().expect("a duration")
}

/// A refusal as an API server writes it, with words of its own.
fn refused(code: u16, reason: &str, cause: &str) -> ClusterError {
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "canary",
        "reason": reason, "code": code,
        "details": {"causes": [{"reason": cause, "message": "canary"}]},
    });
    let response = http::Response::builder().status(code).body(body.to_string().into_bytes());
    kubernetes(Kube::Refused(Status::from_response(&response.expect("a response"))))
}

fn kubernetes(source: Kube) -> ClusterError {
    let doing =
        ApiAction { verb: "create", resource: "secrets".into(), name: None, namespace: None };
    ClusterError::Kubernetes { target: target(), doing: doing.into(), source }
}

fn silent(error: TransportError) -> ClusterError {
    kubernetes(Kube::Transport(error))
}

/// A denial of what RBAC allows.
fn denied(by: Option<DeniedBy>) -> ClusterError {
    let ClusterError::Kubernetes { target, doing, source } = refused(403, "Forbidden", "") else {
        unreachable!("it is one")
    };
    ClusterError::Denied { target, doing, by, source }
}

#[test]
fn a_cluster_that_fails_is_told_of_by_kind_and_not_in_its_words() {
    let namespace: lease_core::Namespace = "apps".parse().expect("a name");
    let role = ExistingRole { kind: RoleKind::Role, name: "view".parse().expect("a name") };
    let no_role =
        ClusterError::NoRole { target: target(), role, namespace: Some(namespace.clone()) };
    let no_namespace = ClusterError::NoNamespace { target: target(), namespace };
    let variable = || "target_a".to_owned().try_into().expect("a variable");
    for (error, code, status) in [
        (
            ClusterError::Unopened { target: target(), source: OpenError::UnknownKey },
            "credential_unreadable",
            503,
        ),
        (
            ClusterError::Variable {
                target: target(),
                variable: variable(),
                what: "holds no token",
            },
            "credential_unreadable",
            503,
        ),
        (ClusterError::Changed { target: target() }, "cluster_changed", 409),
        (
            ClusterError::AdministratorAudience { target: target() },
            "audience_of_administrators",
            409,
        ),
        (ClusterError::Taken { target: target() }, "lease_name_taken", 502),
        (ClusterError::WrongAnswer { target: target(), what: "it is" }, "target_bad_answer", 502),
        (ClusterError::Clock { target: target() }, "target_bad_answer", 502),
        (refused(401, "Unauthorized", ""), "target_unauthorized", 502),
        (refused(403, "Forbidden", ""), "target_forbidden", 502),
        (refused(403, "Forbidden", "NamespaceTerminating"), "namespace_terminating", 409),
        (denied(None), "target_refused", 502),
        (denied(Some(DeniedBy::Quota)), "target_refused", 502),
        (denied(Some(DeniedBy::Policy)), "target_refused", 502),
        (denied(Some(DeniedBy::Webhook)), "target_refused", 502),
        (denied(Some(DeniedBy::Escalation)), "target_forbidden", 502),
        (no_namespace, "namespace_not_found", 502),
        (no_role, "role_not_found", 502),
        (refused(404, "NotFound", ""), "target_refused", 502),
        (refused(409, "Conflict", ""), "target_refused", 502),
        (refused(422, "Invalid", ""), "target_refused", 502),
        (refused(500, "InternalError", ""), "target_refused", 502),
        (refused(302, "", ""), "target_bad_answer", 502),
        (silent(TransportError::Timeout("canary".to_owned())), "target_timeout", 504),
        (silent(TransportError::Unreachable("canary".to_owned())), "target_unreachable", 502),
        (silent(TransportError::Broken("canary".to_owned())), "target_unreachable", 502),
        (silent(TransportError::Tls(TlsFailure::Unexplained)), "target_unreachable", 502),
        (kubernetes(Kube::Improper("canary")), "internal_error", 500),
        (kubernetes(Kube::Segment("canary".to_owned())), "internal_error", 500),
        (
            ClusterError::Store(StoreError::Version { key: "canary".to_owned(), version: 9 }),
            "store_version",
            503,
        ),
    ] {
        let told = format!("{error:?}");
        let problem = Problem::from(error);
        assert_eq!((problem.body.code, problem.status.as_u16()), (code, status), "{told}");
        assert!(problem.cause.is_some(), "{told}: nothing for the log");
        assert!(!problem.body.detail.contains("canary"), "{told}: {}", problem.body.detail);
    }
}

#[test]
fn what_may_be_tried_again_says_when() {
    let secret = || "ci".parse().expect("a name");
    for (problem, code, status, seconds) in [
        (Problem::from(IssueError::InProgress), "request_in_progress", 409, Some("2")),
        (IssueError::TooLate.into(), "issue_too_slow", 503, Some("2")),
        (IssueError::Reconciling(target()).into(), "target_reconciling", 503, Some("2")),
        (IssueError::Full { secret: secret(), cap: 7 }.into(), "too_many_leases", 409, Some("10")),
        (RevokeError::Busy(id()).into(), "lease_busy", 503, Some("2")),
        (IssueError::KeyReused.into(), "idempotency_key_reused", 422, None),
        (IssueError::Ended(id()).into(), "lease_ended", 409, None),
        (IssueError::EndsTooSoon(id()).into(), "lease_ends_too_soon", 409, None),
        (
            IssueError::UnknownTarget { secret: secret(), target: target() }.into(),
            "target_missing",
            409,
            None,
        ),
        (RenewError::UnknownTarget(target()).into(), "target_missing", 409, None),
        (RenewError::NotActive(id()).into(), "lease_not_active", 409, None),
        (RenewError::Unknown(id()).into(), "unknown_lease", 404, None),
        (RevokeError::Unknown(id()).into(), "unknown_lease", 404, None),
        (
            RenewError::TooLong { asked: ttl("2h"), max: ttl("1h") }.into(),
            "ttl_too_long",
            422,
            None,
        ),
        (
            RenewError::TooShort(TtlError::TooShort { asked: ttl("1s"), min: ttl("10s") }).into(),
            "ttl_too_short",
            422,
            None,
        ),
    ] {
        assert_eq!((problem.body.code, problem.status.as_u16()), (code, status), "{problem:?}");
        let header = problem.into_response().headers().get(RETRY_AFTER).cloned();
        assert_eq!(header.as_ref().and_then(|value| value.to_str().ok()), seconds, "{code}");
    }
}

#[test]
fn what_is_wrong_inside_of_a_body_is_told_with_where_it_is() {
    for (error, code, detail) in [
        (
            TargetError::OriginShared { other: target() },
            "origin_shared",
            "`target`: target `prod` has",
        ),
        (
            TargetError::Store(StoreError::Version { key: "k".to_owned(), version: 9 }),
            "store_version",
            "the store has",
        ),
    ] {
        let problem = Problem::from(DynamicSecretError::Target(error));
        assert_eq!(problem.body.code, code);
        assert!(problem.body.detail.starts_with(detail), "{problem:?}");
    }
    let problem =
        Problem::for_field("/url".to_owned(), "no".to_owned()).with_pointer_prefix("/target");
    assert_eq!(problem.body.detail, "`target.url`: no");
}

#[test]
fn a_target_in_use_names_a_few_of_those_that_use_it() {
    for (count, detail) in [(1, "delete them first: `s0`"), (12, ", `s9` and 2 more")] {
        let by = (0..count).map(|i| format!("s{i}").parse().expect("a name")).collect();
        let problem = Problem::from(TargetError::InUse { target: target(), by });
        assert!(problem.body.detail.ends_with(detail), "{count}: {}", problem.body.detail);
    }
}

#[test]
fn a_problem_is_written_as_rfc_9457_says() {
    let response = Problem::for_field("/a/0".to_owned(), "no".to_owned()).into_response();
    let golden = serde_json::json!({
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "code": "invalid_field",
        "detail": "`a.0`: no",
        "errors": [{"pointer": "/a/0", "detail": "no"}],
    });
    let told: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
    assert_eq!(told, golden);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn a_role_that_cannot_be_looked_through_is_refused_with_the_reason_and_the_waiver() {
    let kind = lease_core::rbac::RoleKind::ClusterRole;
    let role = lease_core::rbac::ExistingRole { kind, name: "view".parse().expect("a name") };
    let secret = "ro".parse().expect("a name");
    let refused = IssueError::UnclearRole { secret, role, why: "they are too many" };
    let problem = Problem::from(refused);
    let told = format!("{problem:?}");
    assert!(told.contains("cannot all be checked: they are too many. "), "{told}");
    assert!(told.contains("role:view"), "{told}");
    assert!(told.contains("DangerousRole") || told.contains("dangerous_rules"), "{told}");
}
