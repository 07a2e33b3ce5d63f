//! Where an API server is.

use http::Uri;
use serde::{Deserialize, Serialize};

/// The base address of an API server: `https://host[:port][/prefix]`, or `http://` to what is trusted.
///
/// Kept in one form (lower-case host, no default port, no trailing slash), so that equal addresses are
/// equal texts: a stored credential is sealed to this text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiServerUrl(String);

/// Why a text is not the address of an API server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not `scheme://host`.
    #[error("a target's url is written `https://host[:port][/prefix]`")]
    Malformed,
    /// A character that neither a host nor a prefix has.
    #[error(
        "a target's url cannot have {} at this place: the host has letters, digits, `-` and `.`, \
         and the prefix also `_`, `~` and `:`",
        printable_character(*.0)
    )]
    Character(char),
    /// A user and password before the host.
    #[error("a target's url must not contain a user or password; put the credential into `auth`")]
    UserInfo,
    /// A `?query` or a `#fragment`.
    #[error("a target's url must not have a query or fragment")]
    Query,
    /// `http://` to another machine.
    #[error(
        "a target's url begins with `https://`; `http://` is allowed only for `127.0.0.1` and \
         `localhost`, and for a gateway, because kubelease sends it no credential"
    )]
    Insecure,
    /// An IPv6 address in brackets.
    #[error(
        "a target's url names its host by DNS name or IPv4 address, because Spin cannot verify TLS \
         for `[…]`"
    )]
    Ipv6Literal,
    /// Longer than any address that is kept.
    #[error("a target's url has at most {MAX_URL_BYTES} bytes")]
    TooLong,
}

impl ApiServerUrl {
    /// The address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without its prefix: what TLS and a host's rules are about.
    #[must_use]
    pub fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |colon| colon + 3);
        let prefix = self.0[authority..].find('/').map_or(self.0.len(), |slash| authority + slash);
        &self.0[..prefix]
    }

    /// The host alone.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.origin().split_once("://").map_or("", |(_, authority)| authority);
        authority.split_once(':').map_or(authority, |(host, _)| host)
    }

    /// Returns true if nobody on the way can read a request to it: because of TLS, or because it
    /// does not leave the machine.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.0.starts_with("https://") || LOOPBACK.contains(&self.host())
    }
}

impl TryFrom<String> for ApiServerUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        // `Uri` drops a fragment in silence.
        if text.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        // Before odd characters, as one of them may be of the password.
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        if authority.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err(UrlError::UserInfo);
        }
        check_characters(&text, b"-._~:/[]@")?;
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(UrlError::Malformed);
        };
        let host = authority.host().to_ascii_lowercase();
        if host.starts_with('[') {
            return Err(UrlError::Ipv6Literal);
        }
        check_characters(&host, b"-.")?;
        let default_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return Err(UrlError::Malformed),
        };
        let port = explicit_port(authority, &host)?.filter(|&port| port != default_port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = uri.path().trim_end_matches('/');
        check_characters(path, b"-._~:/")?;
        if !is_host(&host) || !is_prefix(path) {
            return Err(UrlError::Malformed);
        }
        Ok(Self(format!("{scheme}://{host}{port}{path}")))
    }
}

impl From<ApiServerUrl> for String {
    fn from(url: ApiServerUrl) -> Self {
        url.0
    }
}

impl std::fmt::Display for ApiServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The port written after the host; `host:` and a port that is no number are malformed.
fn explicit_port(authority: &http::uri::Authority, host: &str) -> Result<Option<u16>, UrlError> {
    match authority.as_str().get(host.len()..) {
        Some("") => Ok(None),
        Some(_) => match authority.port_u16() {
            Some(port) if port > 0 => Ok(Some(port)),
            _ => Err(UrlError::Malformed),
        },
        None => Err(UrlError::Malformed),
    }
}

/// Refuses the first character that is neither a letter nor a digit nor one of `others`.
fn check_characters(text: &str, others: &[u8]) -> Result<(), UrlError> {
    let good = |c: char| c.is_ascii_alphanumeric() || (c.is_ascii() && others.contains(&(c as u8)));
    text.chars().find(|&c| !good(c)).map_or(Ok(()), |c| Err(UrlError::Character(c)))
}

/// The character itself if it can be seen and is not taken for another, else its number.
fn printable_character(character: char) -> String {
    match character {
        ' ' => "a blank".to_owned(),
        '`' => "a backtick".to_owned(),
        seen if seen.is_ascii_graphic() => format!("`{seen}`"),
        other => format!("U+{:04X}", u32::from(other)),
    }
}

fn is_host(host: &str) -> bool {
    host.split('.').all(|part| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// A prefix is joined with API paths as text, so nothing in it may be read twice: no `.`, `..`, `//`, `%`.
fn is_prefix(path: &str) -> bool {
    path.split('/').skip(1).all(|part| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:".contains(&b))
    })
}

/// The hosts that plain HTTP may go to. Nothing leaves the machine on the way there.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "localhost"];

/// The longest address that is kept: a host is at most 253 bytes, the rest is room for a proxy's prefix.
pub const MAX_URL_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_are_kept_as_equal_texts() {
        for (given, kept) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.Example.com:443/", "https://api.example.com"),
            ("HTTPS://api.example.com:6443", "https://api.example.com:6443"),
            ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
            (
                "https://rancher.example.com/k8s/clusters/c-1/",
                "https://rancher.example.com/k8s/clusters/c-1",
            ),
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("http://localhost:80", "http://localhost"),
        ] {
            let url = ApiServerUrl::try_from(given.to_owned()).map(String::from);
            assert_eq!(url.as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn what_leaves_the_machine_in_clear_is_not_private() {
        for (given, origin, host, private) in [
            ("https://a.example/x/y", "https://a.example", "a.example", true),
            ("https://a.example:6443", "https://a.example:6443", "a.example", true),
            ("http://127.0.0.1:8001/x", "http://127.0.0.1:8001", "127.0.0.1", true),
            ("http://localhost", "http://localhost", "localhost", true),
            ("http://a.example", "http://a.example", "a.example", false),
            (
                "http://127.0.0.1.a.example",
                "http://127.0.0.1.a.example",
                "127.0.0.1.a.example",
                false,
            ),
        ] {
            let url = ApiServerUrl::try_from(given.to_owned()).expect("a good url");
            assert_eq!((url.origin(), url.host(), url.is_confidential()), (origin, host, private));
        }
    }

    #[test]
    fn each_wrong_address_is_told_what_is_wrong() {
        for (given, error) in [
            ("", UrlError::Malformed),
            ("api.example.com", UrlError::Malformed),
            ("/api", UrlError::Malformed),
            ("ftp://api.example.com", UrlError::Malformed),
            ("https://", UrlError::Malformed),
            ("https://api.example.com:", UrlError::Malformed),
            ("https://api.example.com:0", UrlError::Malformed),
            ("https://api.example.com:99999", UrlError::Malformed),
            ("https://api..example.com", UrlError::Malformed),
            ("https://exa mple.com", UrlError::Character(' ')),
            ("https://exa_mple.com", UrlError::Character('_')),
            ("https://exämple.com", UrlError::Character('ä')),
            ("https://api.example.com\n", UrlError::Character('\n')),
            ("https://api.example.com/a b", UrlError::Character(' ')),
            ("https://api.example.com/{id}", UrlError::Character('{')),
            ("https://api.example.com/a@b", UrlError::Character('@')),
            ("https://api.example.com/a//b", UrlError::Malformed),
            ("https://api.example.com/../b", UrlError::Malformed),
            ("https://api.example.com/%2e%2e", UrlError::Character('%')),
            ("https://user:pw@api.example.com", UrlError::UserInfo),
            ("https://user:p%w@api.example.com", UrlError::UserInfo),
            ("https://api.example.com?x=1", UrlError::Query),
            ("https://api.example.com#x", UrlError::Query),
            ("https://[::1]:6443", UrlError::Ipv6Literal),
            (&format!("https://{}.example.com", "a".repeat(1024)), UrlError::TooLong),
        ] {
            assert_eq!(ApiServerUrl::try_from(given.to_owned()), Err(error), "{given}");
        }
    }

    #[test]
    fn an_odd_character_is_named() {
        for (character, name) in [
            (' ', "cannot have a blank at"),
            ('_', "cannot have `_` at"),
            ('`', "cannot have a backtick at"),
            ('\n', "cannot have U+000A at"),
            ('\u{a0}', "cannot have U+00A0 at"),
            ('\u{1f600}', "cannot have U+1F600 at"),
        ] {
            let told = UrlError::Character(character).to_string();
            assert!(told.contains(name), "{told}");
        }
    }
}
