//! Ways to a cluster that break now and then: nothing but true answers, and hardly a failure.
//!
//! An API server behind a balancer closes its connections by chance, one that is replaced closes them all, and
//! whatever stands between may end one at any byte. All operations run side by side, so that one broken
//! connection is the matter of several requests.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::control_plane::{ControlPlane, Options};
use testbed::deployed_manifests::DeployedObjects;
use testbed::faulty_proxy::FaultyProxy;
use testbed::harness::{TestCase, run_tests, tests};
use testbed::http::HttpClient;
use testbed::namespace::Namespace;
use testbed::process::Supervisor;
use testbed::wait::{not_yet, wait_until};

fn main() -> ExitCode {
    run_tests(tests![
        an_api_server_that_closes_its_connections_does_no_harm,
        a_way_that_ends_at_any_byte_does_no_harm,
        a_target_with_a_wrong_credential_spoils_nothing_for_another,
    ])
}

fn an_api_server_that_closes_its_connections_does_no_harm(case: &TestCase) -> Result<()> {
    let _turn = turn();
    let options = Options { bare: true, goaway_chance: Some(0.02), ..Options::default() };
    let cluster = ControlPlane::start_with(&options, Supervisor::new()?)?;
    let way = Way::new(case, &cluster, cluster.url())?;
    way.run()
}

fn a_way_that_ends_at_any_byte_does_no_harm(case: &TestCase) -> Result<()> {
    let _turn = turn();
    let cluster = case.control_plane();
    let proxy = FaultyProxy::start_before(cluster.anonymous_client().clone())?;
    let way = Way::new(case, cluster, &proxy.url())?;
    proxy.cut_percent_of_exchanges(5, 20_261_128);
    way.run()
}

/// The API server closes the connection on which a wrong credential was shown, and the host has one pool for all
/// targets of an origin.
fn a_target_with_a_wrong_credential_spoils_nothing_for_another(case: &TestCase) -> Result<()> {
    let _turn = turn();
    let cluster = case.control_plane();
    let way = Way::new(case, cluster, cluster.url())?;
    let wrong = json!({ "type": "token", "token": "wrong" });
    let wrong = json!({ "url": cluster.url(), "auth": wrong, "ca": "custom" });
    way.admin.put("/api/v1/targets/wrong", &wrong)?.expect_status(201)?;
    let tally = Tally::default();
    thread::scope(|scope| {
        for _ in 0..WORKERS / 2 {
            scope.spawn(|| (0..SPOILED / 2).for_each(|_| tally.add("check", way.check("way"))));
            scope.spawn(|| {
                (0..SPOILED / 2)
                    .for_each(|_| tally.add("refused check", way.refused_check("wrong")));
            });
        }
    });
    let each = WORKERS / 2 * SPOILED / 2;
    tally.expect(&[("check", each), ("refused check", each)])
}

/// Waits for the test's turn: only the workers of one test act at once. On a machine with two cores
/// the operations of all tests side by side would wait for each other longer than they may.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A kubelease that may everything in its cluster, with one dynamic secret of each sort.
struct Way<'c> {
    cluster: &'c ControlPlane,
    admin: HttpClient,
    target: Value,
    place: Namespace,
    /// The path and definition of each dynamic secret.
    secrets: Vec<(String, Value)>,
    _binding: DeployedObjects<'c>,
}

impl<'c> Way<'c> {
    fn new(case: &TestCase, cluster: &'c ControlPlane, url: &str) -> Result<Self> {
        let place = Namespace::create_in(cluster)?;
        place.create_service_account("deployer")?;
        place.create_service_account("broker")?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": place.name() },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
            },
            "subjects": [{ "kind": "ServiceAccount", "name": "broker", "namespace": place.name() }],
        });
        let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] }]);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": place.name() }, "rules": rules,
        });
        let binding = DeployedObjects::create_objects(cluster, vec![role, binding])?;
        // What was given up may land for a second only, so that nobody need wait long.
        let mut settings = case.new_settings()?.with_variable("landing_time", "1s");
        settings.ca = Some(cluster.ca_pem().to_owned());
        let admin = case.new_kubelease_with(settings)?.admin_client()?;
        let token = place.create_token_for("broker")?;
        let target =
            json!({ "url": url, "auth": { "type": "token", "token": token }, "ca": "custom" });
        admin.put("/api/v1/targets/way", &target)?.expect_status(201)?;
        let mut secrets = vec![];
        for (name, account) in [
            ("plain", json!({ "type": "existing", "name": "deployer", "revocable": false })),
            ("existing", json!({ "type": "existing", "name": "deployer" })),
            ("rules", json!({ "type": "temporary", "scope": "namespace", "rules": rules })),
            ("cluster", json!({ "type": "temporary", "scope": "cluster", "rules": rules })),
            (
                "role",
                json!({ "type": "temporary", "scope": "namespace", "role": { "kind": "ClusterRole", "name": place.name() } }),
            ),
        ] {
            let secret = json!({
                "target": "way", "account": account, "namespaces": [place.name()],
                "default_ttl": "15m", "max_ttl": "1h",
            });
            let path = format!("/api/v1/dynamic-secrets/{name}");
            admin.put(&path, &secret)?.expect_status(201)?;
            secrets.push((path, secret));
        }
        let it = Self { cluster, admin, target, place, secrets, _binding: binding };
        it.until_counted()?;
        Ok(it)
    }

    /// Waits until the API server counts the binding.
    fn until_counted(&self) -> Result<()> {
        wait_until("the broker's rights", PATIENCE, || match self.check("way") {
            Ok(()) => Ok(()),
            Err(error) => Err(not_yet(format!("{error:#}"))),
        })
    }

    /// Every operation, as often as it takes to see one failure in a thousand.
    fn run(&self) -> Result<()> {
        let tally = Tally::default();
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| (0..ROUNDS).for_each(|round| self.round(round, &tally)));
            }
            scope.spawn(|| (0..WORKERS * ROUNDS).for_each(|_| tally.add("sweep", self.sweep())));
        });
        tally.expect(&OPERATIONS.map(|operation| (operation, WORKERS * ROUNDS)))?;
        self.until_nothing_is_left()
    }

    fn round(&self, number: usize, tally: &Tally) {
        let put =
            || self.admin.put("/api/v1/targets/way", &self.target)?.expect_status(200).map(drop);
        // The next lease is the first since, and looks at cluster and account anew.
        tally.add("put target", put());
        let (path, secret) = &self.secrets[number % self.secrets.len()];
        let put_secret = || self.admin.put(path, secret)?.expect_status(200).map(drop);
        tally.add("put dynamic secret", put_secret());
        tally.add("check", self.check("way"));
        tally.add("issue plain", self.issue("plain").map(drop));
        let revocable = ["existing", "rules", "cluster", "role"];
        let issued = self.issue(revocable[number % revocable.len()]);
        let id = issued.as_ref().ok().cloned();
        tally.add("issue revocable", issued.map(drop));
        // One that was not issued is neither renewed nor revoked, and is counted already.
        let Some(id) = id else { return };
        tally.add("renew", self.renew(&id));
        tally.add("revoke", self.revoke(&id));
        tally.add("revoke again", self.revoke(&id));
    }

    /// A target whose credential is wrong, and which is told to be so.
    fn refused_check(&self, target: &str) -> Result<()> {
        match self.check(target) {
            Ok(()) => anyhow::bail!("it went well instead of `{UNAUTHORIZED}`"),
            Err(error) if format!("{error:#}").contains(UNAUTHORIZED) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A target as it is, told truly.
    fn check(&self, target: &str) -> Result<()> {
        let path = format!("/api/v1/targets/{target}/check");
        let seen = self.admin.post(&path, &json!({}))?.expect_status(200)?;
        is_true(seen["missing_permissions"] == json!([]), &seen)?;
        let secrets = seen["dynamic_secrets"].as_array().context("dynamic secrets")?;
        let good = secrets.iter().all(|one| one["issue"] == true && one["revoke"] == true);
        ensure!(seen["ok"] == true && good, "{seen}");
        Ok(())
    }

    /// A lease whose token the API server takes; its id.
    fn issue(&self, secret: &str) -> Result<String> {
        let path = format!("/api/v1/dynamic-secrets/{secret}/leases");
        let lease = self.admin.post(&path, &json!({}))?.expect_status(201)?;
        self.is_let_in(&lease)?;
        Ok(lease["lease_id"].as_str().context("an id")?.to_owned())
    }

    fn renew(&self, id: &str) -> Result<()> {
        let path = format!("/api/v1/leases/{id}/renew");
        let renewed = self.admin.post(&path, &json!({ "ttl": "30m" }))?.expect_status(200)?;
        self.is_let_in(&renewed)
    }

    fn is_let_in(&self, lease: &Value) -> Result<()> {
        let token = lease["token"].as_str().context("a token")?;
        // The test's own way there may be closed by chance, too. An answer is an answer.
        let ask = || self.cluster.request_self_subject_review(token);
        let answer = ask().or_else(|_| ask()).or_else(|_| ask())?;
        is_true(answer.status != 401, &lease["lease_id"])?;
        let user = answer.expect_status(201)?["status"]["userInfo"].take();
        let username = user["username"].as_str().unwrap_or_default();
        let expected = format!("system:serviceaccount:{}:", self.place.name());
        is_true(username.starts_with(&expected), &lease["lease_id"])
    }

    /// A lease that is taken back; one of whose issue something may still come says so, and is ended later.
    fn revoke(&self, id: &str) -> Result<()> {
        let reply = self.admin.delete(&format!("/api/v1/leases/{id}"))?;
        if reply.status == 200 {
            return Ok(());
        }
        let begun = reply.expect_status(202)?;
        let reason = begun["closing"]["reason"].as_str().unwrap_or_default();
        ensure!(reason.contains("may still take effect"), "{begun}");
        Ok(())
    }

    fn sweep(&self) -> Result<()> {
        let report =
            self.admin.post("/api/v1/sweep?reconcile=true", &json!({}))?.expect_status(200)?;
        let failed = report["failed"].as_array().context("failures")?;
        let late = |failure: &Value| {
            failure["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("may still take effect"))
        };
        let states = report["targets"].as_object().context("targets")?;
        let known = states.values().all(|state| state == "silent");
        is_true(known, &report)?;
        ensure!(states.is_empty() && failed.iter().all(late), "{report}");
        Ok(())
    }

    /// Sweeps until nothing of ours is there any more: nothing was called ended that was not.
    fn until_nothing_is_left(&self) -> Result<()> {
        wait_until("the end of all leases", PATIENCE, || {
            self.sweep().map_err(|error| not_yet(format!("{error:#}")))?;
            let mut left = BTreeSet::new();
            for (api, plural) in MADE {
                let path = self.place.resources_path(api, plural);
                let list = self.cluster.admin_client().get(&path)?.expect_status(200)?;
                let names = list["items"].as_array().map_or(&[][..], Vec::as_slice).iter();
                left.extend(names.map(|item| item["metadata"]["name"].to_string()));
            }
            left.retain(|name| name.contains("kubelease-"));
            if left.is_empty() { Ok(()) } else { Err(not_yet(format!("{left:?}"))) }
        })
    }
}

/// Fails if an answer says what is not so, which is worse than a failure.
fn is_true(fact: bool, answer: &Value) -> Result<()> {
    ensure!(fact, "{UNTRUE}{answer}");
    Ok(())
}

/// The number of times that each operation was done, and what came of those that failed.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<&'static str, Count>>);

#[derive(Default)]
struct Count {
    done: usize,
    failed: Vec<String>,
}

impl Tally {
    fn add(&self, operation: &'static str, done: Result<()>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(operation).or_default();
        count.done += 1;
        count.failed.extend(done.err().map(|error| format!("{error:#}")));
    }

    /// Fails unless each operation was done so often, nothing was told untruly, and hardly anything failed: one in a
    /// thousand of all. Side by side, what the API server answers too late fails several at once.
    fn expect(&self, operations: &[(&str, usize)]) -> Result<()> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut all, mut failed) = (0, vec![]);
        for (operation, times) in operations {
            let count = counts.get(operation).with_context(|| format!("no {operation}"))?;
            // What depends on a lease that was not issued is done once less.
            ensure!(count.done + 1 >= *times, "{operation}: {} of {times} times", count.done);
            all += count.done;
            failed.extend(&count.failed);
        }
        // The few that may fail are told, too: what fails at all is worth a look.
        eprintln!("{} of {all} failed {failed:#?}", failed.len());
        let untrue: Vec<_> = failed.iter().filter(|failure| failure.contains(UNTRUE)).collect();
        ensure!(untrue.is_empty(), "{untrue:#?}");
        ensure!(failed.len() * 1000 <= all, "{} of {all} failed: {failed:#?}", failed.len());
        Ok(())
    }
}

/// All that asks the cluster.
const OPERATIONS: [&str; 9] = [
    "put target",
    "put dynamic secret",
    "check",
    "issue plain",
    "issue revocable",
    "renew",
    "revoke",
    "revoke again",
    "sweep",
];

/// As many as a small team has at work.
const WORKERS: usize = 4;

/// 126 by four workers is 504 times.
const ROUNDS: usize = 126;

/// The number of checks that a worker makes of the good target and of the one that spoils its
/// connections.
const SPOILED: usize = 100;

const UNTRUE: &str = "untrue: ";

const UNAUTHORIZED: &str = "does not accept the target's credential";

/// The objects of leases in a namespace.
const MADE: [(&str, &str); 5] = [
    ("v1", "serviceaccounts"),
    ("v1", "secrets"),
    ("coordination.k8s.io/v1", "leases"),
    ("rbac.authorization.k8s.io/v1", "roles"),
    ("rbac.authorization.k8s.io/v1", "rolebindings"),
];

/// Longer than what was given up may land: an issue has thirty seconds.
const PATIENCE: Duration = Duration::from_mins(1);
