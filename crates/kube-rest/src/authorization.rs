//! How a request shows who sends it.

use std::fmt;

use http::{HeaderName, HeaderValue, header};

use crate::Error;

/// The credential that is sent with each request.
#[derive(Clone, Copy)]
pub enum Authorization<'a> {
    /// A bearer token, in the `Authorization` header.
    Bearer(&'a str),
    /// Nothing: a gateway adds its own account, or a client certificate on the connection says it.
    None,
    /// A header of a gateway's own, and no `Authorization`.
    Header {
        /// The name; [`Authorization::check_sendable`] says which are refused.
        name: &'a str,
        /// The value; never printed.
        value: &'a str,
    },
}

impl Authorization<'_> {
    /// Checks that requests can be sent with it.
    ///
    /// A header may not be one that we or the connection set, nor one by which something on the way is
    /// told to act for another, to do something else, or to answer in another form.
    ///
    /// # Errors
    /// Fails with [`Error::Improper`] if they cannot; neither name nor value is repeated.
    pub fn check_sendable(&self) -> Result<(), Error> {
        self.build_header().map(drop)
    }

    pub(crate) fn build_header(&self) -> Result<Option<(HeaderName, HeaderValue)>, Error> {
        match self {
            Authorization::None => Ok(None),
            Authorization::Bearer(token) => {
                Ok(Some((header::AUTHORIZATION, sensitive_value(&format!("Bearer {token}"))?)))
            }
            Authorization::Header { name, value } => {
                let name =
                    name.parse::<HeaderName>().map_err(|_| Error::Improper(BAD_NAME_MESSAGE))?;
                if is_forbidden_name(name.as_str()) {
                    return Err(Error::Improper(FORBIDDEN_HEADER_MESSAGE));
                }
                Ok(Some((name, sensitive_value(value)?)))
            }
        }
    }
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authorization::Bearer(_) => "Bearer(redacted)",
            Authorization::None => "None",
            Authorization::Header { .. } => "Header(redacted)",
        })
    }
}

/// A header value that `Debug` does not print.
fn sensitive_value(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(value).map_err(|_| Error::Improper(BAD_VALUE_MESSAGE))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `name` is in lower case, as `HeaderName` has it.
fn is_forbidden_name(name: &str) -> bool {
    FORBIDDEN_HEADERS.contains(&name)
        || FORBIDDEN_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

const BAD_NAME_MESSAGE: &str = "the header's name is not one that HTTP allows";
const BAD_VALUE_MESSAGE: &str = "a credential holds characters that no header may hold";
const FORBIDDEN_HEADER_MESSAGE: &str = "the header is not one that may be set for a gateway";

/// Set by us, by the connection, or a way to have another request than the one that is written.
const FORBIDDEN_HEADERS: [&str; 18] = [
    "authorization",
    "connection",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// `accept-encoding` would have the answer compressed, and `if-none-match` have none; Kubernetes takes
/// `impersonate-*` and, from a proxy that it trusts, `x-remote-*` for who is asking.
const FORBIDDEN_HEADER_PREFIXES: [&str; 6] =
    ["accept", "content-", "if-", "impersonate-", "proxy-", "x-remote-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_exactly_what_was_said() {
        for (authorization, sent) in [
            (Authorization::None, None),
            (Authorization::Bearer("t0ken"), Some(("authorization", "Bearer t0ken"))),
            (
                Authorization::Header { name: "X-Api-Key", value: "t0ken" },
                Some(("x-api-key", "t0ken")),
            ),
        ] {
            let header = authorization.build_header().expect("may be sent");
            let header = header.as_ref().map(|(name, value)| {
                assert!(value.is_sensitive(), "{authorization:?}");
                (name.as_str(), value.to_str().expect("text"))
            });
            assert_eq!(header, sent, "{authorization:?}");
            assert!(!format!("{authorization:?}").contains("t0ken"));
        }
    }

    #[test]
    fn a_header_that_changes_more_than_who_asks_is_refused() {
        for name in [
            "authorization",
            "Authorization",
            "Proxy-Authorization",
            "Host",
            "Connection",
            "Transfer-Encoding",
            "Content-Length",
            "content-type",
            "Accept",
            "Accept-Encoding",
            "Expect",
            "If-None-Match",
            "Impersonate-User",
            "Impersonate-Extra-x",
            "X-Remote-User",
            "X-HTTP-Method-Override",
            "",
            "a b",
            "a:b",
            "a\r\nb",
        ] {
            let error =
                Authorization::Header { name, value: "v" }.check_sendable().expect_err(name);
            assert!(matches!(error, Error::Improper(_)), "{name:?}: {error}");
        }
        for name in ["X-Api-Key", "cf-access-token", "Cookie"] {
            let header = Authorization::Header { name, value: "v" };
            assert!(header.check_sendable().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_value_that_would_split_the_request_is_refused_and_not_repeated() {
        for authorization in [
            Authorization::Bearer("canary\r\nx: y"),
            Authorization::Header { name: "x-api-key", value: "canary\n" },
        ] {
            let error = authorization.check_sendable().expect_err("no such header");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }
}
