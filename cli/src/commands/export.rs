//! `export`: definitions as they could stand in files.

use clap::Args;
use kubelease_client::DefinitionKind;
use serde_json::Value;

use crate::arguments::OutputFormat;
use crate::definitions;
use crate::failure::Failure;
use crate::output;
use crate::session::CommandContext;

#[derive(Args, Debug)]
pub struct ExportArguments {
    /// A kind (target, dynamic-secret or identity) alone or with names, or KIND/NAME for each; by default everything.
    #[arg(value_name = "DEFINITION")]
    pub named: Vec<String>,
    /// Output format: YAML, or a list in JSON.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// `kubelease export`
pub fn export_definitions(
    context: &CommandContext,
    arguments: &ExportArguments,
) -> Result<(), Failure> {
    let session = context.open_session()?;
    let client = session.client();
    let mut meant = definitions::parse_references(&arguments.named)?;
    if meant.is_empty() {
        meant.extend(DefinitionKind::ALL.map(|kind| (kind, None)));
    }
    let mut documents = vec![];
    for (kind, name) in meant {
        let found = match name {
            None => client.list_definitions(kind)?,
            Some(name) => {
                let absent = || Failure::refused_request(format!("there is no {kind} `{name}`"));
                vec![client.get_definition(kind, &name)?.ok_or_else(absent)?]
            }
        };
        let shown = found.iter().filter_map(Value::as_object);
        documents
            .extend(shown.map(|shown| definitions::definition_without_server_fields(kind, shown)));
    }
    if arguments.output == OutputFormat::Json {
        return output::print_json(&documents);
    }
    let texts: Vec<_> = documents.iter().map(definitions::to_yaml).collect();
    output::print_text(&texts.join("---\n"))
}
