//! Definitions in files: read, checked against their schemas, and written.
//!
//! `yaml` knows the text and the place of each value in it, `check` what a definition may hold, `files` where documents
//! come from, `secrets` how a secret that stands elsewhere is had, `plan` asks the server
//! what would change, `yaml_writer` shows a definition, `reference` reads the names of definitions on a command line.

mod document;
mod files;
mod positioned_node;
mod put_plan;
mod reference;
mod schema_check;
mod secret_resolution;
mod yaml;
mod yaml_writer;

pub use self::document::Document;
pub use self::files::{
    parse_yaml_values, read_definitions, read_file_or_stdin, read_map_file, read_policy_rules_file,
};
pub use self::put_plan::{ApplySet, PutEffect, PutPlanner};
pub use self::reference::parse_references;
pub use self::yaml_writer::{definition_without_server_fields, to_yaml};
