//! That the cluster in memory answers as kube-apiserver does, as far as the engine relies on it.

use std::collections::BTreeMap;

use kube_rest::{
    Api, Authorization, BoundObject, Call, Error, Kind, NewObject, NewObjectBody, ObjectDeletion,
    ObjectPatch, TokenSpec,
};
use serde_json::json;

use super::*;

fn api() -> Api<'static> {
    Api::new("https://a.example", Authorization::Bearer("t0ken"))
}

fn send<T>(ports: &TestPorts, call: Call<T>) -> Result<T, Error> {
    block_on(call.send(&*ports.http))
}

fn object(namespace: &str, name: &str, body: NewObjectBody) -> NewObject {
    NewObject {
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        annotations: BTreeMap::new(),
        body,
    }
}

fn secret_body() -> NewObjectBody {
    NewObjectBody::Secret { secret_type: "kubelease.dev/lease".to_owned() }
}

fn spec(seconds: u32) -> TokenSpec {
    TokenSpec {
        audiences: vec![],
        expiration_seconds: seconds,
        bound_object: None,
        account_uid: None,
    }
}

#[test]
fn a_name_is_taken_once_and_a_dry_run_leaves_nothing() {
    let ports = TestPorts::default();
    let object = object("apps", "a1", NewObjectBody::ServiceAccount);
    let dry = send(&ports, api().create_object(&object, true)).expect("is admitted");
    assert_eq!((dry.resource_version.as_str(), ports.http.made().len()), ("", 0));
    let stored = send(&ports, api().create_object(&object, false)).expect("creates");
    assert_eq!(stored.find_field_unlike_sent(&object), None);
    assert!(
        send(&ports, api().create_object(&object, false)).expect_err("taken").is_already_exists()
    );
    assert!(
        send(&ports, api().create_object(&object, true)).expect_err("taken").is_already_exists()
    );
    let elsewhere = self::object("nowhere", "a1", NewObjectBody::ServiceAccount);
    let error = send(&ports, api().create_object(&elsewhere, false)).expect_err("none");
    let is_of = |status: &kube_rest::Status| status.is_not_found_of("namespaces", "nowhere");
    assert!(error.status().is_some_and(is_of) && !error.is_not_found(), "{error}");
}

#[test]
fn only_the_object_of_the_uid_is_deleted_and_a_finalizer_holds_it() {
    let ports = TestPorts::default();
    for (kind, body) in
        [(Kind::ServiceAccount, NewObjectBody::ServiceAccount), (Kind::Secret, secret_body())]
    {
        let object = object("apps", "a1", body);
        let uid = send(&ports, api().create_object(&object, false)).expect("creates").uid;
        let delete = |uid: &str| send(&ports, api().delete_object(kind, Some("apps"), "a1", uid));
        assert!(delete("other").expect_err("another's").is_conflict());
        ports.http.change_made(|object| object["metadata"]["finalizers"] = json!(["a/b"]));
        for _ in 0..2 {
            let deletion = delete(&uid).expect("begins");
            assert!(
                matches!(deletion, ObjectDeletion::Terminating { since: Some(_) }),
                "{deletion:?}"
            );
        }
        ports.http.change_made(|object| object["metadata"]["finalizers"] = json!([]));
        assert!(delete(&uid).expect_err("it went").is_not_found());
        let uid = send(&ports, api().create_object(&object, false)).expect("creates").uid;
        assert_eq!(delete(&uid).expect("deletes"), ObjectDeletion::Gone);
        assert_eq!(ports.http.made().len(), 0);
    }
}

#[test]
fn a_secret_is_shown_by_a_dry_delete_and_stays() {
    let ports = TestPorts::default();
    let made = send(&ports, api().create_object(&object("apps", "s1", secret_body()), false));
    let shown =
        send(&ports, api().read_secret_metadata_by_dry_delete("apps", "s1")).expect("shows");
    assert_eq!(shown.uid, made.expect("creates").uid);
    assert_eq!((shown.deletion_timestamp, shown.finalizers.len()), (None, 0));
    assert_eq!(ports.http.made().len(), 1);
    let missing = send(&ports, api().read_secret_metadata_by_dry_delete("apps", "s2"));
    assert!(missing.expect_err("none").is_not_found());
}

#[test]
fn a_patch_is_of_one_object_in_one_state() {
    let ports = TestPorts::default();
    let made = send(
        &ports,
        api().create_object(&object("apps", "a1", NewObjectBody::ServiceAccount), false),
    );
    let made = made.expect("creates");
    let annotations = BTreeMap::from([("x".to_owned(), "1".to_owned())]);
    let patch = |uid: &str, resource_version: &str| {
        let patch = ObjectPatch { uid, resource_version, annotations: &annotations, renewal: None };
        send(&ports, api().patch_object_annotations(Kind::ServiceAccount, "apps", "a1", &patch))
    };
    let old = made.resource_version.as_str();
    let error = patch("other", old).expect_err("another's");
    assert!(error.status().is_some_and(kube_rest::Status::is_invalid), "{error}");
    let patched = patch(&made.uid, old).expect("patches");
    assert_eq!((patched.annotations["x"].as_str(), patched.labels["a"].as_str()), ("1", "b"));
    assert!(patch(&made.uid, old).expect_err("it has changed").is_conflict());
}

#[test]
fn a_token_ends_with_what_it_is_bound_to() {
    let ports = TestPorts::default();
    ports.set_now("2026-11-22T07:00:00Z".parse().expect("a time"));
    let token = |spec: TokenSpec| send(&ports, api().create_token("apps", "deployer", &spec));
    let error = token(spec(599)).expect_err("too short");
    assert!(error.status().is_some_and(kube_rest::Status::is_invalid), "{error}");
    let uid = |uid: &str| TokenSpec { account_uid: Some(uid.to_owned()), ..spec(600) };
    assert!(token(uid("other")).expect_err("another's").is_conflict());
    let plain = token(uid(DEPLOYER_UID)).expect("gives one");

    let secret = send(&ports, api().create_object(&object("apps", "s1", secret_body()), false));
    let secret = secret.expect("creates");
    let bound = |name: &str, uid: &str| TokenSpec {
        bound_object: Some(BoundObject::for_secret(name, uid)),
        ..spec(600)
    };
    // Neither says anything of the account.
    let error = token(bound("s1", "other")).expect_err("another's");
    assert!(error.status().is_some_and(|status| status.reason == "Conflict"), "{error}");
    assert!(!error.is_conflict() && !error.is_unknown_outcome(), "{error}");
    let error = token(bound("s2", &secret.uid)).expect_err("none");
    assert!(
        error.status().is_some_and(|status| status.is_not_found_of("secrets", "s2")),
        "{error}"
    );
    assert!(!error.is_not_found() && !error.is_unknown_outcome(), "{error}");
    let bound = token(bound("s1", &secret.uid)).expect("gives one");
    assert!(ports.http.accepts(plain.expose_secret()) && ports.http.accepts(bound.expose_secret()));
    assert!(ports.http.remove("Secret", "apps", "s1"));
    assert!(
        ports.http.accepts(plain.expose_secret()) && !ports.http.accepts(bound.expose_secret())
    );
    assert!(ports.http.remove("ServiceAccount", "apps", "deployer"));
    assert!(!ports.http.accepts(plain.expose_secret()));
    assert!(token(spec(600)).expect_err("none").is_not_found());
    assert_eq!(ports.http.tokens().len(), 2);
}

#[test]
fn what_is_sent_before_an_answer_is_one_round() {
    use futures::future::{join, join_all};
    let ports = TestPorts::default();
    let ask = || api().get_version().send(&*ports.http);
    block_on(async {
        let _ = join_all([ask(), ask(), ask()]).await;
        let twice = async {
            let _ = (ask().await, ask().await);
        };
        let _ = join(twice, ask()).await;
    });
    let rounds: Vec<_> = ports.http.sent().iter().map(|sent| sent.round).collect();
    assert_eq!(rounds, [1, 1, 1, 2, 2, 3]);
    assert_eq!((ports.http.rounds(), ports.http.most_in_flight()), (3, 3));
}

#[test]
fn what_is_scripted_is_answered_first_and_what_is_denied_is_refused() {
    let ports = TestPorts::default();
    ports.http.script([Answer::Reply(503, String::new())]);
    ports.http.script_tokens([Answer::token("apps", "deployer", 1, 3601)]);
    let version = || send(&ports, api().get_version());
    assert!(version().expect_err("scripted").is_retryable());
    version().expect("is there");
    let token = |seconds| send(&ports, api().create_token("apps", "deployer", &spec(seconds)));
    assert_eq!(
        token(1).expect("scripted").expose_secret(),
        super::token("apps", "deployer", 1, 3601)
    );
    ports.http.deny("create", "serviceaccounts/token");
    let error = token(600).expect_err("denied");
    assert!(error.status().is_some_and(kube_rest::Status::is_forbidden), "{error}");
    assert_eq!(ports.http.bearers(), ["Bearer t0ken"; 4]);
}
