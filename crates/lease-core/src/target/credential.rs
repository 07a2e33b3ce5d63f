//! A credential of kubelease with a cluster.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A secret that kubelease itself has with a cluster: a bearer token, or a gateway's. It is never printed.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct ClusterCredential(Zeroizing<String>);

/// Why a text cannot be a bearer token. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token has 1 to {MAX_CREDENTIAL_BYTES} visible ASCII characters without spaces")]
pub struct CredentialError;

impl ClusterCredential {
    /// Returns a credential that was checked before it was sealed.
    pub(super) fn from_sealed_text(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The secret itself. It goes into one header and nowhere else.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClusterCredential {
    type Error = CredentialError;

    fn try_from(text: String) -> Result<Self, CredentialError> {
        // A file's trailing newline is the one thing that is forgiven: it could never be meant.
        let text = Zeroizing::new(text);
        let token = text.trim_end_matches(['\r', '\n']);
        let good = (1..=MAX_CREDENTIAL_BYTES).contains(&token.len())
            && token.bytes().all(|b| b.is_ascii_graphic());
        if good { Ok(Self(Zeroizing::new(token.to_owned()))) } else { Err(CredentialError) }
    }
}

impl fmt::Debug for ClusterCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterCredential(redacted)")
    }
}

/// The longest credential that is kept. Tokens of service accounts are about 1 KiB, those of large
/// identity providers up to 8; more does not pass through common header limits.
pub const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;
