use super::*;

fn method(change: impl FnOnce(&mut Value)) -> Value {
    let mut method = json!({
        "issuer": "https://token.actions.githubusercontent.com", "audiences": ["kubelease"],
        "claims": {"repository_id": ["123"]},
    });
    change(&mut method);
    method
}

/// The public key of RFC 7517, appendix A.1.
fn jwks() -> Value {
    json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }]})
}

#[test]
fn a_login_by_id_tokens_binds_something_and_says_where_its_keys_are() {
    type Change = fn(&mut Value);
    let cases: [(Change, Option<&str>); 28] = [
        (|_| {}, None),
        (|m| m["issuer"] = json!("https://ci.example/org/1/"), None),
        (|m| m["issuer"] = json!("http://127.0.0.1:8080"), None),
        (|m| m["jwks_url"] = json!("https://ci.example/keys"), None),
        (|m| m["jwks"] = jwks(), None),
        (|m| m["algorithms"] = json!(["ES256", "RS256"]), None),
        (|m| m["claims"] = json!({"ref": ["refs/heads/*"], "n": [7], "protected": [true]}), None),
        (
            |m| (m["subject"], m["claims"]) = (json!("repo:a/b:ref:refs/heads/main"), json!({})),
            None,
        ),
        (|m| (m["max_token_age"], m["single_use"]) = (json!("10m"), json!(true)), None),
        (|m| m["issuer"] = json!("http://ci.example"), Some("an issuer or the address")),
        (|m| m["issuer"] = json!("https://canary@ci.example"), Some("an issuer or the address")),
        (|m| m["issuer"] = json!("https://ci.example?canary"), Some("an issuer or the address")),
        (|m| m["jwks_url"] = json!("canary"), Some("an issuer or the address")),
        (
            |m| (m["jwks_url"], m["jwks"]) = (json!("https://ci.example/keys"), jwks()),
            Some("give `jwks_url` or `jwks`, not both"),
        ),
        (|m| m["jwks"] = json!({"keys": []}), Some("`jwks`: the key set has no public")),
        (|m| m["jwks"] = json!([]), Some("`jwks`: a key set is a JSON object")),
        (|m| m["audiences"] = json!([]), Some("`audiences` lists 1 to 16")),
        (|m| m["algorithms"] = json!([]), Some("`algorithms` lists each")),
        (|m| m["algorithms"] = json!(["ES256", "ES256"]), Some("`algorithms` lists each")),
        (|m| m["algorithms"] = json!(["HS256"]), Some("an algorithm is one of")),
        (|m| m["algorithms"] = json!(["none"]), Some("an algorithm is one of")),
        (|m| m["claims"] = json!({}), Some("bind `subject` or at least one")),
        (|m| m["claims"] = json!({"jti": ["a"]}), Some("bind `subject` or at least one")),
        (|m| m["claims"] = json!({"exp": [7], "/iat": [7], "/nbf": [7]}), Some("bind `subject`")),
        (|m| m["claims"] = json!({"/aud/0": ["x"]}), Some("checked by the fields `issuer`")),
        (|m| m["claims"] = json!({"jti": ["a"], "/sub": ["b"]}), None),
        (
            |m| (m["subject"], m["claims"]["sub"]) = (json!("a"), json!(["b"])),
            Some("`subject` or the claim `sub`"),
        ),
        (|m| m["bound_claims"] = json!({}), Some("unknown field `bound_claims`")),
    ];
    for (row, (change, says)) in cases.into_iter().enumerate() {
        let json = method(change);
        match (serde_json::from_value::<OidcAuth>(json.clone()).map_err(|e| e.to_string()), says) {
            (Ok(auth), None) => {
                let written = serde_json::to_value(&auth).expect("serialises");
                for (field, value) in json.as_object().expect("an object") {
                    let is_kept = field == "jwks" || written[field] == *value;
                    assert!(is_kept, "row {row}: `{field}` of {written}");
                }
                assert_eq!(
                    serde_json::from_value::<OidcAuth>(written).ok(),
                    Some(auth),
                    "row {row}"
                );
            }
            (Err(error), Some(says)) => {
                assert!(error.contains(says) && !error.contains("canary"), "row {row}: {error}");
            }
            (read, _) => panic!("row {row}: {read:?}, expected {says:?}"),
        }
    }
}

#[test]
fn what_is_not_said_of_algorithms_is_all_that_are_safe() {
    let auth: OidcAuth = serde_json::from_value(method(|_| {})).expect("reads");
    assert_eq!(auth.algorithms(), SigningAlgorithm::ALL);
    assert_eq!(auth.key_source(), &KeySource::Discovery);
    let auth = serde_json::from_value::<OidcAuth>(method(|m| m["algorithms"] = json!(["EdDSA"])));
    assert_eq!(auth.expect("reads").algorithms(), [SigningAlgorithm::EdDsa]);
}
