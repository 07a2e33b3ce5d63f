//! A cluster and how to reach it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{ApiServerUrl, Keyring, Namespace, OpenError, Sealed, TargetName};

/// A cluster, and the credential that kubelease has there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name here.
    pub name: TargetName,
    /// Where its API server is.
    pub url: ApiServerUrl,
    /// The credential, sealed for this name and url: under another of either it does not open.
    credential: Sealed,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
}

/// The bearer token that kubelease itself has in a cluster. It is never printed.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct ClusterCredential(Zeroizing<String>);

/// Why a text cannot be a bearer token. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token is 1 to {MAX_CREDENTIAL_BYTES} visible ASCII characters without spaces")]
pub struct CredentialError;

/// What the last check of a target saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCheck {
    /// When it was made.
    pub checked_at: DateTime<Utc>,
    /// Whether the API server answered at all, be it with a refusal.
    pub reachable: bool,
    /// What went wrong, for an operator; absent where nothing did.
    pub problem: Option<String>,
    /// The API server's version, as `v1.36.3`.
    pub version: Option<String>,
    /// Who we are there, as the API server says.
    pub username: Option<String>,
    /// The groups it counts us in.
    pub groups: Vec<String>,
    /// What we would need and may not do.
    pub missing_permissions: Vec<MissingPermission>,
}

/// One thing that a dynamic secret needs and that the target's credential may not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPermission {
    /// The verb, as RBAC writes it.
    pub verb: String,
    /// The resource, as RBAC writes it: `serviceaccounts/token`.
    pub resource: String,
    /// The one object it is needed for; absent where it is needed for any.
    pub name: Option<String>,
    /// Where it is needed; absent where it is needed everywhere.
    pub namespace: Option<Namespace>,
}

impl Target {
    /// A target whose credential is sealed with `nonce`, which is used for nothing else.
    #[must_use]
    pub fn new(
        name: TargetName,
        url: ApiServerUrl,
        credential: &ClusterCredential,
        keys: &Keyring,
        nonce: [u8; crate::NONCE_BYTES],
        now: DateTime<Utc>,
    ) -> Self {
        let credential = keys.seal(credential.expose().as_bytes(), &context(&name, &url), nonce);
        Self { name, url, credential, created_at: now, updated_at: now }
    }

    /// The credential, opened.
    ///
    /// # Errors
    /// Fails where the master key has changed, or where the record is not what was stored.
    pub fn credential(&self, keys: &Keyring) -> Result<ClusterCredential, OpenError> {
        let bytes = keys.open(&self.credential, &context(&self.name, &self.url))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::Forged)?;
        Ok(ClusterCredential(Zeroizing::new(text.to_owned())))
    }
}

impl ClusterCredential {
    /// The token itself. It goes into one `Authorization` header and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
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

/// What a credential is sealed for. Moved to another name or url, it would be sent to a stranger.
fn context<'a>(name: &'a TargetName, url: &'a ApiServerUrl) -> [&'a str; 3] {
    ["target credential", name.as_str(), url.as_str()]
}

/// The longest credential that is kept. Tokens of service accounts are about 1 KiB, those of large
/// identity providers up to 8; more does not pass through common header limits.
pub const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterKey, NONCE_BYTES};

    fn keys() -> Keyring {
        let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        Keyring::new(&key.expect("32 bytes"), &[])
    }

    fn target() -> Target {
        let token = ClusterCredential::try_from("canary".to_owned()).expect("a good token");
        let url = ApiServerUrl::try_from("https://a.example".to_owned()).expect("a good url");
        let name = "prod".parse().expect("a good name");
        Target::new(name, url, &token, &keys(), [1; NONCE_BYTES], DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_stored_target_shows_nothing_of_its_credential() {
        let target = target();
        let stored = serde_json::to_string(&target).expect("serialises");
        assert!(!stored.contains("canary"), "{stored}");
        let read: Target = serde_json::from_str(&stored).expect("reads back");
        assert_eq!(read, target);
        assert_eq!(read.credential(&keys()).expect("opens").expose(), "canary");
    }

    #[test]
    fn a_credential_cannot_be_moved_to_another_target() {
        let stored = serde_json::to_string(&target()).expect("serialises");
        for (from, to) in [("a.example", "b.example"), (r#""prod""#, r#""test""#)] {
            let moved: Target = serde_json::from_str(&stored.replace(from, to)).expect("reads");
            assert_eq!(moved.credential(&keys()).err(), Some(OpenError::Forged), "{from} => {to}");
        }
    }

    #[test]
    fn a_credential_is_one_header_value_and_is_never_printed() {
        let longest = "t".repeat(MAX_CREDENTIAL_BYTES);
        for (text, good) in [
            ("abc.def-ghi_jkl", true),
            ("abc\n", true),
            (longest.as_str(), true),
            (&format!("{longest}t"), false),
            ("", false),
            ("\n", false),
            ("a b", false),
            ("a\r\nX-Evil: 1", false),
            ("tokén", false),
        ] {
            let token = ClusterCredential::try_from(text.to_owned());
            assert_eq!(token.is_ok(), good, "{} bytes", text.len());
            if let Ok(token) = token {
                assert_eq!(format!("{token:?}"), "ClusterCredential(redacted)");
            }
        }
    }
}
