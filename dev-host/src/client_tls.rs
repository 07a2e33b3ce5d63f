//! The TLS identity and trust of outbound requests: `[[client_tls]]` in the runtime configuration.
//!
//! Trust is what all supported versions of Spin share: without a CA file, the roots built into the
//! program. Spin 4 adds the platform's, which 3.6 does not know; a component that needs them would not
//! run everywhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

/// A `[[client_tls]]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    component_ids: Vec<String>,
    hosts: Vec<String>,
    ca_use_webpki_roots: Option<bool>,
    ca_roots_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_private_key_file: Option<PathBuf>,
}

/// The settings of every component and host. Files are read once, at the start.
pub struct TlsConfigs {
    configured: HashMap<(String, String), Arc<ClientConfig>>,
    default: Arc<ClientConfig>,
}

impl TlsConfigs {
    /// Reads the files of all tables; relative paths start at `dir`, where the runtime configuration is.
    pub fn load_tables(tables: &[ClientTls], dir: &Path) -> anyhow::Result<Self> {
        let mut configured = HashMap::new();
        for table in tables {
            let config = table.load_config(dir).context("in [[client_tls]]")?;
            for component in &table.component_ids {
                for host in &table.hosts {
                    // The first table that names a pair wins.
                    configured
                        .entry((component.clone(), host.clone()))
                        .or_insert_with(|| config.clone());
                }
            }
        }
        Ok(Self { configured, default: client_config(built_in_roots(), None)? })
    }

    /// Returns the TLS settings by which `component` talks to `host`.
    pub fn get(&self, component: &str, host: &str) -> Arc<ClientConfig> {
        let key = (component.to_owned(), host.to_owned());
        self.configured.get(&key).unwrap_or(&self.default).clone()
    }
}

type TlsIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientTls {
    fn load_config(&self, dir: &Path) -> anyhow::Result<Arc<ClientConfig>> {
        ensure!(!self.component_ids.is_empty(), "`component_ids` must not be empty");
        ensure!(!self.hosts.is_empty(), "`hosts` must not be empty");
        for host in &self.hosts {
            let authority: http::uri::Authority =
                host.parse().with_context(|| format!("`{host}` is no host"))?;
            ensure!(authority.port().is_none(), "`{host}`: a host has no port here");
        }
        let mut roots = if self.ca_use_webpki_roots.unwrap_or(self.ca_roots_file.is_none()) {
            built_in_roots()
        } else {
            RootCertStore::empty()
        };
        if let Some(file) = &self.ca_roots_file {
            for root in read_certificates(&dir.join(file))? {
                roots.add(root).with_context(|| format!("in `{}`", file.display()))?;
            }
        }
        ensure!(!roots.is_empty(), "no server could be trusted: name a `ca_roots_file`");
        client_config(roots, self.load_identity(dir)?)
    }

    fn load_identity(&self, dir: &Path) -> anyhow::Result<Option<TlsIdentity>> {
        match (&self.client_cert_file, &self.client_private_key_file) {
            (None, None) => Ok(None),
            (Some(chain), Some(key)) => {
                let path = dir.join(key);
                let key = PrivateKeyDer::from_pem_file(&path)
                    .with_context(|| format!("could not read a key from `{}`", path.display()))?;
                Ok(Some((read_certificates(&dir.join(chain))?, key)))
            }
            _ => bail!("`client_cert_file` and `client_private_key_file` come together"),
        }
    }
}

fn read_certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("could not read certificates from `{}`", path.display()))
}

fn built_in_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn client_config(
    roots: RootCertStore,
    identity: Option<TlsIdentity>,
) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_cannot_work_is_refused() {
        for (table, complaint) in [
            ("component_ids = []\nhosts = ['a']", "`component_ids`"),
            ("component_ids = ['a']\nhosts = []", "`hosts`"),
            ("component_ids = ['a']\nhosts = ['a:443']", "no port"),
            ("component_ids = ['a']\nhosts = ['a']\nca_roots_file = 'missing'", "missing"),
            ("component_ids = ['a']\nhosts = ['a']\nclient_cert_file = 'c'", "come together"),
            ("component_ids = ['a']\nhosts = ['a']\nca_use_webpki_roots = false", "trusted"),
        ] {
            let table: ClientTls = toml::from_str(table).unwrap();
            let error = format!("{:#}", table.load_config(Path::new("/nowhere")).unwrap_err());
            assert!(error.contains(complaint), "{error}");
        }
        assert!(
            toml::from_str::<ClientTls>("component_ids = []\nhosts = []\nskip = true").is_err()
        );
    }

    #[test]
    fn the_first_table_for_a_component_and_host_wins() {
        let table = |host: &str| ClientTls {
            component_ids: vec!["api".into()],
            hosts: vec![host.into(), "both".into()],
            ..ClientTls::default()
        };
        let configs =
            TlsConfigs::load_tables(&[table("one"), table("two")], Path::new("/")).unwrap();
        assert!(Arc::ptr_eq(&configs.get("api", "both"), &configs.get("api", "one")));
        assert!(!Arc::ptr_eq(&configs.get("api", "both"), &configs.get("api", "two")));
        assert!(Arc::ptr_eq(&configs.get("other", "both"), &configs.default));
        assert!(Arc::ptr_eq(&configs.get("api", "else"), &configs.default));
    }
}
