//! The certificates and keys of a control plane: a CA of its own, and what it has signed.

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
            create(directory).with_context(|| format!("could not fill {}", directory.display()))?;
        }
        Ok(Self(directory.to_owned()))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn read(&self, name: &str) -> Result<String> {
        let file = self.file(name);
        fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))
    }
}

pub const CA: &str = "ca.crt";
pub const SERVER: [&str; 2] = ["apiserver.crt", "apiserver.key"];
pub const ADMIN: [&str; 2] = ["admin.crt", "admin.key"];
pub const SERVICE_ACCOUNTS: [&str; 2] = ["sa.pub", "sa.key"];

/// The directory appears complete or not at all.
fn create(directory: &Path) -> Result<()> {
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
    let mut params = subject("kubelease development CA", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    write(CA, &params.self_signed(&key)?.pem())?;
    let ca = Issuer::new(params, key);

    let mut server = subject("kube-apiserver", None);
    server.subject_alt_names = vec![
        rcgen::SanType::IpAddress([127, 0, 0, 1].into()),
        rcgen::SanType::DnsName("localhost".try_into()?),
    ];
    // A member of this group is let through before RBAC is asked.
    let admin = subject("kubelease-admin", Some("system:masters"));
    for (mut params, usage, [certificate, private]) in [
        (server, ExtendedKeyUsagePurpose::ServerAuth, SERVER),
        (admin, ExtendedKeyUsagePurpose::ClientAuth, ADMIN),
    ] {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        write(certificate, &params.signed_by(&key, &ca)?.pem())?;
        write(private, &key.serialize_pem())?;
    }

    let [public, private] = SERVICE_ACCOUNTS;
    let key = KeyPair::generate()?;
    write(public, &key.public_key_pem())?;
    write(private, &key.serialize_pem())?;

    Ok(fs::rename(unfinished.keep(), directory)?)
}

fn subject(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}
