//! Definitions in files: read, checked against their schemas, and written.
//!
//! `yaml` knows the text and the place of each value in it, `check` what a definition may hold, `files` where documents
//! come from, `secrets` how a secret that stands elsewhere is had, `plan` asks the server
//! what would change, `emit` shows a definition, `reference` reads the names of definitions on a command line.

mod check;
mod document;
mod emit;
mod files;
mod node;
mod plan;
mod reference;
mod secrets;
mod yaml;

pub use self::document::Document;
pub use self::emit::{to_document, to_yaml};
pub use self::files::{read_all, read_map, read_rules, read_text, read_values};
pub use self::plan::{Change, Planner, SetOptions};
pub use self::reference::parse_references;
