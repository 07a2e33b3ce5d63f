//! The MACs of audit records.

use hmac::Mac as _;

use crate::Keyring;
use crate::hex::{decode_hex, encode_hex};
use crate::sealing::encode_parts;
use crate::signing::hmac_sha256;

/// The kind of record that a MAC of the audit log is of, so that none is good for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditRecordKind {
    /// An event.
    Event,
    /// A mark that a number has no event, since whoever took it had stopped.
    Void,
    /// A mark that each number of a log up to one has an event, or is void.
    Settled,
    /// A mark that the events of a log up to one may be gone, their retention having passed.
    Forgotten,
}

impl AuditRecordKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Void => "void",
            Self::Settled => "settled",
            Self::Forgotten => "forgotten",
        }
    }
}

impl Keyring {
    /// Returns the MAC of a record: over its kind, its place, and its content byte by byte.
    ///
    /// `place` says where it is kept, so that a copy of it anywhere else does not verify.
    #[must_use]
    pub fn sign_audit(&self, kind: AuditRecordKind, place: &str, content: &str) -> String {
        let key = self.current_key();
        let code = hmac_sha256(key.audit_key(), &mac_message(kind, place, content))
            .finalize()
            .into_bytes();
        format!("{AUDIT_MAC_VERSION}.{}.{}", key.id(), encode_hex(&code))
    }

    /// Returns true if `mac_text` was made by [`sign_audit`](Self::sign_audit) for just that, under the current master key
    /// or a previous one.
    #[must_use]
    pub fn verifies_audit(
        &self,
        kind: AuditRecordKind,
        place: &str,
        content: &str,
        mac_text: &str,
    ) -> bool {
        let mut parts = mac_text.split('.');
        let (Some(AUDIT_MAC_VERSION), Some(id), Some(code), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let Some(code) = decode_hex(code) else { return false };
        let message = mac_message(kind, place, content);
        let mut keys = self.all_keys().filter(|key| key.id() == id);
        // Compares in constant time.
        keys.any(|key| hmac_sha256(key.audit_key(), &message).verify_slice(&code).is_ok())
    }
}

fn mac_message(kind: AuditRecordKind, place: &str, content: &str) -> Vec<u8> {
    encode_parts(&["kubelease audit v1", kind.as_str(), place, content])
}

/// The version of a MAC's text form.
const AUDIT_MAC_VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    fn ring(current: &str, previous: &[&str]) -> Keyring {
        let key = |letter: &str| {
            let text = format!("{}=", letter.repeat(43));
            MasterKey::from_base64(&text).expect("a key")
        };
        let previous: Vec<_> = previous.iter().map(|letter| key(letter)).collect();
        Keyring::new(&key(current), &previous)
    }

    #[test]
    fn only_the_same_record_in_the_same_place_verifies() {
        let event = AuditRecordKind::Event;
        let mac = ring("A", &[]).sign_audit(event, "3.17.end", "{}");
        for (keys, kind, place, content, verifies) in [
            (ring("A", &[]), event, "3.17.end", "{}", true),
            (ring("I", &["A"]), event, "3.17.end", "{}", true),
            (ring("I", &[]), event, "3.17.end", "{}", false),
            (ring("A", &[]), AuditRecordKind::Void, "3.17.end", "{}", false),
            (ring("A", &[]), event, "3.18.end", "{}", false),
            (ring("A", &[]), event, "31.7.end", "{}", false),
            (ring("A", &[]), event, "3.17.issue", "{}", false),
            (ring("A", &[]), event, "3.17.end", "{ }", false),
            (ring("A", &[]), event, "3.17.end{", "}", false),
        ] {
            let got = keys.verifies_audit(kind, place, content, &mac);
            assert_eq!(got, verifies, "{kind:?} {place} {content}");
        }
        let (begin, code) = mac.rsplit_once('.').expect("three parts");
        for text in [
            "",
            "1",
            &mac[2..],
            &format!("2{}", &mac[1..]),
            &format!("{mac}.x"),
            &format!("{begin}.{}", &code[2..]),
            &format!("{begin}.{}", code.to_uppercase()),
        ] {
            let got = ring("A", &[]).verifies_audit(event, "3.17.end", "{}", text);
            assert!(!got, "{text:?}");
        }
    }

    /// Events that an earlier version has signed must verify, so this never changes.
    #[test]
    fn macs_are_the_same_in_every_version() {
        let mac = ring("A", &[]).sign_audit(AuditRecordKind::Event, "audit.1", "{}");
        let pinned =
            "1.19ac40bb43b13cd7.1ac8d5a4ace95c93ba6ab76a9671a3fed7774a518ea870777410ab9dea5fa63c";
        assert_eq!(mac, pinned);
    }
}
