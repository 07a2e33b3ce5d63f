//! Names of headers that a gateway may ask for.

use serde::{Deserialize, Serialize};

/// The name of a header, in lower case: any but those that have a meaning of their own on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayHeaderName(String);

/// A text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a gateway's header begins with `x-` and has letters, digits and `-`, at most \
     {MAX_NAME_BYTES} characters in all, such as `x-gateway-key`"
)]
pub struct HeaderNameError;

impl GatewayHeaderName {
    /// The name as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GatewayHeaderName {
    type Error = HeaderNameError;

    fn try_from(text: String) -> Result<Self, HeaderNameError> {
        let name = text.to_ascii_lowercase();
        // `x-remote-user` and its like are how a front proxy tells the API server whom it speaks for.
        let good = name.len() <= MAX_NAME_BYTES
            && name.strip_prefix("x-").is_some_and(|rest| !rest.is_empty())
            && !name.starts_with("x-remote-")
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if good { Ok(Self(name)) } else { Err(HeaderNameError) }
    }
}

impl std::str::FromStr for GatewayHeaderName {
    type Err = HeaderNameError;

    fn from_str(text: &str) -> Result<Self, HeaderNameError> {
        Self::try_from(text.to_owned())
    }
}

impl From<GatewayHeaderName> for String {
    fn from(name: GatewayHeaderName) -> Self {
        name.0
    }
}

/// Longer than any gateway's.
const MAX_NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_cannot_ask_for_a_header_that_speaks_for_somebody() {
        for (text, kept) in [
            ("X-Gateway-Key", Some("x-gateway-key")),
            ("authorization", None),
            ("impersonate-user", None),
            ("x-remote-user", None),
            ("x-", None),
            ("x-a:b", None),
            ("x-a\r\nb", None),
            ("", None),
        ] {
            let name = text.parse::<GatewayHeaderName>().ok().map(String::from);
            assert_eq!(name.as_deref(), kept, "{text:?}");
        }
    }
}
