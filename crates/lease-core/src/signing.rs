//! Names and MACs that are derived from the master keys.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::DynamicSecretName;
use crate::hex::{decode_hex, encode_hex};
use crate::sealing::{DerivedKeys, Keyring, encode_parts};

impl Keyring {
    /// Returns the name of the installation. It is derived from the master key, and reveals nothing of it.
    #[must_use]
    pub fn installation_name(&self) -> String {
        self.current_key().installation_name()
    }

    /// The same of every key that is configured: what an earlier one has signed is still ours.
    #[must_use]
    pub fn installation_names(&self) -> Vec<String> {
        self.all_keys().map(DerivedKeys::installation_name).collect()
    }

    /// Returns the name of one request of one caller for one dynamic secret, as an
    /// `Idempotency-Key` gives it.
    ///
    /// The name is a MAC, because keys may be guessable, and the name is shown in the cluster.
    #[must_use]
    pub fn request_name(&self, caller: &str, secret: &DynamicSecretName, key: &str) -> String {
        name_request(self.current_key(), &request_context(caller, secret, key))
    }

    /// The same under each key, the current first: a request is known again after the key has changed.
    #[must_use]
    pub fn request_names(
        &self,
        caller: &str,
        secret: &DynamicSecretName,
        key: &str,
    ) -> Vec<String> {
        let context = request_context(caller, secret, key);
        self.all_keys().map(|sealing_key| name_request(sealing_key, &context)).collect()
    }

    /// Returns true if `mac` was made with the current master key; otherwise it is time to sign again.
    #[must_use]
    pub fn names_current_key(&self, mac: &str) -> bool {
        mac.starts_with(&format!("1.{}.", self.current_key().id()))
    }

    pub(crate) fn sign_message(&self, message: &[u8]) -> String {
        let key = self.current_key();
        let code = hmac_sha256(key.mac_key(), message).finalize().into_bytes();
        format!("1.{}.{}", key.id(), encode_hex(&code))
    }

    pub(crate) fn verifies_mac(&self, message: &[u8], text: &str) -> bool {
        let mut parts = text.split('.');
        let (Some("1"), Some(id), Some(code), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let Some(code) = decode_hex(code) else { return false };
        let mut keys = self.all_keys().filter(|key| key.id() == id);
        // Compares in constant time.
        keys.any(|key| hmac_sha256(key.mac_key(), message).verify_slice(&code).is_ok())
    }
}

fn request_context(caller: &str, secret: &DynamicSecretName, key: &str) -> Vec<u8> {
    encode_parts(&["kubelease request v1", caller, secret.as_str(), key])
}

fn name_request(sealing_key: &DerivedKeys, context: &[u8]) -> String {
    let code = hmac_sha256(sealing_key.mac_key(), context).finalize().into_bytes();
    encode_hex(&code[..16])
}

pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac
}
