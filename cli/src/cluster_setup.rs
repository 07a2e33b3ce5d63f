//! A cluster, as its administrator reaches it: with kubectl and a context of theirs.

mod kubectl;
mod rbac;

pub use self::kubectl::{ApiServer, Kubectl};
pub use self::rbac::{LeaseMode, RbacParameters, rbac_objects};
