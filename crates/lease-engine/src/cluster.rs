//! The cluster behind a target: one connection to it, its identity, its clock, its namespaces.
//!
//! Start from [`connection::Connection`], by which every other room speaks to a cluster.

pub(crate) mod changed_cluster;
pub(crate) mod clocks;
pub(crate) mod cluster_identity;
pub(crate) mod connection;
pub(crate) mod expect_continue;
pub(crate) mod namespaces;
