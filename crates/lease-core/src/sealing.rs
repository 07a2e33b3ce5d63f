//! How what is secret is kept: sealed under a key derived from the installation's master key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use jwt_auth::AccessTokenKeys;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The bytes of randomness that [`Keyring::seal_secret`] takes; with this many, random nonces never meet.
pub const NONCE_BYTES: usize = 24;

/// The installation's root key: 32 bytes, written in base64. What is used is derived from it.
pub struct MasterKey(Zeroizing<[u8; MASTER_KEY_BYTES]>);

/// The keys of an installation: one that seals, and those that still open what they sealed.
#[derive(Debug)]
pub struct Keyring {
    current: DerivedKeys,
    previous: Vec<DerivedKeys>,
}

/// Something sealed: it can be stored, and says nothing but which key opens it.
///
/// Written `1.<key id>.<base64 of nonce and ciphertext>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealedSecret {
    key: KeyId,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

/// Why a text is not a master key. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a master key is {MASTER_KEY_BYTES} bytes written in base64 (`openssl rand -base64 32` makes one)"
)]
pub struct KeyError;

/// Why something sealed does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed under a master key that is neither the current nor a previous one.
    #[error("the value was sealed under a master key that is not configured any more")]
    UnknownKey,
    /// The key fits, but the text or its context is not what was sealed.
    #[error("the value was changed, or was sealed for another context")]
    Forged,
    /// Not written as [`SealedSecret`] is.
    #[error("the value does not have the format of a sealed value")]
    Malformed,
}

impl MasterKey {
    /// Reads a key from base64.
    ///
    /// # Errors
    /// Fails unless it is exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(BASE64.decode(text.trim()).map_err(|_| KeyError)?);
        bytes.as_slice().try_into().map(|key| Self(Zeroizing::new(key))).map_err(|_| KeyError)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

impl Keyring {
    /// Seals with `current`; opens with it and with each of `previous`.
    #[must_use]
    pub fn new(current: &MasterKey, previous: &[MasterKey]) -> Self {
        Self {
            current: DerivedKeys::from_master(current),
            previous: previous.iter().map(DerivedKeys::from_master).collect(),
        }
    }

    /// Seals `secret` for `context`, the parts that say what it belongs to. A `nonce` is used once.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it does not panic: see below")]
    pub fn seal_secret(
        &self,
        secret: &[u8],
        context: &[&str],
        nonce: [u8; NONCE_BYTES],
    ) -> SealedSecret {
        let payload = Payload { msg: secret, aad: &encode_parts(context) };
        // Unwrap safety: encryption into a `Vec` fails only past 256 GiB, the cipher's own limit.
        let ciphertext = self.current.new_cipher().encrypt(&XNonce::from(nonce), payload).unwrap();
        SealedSecret { key: self.current.id, nonce, ciphertext }
    }

    /// Returns true if `sealed` is under the current key; otherwise it is time to seal it again.
    #[must_use]
    pub fn is_sealed_currently(&self, sealed: &SealedSecret) -> bool {
        sealed.key == self.current.id
    }

    /// Opens what was sealed for the same `context`.
    ///
    /// # Errors
    /// Fails if no configured key sealed it, or where text or context differ from what was sealed.
    pub fn open_sealed(
        &self,
        sealed: &SealedSecret,
        context: &[&str],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = self.all_keys().find(|key| key.id == sealed.key).ok_or(OpenError::UnknownKey)?;
        let payload = Payload { msg: &sealed.ciphertext, aad: &encode_parts(context) };
        key.new_cipher()
            .decrypt(&XNonce::from(sealed.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Forged)
    }

    /// Returns true if there are earlier keys, and so perhaps texts that they sealed or signed.
    #[must_use]
    pub fn has_previous(&self) -> bool {
        !self.previous.is_empty()
    }

    /// Returns the id of the current master key. The id reveals nothing of the key.
    #[must_use]
    pub fn current_id(&self) -> String {
        self.current.id()
    }

    /// The keys by which access tokens are signed (the first) and known (all of them).
    #[must_use]
    pub fn access_token_keys(&self) -> AccessTokenKeys {
        let keys = self.all_keys().map(|key| (key.id(), key.access_token.clone()));
        AccessTokenKeys::new(ACCESS_TOKEN_ISSUER.to_owned(), keys.collect())
    }

    pub(crate) fn current_key(&self) -> &DerivedKeys {
        &self.current
    }

    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &DerivedKeys> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl TryFrom<String> for SealedSecret {
    type Error = OpenError;

    fn try_from(text: String) -> Result<Self, OpenError> {
        let mut parts = text.split('.');
        let (Some(SEALED_TEXT_VERSION), Some(key), Some(body), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(OpenError::Malformed);
        };
        let key = u64::from_str_radix(key, 16).map_err(|_| OpenError::Malformed)?;
        let body = BASE64.decode(body).map_err(|_| OpenError::Malformed)?;
        let (nonce, ciphertext) = body.split_first_chunk().ok_or(OpenError::Malformed)?;
        Ok(Self { key: KeyId(key), nonce: *nonce, ciphertext: ciphertext.to_vec() })
    }
}

impl From<SealedSecret> for String {
    fn from(sealed: SealedSecret) -> Self {
        let body = BASE64.encode([sealed.nonce.as_slice(), &sealed.ciphertext].concat());
        format!("{SEALED_TEXT_VERSION}.{:016x}.{body}", sealed.key.0)
    }
}

/// The id of the key that sealed something; derived from the key, and reveals nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyId(u64);

/// The keys that are derived from one master key: one for each use, so that no use weakens another.
pub(crate) struct DerivedKeys {
    id: KeyId,
    key: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 32]>,
    access_token: Zeroizing<[u8; 32]>,
    audit: Zeroizing<[u8; 32]>,
    installation: [u8; 8],
}

impl DerivedKeys {
    fn from_master(master: &MasterKey) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, master.0.as_ref());
        let mut key = Zeroizing::new([0; 32]);
        let mut mac = Zeroizing::new([0; 32]);
        let mut access_token = Zeroizing::new([0; 32]);
        let mut audit = Zeroizing::new([0; 32]);
        let (mut id, mut installation) = ([0; 8], [0; 8]);
        // Unwrap safety: HKDF fails only past 255 blocks of output.
        hkdf.expand(b"kubelease seal v1", key.as_mut()).unwrap();
        hkdf.expand(b"kubelease mac v1", mac.as_mut()).unwrap();
        hkdf.expand(b"kubelease access token v1", access_token.as_mut()).unwrap();
        hkdf.expand(b"kubelease audit v1", audit.as_mut()).unwrap();
        hkdf.expand(b"kubelease seal key id v1", &mut id).unwrap();
        hkdf.expand(b"kubelease installation v1", &mut installation).unwrap();
        Self { id: KeyId(u64::from_be_bytes(id)), key, mac, access_token, audit, installation }
    }

    pub(crate) fn id(&self) -> String {
        format!("{:016x}", self.id.0)
    }

    pub(crate) fn mac_key(&self) -> &[u8; 32] {
        &self.mac
    }

    pub(crate) fn audit_key(&self) -> &[u8; 32] {
        &self.audit
    }

    pub(crate) fn installation_name(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.installation))
    }

    fn new_cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:016x}, redacted)", self.id.0)
    }
}

/// Each part with its length before it, so that no two lists of parts are the same bytes.
pub(crate) fn encode_parts(context: &[&str]) -> Vec<u8> {
    context.iter().fold(Vec::new(), |mut bytes, part| {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
        bytes
    })
}

/// The issuer of access tokens. Which installation it is the key tells: another one has another.
const ACCESS_TOKEN_ISSUER: &str = "kubelease";

const MASTER_KEY_BYTES: usize = 32;

/// The version of [`SealedSecret`]'s text form.
const SEALED_TEXT_VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey(Zeroizing::new([byte; MASTER_KEY_BYTES]))
    }

    fn ring(current: u8, previous: &[u8]) -> Keyring {
        let previous: Vec<_> = previous.iter().map(|&byte| master(byte)).collect();
        Keyring::new(&master(current), &previous)
    }

    #[test]
    fn only_the_same_key_and_context_open_what_was_sealed() {
        let sealed = ring(1, &[]).seal_secret(b"hunter2", &["prod", "https://a"], [7; NONCE_BYTES]);
        for (keys, context, opened) in [
            (ring(1, &[]), ["prod", "https://a"], Ok(b"hunter2".as_slice())),
            (ring(2, &[1]), ["prod", "https://a"], Ok(b"hunter2".as_slice())),
            (ring(2, &[]), ["prod", "https://a"], Err(OpenError::UnknownKey)),
            (ring(1, &[]), ["prod", "https://b"], Err(OpenError::Forged)),
            (ring(1, &[]), ["prodh", "ttps://a"], Err(OpenError::Forged)),
        ] {
            let got = keys.open_sealed(&sealed, &context);
            assert_eq!(got.as_ref().map(|v| v.as_slice()), opened.as_ref().copied(), "{context:?}");
        }
    }

    #[test]
    fn a_changed_bit_does_not_open() {
        let keys = ring(1, &[]);
        let sealed = keys.seal_secret(b"hunter2", &["prod"], [7; NONCE_BYTES]);
        for index in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[index] ^= 1;
            assert_eq!(
                keys.open_sealed(&changed, &["prod"]),
                Err(OpenError::Forged),
                "byte {index}"
            );
        }
    }

    /// Texts that an earlier version has sealed must open, so these bytes never change. They were
    /// written with `chacha20poly1305` 0.10, `hkdf` 0.12 and `sha2` 0.10.
    #[test]
    fn sealed_bytes_are_the_same_in_every_version() {
        let keys = ring(1, &[]);
        let sealed = keys.seal_secret(b"hunter2", &["prod", "https://a"], [7; NONCE_BYTES]);
        assert_eq!(
            String::from(sealed),
            "1.10e03125bb6d4b94.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHr2QY2HBvNSIvDY6e0UXf5Z4HkT1hHsM="
        );
        assert_eq!(keys.current_key().installation_name(), "09aa316880b85865");
    }

    #[test]
    fn sealed_text_is_read_as_it_was_written() {
        let sealed = ring(1, &[]).seal_secret(b"hunter2", &["prod"], [7; NONCE_BYTES]);
        let text = String::from(sealed.clone());
        assert!(!text.contains("hunter2"));
        assert_eq!(SealedSecret::try_from(text), Ok(sealed));
        for text in ["", "1", "2.0.AAAA", "1.x.AAAA", "1.0.AAAA", "1.0.?", "1.0.AAAA.x"] {
            assert_eq!(
                SealedSecret::try_from(text.to_owned()),
                Err(OpenError::Malformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_master_key_is_32_bytes_and_is_never_printed() {
        let text = BASE64.encode([b'k'; 32]);
        let key =
            MasterKey::from_base64(&format!("{text}\n")).expect("a trailing newline is no matter");
        assert_eq!(format!("{key:?}"), "MasterKey(redacted)");
        assert!(!format!("{:?}", Keyring::new(&key, &[])).contains("107"), "107 is `k`");
        for text in ["", "a2V5", &BASE64.encode([0; 31]), &BASE64.encode([0; 33]), "not base64!"] {
            assert_eq!(MasterKey::from_base64(text).err(), Some(KeyError), "{text:?}");
        }
    }
}
