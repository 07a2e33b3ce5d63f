//! The ports themselves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::fuse::{Death, Fuse, yield_once};
use super::{FakeCluster, TestStore};

/// Ports whose clones share everything, as instances of a component share what is outside.
#[derive(Clone)]
pub struct TestPorts {
    /// The store.
    pub store: Rc<TestStore>,
    /// The cluster that every target leads to.
    pub http: Rc<FakeCluster>,
    /// The values of the variables; one without a value cannot be read.
    pub variables: Rc<RefCell<BTreeMap<String, Option<String>>>>,
    clock: Rc<Cell<DateTime<Utc>>>,
    fuse: Rc<Fuse>,
    random: Rc<Cell<u64>>,
}

impl Default for TestPorts {
    fn default() -> Self {
        let clock = Rc::<Cell<DateTime<Utc>>>::default();
        let fuse = Rc::<Fuse>::default();
        Self {
            store: Rc::new(TestStore::new(fuse.clone())),
            http: Rc::new(FakeCluster::new(clock.clone(), fuse.clone())),
            variables: Rc::default(),
            clock,
            fuse,
            random: Rc::default(),
        }
    }
}

impl TestPorts {
    /// Sets the clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.clock.set(now);
    }

    /// Dies at a step from now, 0 being the next: a write to the store, or a request. From then on neither
    /// answers, as nothing answers to what is dead.
    pub fn die_at(&self, step: usize, death: Death) {
        self.fuse.light(step, death);
    }

    /// Lives again, as another instance would; says whether it had died.
    #[must_use]
    pub fn revive(&self) -> bool {
        self.fuse.put_out()
    }

    /// Returns the time of the clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.get()
    }

    /// Fills the bytes, never with the same twice, and with the same in every run.
    pub fn fill_random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // SplitMix64.
            self.random.set(self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            let mut mixed = self.random.get();
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
    }

    /// Sleeps. Those who sleep side by side wake side by side.
    pub async fn sleep(&self, time: Duration) {
        let end = self.clock.get() + time;
        yield_once().await;
        self.clock.set(self.clock.get().max(end));
    }
}
