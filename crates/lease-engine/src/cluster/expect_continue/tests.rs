use super::*;
use crate::Engine;
use crate::fixtures::{
    BOUND, LeaseKind, PLAIN, RULES, issue, made, name_of, pass, prod, restarted, revoke, warm,
};
use lease_testing::{Answer, Fault, Sent, TestPorts};

fn is_announced(sent: &Sent) -> bool {
    sent.headers.get("expect").is_some_and(|value| value == "100-continue")
}

/// Returns, for each request with a body since the last time, if the body was announced.
fn announced(engine: &Engine<TestPorts>) -> Vec<bool> {
    let sent = engine.ports.http.sent();
    engine.ports.http.forget();
    sent.iter().filter(|sent| !sent.body.is_null()).map(is_announced).collect()
}

fn is_remembered(engine: &Engine<TestPorts>) -> bool {
    let note: Option<AnnouncementRefusal> =
        engine.notes().get(Note::ExpectRefused(&name_of("prod"))).expect("reads");
    note.is_some()
}

/// Returns how often the store is written to by an issue of this mode.
fn writes_of_an_issue(mode: LeaseKind) -> usize {
    let engine = warm(mode);
    let before = engine.ports.store.number_of_writes();
    issue(&engine).expect("issues");
    engine.ports.store.number_of_writes() - before
}

#[test]
fn every_body_is_announced_and_nothing_else_is() {
    for mode in BOUND {
        let engine = warm(mode);
        let issued = issue(&engine).expect("issues");
        assert!(revoke(&engine, issued.held.lease.id), "{mode:?}");
        let sent = engine.ports.http.sent();
        assert!(sent.iter().any(|sent| sent.body.is_null()), "{mode:?}: nothing is read");
        for sent in sent {
            assert_eq!(is_announced(&sent), !sent.body.is_null(), "{mode:?}: {}", sent.line());
            // Of a shorter body, the end would wait for a delayed acknowledgement.
            let is_padded = sent.body_length >= ACKNOWLEDGED_BODY_BYTES;
            assert_eq!(is_padded, !sent.body.is_null(), "{mode:?}: {}", sent.line());
        }
        assert!(!is_remembered(&engine), "{mode:?}");
    }
}

#[test]
fn a_short_json_body_is_padded_and_says_the_same() {
    let long = format!(r#"{{"a":"{}"}}"#, "b".repeat(ACKNOWLEDGED_BODY_BYTES));
    for (media_type, body, is_padded) in [
        ("application/json", r#"{"a":1}"#, true),
        ("application/merge-patch+json", r#"{"a":1}"#, true),
        ("application/json", &*long, false),
        ("application/yaml", "a: 1", false),
        ("text/plain", "a", false),
    ] {
        let mut request = Request::new(body.as_bytes().to_vec());
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        pad_json_body(&mut request);
        let padded = request.into_body();
        assert_eq!(padded.trim_ascii_end(), body.as_bytes(), "{media_type}");
        let length = if is_padded { ACKNOWLEDGED_BODY_BYTES } else { body.len() };
        assert_eq!(padded.len(), length, "{media_type}");
    }
}

#[test]
fn a_refusal_is_repeated_without_the_announcement_and_kept_for_a_while() {
    for code in [417, 400, 501] {
        let engine = warm(RULES);
        engine.ports.http.fail_all(Fault::Fail(code), is_announced);
        let before = engine.ports.store.number_of_writes();
        issue(&engine).expect("issues");
        let first_round = announced(&engine).iter().filter(|announced| **announced).count();
        assert!((1..=2).contains(&first_round), "{code}: {first_round} were announced");
        let writes = engine.ports.store.number_of_writes() - before;
        assert_eq!(writes, writes_of_an_issue(RULES) + first_round, "{code}: one a refusal");

        // Each request has an instance of its own, which knows what is in the store.
        let later = restarted(&engine);
        let before = later.ports.store.number_of_writes();
        issue(&later).expect("issues");
        assert!(announced(&later).iter().all(|announced| !announced), "{code}");
        let writes = later.ports.store.number_of_writes() - before;
        assert_eq!(writes, writes_of_an_issue(RULES), "{code}: no more than ever");

        later.ports.http.heal();
        pass(&later, 599);
        issue(&restarted(&later)).expect("issues");
        assert!(announced(&later).iter().all(|announced| !announced), "{code}");
        pass(&later, 1);
        issue(&restarted(&later)).expect("issues");
        assert!(announced(&later).iter().all(|announced| *announced), "{code}: it is tried again");
    }
}

#[test]
fn a_target_that_is_put_anew_or_a_clock_that_was_set_back_is_tried_again() {
    for anew in [true, false] {
        let engine = warm(RULES);
        engine.ports.http.fail_all(Fault::Fail(417), is_announced);
        issue(&engine).expect("issues");
        engine.ports.http.heal();
        announced(&engine);
        if anew {
            pass(&engine, 1);
            engine.put_target(prod("https://a.example", None)).expect("puts");
        } else {
            pass(&engine, -1);
        }
        issue(&restarted(&engine)).expect("issues");
        assert!(announced(&engine).iter().all(|announced| *announced), "put anew: {anew}");
    }
}

#[test]
fn an_answer_that_is_about_the_request_is_not_taken_for_a_refusal_of_the_announcement() {
    let bad_request = r#"{"kind":"Status","status":"Failure","reason":"BadRequest","code":400}"#;
    let page = || "<html>".to_owned();
    for (answers, sent) in [
        (vec![Answer::Reply(400, bad_request.to_owned())], &[true][..]),
        // After it kubelease asks whether it was RBAC.
        (vec![Answer::Reply(403, page())], &[true, true]),
        (vec![Answer::Reply(400, page()), Answer::Reply(400, page())], &[true, false]),
        (vec![Answer::Reply(417, page()), Answer::Reply(417, page())], &[true, false]),
    ] {
        let engine = warm(PLAIN);
        let row = format!("{answers:?}");
        engine.ports.http.script_tokens(answers);
        issue(&engine).expect_err(&row);
        assert_eq!(announced(&engine), sent, "{row}");
        assert!(!is_remembered(&engine), "{row}");
        issue(&engine).expect(&row);
        assert_eq!(announced(&engine), [true], "{row}");
    }
}

#[test]
fn connections_that_are_closed_on_each_announcement_are_a_refusal() {
    for mode in [PLAIN, RULES] {
        let engine = warm(mode);
        engine.ports.http.fail_all(Fault::Break, is_announced);
        issue(&engine).expect("issues");
        assert!(is_remembered(&engine), "{mode:?}");
        announced(&engine);
        let later = restarted(&engine);
        let issued = issue(&later).expect("issues");
        assert!(announced(&later).iter().all(|announced| !announced), "{mode:?}");
        // Nothing of it is in doubt.
        assert!(mode == PLAIN || revoke(&later, issued.held.lease.id), "{mode:?}");
    }
}

#[test]
fn connections_that_end_for_another_reason_are_no_refusal() {
    // How many requests with a body are not answered, and which of all are announced then.
    for (mode, broken, sent) in [
        (PLAIN, 1, &[true, true][..]),
        // The third goes without, and is not answered either.
        (PLAIN, 3, &[true, true, false, true]),
        // A connection takes all its requests along: the account and the role.
        (RULES, 2, &[true; 6]),
    ] {
        let engine = warm(mode);
        for _ in 0..broken {
            engine.ports.http.fail_once(Fault::Break, |sent| !sent.body.is_null());
        }
        issue(&engine).expect("issues");
        assert_eq!(announced(&engine), sent, "{mode:?} {broken}");
        assert!(!is_remembered(&engine), "{mode:?} {broken}");
        assert_eq!(made(&engine).is_empty(), mode == PLAIN);
    }
}
