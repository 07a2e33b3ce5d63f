//! Requests, as they were sent and as authorizers see them.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, Request};
use serde_json::Value;

/// A request that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The how manyth, from 0.
    pub number: usize,
    /// In which round, from 1: one more than that of the last answer that was there when it was sent.
    pub round: usize,
    /// The method.
    pub method: Method,
    /// The host it is sent to.
    pub host: String,
    /// The path, without the query.
    pub path: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if there is none.
    pub body: Value,
    /// The length of the body in bytes.
    pub body_length: usize,
}

/// The subject of a request, as RBAC names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// As `create`.
    pub verb: &'static str,
    /// As `serviceaccounts/token` or `roles.rbac.authorization.k8s.io`.
    pub resource: String,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<String>,
    /// The name, if the path has one.
    pub name: Option<String>,
}

impl Sent {
    pub(super) fn new(number: usize, round: usize, request: Request<Vec<u8>>) -> Self {
        let (head, body) = request.into_parts();
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), decoded(value))
        };
        Self {
            number,
            round,
            method: head.method,
            host: head.uri.host().unwrap_or_default().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().into_iter().flat_map(|q| q.split('&')).map(pair).collect(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            body_length: body.len(),
        }
    }

    /// Method and path, as `GET /version`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization")?.to_str().ok()
    }

    /// Returns true if it asks for this, as RBAC names it.
    #[must_use]
    pub fn asks(&self, verb: &str, resource: &str) -> bool {
        self.access().is_some_and(|access| access.verb == verb && access.resource == resource)
    }

    /// Returns true if it is a dry run.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.query.contains_key("dryRun") || self.body.get("dryRun").is_some()
    }

    /// Returns the subject of a review of oneself, which everybody may ask for by default.
    pub(super) fn review(&self) -> Option<Access> {
        let rest = self.path.strip_prefix("/apis/")?;
        let [group, "v1", plural] = rest.split('/').collect::<Vec<_>>()[..] else { return None };
        let resource = resource(group, plural, None);
        Some(Access { verb: "create", resource, namespace: None, name: None })
    }

    /// Returns the subject; `None` for requests that everybody may make.
    #[must_use]
    pub fn access(&self) -> Option<Access> {
        let segments: Vec<_> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, rest) = match &segments[..] {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, "v1", rest @ ..] => (*group, rest),
            _ => return None,
        };
        if matches!(group, "authentication.k8s.io" | "authorization.k8s.io") {
            return None;
        }
        let (namespace, plural, name, subresource) = match *rest {
            ["namespaces", name] => (None, "namespaces", Some(name), None),
            ["namespaces", namespace, plural] => (Some(namespace), plural, None, None),
            ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name), None),
            ["namespaces", namespace, plural, name, sub] => {
                (Some(namespace), plural, Some(name), Some(sub))
            }
            [plural] => (None, plural, None, None),
            [plural, name] => (None, plural, Some(name), None),
            _ => return None,
        };
        let verb = match (self.method.as_str(), name) {
            ("POST", _) => "create",
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("DELETE", _) => "delete",
            ("PATCH", _) => "patch",
            _ => return None,
        };
        let resource = resource(group, plural, subresource);
        Some(Access {
            verb,
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        })
    }
}

/// The resource as RBAC's errors write it.
pub(super) fn resource(group: &str, plural: &str, subresource: Option<&str>) -> String {
    let subresource = subresource.map(|sub| format!("/{sub}")).unwrap_or_default();
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    format!("{plural}{subresource}{group}")
}

/// A value of a query as it was before it was percent-encoded.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text.extend(u8::from_str_radix(code, 16).ok().map(char::from));
        text.push_str(rest);
    }
    text
}
