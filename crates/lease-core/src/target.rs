//! A cluster and how to reach it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    ApiServerUrl, CaCertificate, Description, HeaderName, Keyring, OpenError, Sealed, Tag,
    TargetName, UrlError, VariableName,
};

/// A cluster, and how kubelease reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name here.
    pub name: TargetName,
    /// The address of its API server.
    pub url: ApiServerUrl,
    /// The way in which kubelease authenticates there.
    auth: TargetAuth,
    /// Whom the host trusts to vouch for the API server.
    pub ca: TrustedCa,
    /// The CA that kubeconfigs carry. The host does not look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<CaCertificate>,
    /// The address that kubeconfigs name, if clients reach the API server by another than `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_server: Option<ApiServerUrl>,
    /// A remark of an administrator.
    pub description: Description,
    /// The set of definitions that it is applied with, of which a program may delete what is no part any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_set: Option<Tag>,
    /// True if no lease is issued there. Leases that are out are taken back all the same.
    pub disabled: bool,
    /// True if it was deleted, and stays only until the last of its leases has ended.
    pub retired: bool,
    /// When it was first put.
    pub created_at: DateTime<Utc>,
    /// When it was last put.
    pub updated_at: DateTime<Utc>,
}

/// The way in which kubelease authenticates to a cluster, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TargetAuth {
    /// By a bearer token, sealed for this name and url: under another of either it does not open.
    Token {
        /// The token.
        token: Sealed,
    },
    /// By a bearer token in a variable of the application; nothing is kept here.
    Variable {
        /// The variable.
        variable: VariableName,
    },
    /// Not at all: a gateway at the url adds its own account.
    Gateway {
        /// The header that the gateway itself asks to see, if it asks for one.
        header: Option<GatewayHeader>,
    },
    /// By the client certificate that the host's `[[client_tls]]` names.
    ClientCertificate,
}

/// A header that a gateway asks to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value, sealed as a token is.
    value: Sealed,
}

/// The authentication as an administrator puts it. A credential that is left out keeps its stored value.
#[derive(Debug)]
pub enum AuthDefinition {
    /// By this bearer token.
    Token(Option<ClusterCredential>),
    /// By the bearer token in this variable.
    Variable(VariableName),
    /// By nothing but perhaps this header.
    Gateway(Option<(HeaderName, Option<ClusterCredential>)>),
    /// By a client certificate of the host's.
    ClientCertificate,
}

/// The way in which a request is authenticated.
#[derive(Debug)]
pub enum ResolvedAuth {
    /// By a bearer token.
    Bearer(ClusterCredential),
    /// By a bearer token in this variable, which the host tells.
    Variable(VariableName),
    /// By a header.
    Header(HeaderName, ClusterCredential),
    /// By nothing that kubelease sends.
    Nothing,
}

/// Whom the host trusts to vouch for an API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedCa {
    /// The public authorities that the host knows.
    System,
    /// The authority of the cluster, in a file that the host's runtime configuration names.
    #[default]
    #[serde(rename = "custom")]
    HostConfigured,
}

/// A secret that kubelease itself has with a cluster: a bearer token, or a gateway's. It is never printed.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct ClusterCredential(Zeroizing<String>);

/// Why a text cannot be a bearer token. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token is 1 to {MAX_CREDENTIAL_BYTES} visible ASCII characters without spaces")]
pub struct CredentialError;

/// Why a target cannot be kept as it was put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A secret was left out, and none is known for this address.
    #[error("a secret is required, since none is known for this url")]
    SecretRequired,
    /// The secret that is known does not open.
    #[error("the secret that is known cannot be opened")]
    Unopened(#[from] OpenError),
    /// A certificate is shown in TLS only.
    #[error("a client certificate needs an `https://` url")]
    NoTls,
    /// Something of ours would be sent in clear.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl Target {
    /// A target as it is put, in place of `known`, where there is one. A `nonce` is used once.
    ///
    /// # Errors
    /// Asks for a secret where none is known for this address: one that is known for another is never sent
    /// to it. Refuses to send one in clear to another machine.
    pub fn from_input(
        name: TargetName,
        url: ApiServerUrl,
        auth: AuthDefinition,
        known: Option<&Target>,
        keys: &Keyring,
        nonce: [u8; crate::NONCE_BYTES],
        now: DateTime<Utc>,
    ) -> Result<Self, AuthError> {
        if !url.is_private() && !matches!(auth, AuthDefinition::Gateway(None)) {
            return Err(UrlError::Insecure.into());
        }
        // One that is kept is sealed anew too: an earlier master key can then go.
        let seal = |secret: &ClusterCredential| {
            keys.seal_secret(secret.expose_secret().as_bytes(), &seal_context(&name, &url), nonce)
        };
        if matches!(auth, AuthDefinition::ClientCertificate)
            && !url.as_str().starts_with("https://")
        {
            return Err(AuthError::NoTls);
        }
        let created_at = known.map_or(now, |known| known.created_at);
        let known = known.filter(|known| known.url == url);
        let auth = match auth {
            AuthDefinition::Token(Some(token)) => TargetAuth::Token { token: seal(&token) },
            AuthDefinition::Token(None) => match known.map(|known| known.open_authentication(keys))
            {
                Some(Ok(ResolvedAuth::Bearer(token))) => TargetAuth::Token { token: seal(&token) },
                Some(Err(error)) => return Err(error.into()),
                _ => return Err(AuthError::SecretRequired),
            },
            AuthDefinition::Variable(variable) => TargetAuth::Variable { variable },
            AuthDefinition::Gateway(None) => TargetAuth::Gateway { header: None },
            AuthDefinition::Gateway(Some((name, Some(value)))) => {
                TargetAuth::Gateway { header: Some(GatewayHeader { name, value: seal(&value) }) }
            }
            AuthDefinition::Gateway(Some((name, None))) => {
                match known.map(|known| known.open_authentication(keys)) {
                    Some(Ok(ResolvedAuth::Header(old, value))) if old == name => {
                        let header = Some(GatewayHeader { name, value: seal(&value) });
                        TargetAuth::Gateway { header }
                    }
                    Some(Err(error)) => return Err(error.into()),
                    _ => return Err(AuthError::SecretRequired),
                }
            }
            AuthDefinition::ClientCertificate => TargetAuth::ClientCertificate,
        };
        Ok(Self {
            auth,
            ca: TrustedCa::default(),
            ca_certificate: None,
            kubeconfig_server: None,
            description: Description::default(),
            apply_set: None,
            disabled: false,
            retired: false,
            created_at,
            updated_at: now,
            name,
            url,
        })
    }

    /// Returns the way in which kubelease authenticates there.
    #[must_use]
    pub fn auth(&self) -> &TargetAuth {
        &self.auth
    }

    /// The same, with what is secret opened.
    ///
    /// # Errors
    /// Fails where the master key has changed, or where the record is not what was stored.
    pub fn open_authentication(&self, keys: &Keyring) -> Result<ResolvedAuth, OpenError> {
        let open = |sealed| {
            let bytes = keys.open_sealed(sealed, &seal_context(&self.name, &self.url))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::Forged)?;
            Ok(ClusterCredential(Zeroizing::new(text.to_owned())))
        };
        Ok(match &self.auth {
            TargetAuth::Token { token } => ResolvedAuth::Bearer(open(token)?),
            TargetAuth::Variable { variable } => ResolvedAuth::Variable(variable.clone()),
            TargetAuth::Gateway { header: Some(GatewayHeader { name, value }) } => {
                ResolvedAuth::Header(name.clone(), open(value)?)
            }
            TargetAuth::Gateway { header: None } | TargetAuth::ClientCertificate => {
                ResolvedAuth::Nothing
            }
        })
    }

    /// The same target with its secret sealed under the current key, where that is another than now.
    ///
    /// # Errors
    /// Fails where the secret does not open.
    pub fn reseal_if_outdated(
        &self,
        keys: &Keyring,
        nonce: [u8; crate::NONCE_BYTES],
    ) -> Result<Option<Self>, OpenError> {
        let sealed = match &self.auth {
            TargetAuth::Token { token } => token,
            TargetAuth::Gateway { header: Some(header) } => &header.value,
            _ => return Ok(None),
        };
        if keys.seals_currently(sealed) {
            return Ok(None);
        }
        let context = seal_context(&self.name, &self.url);
        let sealed = keys.seal_secret(&keys.open_sealed(sealed, &context)?, &context, nonce);
        let mut target = self.clone();
        match &mut target.auth {
            TargetAuth::Token { token } => *token = sealed,
            TargetAuth::Gateway { header: Some(header) } => header.value = sealed,
            _ => {}
        }
        Ok(Some(target))
    }
}

impl TargetAuth {
    /// The kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            TargetAuth::Token { .. } | TargetAuth::Variable { .. } => "token",
            TargetAuth::Gateway { .. } => "gateway",
            TargetAuth::ClientCertificate => "client_certificate",
        }
    }
}

impl ClusterCredential {
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

/// Returns the context for which a credential is sealed. Moved to another name or url, it would be sent to a stranger.
fn seal_context<'a>(name: &'a TargetName, url: &'a ApiServerUrl) -> [&'a str; 3] {
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

    fn secret(text: &str) -> ClusterCredential {
        ClusterCredential::try_from(text.to_owned()).expect("a good token")
    }

    fn put(url: &str, auth: AuthDefinition, known: Option<&Target>) -> Result<Target, AuthError> {
        let url = ApiServerUrl::try_from(url.to_owned()).expect("a good url");
        let name = "prod".parse().expect("a good name");
        Target::from_input(name, url, auth, known, &keys(), [1; NONCE_BYTES], DateTime::UNIX_EPOCH)
    }

    fn target() -> Target {
        put("https://a.example", AuthDefinition::Token(Some(secret("canary"))), None).expect("puts")
    }

    fn header() -> HeaderName {
        "x-gateway-key".parse().expect("a good name")
    }

    fn shown(target: &Target) -> Option<String> {
        match target.open_authentication(&keys()).expect("opens") {
            ResolvedAuth::Bearer(secret) | ResolvedAuth::Header(_, secret) => {
                Some(secret.expose_secret().to_owned())
            }
            ResolvedAuth::Variable(_) | ResolvedAuth::Nothing => None,
        }
    }

    #[test]
    fn a_stored_target_shows_nothing_of_its_secret() {
        let gateway = AuthDefinition::Gateway(Some((header(), Some(secret("canary")))));
        for target in [target(), put("https://gateway", gateway, None).expect("puts")] {
            let stored = serde_json::to_string(&target).expect("serialises");
            assert!(!stored.contains("canary"), "{stored}");
            let read: Target = serde_json::from_str(&stored).expect("reads back");
            assert_eq!(read, target);
            assert_eq!(shown(&read).as_deref(), Some("canary"));
        }
    }

    #[test]
    fn a_secret_cannot_be_moved_to_another_target() {
        let stored = serde_json::to_string(&target()).expect("serialises");
        for (from, to) in [("a.example", "b.example"), (r#""prod""#, r#""test""#)] {
            let moved: Target = serde_json::from_str(&stored.replace(from, to)).expect("reads");
            let error = moved.open_authentication(&keys()).err();
            assert_eq!(error, Some(OpenError::Forged), "{from} => {to}");
        }
    }

    #[test]
    fn a_secret_left_out_is_the_one_that_is_known_for_this_very_use() {
        let token = target();
        let gateway = AuthDefinition::Gateway(Some((header(), Some(secret("g")))));
        let gateway = put("https://a.example", gateway, None).expect("puts");
        let other = "x-other".parse::<HeaderName>().expect("a good name");
        for (url, auth, known, kept) in [
            ("https://a.example", AuthDefinition::Token(None), Some(&token), Some("canary")),
            ("https://b.example", AuthDefinition::Token(None), Some(&token), None),
            ("https://a.example", AuthDefinition::Token(None), Some(&gateway), None),
            ("https://a.example", AuthDefinition::Token(None), None, None),
            (
                "https://a.example",
                AuthDefinition::Gateway(Some((header(), None))),
                Some(&gateway),
                Some("g"),
            ),
            (
                "https://a.example",
                AuthDefinition::Gateway(Some((other, None))),
                Some(&gateway),
                None,
            ),
            (
                "https://a.example",
                AuthDefinition::Gateway(Some((header(), None))),
                Some(&token),
                None,
            ),
        ] {
            let told = format!("{url} {auth:?} after {known:?}");
            let put = put(url, auth, known);
            assert_eq!(put.as_ref().ok().and_then(shown).as_deref(), kept, "{told}");
            assert!(kept.is_some() || put == Err(AuthError::SecretRequired), "{told}");
        }
    }

    #[test]
    fn nothing_of_ours_is_sent_in_clear_to_another_machine() {
        for (url, auth, good) in [
            ("http://a.example", AuthDefinition::Token(Some(secret("t"))), false),
            ("http://a.example", AuthDefinition::ClientCertificate, false),
            ("http://127.0.0.1:8001", AuthDefinition::ClientCertificate, false),
            ("http://a.example", AuthDefinition::Gateway(None), true),
            (
                "http://a.example",
                AuthDefinition::Gateway(Some((header(), Some(secret("t"))))),
                false,
            ),
            ("http://127.0.0.1:8001", AuthDefinition::Token(Some(secret("t"))), true),
            ("https://a.example", AuthDefinition::ClientCertificate, true),
        ] {
            let told = format!("{url} {auth:?}");
            assert_eq!(put(url, auth, None).is_ok(), good, "{told}");
        }
    }

    #[test]
    fn what_an_earlier_key_sealed_is_sealed_anew_once() {
        let old = target();
        let key = MasterKey::from_base64("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=");
        let previous = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let new = Keyring::new(&key.expect("32 bytes"), &[previous.expect("32 bytes")]);
        let resealed =
            old.reseal_if_outdated(&new, [2; NONCE_BYTES]).expect("opens").expect("is older");
        assert_eq!(resealed.reseal_if_outdated(&new, [3; NONCE_BYTES]).expect("opens"), None);
        assert_eq!(old.reseal_if_outdated(&keys(), [3; NONCE_BYTES]).expect("opens"), None);
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
