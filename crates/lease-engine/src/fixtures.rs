//! Engines for our own tests, over one cluster in memory.

use chrono::TimeDelta;
use kube_rest::TokenClaims;
use lease_core::{
    ApiServerUrl, ClusterCredential, Description, IssueRequest, Keyring, Lease, LeaseId,
    LeaseState, MasterKey, TargetAuthInput, TargetInput, TrustedCa,
};
use serde_json::Value;

use crate::{
    Config, DynamicSecretInput, Engine, IssueError, IssuedLease, Requester, RevocationOutcome,
    StoredLease, SweepOptions, SweepReport,
};
use lease_testing::TestPorts;
pub(crate) use lease_testing::block_on;

/// A kind of lease: its name, and the account that a dynamic secret of it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseKind(&'static str, pub(crate) &'static str);

impl LeaseKind {
    /// A kind of a test's own.
    pub(crate) fn named(name: &'static str, account: &'static str) -> Self {
        Self(name, account)
    }
}

impl std::fmt::Debug for LeaseKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

pub(crate) const PLAIN: LeaseKind =
    LeaseKind("plain", r#"{"type":"existing","name":"deployer","revocable":false}"#);
pub(crate) const EXISTING: LeaseKind =
    LeaseKind("existing", r#"{"type":"existing","name":"deployer"}"#);
pub(crate) const ROLE: LeaseKind = LeaseKind(
    "role",
    r#"{"type":"temporary","scope":"namespace","role":{"kind":"ClusterRole","name":"view"}}"#,
);
pub(crate) const CLUSTER_ROLE: LeaseKind = LeaseKind(
    "cluster role",
    r#"{"type":"temporary","scope":"cluster","role":{"kind":"ClusterRole","name":"view"}}"#,
);
pub(crate) const RULES: LeaseKind = LeaseKind(
    "rules",
    r#"{"type":"temporary","scope":"namespace",
        "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]}"#,
);
pub(crate) const CLUSTER_RULES: LeaseKind = LeaseKind(
    "cluster rules",
    r#"{"type":"temporary","scope":"cluster",
        "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]}"#,
);
pub(crate) const MANIFEST: LeaseKind = LeaseKind(
    "manifest",
    r#"{"type":"temporary","scope":"namespace","manifest":"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: a\nrules:\n- apiGroups: ['']\n  resources: [pods]\n  verbs: [list]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: a\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: a\nsubjects: []\n"}"#,
);

/// Every kind whose leases leave something in the cluster.
pub(crate) const BOUND: [LeaseKind; 6] =
    [EXISTING, ROLE, CLUSTER_ROLE, RULES, CLUSTER_RULES, MANIFEST];

/// Every kind.
pub(crate) const ALL: [LeaseKind; 7] =
    [PLAIN, EXISTING, ROLE, CLUSTER_ROLE, RULES, CLUSTER_RULES, MANIFEST];

/// An engine, and nothing put.
pub(crate) fn engine() -> Engine<TestPorts> {
    let ports = TestPorts::default();
    ports.set_now("2026-11-22T07:00:00Z".parse().expect("a time"));
    // A cluster is compared where a test asks for it, and not on the way.
    let config = Config { reconcile_interval: TimeDelta::days(400), ..Config::default() };
    Engine::new(ports, keys("A"), config).acting_for(requester())
}

/// A keyring with this letter, repeated, for a master key.
pub(crate) fn keys(letter: &str) -> Keyring {
    Keyring::new(&master_key(letter), &[])
}

pub(crate) fn master_key(letter: &str) -> MasterKey {
    MasterKey::from_base64(&format!("{}A=", letter.repeat(42))).expect("32 bytes")
}

/// The same as another instance would be: nothing but what is outside is kept.
pub(crate) fn restarted(engine: &Engine<TestPorts>) -> Engine<TestPorts> {
    let config = engine.config.clone();
    Engine::new(engine.ports.clone(), keys("A"), config).acting_for(engine.requester.clone())
}

/// An engine with target `prod` and dynamic secret `ci`, both met before: in `apps`, 1 h by default, 24 h at
/// most, with more members of its definition as `rest` says.
pub(crate) fn with_secret(LeaseKind(name, account): LeaseKind, rest: &str) -> Engine<TestPorts> {
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put_secret(&engine, account, rest);
    block_on(engine.check_target(&name_of("prod"))).expect(name);
    sweep_with(&engine, SweepOptions { dry_run: false, reconcile: true });
    engine.ports.http.forget();
    engine
}

/// The same after a first lease was issued and taken back: all is known that can be.
pub(crate) fn warm(mode: LeaseKind) -> Engine<TestPorts> {
    let engine = with_secret(mode, "");
    let issued = issue(&engine).expect("issues");
    if mode != PLAIN {
        revoke(&engine, issued.held.lease.id);
    }
    engine.ports.http.forget();
    engine
}

pub(crate) fn put_secret(engine: &Engine<TestPorts>, account: &str, rest: &str) {
    block_on(engine.put_dynamic_secret(secret(account, rest))).expect("puts");
}

/// A definition of dynamic secret `ci`.
pub(crate) fn secret(account: &str, rest: &str) -> DynamicSecretInput {
    // A member that is said in `rest` stands in place of ours.
    let mut json: Value = serde_json::from_str(&format!(
        r#"{{"target":"prod","account":{account},"namespaces":["apps"],"default_ttl":"1h",
            "max_ttl":"24h"}}"#
    ))
    .unwrap_or_else(|error| panic!("{account}: {error}"));
    let rest: Value = serde_json::from_str(&format!("{{{rest}}}")).expect("good members");
    for (key, value) in rest.as_object().expect("an object") {
        json[key] = value.clone();
    }
    DynamicSecretInput {
        name: name_of("ci"),
        definition: serde_json::from_value(json).expect("a good definition"),
        target: None,
    }
}

/// A definition of target `prod`.
pub(crate) fn prod(url: &str, credential: Option<&str>) -> TargetInput {
    target("prod", url, TargetAuthInput::Token(credential.map(token)))
}

pub(crate) fn target(name: &str, url: &str, auth: TargetAuthInput) -> TargetInput {
    TargetInput {
        name: name_of(name),
        url: ApiServerUrl::try_from(url.to_owned()).expect("a good url"),
        auth,
        ca: TrustedCa::default(),
        ca_certificate: None,
        kubeconfig_server: None,
        description: Description::default(),
        apply_set: None,
        disabled: false,
    }
}

pub(crate) fn token(text: &str) -> ClusterCredential {
    ClusterCredential::try_from(text.to_owned()).expect("a good token")
}

pub(crate) fn name_of<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a good name")
}

pub(crate) fn requester() -> Requester {
    Requester::first_administrator()
}

/// A lease as it is given if nothing is asked for.
pub(crate) fn issue(engine: &Engine<TestPorts>) -> Result<IssuedLease, IssueError> {
    issue_for(engine, IssueRequest::default(), None)
}

/// A lease of so many seconds.
pub(crate) fn issue_of(engine: &Engine<TestPorts>, ttl: &str) -> Result<IssuedLease, IssueError> {
    issue_for(engine, asked(ttl), None)
}

pub(crate) fn asked(ttl: &str) -> IssueRequest {
    IssueRequest { ttl: Some(name_of(ttl)), ..IssueRequest::default() }
}

pub(crate) fn issue_for(
    engine: &Engine<TestPorts>,
    request: IssueRequest,
    key: Option<&str>,
) -> Result<IssuedLease, IssueError> {
    block_on(engine.issue_lease(&name_of("ci"), request, key))
}

/// Takes a lease back; whether that is done.
pub(crate) fn revoke(engine: &Engine<TestPorts>, id: LeaseId) -> bool {
    matches!(block_on(engine.revoke_lease(id)).expect("revokes"), RevocationOutcome::Done(_))
}

pub(crate) fn sweep(engine: &Engine<TestPorts>) -> SweepReport {
    sweep_with(engine, SweepOptions::default())
}

pub(crate) fn sweep_with(engine: &Engine<TestPorts>, options: SweepOptions) -> SweepReport {
    block_on(engine.run_sweep(options)).expect("sweeps")
}

/// Time passes.
pub(crate) fn pass(engine: &Engine<TestPorts>, seconds: i64) {
    engine.ports.set_now(engine.ports.now() + TimeDelta::seconds(seconds));
}

/// As long passes as an issue that has stopped is left alone, and the sweep runs twice.
pub(crate) fn sweep_what_stopped(engine: &Engine<TestPorts>) {
    pass(engine, 30 + 75 + 1);
    sweep(engine);
    pass(engine, 76);
    sweep(engine);
}

/// A lease as it stands.
pub(crate) fn held(engine: &Engine<TestPorts>, id: LeaseId) -> StoredLease {
    engine.read_visible_lease(id).expect("is there")
}

pub(crate) fn state(engine: &Engine<TestPorts>, id: LeaseId) -> LeaseState {
    held(engine, id).state_at(engine.ports.now())
}

/// All leases on record.
pub(crate) fn all_leases(engine: &Engine<TestPorts>) -> Vec<StoredLease> {
    engine.list_visible_lease_page(&crate::LeaseFilter::default(), None, 1000).expect("lists").items
}

/// All leases whose end is not confirmed; a plain one ends by itself.
pub(crate) fn live(engine: &Engine<TestPorts>) -> Vec<StoredLease> {
    let now = engine.ports.now();
    let ended = [LeaseState::Revoked, LeaseState::Expired, LeaseState::Failed, LeaseState::Lost];
    let mut leases = all_leases(engine);
    leases.retain(|held| !ended.contains(&held.state_at(now)));
    leases
}

/// Returns the objects that requests have left in the cluster, as `Role apps/name`.
pub(crate) fn made(engine: &Engine<TestPorts>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |object: Value| {
        let metadata = &object["metadata"];
        format!(
            "{} {}/{}",
            text(&object["kind"]),
            text(&metadata["namespace"]),
            text(&metadata["name"])
        )
    };
    engine.ports.http.made().into_iter().map(line).collect()
}

/// The kinds of what requests have left in the cluster, in order.
pub(crate) fn kinds(engine: &Engine<TestPorts>) -> Vec<String> {
    let mut kinds: Vec<_> = engine
        .ports
        .http
        .made()
        .iter()
        .map(|object| object["kind"].as_str().unwrap_or_default().to_owned())
        .collect();
    kinds.sort();
    kinds
}

/// Returns a lease's object as it is in the cluster.
pub(crate) fn object_of(engine: &Engine<TestPorts>, lease: &Lease, kind: &str) -> Value {
    let object = lease.objects.iter().find(|object| object.kind.as_str() == kind);
    let object = object.expect("is one of its objects");
    let namespace = object.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
    let found = engine.ports.http.object(kind, &namespace, &object.name);
    found.unwrap_or_else(|| panic!("there is no {kind} {namespace}/{}", object.name))
}

pub(crate) fn claims(issued: &IssuedLease) -> TokenClaims {
    issued.token.parse_claims().expect("has claims")
}

/// The whole of an error, cause by cause, as a log has it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
