//! A store that is lost, rolled back, or shared.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::harness::TestCase;
use testbed::http::HttpClient;
use testbed::kubelease::Settings;
use testbed::redis::Redis;
use testbed::store_file;

use crate::auditor::{Expectations, audit};
use crate::bench::Bench;
use crate::broker::{Broker, Lease};
use crate::experiments::{alive, lease, over};
use crate::kind::{self, Kind};
use crate::kube::objects;
use crate::terms::Terms;

pub fn a_store_that_is_emptied_comes_back(case: &TestCase) -> Result<()> {
    for kind in [&kind::EXISTING, &kind::RULES, &kind::CLUSTER_ROLE] {
        let bench = Bench::new(case, kind)?;
        let mut expected = Expectations::default();
        let renewed = bench.broker.lease(&json!({ "ttl": "20s" }))?;
        let path = format!("{}/renew", renewed.path());
        bench.broker.admin()?.post(&path, &json!({ "ttl": "20m" }))?.expect_status(200)?;
        alive(&mut expected, renewed);
        alive(&mut expected, lease(&bench)?);
        bench.broker.lease(&json!({ "ttl": "10s" }))?;
        bench.pass(30)?;
        bench.lose_store()?;
        let told = bench.sweep("?reconcile=true&dry_run=true")?.expect_status(200)?;
        let report = bench.sweep("?reconcile=true")?.expect_status(200)?;
        ensure!(
            told["reconciled"]["adopted"] == report["reconciled"]["adopted"],
            "{told} {report}"
        );
        audit(&bench, &expected).with_context(|| format!("{}: {report}", kind.name))?;
        // They end as if nothing had been.
        for id in std::mem::take(&mut expected.alive) {
            let path = format!("/api/v1/leases/{id}");
            bench.broker.admin()?.delete(&path)?.expect_status(200)?;
            expected.over.insert(id);
        }
        audit(&bench, &expected)?;
    }
    Ok(())
}

pub fn a_store_that_is_rolled_back_comes_back(case: &TestCase) -> Result<()> {
    for kind in [&kind::EXISTING, &kind::ROLE] {
        let bench = Bench::new(case, kind)?;
        let mut expected = Expectations::default();
        let (renewed, revoked) = (lease(&bench)?, lease(&bench)?);
        let kubelease = &bench.broker.kubelease;
        let copy = kubelease.state_dir().join("copy.db");
        // An hour ago, as far as the store is concerned.
        bench.set_clocks(-3600)?;
        kubelease.restart()?;
        store_file::copy_store(kubelease.state_dir(), &copy)?;
        bench.set_clocks(0)?;
        let path = format!("{}/renew", renewed.path());
        bench.broker.admin()?.post(&path, &json!({ "ttl": "1h" }))?.expect_status(200)?;
        bench.broker.revoke(&revoked)?.expect_status(200)?;
        alive(&mut expected, renewed);
        alive(&mut expected, lease(&bench)?);
        kubelease.kill()?;
        store_file::restore_store(kubelease.state_dir(), &copy)?;
        kubelease.restart()?;
        let report = bench.sweep("?reconcile=true")?.expect_status(200)?;
        let counts = &report["reconciled"];
        ensure!(
            counts["adopted"] == 1 && counts["lost"] == 1 && counts["extended"] == 1,
            "{report}"
        );
        over(&mut expected, revoked);
        audit(&bench, &expected)?;
        // Past the end that the copy knew, the renewal stands.
        bench.pass(1500)?;
        bench.sweep("")?.expect_status(200)?;
        let [(renewed, _), ..] = &expected.answered[..] else { continue };
        let path = format!("/api/v1/leases/{renewed}");
        let shown = bench.broker.admin()?.get(&path)?.expect_status(200)?;
        ensure!(shown["state"] == "active", "{shown}");
    }
    Ok(())
}

pub fn two_issuers_and_two_sweepers_share_a_host(case: &TestCase) -> Result<()> {
    let pair = Pair::on_one_host(case, &kind::EXISTING)?;
    let leases = pair.load(|| Ok(()))?;
    pair.all_end(&leases)?;
    println!("torture: {} leases by two issuers through one host", leases.len());
    Ok(())
}

pub fn two_hosts_on_one_redis_issue_and_sweep_at_full_rate(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let pair = Pair::on(case, &redis, &kind::ROLE)?;
    let leases = pair.load(|| Ok(()))?;
    pair.all_end(&leases)?;
    println!("torture: {} leases through two hosts on one Redis", leases.len());
    Ok(())
}

pub fn a_redis_that_is_killed_under_load_has_lost_nothing(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let pair = Pair::on(case, &redis, &kind::RULES)?;
    let leases = pair.load(|| {
        thread::sleep(pair.time / 2);
        redis.kill_and_restart()
    })?;
    pair.all_end(&leases)?;
    println!("torture: {} leases around a kill of Redis", leases.len());
    Ok(())
}

pub fn a_redis_that_is_emptied_under_load_comes_back(case: &TestCase) -> Result<()> {
    let redis = Redis::start_empty()?;
    let pair = Pair::on(case, &redis, &kind::RULES)?;
    let leases = pair.load(|| {
        thread::sleep(pair.time / 2);
        redis.remove_all()?;
        let admin = pair.broker.admin()?;
        let target = pair.broker.target(pair.broker.cluster.url());
        admin.put("/api/v1/targets/local", &target)?.expect_success()?;
        admin.put(&pair.broker.secret_path(), &pair.broker.secret())?.expect_success()?;
        Ok(())
    })?;
    pair.all_end(&leases)?;
    println!("torture: {} leases around the loss of Redis' data", leases.len());
    Ok(())
}

/// Two ways to one store, each with an issuer and a sweeper.
struct Pair<'s> {
    broker: Broker<'s>,
    admins: [HttpClient; 2],
    time: Duration,
}

impl<'s> Pair<'s> {
    fn on_one_host(case: &TestCase<'s>, kind: &'static Kind) -> Result<Self> {
        let broker = Broker::with(case, kind, impatient(case)?)?;
        let admins = [broker.admin()?, broker.admin()?];
        Self::new(broker, admins)
    }

    fn on(case: &TestCase<'s>, redis: &Redis, kind: &'static Kind) -> Result<Self> {
        let mut settings = impatient(case)?;
        settings.runtime_config =
            format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url());
        let broker = Broker::with(case, kind, settings.clone())?;
        let second = case.new_kubelease_with(settings)?;
        let admins = [broker.admin()?, second.admin_client()?];
        Self::new(broker, admins)
    }

    fn new(broker: Broker<'s>, admins: [HttpClient; 2]) -> Result<Self> {
        let (part, whole) = (Duration::from_secs(8), Duration::from_mins(1));
        Ok(Self { broker, admins, time: Terms::read()?.part_or_whole(part, whole) })
    }

    /// Both issue, revoke and sweep as fast as they can, while something happens; the leases that were answered
    /// and not taken back.
    fn load(&self, happens: impl FnOnce() -> Result<()> + Send) -> Result<Vec<Lease>> {
        let until = Instant::now() + self.time;
        let leases = Mutex::new(vec![]);
        let path = format!("{}/leases", self.broker.secret_path());
        thread::scope(|scope| {
            for admin in &self.admins {
                let (leases, path) = (&leases, &path);
                scope.spawn(move || {
                    while Instant::now() < until {
                        drop(admin.send_raw("POST", "/api/v1/sweep", &[], b""));
                    }
                });
                scope.spawn(move || {
                    let mut round = 0;
                    while Instant::now() < until {
                        round += 1;
                        let issued = admin.post(path, &json!({ "ttl": "10m" }));
                        let issued = issued.and_then(|reply| Lease::of(reply.expect_status(201)?));
                        let Ok(lease) = issued else { continue };
                        let revoked = round % 2 == 0 && admin.delete(&lease.path()).is_ok();
                        if !revoked && let Ok(mut leases) = leases.lock() {
                            leases.push(lease);
                        }
                    }
                });
            }
            happens()
        })?;
        leases.into_inner().ok().context("no panic")
    }

    /// Revokes the leases that were answered, and checks that nothing is left.
    fn all_end(&self, leases: &[Lease]) -> Result<()> {
        ensure!(!leases.is_empty(), "something was answered");
        let [one, other] = &self.admins;
        one.send_raw("POST", "/api/v1/sweep?reconcile=true", &[], b"")?.expect_status(200)?;
        for lease in leases {
            let review = self.broker.cluster.review_token(&lease.token)?;
            ensure!(review["authenticated"] == true, "I9: {}: {review}", lease.id);
            let shown = one.get(&lease.path())?.expect_status(200)?;
            ensure!(shown["state"] == "active", "I6: {shown}");
            other.delete(&lease.path())?.expect_success()?;
        }
        // An issue that was cut off is given up after half a minute.
        thread::sleep(Duration::from_secs(32));
        for _ in 0..2 {
            one.send_raw("POST", "/api/v1/sweep?reconcile=true", &[], b"")?.expect_status(200)?;
        }
        let live = other.get("/api/v1/leases?state=active")?.expect_status(200)?;
        for lease in live["items"].as_array().context("a list")? {
            // Of those nobody has got an answer.
            let id = lease["lease_id"].as_str().context("an id")?;
            other.delete(&format!("/api/v1/leases/{id}"))?.expect_success()?;
        }
        let left = objects(&self.broker)?;
        ensure!(left.is_empty(), "I2: {left:?}");
        Ok(())
    }
}

/// Returns settings by which an issue that was given up may take effect for a second only.
fn impatient(case: &TestCase<'_>) -> Result<Settings> {
    Ok(case.new_settings()?.with_variable("landing_time", "1s"))
}
