//! The API server of one cluster, and how calls of it are written.

use std::fmt;

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::call_subject::CallSubject;
use crate::{Authorization, Call, Error, Kind, uri};

/// The API server at one address, and what each request shows it.
pub struct Api<'a> {
    base: &'a str,
    authorization: Authorization<'a>,
}

/// The version of an API server, from `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServerVersion {
    /// As `v1.36.3`.
    #[serde(rename = "gitVersion")]
    pub git_version: String,
}

impl<'a> Api<'a> {
    /// `base` is the address without a slash at its end, as `https://10.0.0.1:6443`.
    #[must_use]
    pub fn new(base: &'a str, authorization: Authorization<'a>) -> Self {
        Self { base, authorization }
    }

    /// Returns the server's version. `GET /version`; open to all who are authenticated.
    pub fn get_version(&self) -> Call<ServerVersion> {
        self.get(self.path_address(&["version"], CallSubject::default()))
    }

    /// The address of what has these path segments, which is `subject`.
    pub(crate) fn path_address(&self, segments: &[&str], subject: CallSubject) -> CallAddress {
        CallAddress { uri: uri::join_path(self.base, segments), subject }
    }

    /// The address of a kind's objects: in one namespace, or in all if none is named.
    pub(crate) fn collection_address(&self, kind: Kind, namespace: Option<&str>) -> CallAddress {
        let (group, version) = kind.api_version().split_once('/').unwrap_or(("", "v1"));
        let subject =
            CallSubject::for_collection(kind.group(), kind.plural()).in_namespace(namespace);
        let mut segments =
            if group.is_empty() { vec!["api", version] } else { vec!["apis", group, version] };
        if let Some(namespace) = namespace {
            if !kind.is_namespaced() {
                return CallAddress {
                    uri: Err(Error::Improper(NAMESPACE_NOT_ALLOWED_TEXT)),
                    subject,
                };
            }
            segments.extend(["namespaces", namespace]);
        }
        segments.push(kind.plural());
        self.path_address(&segments, subject)
    }

    /// The address of one object.
    pub(crate) fn item_address(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> CallAddress {
        let CallAddress { uri, .. } = self.collection_address(kind, namespace);
        let uri = if namespace.is_none() && kind.is_namespaced() {
            Err(Error::Improper(MISSING_NAMESPACE_MESSAGE))
        } else {
            uri.and_then(|uri| uri::join_path(&uri, &[name]))
        };
        CallAddress { uri, subject: CallSubject::for_object(kind, name).in_namespace(namespace) }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, address: CallAddress) -> Call<T> {
        Call::get(address, self.authorization)
    }

    pub(crate) fn post_json<T: DeserializeOwned>(
        &self,
        address: CallAddress,
        body: &impl Serialize,
    ) -> Call<T> {
        self.call_with_body(Method::POST, "application/json", address, body)
    }

    pub(crate) fn call_with_body<T: DeserializeOwned>(
        &self,
        method: Method,
        media_type: &'static str,
        address: CallAddress,
        body: &impl Serialize,
    ) -> Call<T> {
        Call::with_body(method, media_type, address, self.authorization, body)
    }
}

/// The address of a call, and the object there: without it no refusal could be told from that of
/// another call.
pub(crate) struct CallAddress {
    pub(crate) uri: Result<String, Error>,
    pub(crate) subject: CallSubject,
}

impl CallAddress {
    /// The same address with a query.
    pub(crate) fn with_query(self, parameters: &[(&str, &str)]) -> Self {
        Self { uri: self.uri.map(|uri| uri::append_query(uri, parameters)), ..self }
    }

    /// The address of another thing under it.
    pub(crate) fn append_path_segment(self, segment: &str, subject: CallSubject) -> Self {
        Self { uri: self.uri.and_then(|uri| uri::join_path(&uri, &[segment])), subject }
    }

    /// The same address, as that of something else.
    pub(crate) fn with_subject(self, subject: CallSubject) -> Self {
        Self { subject, ..self }
    }
}

impl fmt::Debug for Api<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({}, {:?})", self.base, self.authorization)
    }
}

pub(crate) const MISSING_NAMESPACE_MESSAGE: &str =
    "an object of this kind is in a namespace, and none is named";
const NAMESPACE_NOT_ALLOWED_TEXT: &str =
    "an object of this kind is in no namespace, and one is named";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{api, sent};

    #[test]
    fn the_version_is_open_to_all() {
        assert_eq!(sent(api().get_version()), ("GET /version".to_owned(), "", Value::Null));
    }

    #[test]
    fn each_request_shows_what_was_said_and_nothing_else() {
        for (authorization, shown) in [
            (Authorization::None, vec!["accept"]),
            (Authorization::Bearer("t0ken"), vec!["accept", "authorization"]),
            (
                Authorization::Header { name: "x-api-key", value: "t0ken" },
                vec!["accept", "x-api-key"],
            ),
        ] {
            let api = Api::new("https://10.0.0.1", authorization);
            assert!(!format!("{api:?}").contains("t0ken"));
            let request = api.get_version().into_request().expect("the request can be written");
            assert!(!format!("{request:?}").contains("t0ken"));
            let names: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
            assert_eq!(names, shown, "{authorization:?}");
        }
    }
}
