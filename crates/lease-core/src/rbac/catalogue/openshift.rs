//! The resources of Red Hat's distribution of Kubernetes.

use super::CatalogueRow;
use super::DangerCondition::Anywhere;
use super::Harm::{
    ControlPlane, Identity, Namespace, Node, PodPolicy, Rbac, Secrets, Token, Workload,
};
use super::Verbs::{Any, Only, Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "apps.openshift.io",
        resources: &["deploymentconfigs"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs pods as any account of the namespace, with its Secrets",
        source: "https://github.com/openshift/api/blob/HEAD/apps/v1/types.go",
    },
    CatalogueRow {
        group: "build.openshift.io",
        resources: &[
            "builds",
            "buildconfigs",
            "builds/clone",
            "buildconfigs/instantiate",
            "buildconfigs/instantiatebinary",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs builds of the caller's choice in privileged pods, with the Secrets of the \
             namespace",
        source: "\
                 https://github.com/openshift/openshift-apiserver/blob/HEAD/pkg/build/apiserver/apiserver.go",
    },
    CatalogueRow {
        group: "machineconfiguration.openshift.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Node,
        because: "writes files, units and kernel arguments of nodes, as root",
        source: "https://github.com/openshift/api/blob/HEAD/machineconfiguration/v1/types.go",
    },
    CatalogueRow {
        group: "machine.openshift.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Node,
        because: "creates and deletes nodes, and chooses what they start with",
        source: "https://github.com/openshift/api/blob/HEAD/machine/v1beta1/types_machine.go",
    },
    CatalogueRow {
        group: "user.openshift.io",
        resources: &["groups", "users", "identities", "useridentitymappings"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "changes which groups users are in, and whose login is whose",
        source: "\
                 https://github.com/openshift/oauth-apiserver/blob/HEAD/pkg/user/apiserver/apiserver.go",
    },
    CatalogueRow {
        group: "oauth.openshift.io",
        resources: &["oauthaccesstokens", "oauthauthorizetokens"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Token,
        because: "creates tokens of any user, or ends those of others",
        source: "https://github.com/openshift/api/blob/HEAD/oauth/v1/types.go",
    },
    CatalogueRow {
        group: "oauth.openshift.io",
        resources: &["oauthclients"],
        verbs: Any,
        condition: Anywhere,
        harm: Identity,
        because: "reads or changes the secrets and redirects of login clients, and so gets the \
                 tokens of others",
        source: "\
                 https://github.com/openshift/oauth-apiserver/blob/HEAD/pkg/oauth/apiserver/apiserver.go",
    },
    CatalogueRow {
        group: "oauth.openshift.io",
        resources: &["oauthclientauthorizations"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "changes which clients users have allowed to act for them",
        source: "\
                 https://github.com/openshift/oauth-apiserver/blob/HEAD/pkg/oauth/apiserver/apiserver.go",
    },
    CatalogueRow {
        group: "authorization.openshift.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Rbac,
        because: "changes who may do what",
        source: "https://github.com/openshift/api/blob/HEAD/authorization/v1/types.go",
    },
    CatalogueRow {
        group: "security.openshift.io",
        resources: &["securitycontextconstraints"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: PodPolicy,
        because: "changes what pods may do to their node",
        source: "https://github.com/openshift/api/blob/HEAD/security/v1/types.go",
    },
    CatalogueRow {
        group: "security.openshift.io",
        resources: &["securitycontextconstraints"],
        verbs: Only(&["use"]),
        condition: Anywhere,
        harm: PodPolicy,
        because: "chooses what pods may do to their node",
        source: "https://github.com/openshift/api/blob/HEAD/security/v1/types.go",
    },
    CatalogueRow {
        group: "project.openshift.io",
        resources: &["projects"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Namespace,
        because: "changes or deletes namespaces",
        source: "https://github.com/openshift/api/blob/HEAD/project/v1/types.go",
    },
    CatalogueRow {
        group: "image.openshift.io",
        resources: &["imagestreams/secrets"],
        verbs: Any,
        condition: Anywhere,
        harm: Secrets,
        because: "reads the registry credentials of the namespace",
        source: "\
                 https://github.com/openshift/openshift-apiserver/blob/HEAD/pkg/image/apiserver/apiserver.go",
    },
    CatalogueRow {
        group: "sharedresource.openshift.io",
        resources: &["sharedsecrets"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Secrets,
        because: "shares any Secret of the cluster",
        source: "\
                 https://github.com/openshift/api/blob/HEAD/sharedresource/v1alpha1/types_shared_secret.go",
    },
    CatalogueRow {
        group: "sharedresource.openshift.io",
        resources: &["sharedsecrets"],
        verbs: Only(&["use"]),
        condition: Anywhere,
        harm: Secrets,
        because: "mounts Secrets of other namespaces",
        source: "\
                 https://github.com/openshift/api/blob/HEAD/sharedresource/v1alpha1/types_shared_secret.go",
    },
    CatalogueRow {
        group: "config.openshift.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ControlPlane,
        because: "configures the cluster itself: identity providers, the API server, proxies and \
                 images",
        source: "https://github.com/openshift/api/blob/HEAD/config/v1/types_oauth.go",
    },
    CatalogueRow {
        group: "operator.openshift.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ControlPlane,
        because: "configures the operators that run the cluster itself",
        source: "https://github.com/openshift/api/blob/HEAD/operator/v1/types.go",
    },
];
