//! `schema`: JSON Schemas of definitions, for editors.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use kubelease_client::{DefinitionKind, document_schema};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;

#[derive(Args, Debug)]
pub struct SchemaArguments {
    /// The kind: target, dynamic-secret or identity. By default one schema for all kinds.
    pub kind: Option<DefinitionKind>,
    /// Write the schemas of all kinds into this directory.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "kind")]
    pub output_dir: Option<PathBuf>,
}

/// `kubelease schema`
pub fn print_schema(arguments: &SchemaArguments) -> Result<(), Failure> {
    let Some(directory) = &arguments.output_dir else {
        return output::print_json(&arguments.kind.map_or_else(any_kind_schema, document_schema));
    };
    let mut files = vec![("definition", any_kind_schema())];
    files.extend(DefinitionKind::ALL.map(|kind| (kind.singular(), document_schema(kind))));
    let failed = |error| Failure::io_error(format!("write to {}", directory.display()), &error);
    fs::create_dir_all(directory).map_err(failed)?;
    for (name, schema) in files {
        let file = directory.join(format!("{name}.schema.json"));
        fs::write(&file, format!("{schema:#}\n")).map_err(failed)?;
        output::print_text(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

fn any_kind_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A definition of kubelease",
        "oneOf": DefinitionKind::ALL.map(document_schema),
    })
}
