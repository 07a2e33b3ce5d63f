use serde_json::{Value, json};

use super::{KubeconfigEdit, apply_changes};

fn user() -> Value {
    json!({"name": "u", "user": {"exec": {"command": "kubelease", "args": ["a: #b", "-"]}}})
}

/// A kubeconfig as kubectl writes it, with comments of a person.
const WRITTEN: &str = "\
# my clusters
apiVersion: v1
clusters:
- cluster:
    server: https://one.example  # the old one
  name: one
# contexts follow
contexts: []
current-context: \"one\"
kind: Config
preferences: {}
users:
- name: first
  user:
    token: sesame

# the robot
- name: u
  user:
    token: old
";

#[test]
fn the_rest_of_a_file_stays_as_it_is() {
    let (user, cluster) = (user(), json!({"name": "two", "cluster": {"server": "https://two"}}));
    let changes = [
        KubeconfigEdit::Put("users", &user),
        KubeconfigEdit::Put("clusters", &cluster),
        KubeconfigEdit::Use("x"),
    ];
    let expected = WRITTEN
        .replace("    token: old\n", "    exec:\n      args:\n        - \"a: #b\"\n        - \"-\"\n      command: \"kubelease\"\n")
        .replace("- name: u\n", "- name: \"u\"\n")
        .replace("# contexts", "- cluster:\n    server: \"https://two\"\n  name: \"two\"\n# contexts")
        .replace("\"one\"", "\"x\"");
    assert_eq!(apply_changes(WRITTEN, &changes).unwrap(), expected);
    assert_eq!(apply_changes(&expected, &changes).unwrap(), expected);
}

#[test]
fn an_entry_is_put_however_lists_are_written() {
    let user = user();
    let put = [KubeconfigEdit::Put("users", &user)];
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "kind: Config",
        "users:\nkind: Config\n",
        "users: null # none\n",
        "users: []\n",
        "users:\n  # indented\n  - {name: x}\n  -  name: u\n     user: {}\n\nkind: Config\n",
        "{\"users\": null}",
        "{\"users\": [{\"name\": \"u\"}, {\"name\": \"v\"}]}",
    ] {
        // `apply` reads its result again and compares; it only remains to see that it has one.
        let text = apply_changes(text, &put).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(text.contains("kubelease"), "{text}");
    }
}

#[test]
fn what_cannot_be_changed_in_lines_is_refused_and_not_repeated() {
    let user = user();
    for text in [
        "users: [{name: x}]\n",
        "users:\n-\n  name: x\n",
        "{a: 1, users: []}\n",
        "users: &a []\n",
        "a: 1\n---\nb: 2\n",
        "kind: Config\n...\n",
        "- 1\n",
        "a: [\n",
        "users: text\n",
        "{\"users\": 7}",
    ] {
        assert!(apply_changes(text, &[KubeconfigEdit::Put("users", &user)]).is_err(), "{text}");
    }
    assert!(apply_changes("current-context: >\n  folded\n", &[KubeconfigEdit::Use("x")]).is_err());
}
