//! Bearer tokens that admit.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A bearer token that admits, kept as its digest.
///
/// Comparing digests takes the same time for every text, whatever its length and where it differs.
pub(crate) struct InstallationTokenDigest([u8; 32]);

impl InstallationTokenDigest {
    /// The token `text`, if it is long enough not to be guessed and can be sent in a header.
    pub(crate) fn digest_if_strong(text: &str) -> Option<Self> {
        let good = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Self(Sha256::digest(text).into()))
    }

    /// Returns true if `shown` is this token.
    pub(crate) fn matches_shown(&self, shown: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(shown).into();
        self.0.ct_eq(&digest).into()
    }
}

impl fmt::Debug for InstallationTokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

/// As long as 128 bits are in hexadecimal, which is what cannot be guessed.
const MIN_TOKEN_BYTES: usize = 32;
