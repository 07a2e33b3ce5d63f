use super::*;
use crate::Kind;

/// As kube-apiserver 1.36.3 answered a request without the right to make it.
const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"serviceaccounts \"deployer\" is forbidden: User \"system:serviceaccount:kubelease:broker\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"apps\"",
    "reason":"Forbidden","details":{"name":"deployer","kind":"serviceaccounts"},"code":403}"#;

/// As it answered the create of an account in a namespace that was being deleted.
const TERMINATING: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"serviceaccounts \"late\" is forbidden: unable to create new content in namespace apps because it is being terminated",
    "reason":"Forbidden","details":{"name":"late","kind":"serviceaccounts","causes":[
    {"reason":"NamespaceTerminating","message":"namespace apps is being terminated","field":"metadata.namespace"}]},
    "code":403}"#;

/// As it answered a DELETE whose UID was another.
const CONFLICT: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"Operation cannot be fulfilled on ServiceAccount \"f1\": the UID in the precondition (nope) does not match the UID in record (9f151a2a-1b8c-4104-aff3-3f2813bc6979). The object might have been deleted and then recreated",
    "reason":"Conflict","details":{"name":"f1","kind":"ServiceAccount"},"code":409}"#;

/// As it answered the second create of a name.
const EXISTS: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"clusterroles.rbac.authorization.k8s.io \"a1\" already exists","reason":"AlreadyExists",
    "details":{"name":"a1","group":"rbac.authorization.k8s.io","kind":"clusterroles"},"code":409}"#;

fn status(code: u16, retry_after: Option<&str>, body: &str) -> Status {
    let mut response = Response::builder().status(code);
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    Status::from_response(&response.body(body.as_bytes().to_vec()).expect("an answer"))
}

/// Every question, by the name of what it asks.
fn answers(status: &Status) -> Vec<&'static str> {
    [
        ("unauthorized", status.is_unauthorized()),
        ("forbidden", status.is_forbidden()),
        ("invalid", status.is_invalid()),
        ("expired", status.is_continue_token_expired()),
        ("too many", status.is_too_many_requests()),
        ("fault", status.is_server_fault()),
        ("terminating", status.is_namespace_terminating()),
    ]
    .into_iter()
    .filter_map(|(question, yes)| yes.then_some(question))
    .collect()
}

#[test]
fn the_reason_decides_before_the_code() {
    let reason = |reason| format!(r#"{{"kind":"Status","reason":"{reason}"}}"#);
    for (code, body, yes) in [
        (403, FORBIDDEN, &["forbidden"][..]),
        (403, TERMINATING, &["forbidden", "terminating"]),
        (403, &TERMINATING.replace(r#""Status""#, r#""Pod""#), &["forbidden"]),
        (403, "<html>no</html>", &["forbidden"]),
        (401, "", &["unauthorized"]),
        (404, &reason("NotFound"), &[]),
        (404, "404 page not found", &[]),
        (403, &reason("Expired"), &["expired"]),
        (404, r#"{"kind":"Pod","reason":"NotFound"}"#, &[]),
        (409, CONFLICT, &[]),
        (409, EXISTS, &[]),
        (409, "<html>", &[]),
        (410, &reason("Expired"), &["expired"]),
        (410, &reason("Gone"), &["expired"]),
        (410, "", &["expired"]),
        (422, &reason("Invalid"), &["invalid"]),
        (429, &reason("TooManyRequests"), &["too many"]),
        (429, "Too many requests, please try again later.", &["too many"]),
        (500, &reason("ServerTimeout"), &["fault"]),
        (503, "", &["fault"]),
        (504, &reason("Timeout"), &["fault"]),
        (500, &reason("Forbidden"), &["forbidden", "fault"]),
    ] {
        assert_eq!(answers(&status(code, None, body)), yes, "{code} {body}");
    }
}

/// As it answered the DELETE of what was not there.
const MISSING: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"leases.coordination.k8s.io \"l1\" not found","reason":"NotFound",
    "details":{"name":"l1","group":"coordination.k8s.io","kind":"leases"},"code":404}"#;

#[test]
fn a_real_refusal_names_its_object() {
    let account = |name| CallSubject::for_object(Kind::ServiceAccount, name);
    for (body, subject, reason) in [
        (FORBIDDEN, CallSubject::for_account_token("deployer"), "Forbidden"),
        (TERMINATING, account("late"), "Forbidden"),
        (CONFLICT, account("f1"), "Conflict"),
        (EXISTS, CallSubject::for_object(Kind::ClusterRole, "a1"), "AlreadyExists"),
        (MISSING, CallSubject::for_object(Kind::CoordinationLease, "l1"), "NotFound"),
    ] {
        let response = || Response::builder().body(body.as_bytes().to_vec()).expect("an answer");
        assert!(
            Status::from_call_response(&response(), &subject).has_reason_for_subject(reason),
            "{body}"
        );
        let another = CallSubject::for_object(Kind::CoordinationLease, "l2");
        assert!(
            !Status::from_call_response(&response(), &another).has_reason_for_subject(reason),
            "{body}"
        );
        assert!(
            !Status::from_response(&response()).has_reason_for_subject(reason),
            "{body}: no call is known"
        );
    }
}

#[test]
fn what_is_not_found_may_be_another_thing_that_was_needed() {
    let body = MISSING.replace("l1", "apps").replace("leases", "namespaces");
    for (body, resource, name, yes) in [
        (body.as_str(), "namespaces", "apps", true),
        (&body, "namespaces", "web", false),
        (&body, "secrets", "apps", false),
        (MISSING, "leases", "l1", true),
        (EXISTS, "clusterroles", "a1", false),
        (r#"{"kind":"Status","reason":"NotFound","details":{}}"#, "", "", false),
        ("404 page not found", "namespaces", "apps", false),
    ] {
        let told = status(404, None, body).is_not_found_of(resource, name);
        assert_eq!(told, yes, "{body} {resource} {name}");
    }
}

#[test]
fn a_server_may_ask_for_a_minute_at_most() {
    let details = |seconds: &str| {
        format!(
            r#"{{"kind":"Status","reason":"ServerTimeout","details":{{"retryAfterSeconds":{seconds}}}}}"#
        )
    };
    for (header, body, seconds) in [
        (None, String::new(), None),
        (Some("1"), String::new(), Some(1)),
        (Some("1"), details("5"), Some(1)),
        (None, details("5"), Some(5)),
        (None, details("0"), None),
        (None, details("100000"), Some(60)),
        (Some("0"), String::new(), Some(0)),
        (Some("61"), String::new(), Some(60)),
        (Some("99999999999999999999"), String::new(), None),
        (Some("-1"), String::new(), None),
        (Some("Wed, 25 Nov 2026 02:28:15 GMT"), details("5"), Some(5)),
    ] {
        let asked = status(503, header, &body).retry_after.map(|after| after.as_secs());
        assert_eq!(asked, seconds, "{header:?} {body}");
    }
}

#[test]
fn nothing_that_the_server_writes_freely_is_kept() {
    let body = r#"{"kind":"Status","reason":"canary","message":"canary"}"#;
    for body in [body, &FORBIDDEN.replace("apps", "canary"), "canary"] {
        let status = status(403, None, body);
        let told = format!("{status} {status:?}");
        assert!(status.is_forbidden() && !told.contains("canary"), "{told}");
    }
}

#[test]
fn what_denied_is_read_of_a_status_alone() {
    let body = r#"{"kind":"Status","reason":"Forbidden","message":"secrets \"s\" is forbidden: exceeded quota: canary, requested"}"#;
    let told = status(403, None, body);
    assert_eq!(
        told.post_authorization_denial().and_then(PostAuthorizationDenial::name),
        Some("canary")
    );
    assert!(!format!("{told} {told:?}").contains("canary"), "{told:?}");
    assert_eq!(status(403, None, &body.replace("Status", "Pod")).post_authorization_denial(), None);
    assert_eq!(status(403, None, FORBIDDEN).post_authorization_denial(), None);
}
