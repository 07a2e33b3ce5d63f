//! Policy engines and authenticators: what is admitted, and who is who.

use super::CatalogueRow;
use super::DangerCondition::Anywhere;
use super::Harm::{Admission, Identity};
use super::Verbs::WriteOrDelete;

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "templates.gatekeeper.sh",
        resources: &["constrainttemplates"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes what is admitted to the cluster",
        source: "https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/howto.md",
    },
    CatalogueRow {
        group: "constraints.gatekeeper.sh",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes what is admitted to the cluster",
        source: "https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/howto.md",
    },
    CatalogueRow {
        group: "mutations.gatekeeper.sh",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes the objects that others write, while they are written",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/mutation.md",
    },
    CatalogueRow {
        group: "config.gatekeeper.sh",
        resources: &["configs"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "exempts namespaces from policies",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/exempt-namespaces.md",
    },
    CatalogueRow {
        group: "externaldata.gatekeeper.sh",
        resources: &["providers"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "lets a server of the caller's choice decide what is admitted",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/externaldata.md",
    },
    CatalogueRow {
        group: "expansion.gatekeeper.sh",
        resources: &["expansiontemplate"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes what is admitted to the cluster",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/website/docs/expansion.md",
    },
    CatalogueRow {
        group: "syncset.gatekeeper.sh",
        resources: &["syncsets"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes which objects policies see",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/charts/gatekeeper/crds/syncset-customresourcedefinition.yaml",
    },
    CatalogueRow {
        group: "connection.gatekeeper.sh",
        resources: &["connections"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "sends objects that violate policies to a place of the caller's choice",
        source: "\
                 https://github.com/open-policy-agent/gatekeeper/blob/HEAD/charts/gatekeeper/crds/connection-customresourcedefinition.yaml",
    },
    CatalogueRow {
        group: "kyverno.io",
        resources: &[
            "policies",
            "clusterpolicies",
            "policyexceptions",
            "cleanuppolicies",
            "clustercleanuppolicies",
            "globalcontextentries",
            "updaterequests",
        ],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes what is admitted, or makes Kyverno write and delete objects with its own \
             rights",
        source: "https://kyverno.io/docs/kyverno-policies/",
    },
    CatalogueRow {
        group: "policies.kyverno.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes what is admitted, or makes Kyverno write and delete objects with its own \
             rights",
        source: "\
                 https://github.com/kyverno/kyverno/blob/HEAD/cmd/cli/kubectl-kyverno/data/crds/policies.kyverno.io_generatingpolicies.yaml",
    },
    CatalogueRow {
        group: "authentication.concierge.pinniped.dev",
        resources: &["jwtauthenticators", "webhookauthenticators"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "lets a server of the caller's choice decide who is which user of the cluster",
        source: "\
                 https://github.com/vmware-tanzu/pinniped/blob/HEAD/site/content/docs/howto/concierge/configure-concierge-webhook.md",
    },
    CatalogueRow {
        group: "config.concierge.pinniped.dev",
        resources: &["credentialissuers"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "changes where users of the cluster send their credentials",
        source: "\
                 https://github.com/vmware-tanzu/pinniped/blob/HEAD/deploy/concierge/config.concierge.pinniped.dev_credentialissuers.yaml",
    },
    CatalogueRow {
        group: "config.supervisor.pinniped.dev",
        resources: &["federationdomains", "oidcclients"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "changes who issues logins for clusters, and which clients get them",
        source: "\
                 https://github.com/vmware-tanzu/pinniped/blob/HEAD/deploy/supervisor/config.supervisor.pinniped.dev_federationdomains.yaml",
    },
    CatalogueRow {
        group: "idp.supervisor.pinniped.dev",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Identity,
        because: "lets a server of the caller's choice decide who is which user of the clusters",
        source: "\
                 https://github.com/vmware-tanzu/pinniped/blob/HEAD/deploy/supervisor/idp.supervisor.pinniped.dev_oidcidentityproviders.yaml",
    },
];
