//! What is read, and what is refused where it stands.

use super::*;
use crate::rbac::document_node::NonTextScalar;

fn problem(text: &str) -> Option<TextProblem> {
    match parse_all_documents(text).err()? {
        TextError::At { problem, .. } => Some(problem),
        TextError::TooLong => panic!("too long"),
    }
}

#[test]
fn yaml_and_json_of_texts_lists_and_maps_are_read() {
    let text = |text: &str| DocumentNode::Text(text.to_owned());
    let verbs = |verbs| DocumentNode::Map(vec![("verbs".to_owned(), verbs)]);
    let get_list = || DocumentNode::List(vec![text("get"), text("list")]);
    for (written, read) in [
        ("verbs: [get, list]", verbs(get_list())),
        ("verbs:\n- get\n- 'list'\n", verbs(get_list())),
        ("# why\nverbs: # more\n  - \"get\"\n  - list # last\n", verbs(get_list())),
        (r#"{"verbs":["get","list"]}"#, verbs(get_list())),
        ("{\n\t\"verbs\": [\n\t\t\"get\",\n\t\t\"list\"\n\t]\n}\n", verbs(get_list())),
        ("\"verbs\": [\n\"get\",\n\"list\"\n]\n", verbs(get_list())),
        ("\r\nverbs: [get,\r\n  list]\r\n", verbs(get_list())),
        (
            r#"{"verbs":["\u0067et","li\/st"]}"#,
            verbs(DocumentNode::List(vec![text("get"), text("li/st")])),
        ),
        ("verbs: ['*', \"\", v1, 1st, system:node, '1']", {
            let texts = ["*", "", "v1", "1st", "system:node", "1"];
            verbs(DocumentNode::List(texts.map(text).to_vec()))
        }),
        ("{\"verbs\": }", verbs(DocumentNode::Null)),
        ("{verbs: }", verbs(DocumentNode::Null)),
        ("verbs:", verbs(DocumentNode::Null)),
        ("verbs: null", verbs(DocumentNode::Null)),
        ("verbs: ~", verbs(DocumentNode::Null)),
    ] {
        assert_eq!(parse_all_documents(written), Ok(vec![read]), "{written:?}");
    }
}

#[test]
fn a_stream_has_its_documents_in_order() {
    for (text, count) in [("", 0), ("# nothing\n", 0), ("a", 1), ("---\na\n---\nb\n", 2)] {
        assert_eq!(parse_all_documents(text).map(|d| d.len()), Ok(count), "{text:?}");
    }
    assert_eq!(
        parse_all_documents("---\n---\na: b\n...\n").map(|d| (d.len(), d[0].is_null())),
        Ok((2, true))
    );
}

#[test]
fn no_type_is_smuggled_in() {
    let typed =
        |line, column| DocumentNode::Typed(NonTextScalar(Some(TextPosition { line, column })));
    let map = |key: &str, value| DocumentNode::Map(vec![(key.to_owned(), value)]);
    for plain in [
        "yes", "No", "y", "ON", "off", "true", "1", "-1", "-_2", "0x1F", "0o7", "1.5", ".5",
        "-.inf", "1:30",
    ] {
        let text = format!("# why\nverbs: [{plain}]");
        assert_eq!(
            parse_all_documents(&text),
            Ok(vec![map("verbs", DocumentNode::List(vec![typed(2, 9)]))]),
            "{text}"
        );
        // Of a key that is no text, the entry is none.
        let text = format!("{plain}: {{a: b}}");
        assert_eq!(parse_all_documents(&text), Ok(vec![map(plain, typed(1, 1))]), "{text}");
        let text = format!("verbs: '{plain}'");
        assert_eq!(
            parse_all_documents(&text),
            Ok(vec![map("verbs", DocumentNode::Text(plain.to_owned()))]),
            "{text}"
        );
    }
    for plain in ["1.2.3", "10.0.0.1", "2024-1-1", "2001-12-14", "1st", "v1", "yess"] {
        let text = format!("verbs: {plain}");
        assert_eq!(
            parse_all_documents(&text),
            Ok(vec![map("verbs", DocumentNode::Text(plain.to_owned()))]),
            "{text}"
        );
    }
}

#[test]
fn what_no_rbac_object_needs_is_refused_where_it_stands() {
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
        ("a: b\na: c", TextProblem::Duplicate(DuplicateKey)),
        (r#"{"a":"b","\u0061":"c"}"#, TextProblem::Duplicate(DuplicateKey)),
        ("<<: {a: b}", TextProblem::Alias),
        ("a: {<<: {b: c}}", TextProblem::Alias),
        ("a: b\n...\nc: d\n", TextProblem::NoSeparator),
        ("a: b\n---#\nc: d\n", TextProblem::Separator),
        ("a: |\n---c\n", TextProblem::Separator),
        ("{a:}", TextProblem::Syntax),
        ("{a:, b: c}", TextProblem::Syntax),
        ("[a:]", TextProblem::Syntax),
        ("b: {a:[c]}", TextProblem::Syntax),
        ("[?a]", TextProblem::Syntax),
        ("|\na", TextProblem::Syntax),
        ("\u{a0}{}a", TextProblem::Syntax),
        ("a: b # c\u{85}d: e", TextProblem::LineEnd),
        ("a: 'b\u{2028}'", TextProblem::LineEnd),
        ("{\"a\": \"\u{2029}\"}", TextProblem::LineEnd),
        ("a: b\r---\rc: d", TextProblem::LineEnd),
        ("a: b\n\u{feff}---\nc: d", TextProblem::ByteOrderMark),
        ("\n\u{feff}a: b", TextProblem::ByteOrderMark),
        ("---\n\u{feff}a: b", TextProblem::ByteOrderMark),
        ("a: '\u{feff}b'", TextProblem::ByteOrderMark),
        ("{\"a\":\"b\"}\n---\n\u{feff}c: d", TextProblem::ByteOrderMark),
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
    for (text, told) in [
        ("verbs:\n- get\n- *yes\n", "line 3, column 3: anchors"),
        ("a: b\nä: c\nä: [d,\n e]\n", "line 3, column 1: a key occurs twice"),
        ("a: b\na: |\n c\n", "line 2, column 1: a key occurs twice"),
        ("{a: b, a: c}", "line 1, column 8: a key occurs twice"),
        (r#"{"a": "b", "a": "c"}"#, "line 1, column 12: a key occurs twice"),
        ("a: b\n<<: {c: d}\n", "line 2, column 1: anchors (`&`), aliases (`*`) and merges"),
        ("a: b\nc: ä \u{85}\n", "line 2, column 6: lines must end with"),
        ("a: b\r\nc: d\r\r\n", "line 2, column 5: lines must end with"),
        ("a: b\nc: \u{feff}\n", "line 2, column 4: a byte order mark"),
    ] {
        let error = parse_all_documents(text).unwrap_err().to_string();
        assert!(error.starts_with(told), "{text:?}: {error}");
    }
}

#[test]
fn what_was_read_before_an_error_is_kept() {
    let text = |text: &str| DocumentNode::Text(text.to_owned());
    let ReadDocuments { documents, error } =
        read_documents_until_error("kind: A\n---\nkind: B\nspec:\n- c: *d\n");
    let spec =
        DocumentNode::List(vec![DocumentNode::Map(vec![("c".to_owned(), DocumentNode::Null)])]);
    let first = DocumentNode::Map(vec![("kind".to_owned(), text("A"))]);
    let second = DocumentNode::Map(vec![("kind".to_owned(), text("B")), ("spec".to_owned(), spec)]);
    assert_eq!(documents, vec![first, second]);
    assert!(error.is_some());
}

#[test]
fn files_that_were_joined_are_read_as_kubectl_reads_them() {
    for text in [
        "\u{feff}a: b\n---\n\u{feff}a: b\n",
        "a: b\r\n---\r\n\u{feff}a: b\r\n",
        "\u{feff}---\na: b\n---\n\u{feff}---\na: b\n",
        "{\"a\":\"b\"}{\"a\":\"b\"}",
        "{\"a\":\"b\"}\n{\"a\":\"b\"}\n",
        "{\"a\":\"b\"}\n---\n{\"a\":\"b\"}\n",
        "a: b\n...\n---\na: b\n",
    ] {
        let documents = documents_as_json(text);
        let objects = documents.map(|all| all.into_iter().filter(|one| !one.is_null()).collect());
        let object = serde_json::json!({"a": "b"});
        assert_eq!(objects, Ok(vec![object.clone(), object]), "{text:?}");
    }
    // Of JSON, YAML knows no pairs of surrogates.
    let read = documents_as_json(r#"{"a":"\ud83d\ude00"}"#);
    assert_eq!(read, Ok(vec![serde_json::json!({"a": "\u{1f600}"})]));
    let read = documents_as_json("a: [1, yes, '1', null]");
    assert_eq!(read, Ok(vec![serde_json::json!({"a": [true, true, "1", null]})]));
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
        lines("{}") + "{",
        lines("%a\n"),
        indented,
        laughs.to_owned(),
        format!("a: {}", "\t".repeat(60_000)) + "*",
    ] {
        assert!(parse_all_documents(&text).is_err(), "{}", &text[..20.min(text.len())]);
    }
    assert_eq!(parse_all_documents(&"a".repeat(MAX_TEXT_BYTES + 1)), Err(TextError::TooLong));
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

/// Every text that differs from a good one by one byte or a cut is read or refused, without a panic.
#[test]
fn no_text_makes_the_reader_panic() {
    let good = "---\nkind: Role\nrules:\n- apiGroups: [\"\"]\n  verbs: ['get', list] # why\n";
    for at in 0..good.len() {
        let _ = parse_all_documents(&good[..at]);
        for put in
            ["", "\t", "\n", " ", "-", ":", "[", "}", "'", "\"", "&", "*", "!", "|", "?", "%"]
        {
            let _ = parse_all_documents(&format!("{}{put}{}", &good[..at], &good[at..]));
            let _ = parse_all_documents(&format!("{}{put}{}", &good[..at], &good[at + 1..]));
        }
    }
}
