//! The address of kubelease.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use ureq::http::Uri;

/// The URL of kubelease: `https://host[:port][/prefix]`, or `http://` to our own machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    base: String,
    is_loopback: bool,
}

/// Text that is no URL to send a token to. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServerUrl {
    /// Something else than a URL, or with parts that the URL of a server does not have.
    #[error("the URL of kubelease is `https://host[:port][/prefix]`, without user, query and `#`")]
    Malformed,
    /// Without TLS to another machine.
    #[error(
        "`http://` would send tokens in clear to another machine: use `https://`, or set \
         `KUBELEASE_ALLOW_HTTP=true` if the network is trusted"
    )]
    Insecure,
}

impl ServerUrl {
    /// Reads a URL. `allow_http` lets it be without TLS, wherever it is.
    ///
    /// # Errors
    /// Refuses what is no URL of a server, and one that would send tokens in clear.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, InvalidServerUrl> {
        let text = text.trim();
        if text.contains(['#', '?', '@']) {
            return Err(InvalidServerUrl::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidServerUrl::Malformed)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(InvalidServerUrl::Malformed)?;
        let is_loopback = is_loopback(host);
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback || allow_http => {}
            Some("http") => return Err(InvalidServerUrl::Insecure),
            _ => return Err(InvalidServerUrl::Malformed),
        }
        Ok(Self { base: text.trim_end_matches('/').to_owned(), is_loopback })
    }

    /// Returns the URL without a final slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// Returns true if it leads to our own machine, with which no proxy has business.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns true if the server has to show a certificate.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.base.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl Serialize for ServerUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_to_https_or_to_our_own_machine() {
        for (text, read) in [
            ("https://kubelease.example", Ok("https://kubelease.example")),
            ("https://kubelease.example:8443/broker/", Ok("https://kubelease.example:8443/broker")),
            ("http://127.0.0.1:3000", Ok("http://127.0.0.1:3000")),
            ("http://[::1]:3000/", Ok("http://[::1]:3000")),
            ("http://localhost", Ok("http://localhost")),
            ("http://10.0.0.1", Err(InvalidServerUrl::Insecure)),
            ("http://localhost.example", Err(InvalidServerUrl::Insecure)),
            ("http://127.0.0.1.example", Err(InvalidServerUrl::Insecure)),
            ("kubelease.example", Err(InvalidServerUrl::Malformed)),
            ("ftp://kubelease.example", Err(InvalidServerUrl::Malformed)),
            ("https://user:sesame@kubelease.example", Err(InvalidServerUrl::Malformed)),
            ("https://kubelease.example/?a=b", Err(InvalidServerUrl::Malformed)),
            ("https://kubelease.example/#a", Err(InvalidServerUrl::Malformed)),
            ("", Err(InvalidServerUrl::Malformed)),
        ] {
            let url = ServerUrl::parse(text, false);
            assert_eq!(
                url.as_ref().map(ServerUrl::as_str),
                read.as_ref().map(|url| *url),
                "{text}"
            );
        }
        assert!(ServerUrl::parse("http://kubelease.ns.svc", true).is_ok());
    }
}
