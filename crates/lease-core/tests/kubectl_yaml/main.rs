//! Our reader of YAML and JSON beside kubectl's own: what both read, they read alike.
//!
//! A difference may grant more than an administrator sees when trying a file with kubectl. kubectl's reader is built
//! from `tools/kubectl-yaml`, with Go; the texts are made from a seed. A text that only one of them reads is no
//! failure: ours refuses much on purpose. Numbers and booleans have no value in it: theirs may be any.
//!
//! `KUBELEASE_YAML_SEED` and `KUBELEASE_YAML_TEXTS` try other texts, and more of them.

mod generator;
mod words;

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use lease_core::rbac::documents_as_json;
use serde_json::{Value, json};

/// The documents that a reader goes on with; `None` if it refuses the text.
type Reading = Option<Vec<Value>>;

#[test]
fn what_kubectl_reads_too_is_read_alike() {
    let seed = number("KUBELEASE_YAML_SEED").unwrap_or(1);
    let count = number("KUBELEASE_YAML_TEXTS").unwrap_or(24_000);
    let mut random = fastrand::Rng::with_seed(seed);
    let texts: Vec<String> = (0..count).map(|_| generator::text(&mut random)).collect();
    let theirs = read_as_kubectl(&texts);
    let (mut both, mut typed, mut long) = (0, 0, 0);
    for (text, theirs) in texts.iter().zip(&theirs) {
        let ours = read(text);
        if let Some((smaller, ours, theirs)) = differ(&ours, theirs).then(|| shrink(text)) {
            panic!(
                "seed {seed}: of {smaller:?} we read {ours:?} and kubectl {theirs:?}; it was {text:?}"
            );
        }
        if let (Some(ours), Some(_)) = (&ours, theirs) {
            both += 1;
            typed += u64::from(ours.iter().any(has_typed));
            long += u64::from(text.len() > KUBECTL_LOOKS_AT);
        }
    }
    // Texts that nobody reads compare nothing.
    assert!(both * 3 >= count, "both read only {both} of {count} texts");
    assert!(typed * 20 >= count, "only {typed} of {count} texts have a number or a boolean");
    assert!(long * 200 >= count, "only {long} of {count} texts are long");
}

#[test]
fn the_comparison_sees_a_difference() {
    let texts = ["a: b", "a: 1", "a: *b", "{\"a\":1}{\"b\":2}", "", "a: b # c\u{2028}d: e"];
    let theirs = read_as_kubectl(&texts.map(str::to_owned));
    let read_by_kubectl = [
        Some(vec![json!({"a": "b"})]),
        Some(vec![json!({"a": 1})]),
        None,
        Some(vec![json!({"a": 1}), json!({"b": 2})]),
        Some(vec![]),
        Some(vec![json!({"a": "b", "d": "e"})]),
    ];
    assert_eq!(theirs, read_by_kubectl);
    assert!(differ(&Some(vec![json!({"a": "1"})]), &theirs[1]));
    // What stands beside a number counts, and so does where the number is.
    let ours = |text: &str| Some(read(text).unwrap_or_else(|| panic!("{text}")));
    assert!(!differ(&ours("a: 2"), &theirs[1]));
    assert!(!differ(&ours("a: yes"), &theirs[1]));
    assert!(differ(&ours("b: 1"), &theirs[1]));
    assert!(differ(&ours("a: 1\nb: c"), &theirs[1]));
    assert!(differ(&ours("a: 1"), &theirs[0]));
    assert!(!differ(&ours("0x1: a"), &Some(vec![json!({"1": "a"})])));
    assert!(differ(&ours("'1': a"), &Some(vec![json!({"1": "b"})])));
    // A text to kubectl, and 90 to others: it takes quotes, on purpose.
    assert!(!differ(&ours("a: 1:30"), &Some(vec![json!({"a": "1:30"})])));
    assert!(differ(&Some(vec![json!({"a": 1})]), &theirs[3]));
    assert!(!differ(&None, &theirs[0]));
    assert!(!differ(&read("a: b"), &theirs[0]));
}

fn differ(ours: &Reading, theirs: &Reading) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return false };
    ours.len() != theirs.len()
        || !ours.iter().zip(theirs).all(|(ours, theirs)| is_alike(ours, theirs))
}

/// Compares a node of ours with one of kubectl's. The `true` of ours is any number or boolean, or a text that looks
/// like one to other readers.
fn is_alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Bool(_), Value::Bool(_) | Value::Number(_)) => true,
        (Value::Bool(_), Value::String(text)) => looks_typed(text),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| is_alike(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let typed = ours.iter().filter(|(key, a)| a.is_boolean() && looks_typed(key)).count();
            // Two of those may be one key to kubectl, as `off` and `FALSE` are.
            (ours.len() - typed..=ours.len()).contains(&theirs.len())
                && ours.iter().all(|(key, a)| match theirs.get(key) {
                    Some(b) if is_alike(a, b) => true,
                    // A key that is no text to some readers has no value in ours, whatever it is to kubectl.
                    _ => a.is_boolean() && looks_typed(key),
                })
        }
        _ => ours == theirs,
    }
}

fn looks_typed(text: &str) -> bool {
    let boolean = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    boolean.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
}

fn has_typed(ours: &Value) -> bool {
    match ours {
        Value::Bool(_) => true,
        Value::Array(list) => list.iter().any(has_typed),
        Value::Object(map) => map.values().any(has_typed),
        _ => false,
    }
}

fn read(text: &str) -> Reading {
    let documents = documents_as_json(text).ok()?;
    Some(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Leaves out characters for as long as the readers still differ.
fn shrink(text: &str) -> (String, Reading, Reading) {
    let mut text = text.to_owned();
    loop {
        let characters: Vec<char> = text.chars().collect();
        let lengths = [characters.len() / 2, characters.len() / 8, 2, 1]
            .into_iter()
            .filter(|length| (1..=characters.len()).contains(length));
        let candidates: Vec<String> = lengths
            .flat_map(|length| (0..=characters.len() - length).map(move |at| (at, length)))
            .map(|(at, length)| {
                [&characters[..at], &characters[at + length..]].concat().iter().collect()
            })
            .collect();
        let readings = read_as_kubectl(&candidates);
        let smaller =
            candidates.iter().zip(&readings).find(|(text, theirs)| differ(&read(text), theirs));
        match smaller {
            Some((smaller, _)) => text.clone_from(smaller),
            None => return (text.clone(), read(&text), read_as_kubectl(&[text]).remove(0)),
        }
    }
}

fn read_as_kubectl(texts: &[String]) -> Vec<Reading> {
    let mut reader = Command::new(kubectl_reader())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the reader starts");
    let mut input = reader.stdin.take().expect("a pipe");
    let lines: Vec<String> = texts.iter().map(|text| json!(text).to_string() + "\n").collect();
    let writer =
        thread::spawn(move || lines.iter().try_for_each(|line| input.write_all(line.as_bytes())));
    let output = reader.wait_with_output().expect("the reader ends");
    writer.join().expect("the writer ends").expect("the reader takes all texts");
    assert!(output.status.success(), "kubectl's reader ended with {}", output.status);
    let readings: Vec<Reading> = String::from_utf8(output.stdout)
        .expect("a text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(readings.len(), texts.len(), "each text has its answer");
    readings
}

/// Builds kubectl's reader; Go's cache makes this short but for the first time.
fn kubectl_reader() -> &'static Path {
    static READER: OnceLock<PathBuf> = OnceLock::new();
    READER.get_or_init(|| {
        let reader = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubectl-yaml");
        let built = Command::new("go")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/kubectl-yaml"))
            .env("GOWORK", "off")
            .args(["build", "-trimpath", "-o"])
            .arg(&reader)
            .status()
            .expect("kubectl's reader is built with Go 1.26 or newer (https://go.dev/dl)");
        assert!(built.success(), "building kubectl's reader: {built}");
        reader
    })
}

/// The number of bytes that kubectl looks at to tell JSON from YAML.
const KUBECTL_LOOKS_AT: usize = 4096;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}
