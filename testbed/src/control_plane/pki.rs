//! The certificates and keys of a control plane: a CA of its own, and what it has signed.
//!
//! The CA's key is kept beside the rest: a test signs certificates for callers of its own invention.

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Files in PEM, named as Kubernetes' own tools name them.
pub struct Pki(PathBuf);

impl Pki {
    /// Uses the files in `directory`, which is made with new ones when it is not there.
    pub fn load_or_create(directory: &Path) -> Result<Self> {
        if !directory.is_dir() {
            create_pki(directory)
                .with_context(|| format!("could not fill {}", directory.display()))?;
        }
        Ok(Self(directory.to_owned()))
    }

    pub fn file_path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn read_file(&self, name: &str) -> Result<String> {
        let file = self.file_path(name);
        fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))
    }

    /// Signs a certificate for a client of this name, a member of `group`.
    pub fn sign_client(&self, name: &str, group: Option<&str>) -> Result<ClientCertificate> {
        let key =
            self.read_file(CA_KEY_FILE).context("a CA made by an earlier version cannot sign")?;
        let ca = Issuer::new(ca_params(), KeyPair::from_pem(&key)?);
        sign_client_certificate(name, group, &ca)
    }
}

/// A certificate for a client and its private key, both in PEM.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate alone; the CA is that of the control plane.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(redacted)")
    }
}

pub const CA_CERTIFICATE_FILE: &str = "ca.crt";
const CA_KEY_FILE: &str = "ca.key";
pub const SERVER_FILES: [&str; 2] = ["apiserver.crt", "apiserver.key"];
pub const ADMIN_FILES: [&str; 2] = ["admin.crt", "admin.key"];
pub const SERVICE_ACCOUNT_KEY_FILES: [&str; 2] = ["sa.pub", "sa.key"];

/// The directory appears complete or not at all.
fn create_pki(directory: &Path) -> Result<()> {
    let parent = directory.parent().context("no parent directory")?;
    fs::create_dir_all(parent)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".pki-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    let write = |name: &str, text: &str| -> Result<()> {
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(unfinished.path().join(name))?;
        Ok(file.write_all(text.as_bytes())?)
    };

    let key = KeyPair::generate()?;
    write(CA_CERTIFICATE_FILE, &ca_params().self_signed(&key)?.pem())?;
    write(CA_KEY_FILE, &key.serialize_pem())?;
    let ca = Issuer::new(ca_params(), key);

    let mut server = subject_params("kube-apiserver", None);
    server.subject_alt_names = vec![
        rcgen::SanType::IpAddress([127, 0, 0, 1].into()),
        rcgen::SanType::DnsName("localhost".try_into()?),
    ];
    let server = sign_certificate(server, ExtendedKeyUsagePurpose::ServerAuth, &ca)?;
    // A member of this group is let through before RBAC is asked.
    let admin = sign_client_certificate("kubelease-admin", Some("system:masters"), &ca)?;
    for ([certificate, private], signed) in [(SERVER_FILES, server), (ADMIN_FILES, admin)] {
        write(certificate, &signed.certificate)?;
        write(private, &signed.key)?;
    }

    let [public, private] = SERVICE_ACCOUNT_KEY_FILES;
    let key = KeyPair::generate()?;
    write(public, &key.public_key_pem())?;
    write(private, &key.serialize_pem())?;

    Ok(fs::rename(unfinished.keep(), directory)?)
}

/// Returns the CA's parameters; with its key, enough to sign in its name.
fn ca_params() -> CertificateParams {
    let mut params = subject_params("kubelease development CA", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// Kubernetes takes the common name for the user, the organization for a group.
fn sign_client_certificate(
    name: &str,
    group: Option<&str>,
    ca: &Issuer<'_, KeyPair>,
) -> Result<ClientCertificate> {
    sign_certificate(subject_params(name, group), ExtendedKeyUsagePurpose::ClientAuth, ca)
}

fn sign_certificate(
    mut params: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    ca: &Issuer<'_, KeyPair>,
) -> Result<ClientCertificate> {
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?.pem();
    Ok(ClientCertificate { certificate, key: key.serialize_pem() })
}

fn subject_params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}
