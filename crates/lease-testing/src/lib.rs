//! Support of tests: a store in memory that can fail, a clock that is set, a cluster in memory, and the suite that holds
//! on every store.
//!
//! Start from [`TestPorts`], which the engine takes as its ports, [`FakeCluster`], the cluster behind them, and
//! [`store_suite::cases`].

mod answer;
mod block_on;
mod cluster;
mod control;
mod fault;
mod fuse;
mod object;
mod patch;
mod ports;
mod sent;
mod serve;
mod store;
pub mod store_suite;
mod token;
mod world;

pub use answer::Answer;
pub use block_on::block_on;
/// The cluster, where it answers from a script.
pub use cluster::FakeCluster as ScriptedHttp;
pub use cluster::{FakeCluster, SYSTEM_UID};
pub use fault::Fault;
pub use fuse::Death;
pub use ports::TestPorts;
pub use sent::{Access, Sent};
pub use store::TestStore;
pub use token::{DEPLOYER_UID, token};

#[cfg(test)]
mod tests;
