use serde_json::{Value, json};

use super::*;
use crate::MasterKey;

fn keys(byte: &str) -> MasterKey {
    MasterKey::from_base64(&format!("{}A=", byte.repeat(42))).expect("32 bytes")
}

fn urls(url: &str) -> BTreeMap<TargetName, ApiServerUrl> {
    let url = ApiServerUrl::try_from(url.to_owned()).expect("a url");
    BTreeMap::from([("prod".parse().expect("a name"), url)])
}

fn put(input: Value, known: Option<&Identity>, url: &str) -> Result<Identity, String> {
    let input: IdentityInput = serde_json::from_value(input).map_err(|error| error.to_string())?;
    let keys = Keyring::new(&keys("A"), &[]);
    let (urls, now) = (urls(url), DateTime::UNIX_EPOCH);
    let put =
        IdentityPutContext { known, urls: &urls, keys: &keys, nonce: &|| [7; NONCE_BYTES], now };
    let name = "ci".parse().expect("a name");
    Identity::from_input(name, input, &put).map_err(|error| error.to_string())
}

fn kubernetes(reviewer: Value) -> Value {
    let mut method = json!({"type": "kubernetes", "target": "prod", "allowed_names": ["ci-*"],
                            "allowed_namespaces": ["build"], "allowed_audience": "kubelease"});
    method["reviewer"] = reviewer;
    method
}

const URL: &str = "https://a.example";

#[test]
fn parts_that_do_not_hold_together_are_told_what_would() {
    let token = || json!({"type": "token"});
    let without = |field: &str| {
        let mut method = kubernetes(json!("target"));
        method.as_object_mut().expect("an object").remove(field);
        json!({"auth": [method]})
    };
    let elsewhere = |field: &str, value: Value| {
        let mut method = kubernetes(json!("target"));
        method[field] = value;
        json!({"auth": [method]})
    };
    for (input, says) in [
        (json!({}), None),
        (json!({"auth": [token()]}), None),
        (
            json!({"auth": [kubernetes(json!("target")), kubernetes(json!("client")), token()]}),
            None,
        ),
        (json!({"auth": [kubernetes(json!({"token": "canary"}))]}), None),
        (json!({"auth": [kubernetes(json!({"variable": "target_prod"}))]}), None),
        (json!({"admin": true, "manage_administrators": true}), None),
        (json!({"manage_administrators": true}), Some("needs `admin`")),
        (json!({"admin": true, "auth": [kubernetes(json!("target"))]}), None),
        (json!({"admin": true, "manage_administrators": true, "auth": [token()]}), None),
        (
            json!({"admin": true, "manage_administrators": true,
                   "auth": [token(), kubernetes(json!("target"))]}),
            Some("an identity with `manage_administrators` cannot log in by `kubernetes`"),
        ),
        (json!({"auth": [token(), token()]}), Some("`token` at most once")),
        (json!({"auth": vec![kubernetes(json!("target")); 17]}), Some("at most 16")),
        (json!({"auth": [{"type": "token", "ttl": "1h"}]}), Some("unknown field `ttl`")),
        (json!({"auth": [{"type": "password"}]}), Some("unknown variant")),
        (json!({"auth": [kubernetes(json!("nobody"))]}), Some("unknown variant")),
        (
            json!({"auth": [kubernetes(json!({"token": null}))]}),
            Some("`reviewer.token` is required"),
        ),
        (
            json!({"auth": [kubernetes(json!({"variable": "admin_token"}))]}),
            Some("a target's variable"),
        ),
        (without("target"), Some("missing field `target`")),
        (without("reviewer"), Some("missing field `reviewer`")),
        (without("allowed_names"), Some("missing field `allowed_names`")),
        (without("allowed_namespaces"), Some("missing field `allowed_namespaces`")),
        (without("allowed_audience"), Some("missing field `allowed_audience`")),
        (elsewhere("target", json!("other")), Some("there is no target `other`")),
        (elsewhere("allowed_names", json!([])), Some("1 to 64 patterns")),
        (elsewhere("allowed_audience", json!("")), Some("an audience is")),
        (elsewhere("allowed_audiences", json!(["a"])), Some("unknown field `allowed_audiences`")),
        (json!({"max_live_leases": 0}), Some("`max_live_leases` is 1 to")),
        (json!({"max_issues_per_minute": 0}), Some("`max_issues_per_minute` is 1 to 60000")),
        (json!({"max_issues_per_minute": 60001}), Some("`max_issues_per_minute` is 1 to 60000")),
        (json!({"role": "admin"}), Some("unknown field `role`")),
    ] {
        match (put(input.clone(), None, URL), says) {
            (Ok(identity), None) => {
                let written = serde_json::to_string(&identity).expect("serialises");
                assert!(!written.contains("canary"), "{written}");
                assert_eq!(serde_json::from_str::<Identity>(&written).ok(), Some(identity));
            }
            (Err(error), Some(says)) => {
                assert!(error.contains(says) && !error.contains("canary"), "{input}: {error}");
            }
            (read, _) => panic!("{input}: {read:?}, expected {says:?}"),
        }
    }
}

/// The token that a reviewer of `ci` has for a target at `url`.
fn opened(identity: &Identity, url: &str, keys: &Keyring) -> Result<String, OpenError> {
    let (urls, target) = (urls(url), "prod".parse().expect("a name"));
    let [AuthMethod::Kubernetes(method)] = identity.spec().auth.as_slice() else {
        panic!("{identity:?}");
    };
    let place =
        ReviewerSealContext { identity: &identity.name, target: &target, url: &urls[&target] };
    method.reviewer.open_credential(place, keys).map(|credential| match credential {
        ReviewerCredential::Token(token) => token.expose_secret().to_owned(),
        other => format!("{other:?}"),
    })
}

#[test]
fn a_reviewer_s_token_is_kept_for_its_identity_and_url_alone() {
    let ring = Keyring::new(&keys("A"), &[]);
    let first = put(json!({"auth": [kubernetes(json!({"token": "canary"}))]}), None, URL);
    let first = first.expect("puts");
    assert_eq!(opened(&first, URL, &ring), Ok("canary".to_owned()));
    assert_eq!(opened(&first, "https://b.example", &ring), Err(OpenError::Forged));
    let mut other = first.clone();
    other.name = "other".parse().expect("a name");
    assert_eq!(opened(&other, URL, &ring), Err(OpenError::Forged));

    let again = json!({"auth": [kubernetes(json!({"token": null}))]});
    let kept = put(again.clone(), Some(&first), URL).expect("is kept");
    assert_eq!(opened(&kept, URL, &ring), Ok("canary".to_owned()));
    let elsewhere = put(again.clone(), Some(&first), "https://b.example");
    assert!(elsewhere.expect_err("is never sent there").contains("is required"));
    let of_target = put(json!({"auth": [kubernetes(json!("target"))]}), Some(&first), URL);
    assert!(put(again, of_target.ok().as_ref(), URL).is_err(), "it was forgotten");
}

#[test]
fn a_reviewer_s_token_is_sealed_anew_once_the_key_has_changed() {
    let first = put(json!({"auth": [kubernetes(json!({"token": "canary"}))]}), None, URL);
    let first = first.expect("puts");
    let resealed = |identity: &Identity, keys: &Keyring| {
        identity.reseal_if_outdated(&urls(URL), keys, || [8; NONCE_BYTES])
    };
    assert_eq!(resealed(&first, &Keyring::new(&keys("A"), &[])), Ok(None));
    let both = Keyring::new(&keys("E"), &[keys("A")]);
    let second = resealed(&first, &both).expect("opens").expect("is another");
    let new = Keyring::new(&keys("E"), &[]);
    assert_eq!(opened(&second, URL, &new), Ok("canary".to_owned()));
    assert_eq!(resealed(&second, &new), Ok(None));
    assert_eq!(resealed(&first, &new), Err(OpenError::UnknownKey));
}

#[test]
fn a_second_put_stands_whole_in_the_place_of_the_first() {
    let first = put(json!({"description": "first", "auth": [{"type": "token"}]}), None, URL);
    let second = put(json!({"disabled": true}), first.as_ref().ok(), URL).expect("puts");
    assert_eq!(second.created_at, first.expect("puts").created_at);
    assert!(second.spec().disabled && !second.allows_token_auth());
    assert_eq!(second.spec().description.as_str(), "");
}

#[test]
fn an_identity_admits_by_its_ways_to_log_in_but_no_manager_by_a_cluster() {
    use AuthMethodKind::{Kubernetes, Oidc, Token};
    let both = json!([kubernetes(json!("target")), {"type": "token"}]);
    let put = |admin: bool| put(json!({"auth": both, "admin": admin}), None, URL).expect("puts");
    for (identity, admitted) in
        [(put(false), [true, false, true]), (put(true), [true, false, true])]
    {
        let admits = [Kubernetes, Oidc, Token].map(|kind| identity.admits_by(kind));
        assert_eq!(admits, admitted, "{identity:?}");
    }
    // An earlier version has kept such a record.
    let mut record = serde_json::to_value(put(true)).expect("serialises");
    record["spec"]["manage_administrators"] = json!(true);
    let manager: Identity = serde_json::from_value(record).expect("is still read");
    assert_eq!([Kubernetes, Oidc, Token].map(|kind| manager.admits_by(kind)), [false, false, true]);
}

#[test]
fn the_audiences_of_an_administrator_are_those_of_all_its_logins() {
    let oidc = json!({"type": "oidc", "issuer": "https://a.example", "audiences": ["b", "c"],
                      "subject": "d"});
    let auth = json!([kubernetes(json!("target")), oidc, {"type": "token"}]);
    for (admin, audiences) in [(true, &["kubelease", "b", "c"][..]), (false, &[])] {
        let identity = put(json!({"auth": auth, "admin": admin}), None, URL).expect("puts");
        let told: Vec<_> = identity.administrator_audiences().map(Audience::as_str).collect();
        assert_eq!(told, audiences, "admin: {admin}");
    }
}
