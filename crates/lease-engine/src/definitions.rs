//! Targets, dynamic secrets and identities, as administrators define them, and the check of a target.

pub(crate) mod check;
pub(crate) mod dynamic_secrets;
pub(crate) mod elections;
pub(crate) mod identities;
pub(crate) mod kubeconfig;
pub(crate) mod targets;
