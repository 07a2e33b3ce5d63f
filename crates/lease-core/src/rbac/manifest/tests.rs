//! Which files are manifests, and what is refused in others, by name.

use super::*;
use crate::rbac::{MAX_TEXT_BYTES, StoredManifest};

const ROLE: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: reader
  namespace: apps
rules:
- apiGroups: [\"\"]
  resources: [pods]
  verbs: [get, list]
";

const BINDING: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: readers
  namespace: apps
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: reader
subjects:
- kind: ServiceAccount
  name: nobody
  namespace: nowhere
";

/// The end of the role.
const RULES: &str = "\
rules:
- apiGroups: [\"\"]
  resources: [pods]
  verbs: [get, list]
";

/// The end of the binding.
const SUBJECTS: &str = "\
subjects:
- kind: ServiceAccount
  name: nobody
  namespace: nowhere
";

fn namespaced() -> String {
    format!("{ROLE}---\n{BINDING}")
}

/// A `ClusterRole`, bound by a `RoleBinding`.
fn cluster_role() -> String {
    namespaced().replace("kind: Role\n", "kind: ClusterRole\n")
}

fn cluster_wide() -> String {
    let bound = cluster_role().replace("kind: RoleBinding", "kind: ClusterRoleBinding");
    bound.replace("  namespace: apps\n", "")
}

fn list() -> String {
    let item = |object: &str| format!("- {}\n", object.trim_end().replace('\n', "\n  "));
    format!(
        "apiVersion: v1\nkind: List\nmetadata:\n  resourceVersion: ''\nitems:\n{}{}",
        item(BINDING),
        item(ROLE)
    )
}

#[test]
fn one_role_and_one_binding_to_it_are_a_manifest() {
    let json = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"reader"},
         "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]},
        {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"x"},
         "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"reader"}}]}"#;
    let apart = cluster_role().replacen("  namespace: apps\n", "", 1);
    let dry_run = namespaced().replace(
        "  name: reader\n  namespace",
        "  creationTimestamp: null\n  name: reader\n  namespace",
    );
    let no_subjects = namespaced().split("subjects:").next().expect("a part").to_owned();
    for (text, kind, cluster_wide) in [
        (namespaced(), RoleKind::Role, false),
        (format!("---\n{BINDING}---\n{ROLE}---\n"), RoleKind::Role, false),
        (cluster_role(), RoleKind::ClusterRole, false),
        (apart, RoleKind::ClusterRole, false),
        (cluster_wide(), RoleKind::ClusterRole, true),
        (list(), RoleKind::Role, false),
        (json.to_owned(), RoleKind::ClusterRole, true),
        (dry_run, RoleKind::Role, false),
        (no_subjects, RoleKind::Role, false),
    ] {
        assert_eq!(
            text.parse::<Manifest>().map(|m| m.ignored_metadata_warnings().len()),
            Ok(0),
            "{text}"
        );
        let manifest: Manifest = text.parse().unwrap_or_else(|e| panic!("{text}\n{e}"));
        let got = (manifest.role_kind(), manifest.is_bound_cluster_wide());
        assert_eq!(got, (kind, cluster_wide), "{text}");
        let verbs = &manifest.rules().as_slice()[0].verbs;
        assert_eq!(verbs, &["get", "list"], "{text}");
        // It is shown and stored as it was given.
        let stored = serde_json::to_string(&manifest).expect("serialises");
        assert_eq!(stored, serde_json::to_string(&text).expect("serialises"));
        let kept: StoredManifest = serde_json::from_str(&stored).expect("reads");
        assert_eq!(kept, StoredManifest::Read(manifest));
    }
}

#[test]
fn what_is_not_meant_is_refused_by_name() {
    let role = |from: &str, to: &str| format!("{}---\n{BINDING}", ROLE.replacen(from, to, 1));
    let binding = |from: &str, to: &str| format!("{ROLE}---\n{}", BINDING.replacen(from, to, 1));
    let with = |object: &str| format!("{}---\n{object}", namespaced());
    let metadata = |field: &str| role("metadata:\n", &format!("metadata:\n  {field}\n"));
    let both = |from: &str, to: &str| namespaced().replace(from, to);
    for (text, error) in [
        (String::new(), "exactly one Role or ClusterRole"),
        (BINDING.to_owned(), "exactly one Role or ClusterRole"),
        (with(ROLE), "exactly one Role or ClusterRole"),
        (ROLE.to_owned(), "exactly one RoleBinding"),
        (with(BINDING), "exactly one RoleBinding"),
        (with("apiVersion: v1\nkind: ServiceAccount\n"), "`ServiceAccount` is not allowed"),
        (with("apiVersion: v1\nkind: Secret\nstringData: {a: canary}\n"), "`Secret` is not"),
        (with("kind: canary canary\n"), "`(unreadable)` is not allowed"),
        (with("kind: List\napiVersion: v1\nitems: [{kind: List}]\n"), "`List` is not allowed"),
        (with("canary"), "contains objects"),
        (with("a: canary"), "contains objects"),
        (with("[canary]"), "contains objects"),
        (metadata("labels: canary"), "`Role.metadata.labels`: this must be a map"),
        (metadata("annotations: [canary]"), "`Role.metadata.annotations`: this must be a map"),
        (
            metadata("labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}"),
            "`Role.metadata.labels.rbac.authorization.k8s.io/aggregate-to-view`: an aggregated role",
        ),
        (metadata("finalizers: [canary]"), "`Role.metadata.finalizers`: a manifest must not"),
        (metadata("ownerReferences: [{}]"), "`Role.metadata.ownerReferences`: a manifest must not"),
        (metadata("label: {}"), "`Role.metadata.label`: a manifest must not"),
        (metadata("yes: canary"), "`Role.metadata.yes`: a manifest must not"),
        (metadata("generateName: canary"), "`Role.metadata.generateName`: a manifest must not"),
        (metadata("creationTimestamp: canary"), "`Role.metadata.creationTimestamp`: a manifest"),
        (role("  name: reader\n", ""), "`Role.metadata.name`: this must be the name"),
        (role("name: reader", "name: canary/a"), "`Role.metadata.name`: this must be the name"),
        (role("name: reader", "name: 1"), "`Role.metadata.name`: line 4, column 9: YAML may read"),
        (role("namespace: apps", "namespace: Canary"), "`Role.metadata.namespace`: this must be"),
        (role("rules:", "aggregationRule: {}\nrules:"), "`Role.aggregationRule`: a manifest must"),
        (role("rules:", "status: {}\nrules:"), "`Role.status`: a manifest must"),
        (role("/v1", "/v1beta1"), "`Role.apiVersion`: this must be `rbac"),
        (role("rbac.authorization.k8s.io/v1", "v1"), "`Role.apiVersion`: this must be `rbac"),
        (role("  verbs: [get, list]", ""), "Role: `rules[0]`: a rule needs at least one verb"),
        (
            role("  verbs: [get, list]", "  verbs: [yes]"),
            "Role: `rules[0].verbs[0]`: line 9, column 11: YAML may",
        ),
        (role("  verbs: [get, list]", "  verb: [get]"), "Role: `rules[0].verb`: no such field"),
        (role(RULES, "rules: canary\n"), "`Role.rules`: this must be a list"),
        (
            role("\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]", ""),
            "1 to 64 rules",
        ),
        (
            role("apiGroups: [\"\"]\n  resources: [pods]", "nonResourceURLs: [/a]"),
            "Role: `rules[0].nonResourceURLs`: `nonResourceURLs` are in no namespace",
        ),
        (binding("apiVersion", "apiVersio"), "`RoleBinding.apiVersio`: a manifest must not"),
        (binding("/v1", "/v1beta1"), "`RoleBinding.apiVersion`: this must be `rbac"),
        (
            binding("metadata:", "metadata:\n  labels: 1"),
            "`RoleBinding.metadata.labels`: this must be a map",
        ),
        (
            binding("subjects:", "subject:"),
            "`RoleBinding.subject`: a manifest must not have this field",
        ),
        (binding(SUBJECTS, "subjects: canary\n"), "`RoleBinding.subjects`: this must be a list"),
        (
            binding("apiGroup: rbac", "apiGroup: canary"),
            "`RoleBinding.roleRef.apiGroup`: this must",
        ),
        (binding("name: reader\n", "name: canary\n"), "`RoleBinding.roleRef` must name the role"),
        (binding("kind: Role\n", "kind: ClusterRole\n"), "`RoleBinding.roleRef` must name the"),
        (binding("kind: Role\n", "kind: canary\n"), "`RoleBinding.roleRef.kind`: this must be"),
        (binding("  kind: Role\n", "  kind: Role\n  uid: a\n"), "`RoleBinding.roleRef.uid`"),
        (binding("namespace: apps", "namespace: other"), "in the same namespace"),
        (both("kind: RoleBinding", "kind: ClusterRoleBinding"), "must bind a ClusterRole"),
        (
            cluster_wide()
                .replace("rules:", "aggregationRule:\n  clusterRoleSelectors: []\nrules:"),
            "`ClusterRole.aggregationRule`: an aggregated role",
        ),
        (list().replace("items:", "kinds: a\nitems:"), "`List.kinds`: a manifest must not"),
        (list().replace("apiVersion: v1\n", ""), "`List.apiVersion`: this must be `v1`"),
        (list().replace("items:", "item:"), "`List.item`: a manifest must not"),
        (list().replace("items:", "items: a\nx: "), "`List.x`: a manifest must not"),
        ("kind: List\napiVersion: v1\n".to_owned(), "`List.items`: this must be a list"),
        (list().replace("resourceVersion: ''", "continue: a"), "`List.metadata.continue`: a mani"),
        (with("a: &a [x]\nb: [*a, *a]\n"), "anchors"),
        (format!("{}# {}", namespaced(), "a".repeat(MAX_TEXT_BYTES)), "longer than 65536 bytes"),
    ] {
        let told = text.parse::<Manifest>().expect_err(&text).to_string();
        assert!(told.contains(error), "{text}\n{told}");
        assert!(!told.to_lowercase().contains("canary"), "{text}\n{told}");
    }
}

#[test]
fn what_kubernetes_defaults_and_what_says_nothing_is_taken() {
    let role = |from: &str, to: &str| format!("{}---\n{BINDING}", ROLE.replacen(from, to, 1));
    let binding = |from: &str, to: &str| format!("{ROLE}---\n{}", BINDING.replacen(from, to, 1));
    let metadata = |field: &str| role("metadata:\n", &format!("metadata:\n  {field}\n"));
    let group = "  apiGroup: rbac.authorization.k8s.io\n";
    let json = |object: &str| {
        let object = super::super::yaml::documents_as_json(object).expect("reads");
        object[0].to_string()
    };
    for text in [
        binding(group, ""),
        binding(group, "  apiGroup: ''\n"),
        binding(group, "  apiGroup:\n"),
        role("  namespace: apps\n", ""),
        role("  namespace: apps\n", "  namespace: ''\n"),
        role("  namespace: apps\n", "  namespace: null\n"),
        binding("  namespace: apps\n", ""),
        binding("  namespace: apps\n", "  namespace: \"\"\n"),
        namespaced().replace("  namespace: apps\n", ""),
        metadata("annotations: null"),
        metadata("annotations:"),
        metadata("labels: {}"),
        metadata("creationTimestamp: null"),
        metadata("ownerReferences: []"),
        metadata("uid: ''"),
        cluster_role().replace("rules:", "aggregationRule: null\nrules:"),
        list().replace("resourceVersion: ''", "selfLink: ''"),
        list().replace("metadata:\n  resourceVersion: ''", "metadata: {}"),
        format!("{}{}", json(ROLE), json(BINDING)),
        format!("{}\n\n{}\n", json(BINDING), json(ROLE)),
        format!("{ROLE}---\n\u{feff}{BINDING}"),
        namespaced().replace('\n', "\r\n"),
    ] {
        let manifest = text.parse::<Manifest>().unwrap_or_else(|e| panic!("{text}\n{e}"));
        assert_eq!(manifest.ignored_metadata_warnings(), [""; 0], "{text}");
        assert_eq!(manifest.rules().as_slice()[0].verbs, ["get", "list"], "{text}");
    }
}

#[test]
fn labels_and_annotations_are_left_out_with_a_warning_that_names_them() {
    let labels =
        "metadata:\n  labels: {app: x, app.kubernetes.io/version: 1.2, canary canary: y}\n";
    let annotations = "metadata:\n  annotations:\n    why: 1\n";
    let text = format!(
        "{}---\n{}",
        ROLE.replace("metadata:\n", labels),
        BINDING.replace("metadata:\n", annotations)
    );
    let manifest = text.parse::<Manifest>().expect("a manifest");
    assert_eq!(
        manifest.ignored_metadata_warnings(),
        [
            "`Role.metadata.labels` of the manifest are ignored (`app`, `app.kubernetes.io/version`, \
             `(unreadable)`): leased objects get the labels of the dynamic secret",
            "`RoleBinding.metadata.annotations` of the manifest are ignored (`why`): leased objects get the \
             annotations of the dynamic secret",
        ]
    );
}

/// An application's file: what does not belong there is told, and not how to quote what does not belong there.
#[test]
fn what_does_not_belong_there_is_told_first_and_all_of_it() {
    let deployment = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  labels: {app.kubernetes.io/version: 0.93.0}
spec:
  replicas: 1
  template:
    spec:
      automountServiceAccountToken: true
      containers:
      - {args: [--port, 8080], ports: [{containerPort: 8080}]}
";
    let crd = format!(
        "kind: CustomResourceDefinition\nspec:\n{}",
        (1..30).map(|depth| " ".repeat(depth) + "p:\n").collect::<String>()
    );
    let wide = (0..100).map(|i| format!("  k{i}: {i}\n")).collect::<Vec<_>>().concat();
    let config = format!("kind: ConfigMap\ndata:\n  8080: a\n  on: b\n{wide}");
    let part = "not allowed in a manifest: it contains one Role";
    for (text, told) in [
        (format!("{deployment}---\n{}", namespaced()), format!("`Deployment` is {part}")),
        (
            format!("{deployment}---\n{crd}---\n{config}---\n{deployment}---\n{}", namespaced()),
            format!("`Deployment`, `CustomResourceDefinition`, `ConfigMap` are {part}"),
        ),
        (format!("{deployment}    # {{{{ a\n  {{{{ b"), format!("`Deployment` is {part}")),
        (format!("{}---\nkind: Service\nspec: &a {{}}\n", namespaced()), format!("`Service` is {part}")),
        (list().replace("items:", "items:\n- kind: Pod\n  spec: {a: 1}"), format!("`Pod` is {part}")),
        (
            namespaced().replace("metadata:", "status: 1\nmetadata:\n  uid: a").replace("[get", "[yes"),
            "`Role.status`, `Role.metadata.uid`, `RoleBinding.status`, `RoleBinding.metadata.uid`: a manifest must \
             not have these fields"
                .to_owned(),
        ),
    ] {
        let error = text.parse::<Manifest>().expect_err(&text).to_string();
        assert!(error.starts_with(&told), "{text}\n{error}");
    }
}

#[test]
fn a_manifest_that_is_no_text_is_refused() {
    let told =
        serde_json::from_str::<StoredManifest>(r#"{"kind":"Role"}"#).unwrap_err().to_string();
    assert!(told.contains("a manifest is a text"), "{told}");
}

#[test]
fn a_kept_text_that_is_no_manifest_any_more_is_kept_with_the_reason() {
    for (from, to, reason) in [
        ("kind: Role\n", "kind: Role # why\u{2028}\n", "lines must end with a line feed"),
        ("kind: Role\n", "kind: Role # why\u{85}\n", "lines must end with a line feed"),
        ("kind: Role\n", "kind: Role # why\u{2029}\n", "lines must end with a line feed"),
        ("kind: Role\n", "kind: Role # why\rnow\n", "lines must end with a line feed"),
        ("kind: Role\n", "kind: Role # \u{feff}\n", "a byte order mark"),
        ("kind: Role\n", "kind: Pod\n", "`Pod` is not allowed in a manifest"),
    ] {
        let text = namespaced().replacen(from, to, 1);
        let stored = serde_json::to_string(&text).expect("serialises");
        let kept: StoredManifest = serde_json::from_str(&stored).expect("is kept");
        assert_eq!(serde_json::to_string(&kept).expect("serialises"), stored);
        let StoredManifest::Unread(unread) = kept else { panic!("{text:?} is read") };
        let told = unread.error().to_string();
        assert!(told.contains(reason), "{text:?}: {told}");
        assert_eq!(text.parse::<Manifest>(), Err(unread.error().clone()), "{text:?}");
    }
}
