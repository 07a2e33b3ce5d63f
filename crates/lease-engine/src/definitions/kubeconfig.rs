//! What a kubeconfig says of the cluster of a dynamic secret.

use lease_core::{
    ApiServerUrl, CaCertificate, DynamicSecretName, Namespace, NamespaceDecision, NamespaceError,
    NotGrantedReason, Target, TargetName,
};

use crate::issue::not_granted_error;
use crate::{Engine, IssueError, Ports};

/// The cluster that leases of a dynamic secret are for, as its clients reach it. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeconfigCluster {
    /// The target.
    pub target: TargetName,
    /// The API server: `kubeconfig_server` of the target, or else its `url`.
    pub server: ApiServerUrl,
    /// The CA of the API server, if the target has one; without it clients trust the public CAs.
    pub ca_certificate: Option<CaCertificate>,
    /// The namespace that was asked for, or the only one of the dynamic secret.
    pub namespace: Option<Namespace>,
}

impl<P: Ports> Engine<P> {
    /// Reads the cluster of a dynamic secret for a kubeconfig.
    ///
    /// No cluster is asked: whether labels let a namespace in is seen when a lease is issued.
    ///
    /// # Errors
    /// Fails as the issue of a lease does that the requester may not have, or not in this namespace.
    pub fn kubeconfig_cluster(
        &self,
        name: &DynamicSecretName,
        namespace: Option<Namespace>,
    ) -> Result<KubeconfigCluster, IssueError> {
        self.check_may_issue(name)?;
        let secret = self.dynamic_secrets().get(name)?;
        let secret = secret.ok_or_else(|| IssueError::UnknownSecret(name.clone()))?;
        let target = self.get_target_for_issue(&secret.name, &secret.definition.spec().target)?;
        secret.check_issuable().map_err(|source| not_granted_error(&secret, source))?;
        let is_asked = namespace.is_some();
        let namespace = match secret.choose_namespace(namespace) {
            Ok(namespace) => {
                self.find_issue_permit(&secret, &namespace)?;
                let own =
                    self.known_clusters().get(&target.name)?.and_then(|known| known.own_account());
                let own = own.as_ref().map(|(namespace, _)| namespace);
                if secret.definition.namespaces().decide_by_name(&namespace, own)
                    == NamespaceDecision::Refused
                {
                    let source = NotGrantedReason::Namespace(NamespaceError::NotAllowed(namespace));
                    return Err(not_granted_error(&secret, source));
                }
                Some(namespace)
            }
            Err(source) if is_asked => return Err(not_granted_error(&secret, source)),
            // Several are left open: each command then names its own.
            Err(_) => None,
        };
        let Target { name: target, url, ca_certificate, kubeconfig_server, .. } = target;
        let server = kubeconfig_server.unwrap_or(url);
        Ok(KubeconfigCluster { target, server, ca_certificate, namespace })
    }
}
