//! The API server of one cluster, and how calls of it are written.

use std::fmt;

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Authorization, Call, Error, Kind, uri};

/// The API server at one address, and what each request shows it.
pub struct Api<'a> {
    base: &'a str,
    authorization: Authorization<'a>,
}

/// The version of an API server, from `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
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

    /// Which version answers. `GET /version`; open to all who are authenticated.
    pub fn version(&self) -> Call<Version> {
        self.get(self.path(&["version"]))
    }

    /// The address of what has these path segments.
    pub(crate) fn path(&self, segments: &[&str]) -> Result<String, Error> {
        uri::path(self.base, segments)
    }

    /// Where the objects of a kind are: in one namespace, or in all where none is named.
    pub(crate) fn collection(&self, kind: Kind, namespace: Option<&str>) -> Result<String, Error> {
        let (group, version) = kind.api_version().split_once('/').unwrap_or(("", "v1"));
        let mut segments =
            if group.is_empty() { vec!["api", version] } else { vec!["apis", group, version] };
        if let Some(namespace) = namespace {
            if !kind.is_namespaced() {
                return Err(Error::Improper(NEEDLESS_NAMESPACE));
            }
            segments.extend(["namespaces", namespace]);
        }
        segments.push(kind.plural());
        self.path(&segments)
    }

    /// Where one object is.
    pub(crate) fn item(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<String, Error> {
        if namespace.is_none() && kind.is_namespaced() {
            return Err(Error::Improper(NO_NAMESPACE));
        }
        uri::path(&self.collection(kind, namespace)?, &[name])
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, uri: Result<String, Error>) -> Call<T> {
        Call::get(uri, self.authorization)
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        uri: Result<String, Error>,
        body: &impl Serialize,
    ) -> Call<T> {
        self.with_body(Method::POST, "application/json", uri, body)
    }

    pub(crate) fn with_body<T: DeserializeOwned>(
        &self,
        method: Method,
        media_type: &'static str,
        uri: Result<String, Error>,
        body: &impl Serialize,
    ) -> Call<T> {
        Call::with_body(method, media_type, uri, self.authorization, body)
    }
}

impl fmt::Debug for Api<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({}, {:?})", self.base, self.authorization)
    }
}

pub(crate) const NO_NAMESPACE: &str = "an object of this kind is in a namespace, and none is named";
const NEEDLESS_NAMESPACE: &str = "an object of this kind is in no namespace, and one is named";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{api, sent};

    #[test]
    fn the_version_is_open_to_all() {
        assert_eq!(sent(api().version()), ("GET /version".to_owned(), "", Value::Null));
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
            let request = api.version().into_request().expect("the request can be written");
            assert!(!format!("{request:?}").contains("t0ken"));
            let names: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
            assert_eq!(names, shown, "{authorization:?}");
        }
    }
}
