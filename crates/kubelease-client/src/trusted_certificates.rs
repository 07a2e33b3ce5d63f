//! The certificates that are trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// A file of certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("could not read the CA file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file without a certificate.
    #[error("the CA file {} has no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
}

/// Trusts the authorities in `ca_file` alone if there is one, or else those of this machine.
///
/// The latter are found as OpenSSL does, also by `SSL_CERT_FILE` and `SSL_CERT_DIR`. A machine without any, such
/// as a minimal container, has Mozilla's list.
pub(crate) fn tls_config(ca_file: Option<&Path>) -> Result<TlsConfig, TlsError> {
    let certificates = match ca_file {
        Some(file) => read_certificates(file)?,
        None => system_certificates(),
    };
    let roots = if certificates.is_empty() {
        RootCerts::WebPki
    } else {
        RootCerts::Specific(Arc::new(certificates))
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn read_certificates(file: &Path) -> Result<Vec<Certificate<'static>>, TlsError> {
    let pem =
        fs::read(file).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(file.to_owned()));
    }
    Ok(certificates)
}

/// A certificate that cannot be read is passed over, as other programs do.
fn system_certificates() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}
