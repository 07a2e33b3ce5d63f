use super::*;
use crate::{GatewayHeaderName, MasterKey, NONCE_BYTES};

fn keys() -> Keyring {
    let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    Keyring::new(&key.expect("32 bytes"), &[])
}

fn secret(text: &str) -> ClusterCredential {
    ClusterCredential::try_from(text.to_owned()).expect("a good token")
}

fn put(
    url: &str,
    auth: TargetAuthInput,
    known: Option<&Target>,
) -> Result<Target, TargetAuthError> {
    let url = ApiServerUrl::try_from(url.to_owned()).expect("a good url");
    let name = "prod".parse().expect("a good name");
    let (keys, nonce, now) = (&keys(), [1; NONCE_BYTES], DateTime::UNIX_EPOCH);
    let (ca, description) = (TrustedCa::default(), Description::default());
    let (ca_certificate, kubeconfig_server, apply_set, disabled) = (None, None, None, false);
    Target::from_input(
        TargetInput {
            name,
            url,
            auth,
            ca,
            ca_certificate,
            kubeconfig_server,
            description,
            apply_set,
            disabled,
        },
        &PutTarget { known, keys, nonce, now },
    )
}

fn target() -> Target {
    put("https://a.example", TargetAuthInput::Token(Some(secret("canary"))), None).expect("puts")
}

fn header() -> GatewayHeaderName {
    "x-gateway-key".parse().expect("a good name")
}

fn shown(target: &Target) -> Option<String> {
    match target.open_authentication(&keys()).expect("opens") {
        OpenedAuth::Bearer(secret) | OpenedAuth::Header(_, secret) => {
            Some(secret.expose_secret().to_owned())
        }
        OpenedAuth::Variable(_) | OpenedAuth::Nothing => None,
    }
}

#[test]
fn a_stored_target_shows_nothing_of_its_secret() {
    let gateway = TargetAuthInput::Gateway(Some((header(), Some(secret("canary")))));
    for target in [target(), put("https://gateway", gateway, None).expect("puts")] {
        let stored = serde_json::to_string(&target).expect("serialises");
        assert!(!stored.contains("canary"), "{stored}");
        let read: Target = serde_json::from_str(&stored).expect("reads back");
        assert_eq!(read, target);
        assert_eq!(shown(&read).as_deref(), Some("canary"));
    }
}

#[test]
fn a_secret_cannot_be_moved_to_another_target() {
    let stored = serde_json::to_string(&target()).expect("serialises");
    for (from, to) in [("a.example", "b.example"), (r#""prod""#, r#""test""#)] {
        let moved: Target = serde_json::from_str(&stored.replace(from, to)).expect("reads");
        let error = moved.open_authentication(&keys()).err();
        assert_eq!(error, Some(OpenError::Forged), "{from} => {to}");
    }
}

#[test]
fn a_secret_left_out_is_the_one_that_is_known_for_this_very_use() {
    let token = target();
    let gateway = TargetAuthInput::Gateway(Some((header(), Some(secret("g")))));
    let gateway = put("https://a.example", gateway, None).expect("puts");
    let other = "x-other".parse::<GatewayHeaderName>().expect("a good name");
    for (url, auth, known, kept) in [
        ("https://a.example", TargetAuthInput::Token(None), Some(&token), Some("canary")),
        ("https://b.example", TargetAuthInput::Token(None), Some(&token), None),
        ("https://a.example", TargetAuthInput::Token(None), Some(&gateway), None),
        ("https://a.example", TargetAuthInput::Token(None), None, None),
        (
            "https://a.example",
            TargetAuthInput::Gateway(Some((header(), None))),
            Some(&gateway),
            Some("g"),
        ),
        ("https://a.example", TargetAuthInput::Gateway(Some((other, None))), Some(&gateway), None),
        ("https://a.example", TargetAuthInput::Gateway(Some((header(), None))), Some(&token), None),
    ] {
        let told = format!("{url} {auth:?} after {known:?}");
        let put = put(url, auth, known);
        assert_eq!(put.as_ref().ok().and_then(shown).as_deref(), kept, "{told}");
        assert!(kept.is_some() || put == Err(TargetAuthError::SecretRequired), "{told}");
    }
}

#[test]
fn nothing_of_ours_is_sent_in_clear_to_another_machine() {
    for (url, auth, good) in [
        ("http://a.example", TargetAuthInput::Token(Some(secret("t"))), false),
        ("http://a.example", TargetAuthInput::ClientCertificate, false),
        ("http://127.0.0.1:8001", TargetAuthInput::ClientCertificate, false),
        ("http://a.example", TargetAuthInput::Gateway(None), true),
        ("http://a.example", TargetAuthInput::Gateway(Some((header(), Some(secret("t"))))), false),
        ("http://127.0.0.1:8001", TargetAuthInput::Token(Some(secret("t"))), true),
        ("https://a.example", TargetAuthInput::ClientCertificate, true),
    ] {
        let told = format!("{url} {auth:?}");
        assert_eq!(put(url, auth, None).is_ok(), good, "{told}");
    }
}

#[test]
fn what_an_earlier_key_sealed_is_sealed_anew_once() {
    let old = target();
    let key = MasterKey::from_base64("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=");
    let previous = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let new = Keyring::new(&key.expect("32 bytes"), &[previous.expect("32 bytes")]);
    let resealed =
        old.reseal_if_outdated(&new, [2; NONCE_BYTES]).expect("opens").expect("is older");
    assert_eq!(resealed.reseal_if_outdated(&new, [3; NONCE_BYTES]).expect("opens"), None);
    assert_eq!(old.reseal_if_outdated(&keys(), [3; NONCE_BYTES]).expect("opens"), None);
}

#[test]
fn a_credential_is_one_header_value_and_is_never_printed() {
    let longest = "t".repeat(MAX_CREDENTIAL_BYTES);
    for (text, good) in [
        ("abc.def-ghi_jkl", true),
        ("abc\n", true),
        (longest.as_str(), true),
        (&format!("{longest}t"), false),
        ("", false),
        ("\n", false),
        ("a b", false),
        ("a\r\nX-Evil: 1", false),
        ("tokén", false),
    ] {
        let token = ClusterCredential::try_from(text.to_owned());
        assert_eq!(token.is_ok(), good, "{} bytes", text.len());
        if let Ok(token) = token {
            assert_eq!(format!("{token:?}"), "ClusterCredential(redacted)");
        }
    }
}
