//! A kubelease whose store, way to the cluster and clocks are in a test's hands.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::faulty_proxy::FaultyProxy;
use testbed::harness::TestCase;
use testbed::http::Reply;
use testbed::store_file;

use crate::broker::Broker;
use crate::kind::Kind;
use crate::kube::{Found, look_alikes};

/// A broker behind a proxy, and what in its cluster must never be touched.
pub struct Bench<'s> {
    pub broker: Broker<'s>,
    pub proxy: FaultyProxy,
    pub look_alikes: Vec<Found>,
    pub cap: Option<usize>,
    mark: Cell<u64>,
    clock: Cell<i64>,
}

impl<'s> Bench<'s> {
    /// Prepares a kind of lease; no fault is planned yet.
    pub fn new(case: &TestCase<'s>, kind: &'static Kind) -> Result<Self> {
        Self::with(case, kind, None)
    }

    /// The same, in which no more than `cap` leases may live at once.
    pub fn with(case: &TestCase<'s>, kind: &'static Kind, cap: Option<usize>) -> Result<Self> {
        case.dev_host_or_ignore_test("what goes wrong is planned through dev-host")?;
        // What was given up may land for a second only, so that a test need not wait long.
        let mut settings = case.new_settings()?.with_variable("landing_time", "1s");
        settings.faults = true;
        let broker = Broker::with(case, kind, settings)?;
        let proxy = FaultyProxy::start_before(broker.cluster.anonymous_client().clone())?;
        let (mark, clock) = (Cell::new(0), Cell::new(0));
        let mut bench = Self { broker, proxy, look_alikes: vec![], cap, mark, clock };
        bench.define()?;
        if kind.name != "plain" {
            bench.look_alikes = look_alikes(&bench.broker)?;
        }
        Ok(bench)
    }

    /// Puts target and dynamic secret, as an administrator does after a loss.
    pub fn define(&self) -> Result<()> {
        let admin = self.broker.admin()?;
        admin
            .put("/api/v1/targets/local", &self.broker.target(&self.proxy.url()))?
            .expect_success()?;
        let mut secret = self.broker.secret();
        secret["max_live_leases"] = json!(self.cap);
        admin.put(&self.broker.secret_path(), &secret)?.expect_success().map(drop)
    }

    /// Sets both clocks, the host's and the cluster's, so many seconds ahead.
    pub fn set_clocks(&self, seconds: i64) -> Result<()> {
        self.proxy.set_clock_ahead(seconds);
        self.set_host_clock(seconds)
    }

    /// Sets the host's clock alone.
    pub fn set_host_clock(&self, seconds: i64) -> Result<()> {
        self.clock.set(seconds);
        self.plan(&json!([]))
    }

    /// Time passes.
    pub fn pass(&self, seconds: i64) -> Result<()> {
        self.set_clocks(self.clock.get() + seconds)
    }

    /// Begins to count operations anew, and has these faults.
    pub fn plan(&self, faults: &Value) -> Result<()> {
        self.mark.set(self.mark.get() + 1);
        let plan = json!({
            "mark": self.mark.get(), "clock_seconds": self.clock.get(), "faults": faults,
        });
        let file = self.broker.kubelease.fault_plan();
        let draft = file.with_extension("draft");
        fs::write(&draft, plan.to_string())?;
        fs::rename(&draft, &file).context("could not plan faults")
    }

    /// Returns the operations since the last plan, as `read KEYS`, `write KEYS` and `http METHOD
    /// PATH`.
    pub fn trace(&self) -> Result<Vec<String>> {
        let file = self.broker.kubelease.fault_plan().with_extension("trace");
        let text = fs::read_to_string(file).context("nothing was noted")?;
        let prefix = format!("{} ", self.mark.get());
        let lines = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        Ok(lines.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect())
    }

    /// Nothing goes wrong any more; the host dies, if it has not, and is started again.
    pub fn recover(&self) -> Result<()> {
        self.proxy.clear_faults_and_count();
        self.plan(&json!([]))?;
        // One that dies answers nobody, and is gone a moment later.
        std::thread::sleep(Duration::from_millis(50));
        if self.broker.kubelease.is_running() {
            self.broker.kubelease.kill()?;
        }
        // Time passes by the clocks alone, so what a dead host has sent is to land before that.
        self.proxy.wait_until_settled()?;
        self.broker.kubelease.restart()
    }

    /// The store is lost: the host begins on an empty one, and the definitions are put back.
    pub fn lose_store(&self) -> Result<()> {
        self.broker.kubelease.kill()?;
        store_file::remove_store(self.broker.kubelease.state_dir())?;
        self.broker.kubelease.restart()?;
        self.define()
    }

    /// Sweeps; `query` says how.
    pub fn sweep(&self, query: &str) -> Result<Reply> {
        self.broker.admin()?.send_raw("POST", &format!("/api/v1/sweep{query}"), &[], b"")
    }
}
