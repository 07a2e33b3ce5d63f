//! Logins of administrators.

use lease_core::Identity;

use super::*;

fn auth() -> Value {
    json!([{"type": "kubernetes", "target": "prod", "reviewer": "target", "allowed_names": ["deployer"],
        "allowed_namespaces": ["apps"], "allowed_audience": "kubelease"}])
}

fn log_in(engine: &Engine<TestPorts>) -> Result<NewAccessToken, LoginError> {
    let jwt = TestKey::P256.issue(
        "k",
        &json!({"iss": "https://kubernetes.default.svc", "aud": ["kubelease"], "sub": "system:serviceaccount:apps:deployer", "exp": seconds(engine) + 600}),
    );
    engine.ports.http.forget();
    block_on(engine.log_in_by_kubernetes(Some(&name_of("ci")), &jwt))
}

/// Has a record of an earlier version, which let such an identity log in by `kubernetes`.
fn raise_unchecked(engine: &Engine<TestPorts>) {
    let (_, identity) =
        engine.identities().get_with_number(&name_of("ci")).expect("reads").expect("is there");
    let mut record = serde_json::to_value(identity).expect("serialises");
    record["spec"]["manage_administrators"] = json!(true);
    let identity: Identity = serde_json::from_value(record).expect("a record");
    engine.identities().put_definition(&identity).expect("puts");
}

#[test]
fn who_manages_administrators_is_let_in_by_no_cluster() {
    let engine = with_identity(json!({"auth": auth(), "admin": true}));
    let made = log_in(&engine).expect("lets an administrator in");
    let authenticate = || {
        let session =
            engine.authenticate_token(made.token.expose_secret(), &engine.requester.origin);
        session.map(Requester::from_session).map_err(|error| error.to_string())
    };
    let requester = authenticate().expect("lets in");
    assert!(requester.is_administrator() && !requester.manages_administrators());

    raise_unchecked(&engine);
    assert_eq!(
        reason(log_in(&engine)),
        "the login is refused: `ci`: an identity with `manage_administrators` cannot log in by `kubernetes`"
    );
    assert_eq!(engine.ports.http.calls(), 0, "the token is shown to nobody");
    let refused = authenticate().expect_err("a token that is out lets nobody in either");
    assert_eq!(refused, "the identity no longer has this way to log in");
}
