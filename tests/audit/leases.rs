//! Leases: each event of a life is recorded once, and joined to the cluster's own audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use super::{assert_fields, events, newest};
use crate::broker::Broker;
use crate::kind;
use crate::setup::{LEASES, Leasing};

/// The API server says in its audit log by which token a request was sent, and we say for whom that was issued: each of
/// both is found at the other.
pub fn a_thousand_leases_are_joined_to_the_api_servers_audit_log(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let admin = leasing.admin()?;
    let grant = json!({"dynamic_secrets": ["ci"], "namespaces": ["*"], "actions": ["issue"]});
    let (mut bots, mut accessors) = (vec![], BTreeMap::new());
    for name in ["one", "two", "three", "four"] {
        let path = format!("/api/v1/identities/{name}");
        admin
            .put(&path, &json!({"auth": [{"type": "token"}], "grants": [grant]}))?
            .expect_status(201)?;
        let made = admin.post(&format!("{path}/tokens"), &json!({}))?.expect_status(201)?;
        let token = made["access_token"].as_str().context("a token")?;
        accessors.insert(name.to_owned(), made["accessor"].clone());
        bots.push((name, admin.without_credentials().with_bearer(token)));
    }
    let cluster = case.control_plane();
    let issued: Vec<(&str, Value)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (name, bot) = &bots[worker % bots.len()];
                scope.spawn(move || {
                    let issue = || {
                        let lease = bot.post(LEASES, &json!({}))?.expect_status(201)?;
                        let token = lease["token"].as_str().context("a token")?;
                        cluster.fetch_token_user(token)?;
                        Ok((*name, lease))
                    };
                    (0..MANY / WORKERS).map(|_| issue()).collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let all = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        Ok::<_, anyhow::Error>(all.collect::<Result<Vec<_>>>()?.concat())
    })?;
    assert_eq!(issued.len(), MANY);

    let mut by_jti = BTreeMap::new();
    for event in events(&admin, "type=issue&dynamic_secret=ci")? {
        let text = |name: &str| event[name].as_str().map(str::to_owned).context(name.to_owned());
        assert_eq!(event["accessor"], accessors[&text("identity")?], "{event}");
        by_jti.insert(text("jti")?, (text("identity")?, text("lease_id")?));
    }
    assert_eq!(by_jti.len(), MANY, "each token has an event of its own");
    for (name, lease) in &issued {
        let jti = lease["jti"].as_str().context("a jti")?;
        let (identity, id) = by_jti.get(jti).with_context(|| format!("no event of {jti}"))?;
        assert_eq!((identity.as_str(), json!(id)), (*name, lease["lease_id"].clone()));
    }
    let username = format!("system:serviceaccount:{}:deployer", leasing.namespace.name());
    let ours: BTreeSet<String> = by_jti.keys().map(|jti| format!("JTI={jti}")).collect();
    // The log is written behind the answers.
    wait_until("the API server's audit log", Duration::from_secs(10), || {
        let audited = cluster.audit_events_of_user(&username)?;
        let credential = |event: &Value| {
            let ids = &event["user"]["extra"]["authentication.kubernetes.io/credential-id"];
            ids[0].as_str().map(str::to_owned)
        };
        let theirs: BTreeSet<_> = audited.iter().filter_map(credential).collect();
        if theirs == ours {
            return Ok(());
        }
        let (unknown, unseen) =
            (theirs.difference(&ours).count(), ours.difference(&theirs).count());
        Err(not_yet(format!("{unknown} that we have not issued, {unseen} that it has not seen")))
    })
}

/// The events of a lease: an issue, each renewal with the id of its own token, and an end.
pub fn a_lease_has_its_whole_life_in_the_audit(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let admin = broker.admin()?;
    let short = broker.lease(&json!({"ttl": "10s"}))?;
    let lease = broker.lease(&json!({"ttl": "10m"}))?;
    let path = format!("{}/renew", lease.path());
    let renewed = admin.post(&path, &json!({"ttl": "20m"}))?.expect_status(200)?;
    broker.revoke(&lease)?.expect_status(200)?;
    // Told again, it does not end again.
    broker.revoke(&lease)?.expect_status(200)?;
    broker.sweep_until(&short, "expired", Duration::from_secs(30))?;
    for (lease, life) in
        [(&lease, &["revocation", "renewal", "issue"][..]), (&short, &["expiry", "issue"])]
    {
        let events = events(&admin, &format!("lease_id={}", lease.id))?;
        let types: Vec<_> =
            events.iter().map(|event| event["event"].as_str().unwrap_or_default()).collect();
        assert_eq!(types, life, "{events:?}");
        for event in &events {
            assert_fields(
                event,
                &[
                    ("decision", json!("allowed")),
                    ("dynamic_secret", json!(broker.secret_name())),
                    ("target", json!("local")),
                    ("namespace", json!(broker.place.name())),
                ],
            );
        }
        let issue = events.last().context("an issue")?;
        assert_fields(
            issue,
            &[("jti", lease.json["jti"].clone()), ("requester", json!("administrator"))],
        );
    }
    let renewal = newest(&admin, &format!("type=renewal&lease_id={}", lease.id))?;
    assert_fields(&renewal, &[("jti", renewed["jti"].clone())]);
    assert_ne!(renewed["jti"], lease.json["jti"]);
    // Each is one line on the log, as it is shown.
    let log = broker.kubelease.read_log()?;
    for event in events(&admin, "")? {
        let id = event["id"].as_str().context("an id")?;
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains(&format!("\"id\":\"{id}\""))).collect();
        let [line] = lines[..] else { anyhow::bail!("{} lines of {id}", lines.len()) };
        let json = &line[line.find('{').context("JSON")?..];
        assert_eq!(serde_json::from_str::<Value>(json)?, event, "{line}");
    }
    ensure!(!log.contains(&lease.token), "the token is on the log");
    Ok(())
}

const MANY: usize = 1000;

const WORKERS: usize = 8;
