//! The keys of an issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unique_json::UniqueValue;

use crate::JwtError;
use crate::id_token_requirements::SigningAlgorithm;

/// The longest key set that is read, in bytes.
pub const MAX_KEY_SET_BYTES: usize = 100 * 1024;

/// The public keys of an issuer: a JWK Set (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeySet {
    keys: Vec<Jwk>,
}

/// The reason for which a text is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than [`MAX_KEY_SET_BYTES`].
    #[error("the key set is longer than {MAX_KEY_SET_BYTES} bytes")]
    TooLong,
    /// Not `{"keys":[…]}`.
    #[error("a key set is a JSON object with a list of `keys` (RFC 7517)")]
    Malformed,
    /// No key in it could verify anything.
    #[error(
        "the key set has no public signing key of a supported kind: RSA from 2048 bits, P-256, \
         P-384, Ed25519"
    )]
    Empty,
}

impl KeySet {
    /// Reads a JWK Set, and keeps the keys that could verify a signature.
    ///
    /// Keys of unknown kinds are left out, as RFC 7517 §5 asks for; symmetric ones are too, since a published
    /// secret verifies nothing.
    ///
    /// # Errors
    /// Fails if the text is too long, is no key set, or has no key that could verify anything.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLong);
        }
        let UniqueValue(set) = serde_json::from_slice(bytes).map_err(|_| KeySetError::Malformed)?;
        Self::from_value(&set)
    }

    /// Keeps the keys of a JWK Set that is JSON already.
    ///
    /// # Errors
    /// Fails as [`KeySet::parse`] does.
    pub fn from_value(set: &Value) -> Result<Self, KeySetError> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::Malformed)?;
        let keys: Vec<Jwk> = keys
            .iter()
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .filter(|key| {
                is_for_signatures(key)
                    && SigningAlgorithm::ALL.iter().any(|a| is_strong_key_for_algorithm(key, *a))
            })
            .collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self { keys }) }
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns false: a set without keys is not made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Finds the key that a token says it was signed with.
    ///
    /// A token without `kid` is verified by the only key there is. Two keys of one id may differ in kind
    /// (RFC 7517 §4.5), so the one that fits the algorithm is meant.
    pub(crate) fn find(
        &self,
        id: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Result<DecodingKey, JwtError> {
        let candidates: Vec<_> = match (id, self.keys.as_slice()) {
            (None, [only]) => vec![only],
            (None, _) => return Err(JwtError::KeyIdMissing),
            (Some(_), [only]) if only.common.key_id.is_none() => vec![only],
            (Some(id), keys) => {
                keys.iter().filter(|key| key.common.key_id.as_deref() == Some(id)).collect()
            }
        };
        if candidates.is_empty() {
            return Err(JwtError::UnknownKey);
        }
        let mut fitting =
            candidates.into_iter().filter(|key| is_strong_key_for_algorithm(key, algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => DecodingKey::from_jwk(key).map_err(|_| JwtError::UnfitKey),
            _ => Err(JwtError::UnfitKey),
        }
    }
}

/// Returns whether a key says that it verifies signatures, or says nothing of its use (RFC 7517 §4.2, §4.3).
fn is_for_signatures(key: &Jwk) -> bool {
    let common = &key.common;
    let is_signature = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    is_signature && verifies
}

/// Returns whether a key is of the kind that an algorithm needs, and strong enough.
///
/// Without this look a token could choose how its issuer's key is read (RFC 8725 §2.1).
fn is_strong_key_for_algorithm(key: &Jwk, algorithm: SigningAlgorithm) -> bool {
    use SigningAlgorithm as Alg;
    let named = key.common.key_algorithm.map(|named| named.to_string());
    if named.is_some_and(|named| named != algorithm.as_str()) {
        return false;
    }
    match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(rsa),
            Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512,
        ) => is_strong_modulus(&rsa.n),
        (AlgorithmParameters::EllipticCurve(ec), Alg::Es256) => ec.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(ec), Alg::Es384) => ec.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(pair), Alg::EdDsa) => {
            pair.curve == EllipticCurve::Ed25519
        }
        _ => false,
    }
}

/// Returns whether an RSA modulus has 2048 bits at least (RFC 7518 §3.3) and no more than can be worked with.
fn is_strong_modulus(modulus: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(modulus) else { return false };
    let length = bytes.iter().skip_while(|byte| **byte == 0).count();
    (MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&length)
}

const MIN_RSA_BYTES: usize = 2048 / 8;
/// Verifying takes a time that grows with the square of this; nobody's CI signs with more.
const MAX_RSA_BYTES: usize = 8192 / 8;
