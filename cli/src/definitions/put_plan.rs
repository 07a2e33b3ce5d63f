//! Plans: what a put would make of a definition, asked from the server before anything is put.

use std::collections::BTreeSet;

use kubelease_client::{Client, DefinitionKind, Name, PutAnswer, PutMode};
use serde_json::Value;

use super::Document;
use super::secret_resolution::resolve_spec_secrets;
use crate::environment::Environment;
use crate::failure::Failure;

/// The effect of a put on a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutEffect {
    Created,
    Configured,
    Unchanged,
}

/// A put that is ready to be sent.
pub struct Plan {
    pub change: PutEffect,
    /// The specification with its secrets.
    pub body: Value,
    /// The definition as it would be; nothing if the server cannot tell before a target is there.
    pub rehearsed: Option<PutAnswer>,
}

/// Makes plans for the documents of one run, in the order of need.
pub struct PutPlanner<'a> {
    client: &'a Client,
    environment: &'a Environment,
    options: ApplySet,
    /// True if nothing is put between two plans, so that a target is missed that would be there.
    is_dry: bool,
    missing_targets: BTreeSet<Name>,
}

/// The set that definitions are applied with.
#[derive(Debug, Clone, Default)]
pub struct ApplySet {
    pub name: Option<String>,
    /// Definitions of another set become part of this one.
    pub take_over: bool,
}

impl<'a> PutPlanner<'a> {
    pub fn new(
        client: &'a Client,
        environment: &'a Environment,
        options: ApplySet,
        is_dry: bool,
    ) -> Self {
        Self { client, environment, options, is_dry, missing_targets: BTreeSet::new() }
    }

    /// Plans a put.
    pub fn plan_put(&mut self, document: &Document) -> Result<Plan, Failure> {
        let mut body = resolve_spec_secrets(document, self.environment)?;
        if let Some(set) = &self.options.name {
            body["apply_set"] = Value::from(set.as_str());
        }
        let mut targets = document.definition.spec.referenced_targets().into_iter();
        if self.is_dry && targets.any(|target| self.missing_targets.contains(target)) {
            let current = self.get_current(document)?;
            let change = if current.is_some() { PutEffect::Configured } else { PutEffect::Created };
            return Ok(Plan { change, body, rehearsed: None });
        }
        let mut answer = self.put_as_dry_run(document, &body)?;
        if answer.changed_fields.iter().any(|field| field == "apply_set")
            && let Some(kept) = self.retained_apply_set(document)?
        {
            body["apply_set"] = kept;
            answer = self.put_as_dry_run(document, &body)?;
        }
        let change = PutEffect::from(&answer);
        if document.kind() == DefinitionKind::Target && change == PutEffect::Created {
            self.missing_targets.insert(document.name().clone());
        }
        Ok(Plan { change, body, rehearsed: Some(answer) })
    }

    /// Returns the definition as it is kept.
    pub fn get_current(&self, document: &Document) -> Result<Option<Value>, Failure> {
        let current = self.client.get_definition(document.kind(), document.name());
        current.map_err(|error| document.failure_with_position(error))
    }

    fn put_as_dry_run(&self, document: &Document, body: &Value) -> Result<PutAnswer, Failure> {
        let (kind, name) = (document.kind(), document.name());
        self.client
            .put_definition(kind, name, body, PutMode::DryRun)
            .map_err(|error| document.failure_with_position(error))
    }

    /// Returns the set of which a definition stays a part: an apply that names none changes none.
    fn retained_apply_set(&self, document: &Document) -> Result<Option<Value>, Failure> {
        let current = self.get_current(document)?;
        let Some(Value::String(known)) = current.and_then(|it| it.get("apply_set").cloned()) else {
            return Ok(None);
        };
        match &self.options.name {
            None => Ok(Some(Value::from(known))),
            Some(_) if self.options.take_over => Ok(None),
            Some(_) => {
                let (place, kind, name) =
                    (document.start_position(), document.kind(), document.name());
                let text = format!("{place}: {kind}/{name} is part of the set `{known}`");
                let hint = "Take it over with `--take-over`.";
                Err(Failure::refused_request(kubelease_client::replace_control_characters(&text))
                    .with_hint(hint))
            }
        }
    }
}

impl PutEffect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        }
    }
}

impl From<&PutAnswer> for PutEffect {
    fn from(answer: &PutAnswer) -> Self {
        match answer.change.as_str() {
            "created" => Self::Created,
            "unchanged" => Self::Unchanged,
            _ => Self::Configured,
        }
    }
}
