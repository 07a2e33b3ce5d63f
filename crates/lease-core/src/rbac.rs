//! What a lease may do in a cluster: RBAC rules, roles and manifests, and which of them are dangerous.

mod catalogue;
mod danger;
mod document_node;
mod fields;
mod foreign_objects;
mod harm;
mod manifest;
mod manifest_error;
mod manifest_object_metadata;
mod manifest_objects;
mod rbac_grant;
mod reach;
mod role;
mod rule;
mod rules;
mod stored_manifest;
mod waiver;
mod yaml;

pub use danger::{Danger, danger_of_role_name, find_cautions, find_dangers};
pub use document_node::{DuplicateKey, NonTextScalar, TextPosition};
pub use harm::Harm;
pub use manifest::Manifest;
pub use manifest_error::{FieldProblem, ManifestError};
pub use rbac_grant::WaiverError;
pub use reach::Reach;
pub use role::{ExistingRole, RoleKind};
pub use rule::{MAX_ENTRIES, MAX_ENTRY_BYTES, PolicyRule, RuleProblem};
pub use rules::{
    MAX_GRANTS, MAX_RULES, PolicyRules, RulesError, parse_known_rule_fields, parse_live_role_rules,
};
pub use stored_manifest::{RefusedManifest, StoredManifest};
pub use waiver::{MAX_WAIVERS, UnwaivedDangers, Waiver, Waivers, WaiversError};
pub use yaml::{MAX_TEXT_BYTES, TextError, TextProblem, documents_as_json};
