//! Definitions in files: read, checked against their schemas, and written.
//!
//! `yaml` knows the text and the place of each value in it, `check` what a definition may hold, `files` where documents
//! come from, `secrets` how a secret that stands elsewhere is had, `plan` asks the server
//! what would change, `yaml_writer` shows a definition, `reference` reads the names of definitions on a command line.

mod document;
mod files;
mod node;
mod plan;
mod reference;
mod schema_check;
mod secret_resolution;
mod yaml;
mod yaml_writer;

pub use self::document::Document;
pub use self::files::{parse_yaml_values, read_definitions, read_map, read_rules, read_text};
pub use self::plan::{ApplySet, Change, Planner};
pub use self::reference::parse_references;
pub use self::yaml_writer::{to_file_document, to_yaml};
