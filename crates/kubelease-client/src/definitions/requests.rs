//! Requests about definitions.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::Method;

use super::DefinitionKind;
use crate::client::{Call, with_query};
use crate::{Client, Error, Name, RevocationCounts};

/// If a put is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Puts the definition.
    Put,
    /// Only reports what a put would do.
    DryRun,
}

/// The answer to a put: the definition as it is kept, or would be, and what the put makes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutAnswer {
    /// `created`, `changed` or `unchanged`.
    pub change: String,
    /// The fields that are changed.
    #[serde(default)]
    pub changed_fields: Vec<String>,
    /// The warnings for an administrator.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// All other fields of the answer.
    #[serde(flatten)]
    pub definition: serde_json::Map<String, Value>,
}

/// The options of a deletion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletionOptions {
    /// Also if it is protected.
    pub force: bool,
    /// True to revoke the leases.
    pub revoke: bool,
}

/// The outcome of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionDeletion {
    /// Nothing is left.
    Done,
    /// The leases are still being revoked.
    Revoking,
    /// There is none.
    Absent,
}

#[derive(Deserialize)]
struct DefinitionPage {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

impl Client {
    /// Puts a definition.
    ///
    /// # Errors
    /// Fails if it is refused, or the server cannot be reached.
    pub fn put_definition(
        &self,
        kind: DefinitionKind,
        name: &Name,
        spec: &Value,
        mode: PutMode,
    ) -> Result<PutAnswer, Error> {
        let dry_run = (mode == PutMode::DryRun).then(|| "true".to_owned());
        let path = with_query(&definition_path(kind, name), &[("dry_run", dry_run)]);
        // The same put again changes nothing.
        self.send_with_retries(&Call::put(path, spec).allow_repeats())?.parse_json()
    }

    /// Returns a definition as it is kept, without its secrets; nothing if there is none.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn get_definition(
        &self,
        kind: DefinitionKind,
        name: &Name,
    ) -> Result<Option<Value>, Error> {
        match self.send_with_retries(&Call::get(definition_path(kind, name))) {
            Err(error) if is_definition_not_found(&error) => Ok(None),
            answer => answer?.parse_json().map(Some),
        }
    }

    /// Returns all definitions of a kind.
    ///
    /// # Errors
    /// Fails if the caller may not, or the server cannot be reached.
    pub fn list_definitions(&self, kind: DefinitionKind) -> Result<Vec<Value>, Error> {
        let (mut all, mut cursor) = (vec![], None);
        loop {
            let query = [("limit", Some("500".to_owned())), ("cursor", cursor.clone())];
            let path = with_query(&format!("/api/v1/{}", kind.plural()), &query);
            let DefinitionPage { items, next_cursor } =
                self.send_with_retries(&Call::get(path))?.parse_json()?;
            all.extend(items);
            // A server that answers the same page for ever is not asked for ever.
            match next_cursor.filter(|next| next.bytes().all(|byte| byte.is_ascii_digit())) {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    /// Deletes a definition.
    ///
    /// # Errors
    /// Fails if it is protected, used or has live leases, or the server cannot be reached.
    pub fn delete_definition(
        &self,
        kind: DefinitionKind,
        name: &Name,
        options: DeletionOptions,
    ) -> Result<DefinitionDeletion, Error> {
        let flag = |is_set: bool| is_set.then(|| "true".to_owned());
        let query = match kind {
            DefinitionKind::Target => vec![("revoke", flag(options.revoke))],
            DefinitionKind::DynamicSecret => {
                vec![("force", flag(options.force)), ("revoke", flag(options.revoke))]
            }
            DefinitionKind::Identity => {
                vec![("leases", options.revoke.then(|| "revoke".to_owned()))]
            }
        };
        let call = Call::new(Method::DELETE, with_query(&definition_path(kind, name), &query));
        let answer = match self.send_with_retries(&call) {
            Err(error) if is_definition_not_found(&error) => return Ok(DefinitionDeletion::Absent),
            answer => answer?,
        };
        match answer.status {
            202 => Ok(DefinitionDeletion::Revoking),
            204 => Ok(DefinitionDeletion::Done),
            // The outcome for the leases of an identity. Something else than kubelease has another body.
            _ => answer.parse_json::<RevocationCounts>().map(|_| DefinitionDeletion::Done),
        }
    }
}

fn definition_path(kind: DefinitionKind, name: &Name) -> String {
    format!("/api/v1/{}/{name}", kind.plural())
}

/// Returns true if there is no such definition; a 404 of something else, such as a wrong path, is none of these.
fn is_definition_not_found(error: &Error) -> bool {
    let codes = ["unknown_target", "unknown_dynamic_secret", "unknown_identity"];
    error
        .problem()
        .is_some_and(|problem| problem.status == 404 && codes.contains(&problem.code.as_str()))
}
