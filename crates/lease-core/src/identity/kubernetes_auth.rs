//! Login by a token of a Kubernetes `ServiceAccount`, which the cluster itself reviews.

use serde::{Deserialize, Serialize};

use crate::{
    ApiServerUrl, Audience, ClusterCredential, IdentityName, Keyring, NONCE_BYTES, NamePatterns,
    Namespace, OpenError, SealedSecret, ServiceAccountName, TargetName, TokenVariableName,
};

/// Login by a token of a `ServiceAccount`.
///
/// `R` is the reviewer: [`Reviewer`] as it is kept, [`ReviewerInput`] as an administrator gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `target`, `reviewer`, `allowed_names`, `allowed_namespaces` and \
                 `allowed_audience`"
)]
pub struct KubernetesAuth<R> {
    /// The cluster whose `ServiceAccount`s may log in.
    pub target: TargetName,
    /// Whose credential the review is asked with.
    pub reviewer: R,
    /// The names of the `ServiceAccount`s.
    pub allowed_names: NamePatterns,
    /// The namespaces that they are in.
    pub allowed_namespaces: NamePatterns,
    /// The audience that a token has to be for. Without one, every token that any pod has for the API server
    /// would do, and whoever is shown such a token could log in with it.
    pub allowed_audience: Audience,
}

/// The credential that a `TokenReview` is asked with, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reviewer {
    /// The target's own.
    Target,
    /// The token that is shown: its `ServiceAccount` has to be allowed to review tokens.
    Client,
    /// A token of its own, sealed for this identity and the url of the target: it is never sent to another.
    Token(SealedSecret),
    /// A token in a variable of the host.
    Variable(TokenVariableName),
}

/// The credential that a `TokenReview` is asked with, as an administrator gives it.
///
/// Written `"target"`, `"client"`, `{"token":"eyJ…"}` or `{"variable":"target_…"}`. `{"token":null}` keeps the
/// token that is known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewerInput {
    /// The target's own.
    Target,
    /// The token that is shown.
    Client,
    /// A token of its own; none keeps the one that is known.
    Token(Option<ClusterCredential>),
    /// A token in a variable of the host.
    Variable(TokenVariableName),
}

/// The reason why a reviewer is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewerError {
    /// A token was left out, and none is known for this target at its present url.
    #[error("`reviewer.token` is required: none is stored for this target at its current url")]
    TokenRequired,
    /// The token that is known does not open.
    #[error("the stored token of the reviewer cannot be opened")]
    Unopened(#[from] OpenError),
}

/// A reviewer's credential, opened.
#[derive(Debug)]
pub enum ReviewerCredential {
    /// The target's own.
    Target,
    /// The token that is shown.
    Client,
    /// This token.
    Token(ClusterCredential),
    /// The token in this variable.
    Variable(TokenVariableName),
}

/// The place that a reviewer's token is sealed for. Moved to another, it would be sent to a stranger.
#[derive(Debug, Clone, Copy)]
pub struct ReviewerSealContext<'a> {
    /// The identity whose login it is for.
    pub identity: &'a IdentityName,
    /// The target that is asked.
    pub target: &'a TargetName,
    /// The url of the target.
    pub url: &'a ApiServerUrl,
}

impl<R> KubernetesAuth<R> {
    /// Returns true if a `ServiceAccount` in this namespace may log in.
    #[must_use]
    pub fn allows_namespace(&self, namespace: &Namespace) -> bool {
        self.allowed_namespaces.match_any(namespace.as_str())
    }

    /// Returns true if a `ServiceAccount` of this name may log in.
    #[must_use]
    pub fn allows_name(&self, name: &ServiceAccountName) -> bool {
        self.allowed_names.match_any(name.as_str())
    }

    /// The same with the reviewer that `put` makes of this one.
    pub(crate) fn map_reviewer<S, E>(
        self,
        put: impl FnOnce(&TargetName, R) -> Result<S, E>,
    ) -> Result<KubernetesAuth<S>, E> {
        let Self { target, reviewer, allowed_names, allowed_namespaces, allowed_audience } = self;
        let reviewer = put(&target, reviewer)?;
        Ok(KubernetesAuth { target, reviewer, allowed_names, allowed_namespaces, allowed_audience })
    }
}

impl Reviewer {
    /// A reviewer as it is kept. A token is sealed for `place`; one that is left out is taken from `known`. A
    /// `nonce` is used once.
    ///
    /// # Errors
    /// Asks for a token if none is known for this place.
    pub(crate) fn from_input(
        input: ReviewerInput,
        known: Option<&Reviewer>,
        place: ReviewerSealContext<'_>,
        keys: &Keyring,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, ReviewerError> {
        let seal = |token: &ClusterCredential| {
            Self::Token(keys.seal_secret(
                token.expose_secret().as_bytes(),
                &place.seal_context(),
                nonce,
            ))
        };
        match input {
            ReviewerInput::Target => Ok(Self::Target),
            ReviewerInput::Client => Ok(Self::Client),
            ReviewerInput::Variable(variable) => Ok(Self::Variable(variable)),
            ReviewerInput::Token(Some(token)) => Ok(seal(&token)),
            // Sealed anew, so that an earlier master key can go.
            ReviewerInput::Token(None) => {
                match known.map(|known| known.open_credential(place, keys)) {
                    Some(Ok(ReviewerCredential::Token(token))) => Ok(seal(&token)),
                    // It was sealed for another url, or is not what was kept: neither is sent anywhere.
                    Some(Err(OpenError::Forged)) => Err(ReviewerError::TokenRequired),
                    Some(Err(error)) => Err(error.into()),
                    _ => Err(ReviewerError::TokenRequired),
                }
            }
        }
    }

    /// The same reviewer with its token sealed under the current key, if it is not.
    pub(crate) fn reseal_if_outdated(
        &self,
        place: ReviewerSealContext<'_>,
        keys: &Keyring,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Option<Self>, OpenError> {
        let Reviewer::Token(sealed) = self else { return Ok(None) };
        if keys.is_sealed_currently(sealed) {
            return Ok(None);
        }
        match keys.open_sealed(sealed, &place.seal_context()) {
            Ok(token) => {
                Ok(Some(Self::Token(keys.seal_secret(&token, &place.seal_context(), nonce))))
            }
            // It was sealed for another url: it is of no use before it is put again.
            Err(OpenError::Forged) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the credential for the place that it was put for.
    ///
    /// # Errors
    /// Fails if the target has another url by now, or if no configured master key opens it.
    pub fn open_credential(
        &self,
        place: ReviewerSealContext<'_>,
        keys: &Keyring,
    ) -> Result<ReviewerCredential, OpenError> {
        Ok(match self {
            Reviewer::Target => ReviewerCredential::Target,
            Reviewer::Client => ReviewerCredential::Client,
            Reviewer::Variable(variable) => ReviewerCredential::Variable(variable.clone()),
            Reviewer::Token(sealed) => {
                let bytes = keys.open_sealed(sealed, &place.seal_context())?;
                let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::Forged)?;
                let token = ClusterCredential::try_from(text.to_owned());
                ReviewerCredential::Token(token.map_err(|_| OpenError::Forged)?)
            }
        })
    }
}

impl ReviewerSealContext<'_> {
    fn seal_context(&self) -> [&str; 4] {
        ["reviewer token", self.identity.as_str(), self.target.as_str(), self.url.as_str()]
    }
}
