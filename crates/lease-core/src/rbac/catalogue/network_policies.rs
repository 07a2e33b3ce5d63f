//! Policies and routes of networks and meshes, which say who reaches whom.

use super::CatalogueRow;
use super::DangerCondition::{Anywhere, ControlPlane};
use super::Harm::Traffic;
use super::Verbs::WriteOrDelete;

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "networking.k8s.io",
        resources: &["networkpolicies"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom",
        source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    },
    CatalogueRow {
        group: "extensions",
        resources: &["networkpolicies"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom: clusters before Kubernetes 1.16 serve policies in this \
             group",
        source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
    },
    CatalogueRow {
        group: "policy.networking.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom, in the whole cluster",
        source: "\
                 https://github.com/projectcalico/calico/blob/HEAD/libcalico-go/config/crd/policy.networking.k8s.io_clusternetworkpolicies.yaml",
    },
    CatalogueRow {
        group: "projectcalico.org",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom, or how addresses and routes are assigned",
        source: "\
                 https://github.com/projectcalico/calico/blob/HEAD/api/pkg/apis/projectcalico/v3/globalnetworkpolicy.go",
    },
    CatalogueRow {
        group: "crd.projectcalico.org",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom, or how addresses and routes are assigned",
        source: "\
                 https://github.com/projectcalico/calico/blob/HEAD/api/pkg/apis/projectcalico/v3/globalnetworkpolicy.go",
    },
    CatalogueRow {
        group: "cilium.io",
        resources: &[
            "ciliumnetworkpolicies",
            "ciliumclusterwidenetworkpolicies",
            "ciliumcidrgroups",
            "ciliumlocalredirectpolicies",
            "ciliumegressgatewaypolicies",
            "ciliumenvoyconfigs",
            "ciliumclusterwideenvoyconfigs",
            "ciliumidentities",
            "ciliumendpoints",
            "ciliumnodes",
            "ciliumnodeconfigs",
        ],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom, or how addresses and routes are assigned",
        source: "https://github.com/cilium/cilium/tree/HEAD/pkg/k8s/apis/cilium.io/client/crds/v2",
    },
    CatalogueRow {
        group: "security.istio.io",
        resources: &["authorizationpolicies", "peerauthentications", "requestauthentications"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes who may reach whom in the mesh, and how they prove who they are",
        source: "\
                 https://github.com/istio/api/blob/HEAD/kubernetes/customresourcedefinitions.gen.yaml",
    },
    CatalogueRow {
        group: "networking.istio.io",
        resources: &[
            "virtualservices",
            "destinationrules",
            "gateways",
            "serviceentries",
            "sidecars",
        ],
        verbs: WriteOrDelete,
        condition: ControlPlane,
        harm: Traffic,
        because: "directs the requests of others in the mesh",
        source: "\
                 https://github.com/istio/api/blob/HEAD/networking/v1alpha3/virtual_service.pb.html",
    },
    CatalogueRow {
        group: "networking.istio.io",
        resources: &["workloadentries", "workloadgroups", "proxyconfigs"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "puts machines of the caller's choice into the mesh, or changes the proxies beside \
             pods of others",
        source: "\
                 https://github.com/istio/api/blob/HEAD/kubernetes/customresourcedefinitions.gen.yaml",
    },
    CatalogueRow {
        group: "networking.istio.io",
        resources: &["envoyfilters"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes the proxies beside pods of others in any way, code included",
        source: "https://github.com/istio/api/blob/HEAD/networking/v1alpha3/envoy_filter.pb.html",
    },
    CatalogueRow {
        group: "extensions.istio.io",
        resources: &["wasmplugins", "trafficextensions"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "runs code of the caller's choice in the proxies beside pods of others",
        source: "\
                 https://github.com/istio/api/blob/HEAD/kubernetes/customresourcedefinitions.gen.yaml",
    },
    CatalogueRow {
        group: "telemetry.istio.io",
        resources: &["telemetries"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes what the mesh logs about requests, and where",
        source: "\
                 https://github.com/istio/api/blob/HEAD/kubernetes/customresourcedefinitions.gen.yaml",
    },
    CatalogueRow {
        group: "k8s.cni.cncf.io",
        resources: &["network-attachment-definitions"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "puts pods onto networks of the caller's choice, by plugins that run as root on the \
             node",
        source: "\
                 https://github.com/k8snetworkplumbingwg/network-attachment-definition-client/blob/HEAD/artifacts/networks-crd-v1beta1.yaml",
    },
];
