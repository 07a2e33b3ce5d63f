//! `export`: definitions as they could stand in files.

use clap::Args;
use kubelease_client::{Kind, Name};
use serde_json::Value;

use crate::arguments::Output;
use crate::definitions;
use crate::failure::Failure;
use crate::output;
use crate::session::Context;

#[derive(Args, Debug)]
pub struct Export {
    /// The kind: target, dynamic-secret or identity; by default all of them.
    pub kind: Option<Kind>,
    /// The names; by default all of the kind.
    #[arg(value_name = "NAME")]
    pub names: Vec<Name>,
    /// Output format: YAML, or a list in JSON.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `kubelease export`
pub fn export_definitions(context: &Context, arguments: &Export) -> Result<(), Failure> {
    let session = context.open_session()?;
    let client = session.client();
    let kinds = arguments.kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
    let mut documents = vec![];
    for kind in kinds {
        let mut found = vec![];
        if arguments.names.is_empty() {
            found.extend(client.list_definitions(kind)?);
        }
        for name in &arguments.names {
            let shown = client.get_definition(kind, name)?;
            let absent = || Failure::refused_request(format!("there is no {kind} `{name}`"));
            found.push(shown.ok_or_else(absent)?);
        }
        let shown = found.iter().filter_map(Value::as_object);
        documents.extend(shown.map(|shown| definitions::to_document(kind, shown)));
    }
    if arguments.output == Output::Json {
        return output::print_json(&documents);
    }
    let texts: Vec<_> = documents.iter().map(definitions::to_yaml).collect();
    output::print_text(&texts.join("---\n"))
}
