//! What was being done in a cluster, as RBAC names it.

use std::borrow::Cow;
use std::fmt;

use kube_rest::ResourceAttributes;
use lease_core::Namespace;

/// An action in a cluster, as RBAC would name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAction {
    /// The verb.
    pub verb: &'static str,
    /// The resource, with its API group if it is not the core one.
    pub resource: Cow<'static, str>,
    /// The one object it was about, where it has a name worth telling.
    pub name: Option<String>,
    /// The namespace; absent for objects of the whole cluster.
    pub namespace: Option<Namespace>,
}

impl ApiAction {
    pub(crate) fn new(verb: &'static str, resource: impl Into<Cow<'static, str>>) -> Self {
        Self { verb, resource: resource.into(), name: None, namespace: None }
    }

    pub(crate) fn in_namespace(self, namespace: Option<&Namespace>) -> Self {
        Self { namespace: namespace.cloned(), ..self }
    }

    pub(crate) fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The question to the authorizers that asks about this.
    pub(crate) fn review_attributes(&self) -> ResourceAttributes<'_> {
        // No plural has a dot, and no group a slash.
        let (plural, group) = self.resource.split_once('.').unwrap_or((&self.resource, ""));
        let (resource, subresource) = match plural.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (plural, None),
        };
        ResourceAttributes {
            verb: self.verb,
            group,
            resource,
            subresource,
            namespace: self.namespace.as_ref().map(Namespace::as_str),
            name: self.name.as_deref(),
        }
    }
}

impl fmt::Display for ApiAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` `{}`", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " of `{name}`")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace `{namespace}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_asked_about_as_rbac_names_it() {
        let apps: Namespace = "apps".parse().expect("a name");
        for (doing, (verb, group, resource, subresource, namespace, name)) in [
            (
                ApiAction::new("create", "serviceaccounts/token")
                    .with_name("deployer")
                    .in_namespace(Some(&apps)),
                ("create", "", "serviceaccounts", Some("token"), Some("apps"), Some("deployer")),
            ),
            (
                ApiAction::new("bind", "clusterroles.rbac.authorization.k8s.io").with_name("view"),
                ("bind", "rbac.authorization.k8s.io", "clusterroles", None, None, Some("view")),
            ),
            (ApiAction::new("delete", "secrets"), ("delete", "", "secrets", None, None, None)),
        ] {
            let asked = doing.review_attributes();
            let want = ResourceAttributes { verb, group, resource, subresource, namespace, name };
            assert_eq!(asked, want, "{doing}");
        }
    }
}
