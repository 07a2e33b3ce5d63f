//! The CA certificates of an API server, as kubeconfigs carry them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// Certificates in PEM (RFC 7468), which clients of a target trust to vouch for its API server.
///
/// kubelease shows them and trusts nobody by them: TLS is the host's. What stands around the certificates is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaCertificate(String);

/// The reason why a text cannot be the CA of a kubeconfig. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaCertificateError {
    /// No certificate is in it.
    #[error(
        "a CA is one or more certificates in PEM: `-----BEGIN CERTIFICATE-----`, base64, `-----END CERTIFICATE-----`"
    )]
    Missing,
    /// Something else is in it, such as a private key.
    #[error(
        "a CA contains only certificates: no private key, and only base64 between `-----BEGIN \
         …-----` and its end"
    )]
    OtherBlock,
    /// A block is not closed, or is no base64 of a certificate.
    #[error(
        "certificate {0} is malformed: it must be base64 of DER, closed by `-----END \
         CERTIFICATE-----`"
    )]
    Broken(usize),
    /// More than is kept.
    #[error("a CA has at most {MAX_CA_BYTES} bytes")]
    TooLong,
}

/// The longest CA that is kept: about ten certificates.
pub const MAX_CA_BYTES: usize = 16 * 1024;

impl CaCertificate {
    /// Returns the certificates in PEM.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the PEM in base64, as `certificate-authority-data` of a kubeconfig has it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.0)
    }
}

impl TryFrom<String> for CaCertificate {
    type Error = CaCertificateError;

    fn try_from(text: String) -> Result<Self, CaCertificateError> {
        if text.len() > MAX_CA_BYTES {
            return Err(CaCertificateError::TooLong);
        }
        let (mut pem, mut count, mut lines) = (String::new(), 0, text.lines().map(str::trim));
        while let Some(line) = lines.next() {
            if !line.starts_with("-----BEGIN ") {
                continue;
            }
            if line != PEM_BEGIN_LINE {
                return Err(CaCertificateError::OtherBlock);
            }
            count += 1;
            let broken = CaCertificateError::Broken(count);
            let mut base64 = String::new();
            loop {
                match lines.next() {
                    Some(PEM_END_LINE) => break,
                    Some(line) if !line.starts_with("-----") => base64.push_str(line),
                    _ => return Err(broken),
                }
            }
            let der = BASE64_STANDARD.decode(&base64).map_err(|_| broken.clone())?;
            // A certificate is a DER SEQUENCE (RFC 5280 §4.1), which is longer than 127 bytes.
            if !matches!(der.as_slice(), [0x30, 0x81..=0x84, ..]) {
                return Err(broken);
            }
            pem.push_str(PEM_BEGIN_LINE);
            pem.push('\n');
            for line in BASE64_STANDARD.encode(der).as_bytes().chunks(PEM_LINE) {
                pem.extend(line.iter().copied().map(char::from));
                pem.push('\n');
            }
            pem.push_str(PEM_END_LINE);
            pem.push('\n');
        }
        if count == 0 { Err(CaCertificateError::Missing) } else { Ok(Self(pem)) }
    }
}

impl From<CaCertificate> for String {
    fn from(ca: CaCertificate) -> Self {
        ca.0
    }
}

const PEM_BEGIN_LINE: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END_LINE: &str = "-----END CERTIFICATE-----";

/// The characters of a line (RFC 7468 §2).
const PEM_LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, der: &[u8]) -> String {
        let base64 = BASE64_STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    fn certificate(byte: u8) -> String {
        block("CERTIFICATE", &[&[0x30, 0x82, 0x01, 0x00][..], &[byte; 256]].concat())
    }

    #[test]
    fn a_ca_is_certificates_and_nothing_else() {
        let (one, two) = (certificate(1), certificate(2));
        let key = block("PRIVATE KEY", &[0x30, 0x82]);
        let unclosed = one.replace(PEM_END_LINE, "");
        let crlf = one.replace('\n', "\r\n");
        let large = one.repeat(MAX_CA_BYTES / one.len() + 1);
        for (text, expected) in [
            (one.clone(), Ok(1)),
            (format!("# Issuer: CN=kubernetes\n{one}\n{two}"), Ok(2)),
            (crlf, Ok(1)),
            (one.trim_end().to_owned(), Ok(1)),
            (String::new(), Err(CaCertificateError::Missing)),
            ("kubernetes".to_owned(), Err(CaCertificateError::Missing)),
            (format!("{one}{key}"), Err(CaCertificateError::OtherBlock)),
            (key, Err(CaCertificateError::OtherBlock)),
            (block("CERTIFICATE REQUEST", &[0x30, 0x82]), Err(CaCertificateError::OtherBlock)),
            (format!("{one}{unclosed}"), Err(CaCertificateError::Broken(2))),
            (format!("{unclosed}{one}"), Err(CaCertificateError::Broken(1))),
            (block("CERTIFICATE", b"hello"), Err(CaCertificateError::Broken(1))),
            (one.replace("MII", "M*I"), Err(CaCertificateError::Broken(1))),
            (large, Err(CaCertificateError::TooLong)),
        ] {
            let read = CaCertificate::try_from(text.clone());
            let count = read.as_ref().map(|ca| ca.as_str().matches(PEM_BEGIN_LINE).count());
            assert_eq!(count.map_err(Clone::clone), expected, "{text}");
            if let Ok(ca) = read {
                // What is kept is read as itself.
                assert_eq!(CaCertificate::try_from(ca.as_str().to_owned()), Ok(ca));
            }
        }
    }
}
