//! A cluster and how to reach it.

mod auth;
mod credential;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ApiServerUrl, CaCertificate, Description, Keyring, OpenError, Tag, TargetName, UrlError,
};

pub use auth::{GatewayHeader, OpenedAuth, TargetAuth, TargetAuthError, TargetAuthInput};
pub use credential::{ClusterCredential, CredentialError, MAX_CREDENTIAL_BYTES};

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

/// A target as an administrator puts it.
#[derive(Debug)]
pub struct TargetInput {
    /// Its name.
    pub name: TargetName,
    /// The address of its API server.
    pub url: ApiServerUrl,
    /// The way in which kubelease authenticates there.
    pub auth: TargetAuthInput,
    /// Whom the host trusts to vouch for the API server.
    pub ca: TrustedCa,
    /// The CA that kubeconfigs carry.
    pub ca_certificate: Option<CaCertificate>,
    /// The address that kubeconfigs name, if it is another than `url`.
    pub kubeconfig_server: Option<ApiServerUrl>,
    /// A remark of an administrator.
    pub description: Description,
    /// The set of definitions that it is applied with.
    pub apply_set: Option<Tag>,
    /// True if nothing is issued there.
    pub disabled: bool,
}

/// All that a target is put with, besides what an administrator says.
pub struct PutTarget<'a> {
    /// The target in whose place it is put, if there is one.
    pub known: Option<&'a Target>,
    /// The keys that seal.
    pub keys: &'a Keyring,
    /// A nonce, to be used once.
    pub nonce: [u8; crate::NONCE_BYTES],
    /// The time.
    pub now: DateTime<Utc>,
}

impl Target {
    /// A target as it is put.
    ///
    /// # Errors
    /// Asks for a secret where none is known for this address: one that is known for another is never sent
    /// to it. Refuses to send one in clear to another machine.
    pub fn from_input(input: TargetInput, put: &PutTarget<'_>) -> Result<Self, TargetAuthError> {
        let auth = seal_auth(input.auth, (&input.name, &input.url), put)?;
        Ok(Self {
            name: input.name,
            url: input.url,
            auth,
            ca: input.ca,
            ca_certificate: input.ca_certificate,
            kubeconfig_server: input.kubeconfig_server,
            description: input.description,
            apply_set: input.apply_set,
            disabled: input.disabled,
            retired: false,
            created_at: put.known.map_or(put.now, |known| known.created_at),
            updated_at: put.now,
        })
    }

    /// Returns the way in which kubelease authenticates there.
    #[must_use]
    pub fn auth(&self) -> &TargetAuth {
        &self.auth
    }

    /// Returns the way in which a request is authenticated, with its secret opened.
    ///
    /// # Errors
    /// Fails if the master key has changed, or if the record is not the stored one.
    pub fn open_authentication(&self, keys: &Keyring) -> Result<OpenedAuth, OpenError> {
        let open = |sealed| {
            let bytes = keys.open_sealed(sealed, &seal_context(&self.name, &self.url))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::Forged)?;
            Ok(ClusterCredential::from_sealed_text(text))
        };
        Ok(match &self.auth {
            TargetAuth::Token { token } => OpenedAuth::Bearer(open(token)?),
            TargetAuth::Variable { variable } => OpenedAuth::Variable(variable.clone()),
            TargetAuth::Gateway { header: Some(GatewayHeader { name, value }) } => {
                OpenedAuth::Header(name.clone(), open(value)?)
            }
            TargetAuth::Gateway { header: None } | TargetAuth::ClientCertificate => {
                OpenedAuth::Nothing
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
        if keys.is_sealed_currently(sealed) {
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

/// Seals the credential of a target, or takes the one that is known for its url.
fn seal_auth(
    auth: TargetAuthInput,
    (name, url): (&TargetName, &ApiServerUrl),
    put: &PutTarget<'_>,
) -> Result<TargetAuth, TargetAuthError> {
    let keys = put.keys;
    if !url.is_confidential() && !matches!(auth, TargetAuthInput::Gateway(None)) {
        return Err(UrlError::Insecure.into());
    }
    // One that is kept is sealed anew too: an earlier master key can then go.
    let seal = |secret: &ClusterCredential| {
        keys.seal_secret(secret.expose_secret().as_bytes(), &seal_context(name, url), put.nonce)
    };
    if matches!(auth, TargetAuthInput::ClientCertificate) && !url.as_str().starts_with("https://") {
        return Err(TargetAuthError::NoTls);
    }
    // A credential for another url is never sent to this one.
    let known = put.known.filter(|known| known.url == *url);
    Ok(match auth {
        TargetAuthInput::Token(Some(token)) => TargetAuth::Token { token: seal(&token) },
        TargetAuthInput::Token(None) => match known.map(|known| known.open_authentication(keys)) {
            Some(Ok(OpenedAuth::Bearer(token))) => TargetAuth::Token { token: seal(&token) },
            Some(Err(error)) => return Err(error.into()),
            _ => return Err(TargetAuthError::SecretRequired),
        },
        TargetAuthInput::Variable(variable) => TargetAuth::Variable { variable },
        TargetAuthInput::Gateway(None) => TargetAuth::Gateway { header: None },
        TargetAuthInput::Gateway(Some((name, Some(value)))) => {
            TargetAuth::Gateway { header: Some(GatewayHeader { name, value: seal(&value) }) }
        }
        TargetAuthInput::Gateway(Some((name, None))) => {
            match known.map(|known| known.open_authentication(keys)) {
                Some(Ok(OpenedAuth::Header(old, value))) if old == name => {
                    let header = Some(GatewayHeader { name, value: seal(&value) });
                    TargetAuth::Gateway { header }
                }
                Some(Err(error)) => return Err(error.into()),
                _ => return Err(TargetAuthError::SecretRequired),
            }
        }
        TargetAuthInput::ClientCertificate => TargetAuth::ClientCertificate,
    })
}

/// Returns the context for which a credential is sealed. Moved to another name or url, it would be sent to a stranger.
fn seal_context<'a>(name: &'a TargetName, url: &'a ApiServerUrl) -> [&'a str; 3] {
    ["target credential", name.as_str(), url.as_str()]
}
