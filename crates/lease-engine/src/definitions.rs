//! Targets, dynamic secrets and identities, as administrators define them, and the check of a target.

pub(crate) mod dynamic_secrets;
pub(crate) mod identities;
pub(crate) mod kubeconfig;
pub(crate) mod leader_election_dangers;
pub(crate) mod target_check;
pub(crate) mod targets;
