//! Why TLS failed, as far as a host tells.

use std::fmt;

/// Why no TLS connection could be agreed.
///
/// `wasi:http` has a code for a certificate of the server that the host does not accept, and one for an alert
/// that the server sent. Spin uses neither: it reports every failure as the same, and logs the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFailure {
    /// The host says no more than that it failed.
    Unexplained,
    /// The host does not accept the server's certificate.
    ServerCertificate,
    /// The server ended the handshake with an alert, of this number if the host tells it (RFC 8446 §6).
    Alert(Option<u8>),
}

impl TlsFailure {
    /// Returns true if the server has refused the client certificate of the host, or misses one.
    #[must_use]
    pub fn is_about_client_certificate(self) -> bool {
        matches!(self, Self::Alert(Some(alert)) if CLIENT_CERTIFICATE_ALERTS.iter().any(|(of, _)| *of == alert))
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexplained => f.write_str(
                "the host writes the reason only to its log, as `UnknownIssuer`, `NotValidForName` \
                 or `Expired`; Spin does so if it was started with `RUST_LOG=warn`",
            ),
            Self::ServerCertificate => f.write_str(
                "the host does not accept the server's certificate; its log says if the CA is \
                 unknown, the name differs, or the certificate has expired",
            ),
            Self::Alert(None) => f.write_str("the server ended the handshake with an alert"),
            Self::Alert(Some(alert)) => {
                let known = CLIENT_CERTIFICATE_ALERTS
                    .iter()
                    .chain(&OTHER_ALERTS)
                    .find(|(of, _)| of == alert);
                match known {
                    Some((_, what)) => write!(f, "{what} (alert {alert})"),
                    None => write!(f, "the server ended the handshake with alert {alert}"),
                }
            }
        }
    }
}

/// Alerts about the certificate that the client has shown, or has not.
const CLIENT_CERTIFICATE_ALERTS: [(u8, &str); 8] = [
    (42, "the server refuses the host's client certificate"),
    (43, "the server does not take client certificates of this kind"),
    (44, "the server says that the host's client certificate is revoked"),
    (45, "the server says that the host's client certificate has expired"),
    (46, "the server refuses the host's client certificate"),
    (48, "the server does not know the CA of the host's client certificate"),
    (49, "the server denies access to the holder of the host's client certificate"),
    (116, "the server requires a client certificate, and the host has sent none"),
];

/// Alerts about everything else that an operator can mend.
const OTHER_ALERTS: [(u8, &str); 5] = [
    (40, "the server and the host have no cipher in common"),
    (70, "the server and the host have no TLS version in common"),
    (71, "the server finds the host's TLS too weak"),
    (112, "the server has no certificate for this name"),
    (120, "the server and the host have no application protocol in common"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_says_who_refuses_what() {
        for (failure, is_client_certificate, words) in [
            (TlsFailure::Unexplained, false, "the host writes the reason only to its log"),
            (TlsFailure::ServerCertificate, false, "does not accept the server's certificate"),
            (TlsFailure::Alert(None), false, "the server ended the handshake with an alert"),
            (TlsFailure::Alert(Some(42)), true, "refuses the host's client certificate (alert 42)"),
            (TlsFailure::Alert(Some(45)), true, "has expired"),
            (TlsFailure::Alert(Some(48)), true, "does not know the CA"),
            (TlsFailure::Alert(Some(116)), true, "has sent none"),
            (TlsFailure::Alert(Some(70)), false, "no TLS version in common"),
            (TlsFailure::Alert(Some(112)), false, "no certificate for this name"),
            (TlsFailure::Alert(Some(80)), false, "the server ended the handshake with alert 80"),
        ] {
            assert_eq!(failure.is_about_client_certificate(), is_client_certificate, "{failure:?}");
            assert!(failure.to_string().contains(words), "{failure:?}: {failure}");
        }
    }
}
