use lease_core::{TargetAuthInput, VariableOrigins};

use crate::fixtures::{
    RULES, block_on, chain, engine, issue, made, name_of, put_secret, revoke, target, token,
};
use crate::{ClusterError, Config, Engine, IssueError};
use lease_testing::TestPorts;

mod retries;

const URL: &str = "https://a.example";

/// An engine whose target `prod` shows itself so.
fn engine_with(auth: TargetAuthInput, url: &str) -> Engine<TestPorts> {
    let mut engine = engine();
    let origins = VariableOrigins::parse("target_prod=https://a.example").expect("good");
    engine.config = Config { origins, ..engine.config };
    engine.put_target(target("prod", url, auth)).expect("puts");
    put_secret(&engine, RULES.1, "");
    engine
}

fn variable() -> TargetAuthInput {
    TargetAuthInput::Variable("target_prod".to_owned().try_into().expect("a good name"))
}

#[test]
fn each_request_shows_what_the_target_says_and_nothing_else() {
    let header = || "x-api-key".parse().expect("a good name");
    for (auth, url, name, value) in [
        (TargetAuthInput::Token(Some(token("t0ken"))), URL, "authorization", Some("Bearer t0ken")),
        (variable(), URL, "authorization", Some("Bearer fr0m-variable")),
        (TargetAuthInput::Gateway(None), URL, "authorization", None),
        (TargetAuthInput::Gateway(None), "http://10.0.0.1:8001", "authorization", None),
        (
            TargetAuthInput::Gateway(Some((header(), Some(token("k3y"))))),
            URL,
            "x-api-key",
            Some("k3y"),
        ),
        (TargetAuthInput::ClientCertificate, URL, "authorization", None),
    ] {
        let row = format!("{auth:?} {url}");
        let engine = engine_with(auth, url);
        let held = Some("fr0m-variable".to_owned());
        engine.ports.variables.borrow_mut().insert("target_prod".to_owned(), held);
        let issued = issue(&engine).unwrap_or_else(|error| panic!("{row}: {}", chain(&error)));
        assert!(revoke(&engine, issued.held.lease.id), "{row}");
        block_on(engine.check_target(&name_of("prod"))).expect("checks");
        assert!(engine.ports.http.calls() > 8, "{row}");
        for sent in engine.ports.http.sent() {
            let shown = sent.headers.get(name).map(|value| value.to_str().expect("text"));
            assert_eq!(shown, value, "{row}: {}", sent.line());
            let mut names: Vec<_> = sent.headers.keys().map(http::HeaderName::as_str).collect();
            names.retain(|name| !["accept", "content-type", "expect"].contains(name));
            let want: Vec<_> = value.map(|_| name).into_iter().collect();
            assert_eq!(names, want, "{row}: {}", sent.line());
        }
    }
}

#[test]
fn a_variable_goes_only_where_the_operator_has_bound_it() {
    let bad = "spaces are no token".to_owned();
    for (url, held, told) in [
        ("https://b.example", Some(Some("t".to_owned())), "is not bound to the target's url"),
        ("https://a.example:8443", Some(Some("t".to_owned())), "is not bound to the target's url"),
        (URL, None, "holds no token"),
        (URL, Some(Some(String::new())), "holds no token"),
        (URL, Some(Some(bad)), "holds no token"),
        (URL, Some(None), "cannot be read"),
    ] {
        let engine = engine_with(variable(), url);
        if let Some(held) = held.clone() {
            engine.ports.variables.borrow_mut().insert("target_prod".to_owned(), held);
        }
        let error = issue(&engine).expect_err("no token is sent");
        let IssueError::Cluster(error @ ClusterError::Variable { .. }) = &error else {
            panic!("{url} {held:?}: {}", chain(&error))
        };
        assert!(
            error.public_message().contains(told),
            "{url} {held:?}: {}",
            error.public_message()
        );
        assert!(!error.public_message().contains("spaces"), "{}", error.public_message());
        assert_eq!((engine.ports.http.calls(), made(&engine)), (0, vec![]), "{url} {held:?}");
    }
}

#[test]
fn a_variable_that_changes_is_sent_as_it_is_now_and_is_never_stored() {
    use lease_store::KeyValue as _;
    let engine = engine_with(variable(), URL);
    for text in ["1st-token", "2nd-token"] {
        let held = Some(text.to_owned());
        engine.ports.variables.borrow_mut().insert("target_prod".to_owned(), held);
        engine.ports.http.forget();
        issue(&engine).expect("issues");
        let want = format!("Bearer {text}");
        assert!(engine.ports.http.bearers().iter().all(|bearer| *bearer == want), "{text}");
        for key in engine.ports.store.list_keys() {
            let value = engine.ports.store.get(&key).expect("reads").unwrap_or_default();
            assert!(!String::from_utf8_lossy(&value).contains(text), "{key}");
        }
    }
}
