//! What a lease may do in a cluster: RBAC rules, roles and manifests, and which of them are dangerous.

mod fields;
mod node;
mod role;
mod rule;
mod rules;
mod yaml;

pub use node::KeyError;
pub use role::{RoleKind, RoleRef};
pub use rule::{MAX_ENTRIES, MAX_ENTRY_BYTES, PolicyRule, RuleProblem};
pub use rules::{MAX_GRANTS, MAX_RULES, Rules, RulesError, live_rules};
pub use yaml::{MAX_TEXT_BYTES, TextError, TextProblem};
