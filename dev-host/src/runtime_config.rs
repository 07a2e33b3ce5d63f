//! The runtime configuration file: what the operator decides, not the application.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ip_network::IpNetwork;
use serde::Deserialize;

use crate::client_tls::ClientTls;
use crate::variables::Provider;

/// The file, read. What Spin knows and this host does not is refused, as is what neither knows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// The directory of the default store and the logs; a flag outranks it, and empty means
    /// nowhere.
    pub state_dir: Option<PathBuf>,
    /// The directory of the components' output; a flag outranks it, and empty means nowhere.
    pub log_dir: Option<PathBuf>,
    /// The most linear memory one instance may have, in bytes; a flag outranks it.
    pub max_instance_memory: Option<usize>,
    /// Sources of variables, in order of precedence.
    #[serde(default, alias = "config_provider")]
    variables_provider: Vec<ProviderConfig>,
    /// Stores by label.
    #[serde(default)]
    pub key_value_store: HashMap<String, StoreConfig>,
    /// Limits of outbound requests.
    #[serde(default)]
    pub outbound_http: OutboundHttp,
    /// The networks to which no request may go.
    #[serde(default)]
    pub outbound_networking: OutboundNetworking,
    /// Trust and identity of outbound requests.
    #[serde(default)]
    pub client_tls: Vec<ClientTls>,
}

impl RuntimeConfig {
    /// Reads the file.
    pub fn read_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read runtime config `{}`", path.display()))?;
        toml::from_str(&text).with_context(|| {
            format!("runtime config `{}` has what dev-host does not know", path.display())
        })
    }

    /// The sources of variables in the file.
    pub fn variable_providers(&self) -> anyhow::Result<Vec<Provider>> {
        self.variables_provider.iter().map(ProviderConfig::to_provider).collect()
    }
}

/// A `[key_value_store.<label>]` table.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreConfig {
    /// SQLite: in a file, or in memory without a path.
    Spin {
        /// The file; relative to the runtime configuration.
        path: Option<PathBuf>,
    },
    /// A Redis database.
    Redis {
        /// `redis://[:password@]host:port[/database]`.
        url: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ProviderConfig {
    Static { values: HashMap<String, String> },
    Env(EnvConfig),
    Vault {},
    AzureKeyVault {},
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvConfig {
    prefix: Option<String>,
    dotenv_path: Option<PathBuf>,
}

impl ProviderConfig {
    fn to_provider(&self) -> anyhow::Result<Provider> {
        match self {
            Self::Static { values } => Ok(Provider::Static(values.clone())),
            Self::Env(EnvConfig { prefix, dotenv_path }) => {
                Ok(Provider::from_environment(prefix.clone(), dotenv_path.clone()))
            }
            Self::Vault {} => bail!("dev-host has no variables provider of type `vault`"),
            Self::AzureKeyVault {} => {
                bail!("dev-host has no variables provider of type `azure_key_vault`")
            }
        }
    }
}

/// The `[outbound_http]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundHttp {
    /// True if connections are kept. With the table present and this absent, they are not: in Spin
    /// the default of the field is not the default of the table.
    #[serde(default)]
    pub connection_pooling: bool,
    /// The greatest number of connections at once, less one.
    pub max_concurrent_requests: Option<usize>,
}

impl Default for OutboundHttp {
    fn default() -> Self {
        Self { connection_pooling: true, max_concurrent_requests: None }
    }
}

/// The `[outbound_networking]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundNetworking {
    /// Networks in CIDR notation, or `private`; checked against what a name resolves to.
    #[serde(default)]
    pub block_networks: Vec<BlockedNetwork>,
}

/// An entry of `block_networks`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub enum BlockedNetwork {
    /// Everything that is not routed globally.
    Private,
    /// A network.
    Network(IpNetwork),
}

impl TryFrom<String> for BlockedNetwork {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "private" {
            return Ok(Self::Private);
        }
        IpNetwork::from_str_truncate(&text)
            .map(Self::Network)
            .map_err(|_| format!("`{text}` is neither a network in CIDR notation nor `private`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naming_the_outbound_table_turns_pooling_off() {
        for (text, pooling) in [
            ("", true),
            ("[outbound_http]", false),
            ("[outbound_http]\nmax_concurrent_requests = 1", false),
            ("[outbound_http]\nconnection_pooling = true", true),
        ] {
            let config: RuntimeConfig = toml::from_str(text).unwrap();
            assert_eq!(config.outbound_http.connection_pooling, pooling, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (text, complaint) in [
            ("unknown = 1", "unknown"),
            ("[sqlite_database.default]\ntype = 'spin'", "sqlite_database"),
            ("[outbound_http]\nmax_connections = 1", "max_connections"),
            ("[key_value_store.a]\ntype = 'aws_dynamo'", "aws_dynamo"),
            ("[key_value_store.a]\ntype = 'spin'\nurl = 'x'", "url"),
            (
                "[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_use_platform_roots = true",
                "ca_use_platform_roots",
            ),
            ("[outbound_networking]\nblock_networks = ['everything']", "everything"),
        ] {
            let error = toml::from_str::<RuntimeConfig>(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn remote_providers_are_refused_and_local_ones_keep_their_order() {
        let vault = "[[variables_provider]]\ntype = 'vault'\nurl = 'u'\ntoken = 't'\nmount = 'm'";
        let config: RuntimeConfig = toml::from_str(vault).unwrap();
        assert!(config.variable_providers().unwrap_err().to_string().contains("`vault`"));

        let local = "[[variables_provider]]\ntype = 'static'\nvalues = { a = '1' }\n\
                     [[variables_provider]]\ntype = 'env'\nprefix = 'P'";
        let config: RuntimeConfig = toml::from_str(local).unwrap();
        let providers = config.variable_providers().unwrap();
        assert!(
            matches!(&providers[..], [Provider::Static(_), Provider::Env { prefix, .. }] if prefix == "P")
        );
    }
}
