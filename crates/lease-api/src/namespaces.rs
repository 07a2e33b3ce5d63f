//! `/api/v1/dynamic-secrets/{name}/namespaces`: where leases can be asked for now.

use http::{Response, StatusCode};
use lease_core::{DynamicSecretName, NamePattern, Namespace, TargetName};
use lease_engine::{Engine, LeasableNamespaces, Ports};
use serde::Serialize;

use crate::pagination::{PageWindow, QueryParameters};
use crate::problem::{Code, Problem};
use crate::{input, respond};

/// The namespaces of a dynamic secret, a page of them.
#[derive(Serialize)]
pub(crate) struct NamespacesJson<'a> {
    dynamic_secret: &'a DynamicSecretName,
    target: &'a TargetName,
    /// True if every other namespace is covered too, but for those that have to be named.
    any_namespace: bool,
    /// The patterns to which the grants of the identity narrow them.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<&'a [NamePattern]>,
    items: Vec<&'a Namespace>,
    /// False if a selector meets more than are looked at.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a Namespace>,
}

/// `GET /api/v1/dynamic-secrets/{name}/namespaces`
pub(crate) async fn list_namespaces<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::parse_name(name)?;
    let limit = PageWindow::read_limit(query)?;
    let after: Option<Namespace> = query.get_text("cursor").map(parse_cursor).transpose()?;
    let found = engine.find_leasable_namespaces(&name).await?;
    let json = NamespacesJson::from_namespaces(&name, &found, after.as_ref(), limit);
    Ok(respond::json_response(StatusCode::OK, &json))
}

/// Reads a cursor: the last name of the page before. Namespaces come and go between two pages, and names stay in order.
fn parse_cursor(text: &str) -> Result<Namespace, Problem> {
    let invalid = |_| {
        Problem::new(Code::InvalidQuery, "`cursor` must be the `next_cursor` of the previous page")
    };
    text.parse().map_err(invalid)
}

impl<'a> NamespacesJson<'a> {
    /// The page of what was found that begins after a name.
    pub(crate) fn from_namespaces(
        dynamic_secret: &'a DynamicSecretName,
        found: &'a LeasableNamespaces,
        after: Option<&Namespace>,
        limit: usize,
    ) -> Self {
        let mut rest = found.names.iter().filter(|name| after.is_none_or(|after| *name > after));
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let next_cursor = rest.next().and(items.last().copied());
        Self {
            dynamic_secret,
            target: &found.target,
            any_namespace: found.any,
            granted: found.granted.as_deref(),
            items,
            complete: found.is_complete,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests;
