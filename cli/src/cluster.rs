//! A cluster, as its administrator reaches it: with kubectl and a context of theirs.

mod kubectl;
mod rbac;

pub use self::kubectl::{Kubectl, Server};
pub use self::rbac::{Grants, Mode, rbac_objects};
