//! What is read, and what is refused where it stands.

use super::*;

fn problem(text: &str) -> Option<TextProblem> {
    match documents(text).err()? {
        TextError::At { problem, .. } => Some(problem),
        TextError::TooLong => panic!("too long"),
    }
}

#[test]
fn yaml_and_json_of_texts_lists_and_maps_are_read() {
    let text = |text: &str| Node::Text(text.to_owned());
    let verbs = |verbs| Node::Map(vec![("verbs".to_owned(), verbs)]);
    let get_list = || Node::List(vec![text("get"), text("list")]);
    for (written, read) in [
        ("verbs: [get, list]", verbs(get_list())),
        ("verbs:\n- get\n- 'list'\n", verbs(get_list())),
        ("# why\nverbs: # more\n  - \"get\"\n  - list # last\n", verbs(get_list())),
        (r#"{"verbs":["get","list"]}"#, verbs(get_list())),
        ("{\n\t\"verbs\": [\n\t\t\"get\",\n\t\t\"list\"\n\t]\n}\n", verbs(get_list())),
        ("\"verbs\": [\n\"get\",\n\"list\"\n]\n", verbs(get_list())),
        ("\r\nverbs: [get,\r\n  list]\r\n", verbs(get_list())),
        (r#"{"verbs":["\u0067et","li\/st"]}"#, verbs(Node::List(vec![text("get"), text("li/st")]))),
        ("verbs: ['*', \"\", v1, 1st, system:node, '1']", {
            let texts = ["*", "", "v1", "1st", "system:node", "1"];
            verbs(Node::List(texts.map(text).to_vec()))
        }),
        ("verbs:", verbs(Node::Null)),
        ("verbs: null", verbs(Node::Null)),
        ("verbs: ~", verbs(Node::Null)),
    ] {
        assert_eq!(documents(written), Ok(vec![read]), "{written:?}");
    }
}

#[test]
fn a_stream_has_its_documents_in_order() {
    for (text, count) in [("", 0), ("# nothing\n", 0), ("a", 1), ("---\na\n---\nb\n", 2)] {
        assert_eq!(documents(text).map(|d| d.len()), Ok(count), "{text:?}");
    }
    assert_eq!(
        documents("---\n---\na: b\n...\n").map(|d| (d.len(), d[0].is_null())),
        Ok((2, true))
    );
}

#[test]
fn no_type_is_smuggled_in() {
    for plain in [
        "yes",
        "No",
        "y",
        "ON",
        "off",
        "true",
        "False",
        "1",
        "-1",
        "+1",
        "0x1F",
        "0o7",
        "1_000",
        "1.5",
        "1e3",
        ".5",
        "-.inf",
        ".NaN",
        "1:30",
        "2001-12-14",
    ] {
        let text = format!("verbs: [{plain}]");
        assert_eq!(problem(&text), Some(TextProblem::NotText), "{text}");
        let text = format!("{plain}: get");
        assert_eq!(problem(&text), Some(TextProblem::NotText), "{text}");
        let text = format!("verbs: ['{plain}']");
        assert_eq!(problem(&text), None, "{text}");
    }
}

#[test]
fn what_no_rbac_object_needs_is_refused_where_it_stands() {
    let wide = (0..40).map(|i| format!("k{i}: a")).collect::<Vec<_>>().join("\n");
    for (text, found) in [
        ("a: &x get\nb: *x", TextProblem::Alias),
        ("a: *x", TextProblem::Alias),
        ("a: [*]", TextProblem::Alias),
        ("a: *", TextProblem::Alias),
        ("&x a: b", TextProblem::Alias),
        ("a: &x [b]", TextProblem::Alias),
        ("a: !!str yes", TextProblem::Tag),
        ("a: !!binary Z2V0", TextProblem::Tag),
        ("a: !secret {b: c}", TextProblem::Tag),
        ("a: !!set [b]", TextProblem::Tag),
        ("%YAML 1.1\n---\na: b", TextProblem::Directive),
        ("%TAG !e! tag:e,2000:\n---\na: b", TextProblem::Directive),
        ("? [a, b]\n: c", TextProblem::Key),
        ("{a: b}: c", TextProblem::Key),
        ("~: c", TextProblem::Key),
        ("a: b\na: c", TextProblem::Map(KeyError::Twice)),
        (r#"{"a":"b","\u0061":"c"}"#, TextProblem::Map(KeyError::Twice)),
        (&wide, TextProblem::Map(KeyError::TooMany)),
        ("a: [b", TextProblem::Syntax),
        ("a: 'b", TextProblem::Syntax),
        ("a: b: c", TextProblem::Syntax),
        ("{\"a\":\"b\"} x", TextProblem::Syntax),
        ("a: \u{0}", TextProblem::Syntax),
        ("a: \u{1b}[2J", TextProblem::Syntax),
    ] {
        assert_eq!(problem(text), Some(found), "{text:?}");
    }
}

#[test]
fn an_error_says_where() {
    let error = documents("verbs:\n- get\n- yes\n").unwrap_err().to_string();
    assert!(error.starts_with("line 3, column 3: YAML may take this"), "{error}");
}

#[test]
fn a_hostile_text_is_refused_at_once() {
    let lines = |line: &str| line.repeat(MAX_TEXT_BYTES / line.len());
    let indented = (0..350).map(|i| " ".repeat(i) + "a:").collect::<Vec<_>>().join("\n");
    let laughs = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n";
    let began = std::time::Instant::now();
    for text in [
        lines("["),
        lines("{"),
        lines("[{a: "),
        lines("- "),
        lines("? "),
        lines("a: "),
        lines("!"),
        lines("&a "),
        lines("\""),
        lines("'a "),
        lines("---\n") + "a: *x",
        lines("a: |\n"),
        lines("{}"),
        lines("%a\n"),
        indented,
        laughs.to_owned(),
        format!("a: {}", "\t".repeat(60_000)) + "*",
    ] {
        assert!(documents(&text).is_err(), "{}", &text[..20.min(text.len())]);
    }
    assert_eq!(documents(&"a".repeat(MAX_TEXT_BYTES + 1)), Err(TextError::TooLong));
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

/// Every text that differs from a good one by one byte or a cut is read or refused, without a panic.
#[test]
fn no_text_makes_the_reader_panic() {
    let good = "---\nkind: Role\nrules:\n- apiGroups: [\"\"]\n  verbs: ['get', list] # why\n";
    for at in 0..good.len() {
        let _ = documents(&good[..at]);
        for put in
            ["", "\t", "\n", " ", "-", ":", "[", "}", "'", "\"", "&", "*", "!", "|", "?", "%"]
        {
            let _ = documents(&format!("{}{put}{}", &good[..at], &good[at..]));
            let _ = documents(&format!("{}{put}{}", &good[..at], &good[at + 1..]));
        }
    }
}
