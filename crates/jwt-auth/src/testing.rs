//! An issuer for tests, with keys that protect nothing.

mod hostile;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub use self::hostile::hostile_tokens;

/// A key of the test issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKey {
    /// RSA, 2048 bits.
    Rsa,
    /// Another one of that kind.
    OtherRsa,
    /// RSA, 1024 bits: too weak to be believed.
    WeakRsa,
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

impl TestKey {
    /// Returns the algorithm that it is usually used with.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Rsa | Self::OtherRsa | Self::WeakRsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// Returns the public key as a JWK of this id.
    ///
    /// # Panics
    /// Does not: the keys are good.
    #[must_use]
    pub fn jwk(self, id: &str) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private(), self.algorithm()).expect("a key");
        jwk.common.key_id = Some(id.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(jwk).expect("serialises")
    }

    /// Signs a token whose header and claims are as given, whatever they say.
    ///
    /// # Panics
    /// Panics if the key cannot be used with this algorithm.
    #[must_use]
    pub fn sign(self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        sign(&self.private(), algorithm, &header.to_string(), &claims.to_string())
    }

    /// Signs a token as the issuer does: a plain header with this key id.
    #[must_use]
    pub fn issue(self, id: &str, claims: &Value) -> String {
        let algorithm = self.algorithm();
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": id});
        self.sign(algorithm, &header, claims)
    }

    /// Signs header and claims that need not be JSON.
    #[must_use]
    pub fn sign_text(self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        sign(&self.private(), algorithm, header, claims)
    }

    fn private(self) -> EncodingKey {
        match self {
            Self::Rsa => EncodingKey::from_rsa_der(include_bytes!("testing/rsa.der")),
            Self::OtherRsa => EncodingKey::from_rsa_der(include_bytes!("testing/other-rsa.der")),
            Self::WeakRsa => EncodingKey::from_rsa_der(include_bytes!("testing/weak-rsa.der")),
            Self::P256 => EncodingKey::from_ec_der(include_bytes!("testing/p256.der")),
            Self::P384 => EncodingKey::from_ec_der(include_bytes!("testing/p384.der")),
            Self::Ed25519 => EncodingKey::from_ed_der(include_bytes!("testing/ed25519.der")),
        }
    }
}

/// Signs with any key, as for a symmetric one made of what is public.
///
/// # Panics
/// Panics if the key cannot be used with this algorithm.
#[must_use]
pub fn sign(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("signs");
    format!("{message}.{signature}")
}

/// Encodes a part of a token.
#[must_use]
pub fn encode(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}
