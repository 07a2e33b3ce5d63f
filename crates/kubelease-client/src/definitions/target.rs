//! Targets, as an operator writes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretReference;

/// A cluster, and how kubelease reaches it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// The URL of the API server: `https://host[:port][/prefix]`.
    pub url: String,
    /// The credential that kubelease shows there.
    pub auth: TargetAuth,
    /// Whom the host trusts to vouch for the API server; `custom` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<TrustedCa>,
    /// The certificates of the CA, in PEM, which kubeconfigs carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// The URL that kubeconfigs name, if it is another than `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_server: Option<String>,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Issue nothing there; what is out is revoked all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// The way in which kubelease authenticates to a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetAuth {
    /// By a bearer token: this one, the one in a variable of the host, or else the one that is kept.
    Token {
        /// The token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<SecretReference>,
        /// The variable of the host that has it: `target_NAME`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variable: Option<String>,
    },
    /// By whatever a gateway at the URL adds.
    Gateway {
        /// A header that the gateway itself asks to see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<GatewayHeader>,
    },
    /// By the client certificate that the host has.
    ClientCertificate {},
}

/// A header that a gateway asks to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayHeader {
    /// The name: `x-…`.
    pub name: String,
    /// The value; if left out, the one that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretReference>,
}

/// Whom the host trusts to vouch for an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustedCa {
    /// The public CAs.
    System,
    /// The cluster's own CA, in a file that the host is told.
    Custom,
}

impl TargetAuth {
    /// Returns the secrets that stand elsewhere, each with its place in the definition.
    pub(super) fn secret_references(&self) -> Vec<(String, &SecretReference)> {
        match self {
            Self::Token { token: Some(token), .. } => vec![("/auth/token".to_owned(), token)],
            Self::Gateway { header: Some(GatewayHeader { value: Some(value), .. }) } => {
                vec![("/auth/header/value".to_owned(), value)]
            }
            _ => vec![],
        }
    }
}
