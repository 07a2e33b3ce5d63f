//! The cluster of a dynamic secret, as a kubeconfig names it.

use serde::Deserialize;

use crate::client::{Call, with_query};
use crate::{Client, Error, Name};

/// The way to the cluster of a dynamic secret. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAddress {
    /// The name that the server gives the cluster in a kubeconfig.
    pub name: String,
    /// The URL of the API server.
    pub server: String,
    /// The CA of the API server: PEM in base64. Without it the public CAs are trusted.
    pub certificate_authority_data: Option<String>,
    /// The namespace of the context, if it is known.
    pub namespace: Option<Name>,
}

/// A kubeconfig as the server answers it, as far as it is about the cluster.
#[derive(Deserialize)]
struct Kubeconfig {
    clusters: [NamedCluster; 1],
    contexts: [NamedContext; 1],
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    context: AnsweredContext,
}

#[derive(Deserialize)]
struct AnsweredContext {
    namespace: Option<Name>,
}

impl Client {
    /// Asks for the cluster of a dynamic secret that may be leased.
    ///
    /// # Errors
    /// Fails if no lease of it may be issued, or not in this namespace, and if the server cannot be reached.
    pub fn get_cluster_address(
        &self,
        dynamic_secret: &Name,
        namespace: Option<&Name>,
    ) -> Result<ClusterAddress, Error> {
        let path = format!("/api/v1/dynamic-secrets/{dynamic_secret}/kubeconfig");
        let query = [("namespace", namespace.map(Name::to_string))];
        let Kubeconfig { clusters: [cluster], contexts: [context] } =
            self.send_with_retries(&Call::get(with_query(&path, &query)))?.parse_json()?;
        let NamedCluster { name, cluster: Cluster { server, certificate_authority_data } } =
            cluster;
        let namespace = context.context.namespace;
        Ok(ClusterAddress { name, server, certificate_authority_data, namespace })
    }
}
