use http::Method;
use serde_json::json;

use super::*;
use lease_core::TargetInput;

use crate::fixtures::{
    ALL, EXISTING, LeaseKind, PLAIN, ROLE, RULES, block_on, engine, issue, keys, name_of, pass,
    prod, put_secret, with_secret,
};
use lease_testing::TestPorts;

/// Puts identity `bot`, which is granted what these grants say.
fn put_bot(engine: &Engine<TestPorts>, more: &Value) {
    let mut input = json!({"auth": [{"type": "token"}], "grants": [
        {"dynamic_secrets": ["ci"], "namespaces": ["*"], "actions": ["issue"]}]});
    for (field, value) in more.as_object().expect("an object") {
        input[field] = value.clone();
    }
    let input = serde_json::from_value(input).expect("a good identity");
    engine.put_identity(name_of("bot"), input).expect("puts");
}

fn explain(engine: &Engine<TestPorts>, request: IssueRequest) -> Explanation {
    let asked = ExplainRequest {
        identity: name_of("bot"),
        shown: LoginEvidence::Nothing,
        address: None,
        dynamic_secret: Some(name_of("ci")),
        request,
    };
    block_on(engine.explain_request(asked)).expect("explains")
}

/// The rule that does not pass, and what is told of it.
fn failed(explanation: &Explanation) -> Option<(&str, &str)> {
    let issue = explanation.issue.as_ref().expect("an issue");
    let failed = issue.rules.iter().find(|rule| rule.passed == Some(false))?;
    Some((failed.rule.as_str(), failed.reason.as_deref().unwrap_or_default()))
}

#[test]
fn an_explanation_changes_nothing_and_asks_for_no_token() {
    for mode in ALL {
        for is_known in [false, true] {
            let engine = if is_known {
                with_secret(mode, r#""max_live_leases":1"#)
            } else {
                // Nothing was ever asked of this target.
                let engine = engine();
                engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
                put_secret(&engine, mode.1, r#""max_live_leases":1"#);
                engine
            };
            put_bot(&engine, &json!({"max_live_leases": 1, "max_issues_per_minute": 1}));
            let (contents, writes) =
                (engine.ports.store.all_contents(), engine.ports.store.number_of_writes());
            engine.ports.http.forget();
            for _ in 0..3 {
                let explanation = explain(&engine, IssueRequest::default());
                let refusal = &explanation.refusal;
                assert!(refusal.is_none(), "{mode:?}: {refusal:?}: {:?}", failed(&explanation));
                let objects = &explanation.issue.expect("an issue").objects;
                assert_eq!(objects.is_empty(), mode == PLAIN, "{mode:?}: {objects:?}");
            }
            assert_eq!(engine.ports.store.all_contents(), contents, "{mode:?}");
            assert_eq!(engine.ports.store.number_of_writes(), writes, "{mode:?}");
            assert_eq!(engine.ports.http.made(), Vec::<Value>::new(), "{mode:?}");
            for sent in engine.ports.http.sent() {
                assert!(!sent.path.ends_with("/token"), "{mode:?}: {}", sent.line());
                let is_read = sent.method == Method::GET || sent.access().is_none();
                assert!(is_read || sent.is_dry(), "{mode:?}: {}", sent.line());
            }
            issue(&engine).expect("issues");
        }
    }
}

/// A way to keep a lease from being issued.
type Break = fn(&Engine<TestPorts>);

/// A kind of lease, more of its dynamic secret, what is broken, and the rule that fails with what is told of it.
type Broken = (LeaseKind, &'static str, Break, Option<(&'static str, &'static str)>);

fn broken() -> [Broken; 12] {
    [
        (EXISTING, "", |_| {}, None),
        (
            EXISTING,
            "",
            |engine| put_bot(engine, &json!({"grants": []})),
            Some(("grant_for_dynamic_secret", "no grant")),
        ),
        (
            EXISTING,
            "",
            |engine| {
                let grants = json!([{"dynamic_secrets": ["ci"], "namespaces": ["web"], "actions": ["issue"]}]);
                put_bot(engine, &json!({ "grants": grants }));
            },
            Some(("grant_for_namespace", "no grant")),
        ),
        (EXISTING, r#""disabled":true"#, |_| {}, Some(("enabled", "disabled"))),
        (
            EXISTING,
            r#""namespaces":["apps","web"]"#,
            |_| {},
            Some(("namespace_chosen", "must name one of")),
        ),
        (
            EXISTING,
            "",
            |engine| _ = engine.ports.http.remove("ServiceAccount", "apps", "deployer"),
            Some(("account", "has no ServiceAccount")),
        ),
        (
            EXISTING,
            "",
            |engine| engine.ports.http.set_username("system:serviceaccount:apps:deployer"),
            Some(("namespace_covered", "is kubelease's own")),
        ),
        (
            RULES,
            r#""max_live_leases":1"#,
            |engine| _ = issue(engine).expect("issues"),
            Some(("live_leases", "its maximum of 1 live leases")),
        ),
        (
            ROLE,
            "",
            |engine| _ = engine.ports.http.remove("ClusterRole", "", "view"),
            Some(("dangers", "view")),
        ),
        (
            RULES,
            "",
            |engine| engine.ports.http.deny("create", "serviceaccounts"),
            Some(("objects", "may not `create` `serviceaccounts`")),
        ),
        (
            RULES,
            "",
            |engine| {
                engine.ports.http.set_webhook(|object| object["metadata"]["labels"] = json!({}));
            },
            Some(("objects", "gave an unexpected answer")),
        ),
        (
            RULES,
            "",
            |engine| engine.ports.http.deny("create", "serviceaccounts/token"),
            Some(("token", "`serviceaccounts/token`")),
        ),
    ]
}

#[test]
fn the_rule_that_fails_is_the_one_that_an_issue_fails_by() {
    for (row, (mode, rest, break_one, expected)) in broken().into_iter().enumerate() {
        let engine = with_secret(mode, rest);
        put_bot(&engine, &json!({}));
        if row == 6 {
            // Who kubelease is there is asked anew after each put.
            pass(&engine, 60);
            engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
        }
        break_one(&engine);
        let explanation = explain(&engine, IssueRequest::default());
        let told = failed(&explanation);
        assert_eq!(
            told.map(|(rule, _)| rule),
            expected.map(|(rule, _)| rule),
            "row {row}: {told:?}"
        );
        let (says, expected) = (told.unwrap_or_default().1, expected.unwrap_or_default().1);
        assert!(says.contains(expected), "row {row}: {says}");
        assert_eq!(explanation.refusal.is_none(), told.is_none(), "row {row}");
        let session =
            assumed_session(1, engine.get_identity(&name_of("bot")).expect("reads"), None);
        let bot = Engine::new(engine.ports.clone(), keys("A"), engine.config.clone());
        let issued = issue(&bot.acting_for(Requester::from_session(session)));
        match (explanation.refusal, issued.map(|_| ())) {
            (None, Ok(())) => {}
            (Some(ExplainedRefusal::Issue(told)), Err(error)) => {
                assert_eq!(told.to_string(), error.to_string(), "row {row}");
            }
            (Some(ExplainedRefusal::LeaseToken { .. }), Err(error)) => {
                assert!(error.to_string().contains("serviceaccounts/token"), "row {row}: {error}");
            }
            (told, issued) => panic!("row {row}: {told:?}, {issued:?}"),
        }
    }
}

#[test]
fn the_login_of_a_service_account_is_explained_with_the_target_that_reviews_it() {
    let engine = with_secret(EXISTING, "");
    let auth = json!({"type": "kubernetes", "target": "prod", "reviewer": "target",
        "allowed_names": ["ci-*"], "allowed_namespaces": ["build"], "allowed_audience": "kubelease"});
    put_bot(&engine, &json!({"auth": [auth]}));
    let explain = |name: &str| {
        let claims = json!({"sub": format!("system:serviceaccount:build:{name}"),
            "aud": ["kubelease"], "exp": engine.now().timestamp() + 300});
        let Value::Object(claims) = claims else { unreachable!("an object") };
        let asked = ExplainRequest {
            identity: name_of("bot"),
            shown: LoginEvidence::Claims(claims),
            address: None,
            dynamic_secret: None,
            request: IssueRequest::default(),
        };
        let explanation = block_on(engine.explain_request(asked)).expect("explains");
        let login = explanation.login.as_ref().expect("a login");
        let [method] = &login.methods[..] else { panic!("one way to log in") };
        let failed = method.rules.iter().find(|rule| rule.passed == Some(false));
        (method.admits, failed.map(|rule| rule.rule.clone()), explanation.refusal.is_some())
    };
    let failed = |rule: &str| (Some(false), Some(rule.to_owned()), true);
    assert_eq!(explain("ci-7"), (Some(true), None, false));
    assert_eq!(explain("web"), failed("allowed_names"));
    let disabled = TargetInput { disabled: true, ..prod("https://a.example", None) };
    engine.put_target(disabled).expect("puts");
    assert_eq!(explain("ci-7"), failed("verified"));
}
