//! A document: a definition, and where it stands.

use std::path::PathBuf;

use kubelease_client::{
    API_VERSION, Definition, DefinitionKind, DefinitionSpec, Error, Name, document_schema,
};

use super::positioned_node::{PositionedFault, PositionedNode, TextPosition};
use super::schema_check::{check_node, unknown_name_fault};
use crate::failure::Failure;

/// A definition, and where it stands.
#[derive(Debug, Clone)]
pub struct Document {
    pub definition: Definition,
    /// The file that it was read from; `-` is standard input.
    pub file: PathBuf,
    node: PositionedNode,
}

impl Document {
    /// Reads a document, or says all that is wrong with it.
    pub fn from_node(node: PositionedNode, file: PathBuf) -> Result<Self, Vec<PositionedFault>> {
        let kind = read_kind(&node).map_err(|fault| vec![fault])?;
        let mut faults = vec![];
        check_node(&document_schema(kind), &node, &mut faults);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.place);
            return Err(faults);
        }
        let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
        let name = name
            .ok_or_else(|| vec![PositionedFault::new(node.place, "`metadata.name` is missing")])?;
        let checked: Name = name
            .text()
            .unwrap_or_default()
            .parse()
            .map_err(|error| vec![PositionedFault::new(name.place, format!("{error}"))])?;
        let spec = node.get("spec").unwrap_or(&node);
        let read = DefinitionSpec::from_json(kind, spec.to_json());
        // The schema has found nothing: what is left is a number that is too large.
        let spec =
            read.map_err(|error| vec![PositionedFault::new(spec.place, error.to_string())])?;
        Ok(Self { definition: Definition { name: checked, spec }, file, node })
    }

    pub fn kind(&self) -> DefinitionKind {
        self.definition.spec.kind()
    }

    pub fn name(&self) -> &Name {
        &self.definition.name
    }

    /// Returns where the document begins.
    pub fn start_position(&self) -> String {
        self.format_position(self.node.place)
    }

    /// Returns where in the file something of the specification stands.
    pub fn format_spec_position(&self, pointer: &str) -> String {
        self.format_position(
            self.node.get("spec").unwrap_or(&self.node).nearest_place_of_pointer(pointer),
        )
    }

    /// Returns a failure of a request about this definition, with the place of the first field that does not fit.
    pub fn failure_with_position(&self, error: Error) -> Failure {
        let field = error.problem().and_then(|problem| problem.errors.first());
        let place = match field {
            Some(field) => self.format_spec_position(&field.pointer),
            None => self.start_position(),
        };
        Failure::from(error).about_subject(&format!("{place}: {}/{}", self.kind(), self.name()))
    }

    fn format_position(&self, place: TextPosition) -> String {
        format!("{}:{place}", self.file.display())
    }
}

/// Returns the kind of a document, by which its schema is found.
fn read_kind(node: &PositionedNode) -> Result<DefinitionKind, PositionedFault> {
    let field = |name: &str| {
        node.get(name).ok_or_else(|| {
            let text = "a definition is a map with `apiVersion`, `kind`, `metadata` and `spec`";
            PositionedFault::new(node.place, format!("{text}, and `{name}` is missing"))
        })
    };
    let version = field("apiVersion")?;
    if version.text() != Some(API_VERSION) {
        return Err(PositionedFault::new(
            version.place,
            format!("`apiVersion` must be `{API_VERSION}`"),
        ));
    }
    let kind = field("kind")?;
    let known = DefinitionKind::ALL.map(|kind| kind.as_str().to_owned());
    let name = kind.text().unwrap_or_default();
    DefinitionKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| unknown_name_fault("kind", name, kind.place, known.iter()))
}
