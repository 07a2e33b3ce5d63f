//! No more leases live than may.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::redis::Redis;

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn a_hundred_at_once_do_not_exceed_it(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    limit(&broker)?;
    let admin = broker.admin()?;
    it_holds(&broker, &[&admin], &mut vec![])
}

pub fn nor_do_they_through_two_replicas_of_one_redis(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let mut settings = case.new_settings()?;
    settings.runtime_config =
        format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
    let broker = Broker::with(case, &kind::CLUSTER_ROLE_HERE, settings.clone())?;
    let second = case.new_kubelease_with(settings)?;
    limit(&broker)?;
    let (one, other) = (broker.admin()?, second.admin_client()?);
    let mut leases = vec![];
    it_holds(&broker, &[&one, &other], &mut leases)?;
    // What one has issued the other takes back.
    for (lease, admin) in leases.iter().zip([&one, &other].into_iter().cycle().skip(1)) {
        admin.delete(&lease.path())?.expect_status(200)?;
    }
    assert_eq!(accounts(&broker)?, 0);
    Ok(())
}

pub fn existing_accounts_have_it_too(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::PLAIN)?;
    limit(&broker)?;
    let answers = at_once(&broker, &[&broker.admin()?], 30)?;
    assert_eq!(statuses(&answers), BTreeMap::from([(201, usize::from(CAP)), (409, 20)]));
    Ok(())
}

/// A hundred requests; then some places come back, and are taken again.
fn it_holds(broker: &Broker, admins: &[&HttpClient], leases: &mut Vec<Lease>) -> Result<()> {
    let done = AtomicBool::new(false);
    let (answers, most) = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(accounts(broker)?);
            }
            Ok::<_, anyhow::Error>(most)
        });
        let answers = at_once(broker, admins, 100);
        done.store(true, Ordering::SeqCst);
        (answers, watching.join().expect("no panic"))
    });
    let (answers, most) = (answers?, most?);
    assert_eq!(statuses(&answers), BTreeMap::from([(201, usize::from(CAP)), (409, 90)]));
    assert!(most <= usize::from(CAP), "{most} accounts were there at once");
    assert_eq!(accounts(broker)?, usize::from(CAP));
    for answer in answers {
        if answer.status == 201 {
            leases.push(Lease::of(answer.to_json()?)?);
        } else {
            assert_eq!(answer.to_json()?["code"], "too_many_leases");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    }
    for lease in leases.drain(..3) {
        broker.revoke(&lease)?.expect_status(200)?;
    }
    let answers = at_once(broker, admins, 10)?;
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 3), (409, 7)]));
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        leases.push(Lease::of(answer.to_json()?)?);
    }
    assert_eq!(accounts(broker)?, usize::from(CAP));
    Ok(())
}

fn limit(broker: &Broker) -> Result<()> {
    let mut secret = broker.secret();
    secret["max_live_leases"] = json!(CAP);
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    Ok(())
}

/// So many requests, all at the same time, in turn to each of the replicas.
fn at_once(broker: &Broker, admins: &[&HttpClient], count: usize) -> Result<Vec<Reply>> {
    let path = format!("{}/leases", broker.secret_path());
    thread::scope(|scope| {
        let asking: Vec<_> = (0..count)
            .map(|at| {
                let (admin, path) = (admins[at % admins.len()], &path);
                scope.spawn(move || admin.post(path, &json!({ "ttl": "10m" })))
            })
            .collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn statuses(answers: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

/// Counts the accounts of leases in the cluster.
fn accounts(broker: &Broker) -> Result<usize> {
    let selector = format!(
        "{}?labelSelector=kubelease.dev%2Fdynamic-secret%3D{}",
        broker.place.resources_path("v1", "serviceaccounts"),
        broker.secret_name()
    );
    let list: Value = broker.cluster.admin_client().get(&selector)?.expect_status(200)?;
    Ok(list["items"].as_array().context("a list")?.len())
}

const CAP: u8 = 10;
