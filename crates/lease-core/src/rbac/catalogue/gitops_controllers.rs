//! Package managers, and controllers that apply what they find elsewhere, with their own rights.

use super::CatalogueRow;
use super::DangerCondition::Anywhere;
use super::Harm::{Controller, Enter, Workload};
use super::Verbs::{Any, Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "argoproj.io",
        resources: &["applications"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Argo CD apply any object to any cluster that its project allows",
        source: "\
                 https://github.com/argoproj/argo-cd/blob/HEAD/docs/operator-manual/app-any-namespace.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["applicationsets"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Argo CD create applications of any project",
        source: "\
                 https://github.com/argoproj/argo-cd/blob/HEAD/docs/operator-manual/applicationset/Security.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["appprojects"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "changes which sources, clusters and resources Argo CD allows for whom",
        source: "https://github.com/argoproj/argo-cd/blob/HEAD/docs/user-guide/projects.md",
    },
    CatalogueRow {
        group: "kustomize.toolkit.fluxcd.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "applies objects of the caller's choice, with the rights of the controller or of any \
             account of the namespace",
        source: "\
                 https://github.com/fluxcd/kustomize-controller/blob/HEAD/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    },
    CatalogueRow {
        group: "helm.toolkit.fluxcd.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "applies objects of the caller's choice, with the rights of the controller or of any \
             account of the namespace",
        source: "\
                 https://github.com/fluxcd/helm-controller/blob/HEAD/config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml",
    },
    CatalogueRow {
        group: "source.toolkit.fluxcd.io",
        resources: &[
            "gitrepositories",
            "ocirepositories",
            "helmrepositories",
            "helmcharts",
            "buckets",
            "externalartifacts",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "changes where Flux fetches the objects that it applies",
        source: "https://github.com/fluxcd/source-controller/blob/HEAD/docs/spec/v1/README.md",
    },
    CatalogueRow {
        group: "image.toolkit.fluxcd.io",
        resources: &["imageupdateautomations"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Flux push commits with its own Git credential",
        source: "\
                 https://github.com/fluxcd/image-automation-controller/blob/HEAD/config/crd/bases/image.toolkit.fluxcd.io_imageupdateautomations.yaml",
    },
    CatalogueRow {
        group: "helm.cattle.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "installs charts of the caller's choice, as an administrator",
        source: "\
                 https://github.com/k3s-io/helm-controller/blob/HEAD/pkg/crds/yaml/generated/helm.cattle.io_helmcharts.yaml",
    },
    CatalogueRow {
        group: "fleet.cattle.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Fleet apply objects of the caller's choice to every cluster that it manages",
        source: "https://github.com/rancher/fleet/blob/HEAD/docs/design.md",
    },
    CatalogueRow {
        group: "operators.coreos.com",
        resources: &[
            "subscriptions",
            "clusterserviceversions",
            "installplans",
            "catalogsources",
            "operatorgroups",
            "olmconfigs",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "installs operators with any rights: OLM grants what their manifest asks for",
        source: "\
                 https://github.com/operator-framework/operator-lifecycle-manager/blob/HEAD/doc/design/scoped-operator-install.md",
    },
    CatalogueRow {
        group: "olm.operatorframework.io",
        resources: &["clusterextensions", "clustercatalogs", "clusterobjectsets"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "installs extensions of the cluster, or changes where they come from",
        source: "\
                 https://github.com/operator-framework/operator-controller/blob/HEAD/helm/olmv1/base/operator-controller/crd/experimental/olm.operatorframework.io_clusterextensions.yaml",
    },
    CatalogueRow {
        group: "pulumi.com",
        resources: &["stacks", "programs"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "runs a program of the caller's choice as any account of the namespace, and deploys \
             its output",
        source: "\
                 https://github.com/pulumi/pulumi-kubernetes-operator/blob/HEAD/deploy/crds/pulumi.com_stacks.yaml",
    },
    CatalogueRow {
        group: "auto.pulumi.com",
        resources: &["workspaces", "updates"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs pods as any account of the namespace, and programs in them",
        source: "\
                 https://github.com/pulumi/pulumi-kubernetes-operator/blob/HEAD/deploy/crds/auto.pulumi.com_workspaces.yaml",
    },
    CatalogueRow {
        group: "redhatcop.redhat.io",
        resources: &["namespaceconfigs", "groupconfigs", "userconfigs"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes an operator write templates of the caller's choice for namespaces, groups and \
             users",
        source: "\
                 https://github.com/redhat-cop/namespace-configuration-operator/blob/HEAD/README.md",
    },
    CatalogueRow {
        group: "apiextensions.crossplane.io",
        resources: &[
            "compositeresourcedefinitions",
            "compositions",
            "compositionrevisions",
            "environmentconfigs",
            "managedresourcedefinitions",
            "managedresourceactivationpolicies",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "changes which objects Crossplane creates for the requests of others, with its rights",
        source: "\
                 https://github.com/crossplane/crossplane/blob/HEAD/cluster/crds/apiextensions.crossplane.io_compositions.yaml",
    },
    CatalogueRow {
        group: "pkg.crossplane.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "installs packages in Crossplane, which run as pods and bring their own rights",
        source: "\
                 https://github.com/crossplane/crossplane/blob/HEAD/cluster/crds/pkg.crossplane.io_deploymentruntimeconfigs.yaml",
    },
    CatalogueRow {
        group: "ops.crossplane.io",
        resources: &["operations", "cronoperations", "watchoperations"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes functions of Crossplane write objects, with its rights",
        source: "\
                 https://github.com/crossplane/crossplane/blob/HEAD/cluster/crds/ops.crossplane.io_operations.yaml",
    },
    CatalogueRow {
        group: "kubernetes.crossplane.io",
        resources: &["objects", "observedobjectcollections", "providerconfigs"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Crossplane write any object, with the rights of its provider, which are often \
             an administrator's",
        source: "https://github.com/crossplane-contrib/provider-kubernetes/blob/HEAD/README.md",
    },
    CatalogueRow {
        group: "kubernetes.m.crossplane.io",
        resources: &[
            "objects",
            "observedobjectcollections",
            "providerconfigs",
            "clusterproviderconfigs",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Crossplane write any object, with the rights of its provider, which are often \
             an administrator's",
        source: "\
                 https://github.com/crossplane-contrib/provider-kubernetes/blob/HEAD/package/crds/kubernetes.m.crossplane.io_objects.yaml",
    },
    CatalogueRow {
        group: "helm.crossplane.io",
        resources: &["releases", "providerconfigs"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Crossplane write any object, with the rights of its provider, which are often \
             an administrator's",
        source: "\
                 https://github.com/crossplane-contrib/provider-helm/blob/HEAD/package/crds/helm.crossplane.io_releases.yaml",
    },
    CatalogueRow {
        group: "helm.m.crossplane.io",
        resources: &["releases", "providerconfigs", "clusterproviderconfigs"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Crossplane write any object, with the rights of its provider, which are often \
             an administrator's",
        source: "\
                 https://github.com/crossplane-contrib/provider-helm/blob/HEAD/package/crds/helm.m.crossplane.io_releases.yaml",
    },
    CatalogueRow {
        group: "policy.karmada.io",
        resources: &[
            "propagationpolicies",
            "clusterpropagationpolicies",
            "overridepolicies",
            "clusteroverridepolicies",
            "clustertaintpolicies",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "changes which objects Karmada writes to which clusters, and their content",
        source: "\
                 https://github.com/karmada-io/karmada/blob/HEAD/charts/karmada/_crds/bases/policy/policy.karmada.io_overridepolicies.yaml",
    },
    CatalogueRow {
        group: "work.karmada.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "makes Karmada write any object to its clusters, with its own rights",
        source: "\
                 https://github.com/karmada-io/karmada/blob/HEAD/pkg/apis/work/v1alpha1/work_types.go",
    },
    CatalogueRow {
        group: "config.karmada.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Controller,
        because: "changes what Karmada reads from objects, or sends them to a server of the caller's \
             choice",
        source: "\
                 https://github.com/karmada-io/karmada/blob/HEAD/charts/karmada/_crds/bases/config/config.karmada.io_resourceinterpreterwebhookconfigurations.yaml",
    },
    CatalogueRow {
        group: "operator.karmada.io",
        resources: &["karmadas"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "changes the control plane of Karmada, and the images it runs",
        source: "\
                 https://github.com/karmada-io/karmada/blob/HEAD/charts/karmada-operator/templates/crd-operator.karmada.io_karmadas.yaml",
    },
    CatalogueRow {
        group: "cluster.karmada.io",
        resources: &["clusters"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Controller,
        because: "changes which clusters Karmada writes to, and at which address",
        source: "https://github.com/karmada-io/karmada/blob/HEAD/pkg/apis/cluster/types.go",
    },
    CatalogueRow {
        group: "cluster.karmada.io",
        resources: &["clusters/proxy"],
        verbs: Any,
        condition: Anywhere,
        harm: Enter,
        because: "reaches the API of every cluster that Karmada has joined",
        source: "\
                 https://github.com/karmada-io/karmada/blob/HEAD/artifacts/deploy/cluster-proxy-admin-rbac.yaml",
    },
];
