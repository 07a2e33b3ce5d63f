//! What a lease may do in a cluster: RBAC rules, roles and manifests, and which of them are dangerous.

mod catalogue;
mod danger;
mod fields;
mod foreign;
mod grant;
mod harm;
mod kept;
mod manifest;
mod manifest_error;
mod metadata;
mod node;
mod object;
mod reach;
mod role;
mod rule;
mod rules;
mod waiver;
mod yaml;

pub use danger::{Danger, dangers_of_role, find_cautions, find_dangers};
pub use grant::WaiverError;
pub use harm::Harm;
pub use kept::{KeptManifest, UnreadManifest};
pub use manifest::Manifest;
pub use manifest_error::{FieldProblem, ManifestError};
pub use node::{DuplicateKey, TextPosition, Typed};
pub use reach::Reach;
pub use role::{ExistingRole, RoleKind};
pub use rule::{MAX_ENTRIES, MAX_ENTRY_BYTES, PolicyRule, RuleProblem};
pub use rules::{MAX_GRANTS, MAX_RULES, Rules, RulesError, known_rules, live_rules};
pub use waiver::{MAX_WAIVERS, NotWaived, Waiver, Waivers, WaiversError};
pub use yaml::{MAX_TEXT_BYTES, TextError, TextProblem, documents_as_json};
