//! The ways in which kubelease authenticates to a cluster.

use serde::{Deserialize, Serialize};

use super::credential::ClusterCredential;
use crate::{GatewayHeaderName, OpenError, SealedSecret, TokenVariableName, UrlError};

/// The way in which kubelease authenticates to a cluster, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TargetAuth {
    /// By a bearer token, sealed for this name and url: under another of either it does not open.
    Token {
        /// The token.
        token: SealedSecret,
    },
    /// By a bearer token in a variable of the application; nothing is kept here.
    Variable {
        /// The variable.
        variable: TokenVariableName,
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
    pub name: GatewayHeaderName,
    /// Its value, sealed as a token is.
    pub(super) value: SealedSecret,
}

/// The authentication as an administrator puts it. A credential that is left out keeps its stored value.
#[derive(Debug)]
pub enum TargetAuthInput {
    /// By this bearer token.
    Token(Option<ClusterCredential>),
    /// By the bearer token in this variable.
    Variable(TokenVariableName),
    /// By nothing but perhaps this header.
    Gateway(Option<(GatewayHeaderName, Option<ClusterCredential>)>),
    /// By a client certificate of the host's.
    ClientCertificate,
}

/// The way in which a request is authenticated.
#[derive(Debug)]
pub enum OpenedAuth {
    /// By a bearer token.
    Bearer(ClusterCredential),
    /// By a bearer token in this variable, which the host tells.
    Variable(TokenVariableName),
    /// By a header.
    Header(GatewayHeaderName, ClusterCredential),
    /// By nothing that kubelease sends.
    Nothing,
}

/// Why a target cannot be kept as it was put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetAuthError {
    /// A secret was left out, and none is known for this address.
    #[error("a credential is required: none is stored for this url")]
    SecretRequired,
    /// The secret that is known does not open.
    #[error("the stored credential cannot be opened")]
    Unopened(#[from] OpenError),
    /// A certificate is shown in TLS only.
    #[error("a client certificate needs an `https://` url")]
    NoTls,
    /// Something of ours would be sent in clear.
    #[error(transparent)]
    Url(#[from] UrlError),
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
