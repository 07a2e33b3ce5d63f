//! What the API server and the control plane go by: Kubernetes' own resources.

use super::CatalogueRow;
use super::DangerCondition::{Anywhere, Elections, KubeSystem};
use super::Harm::{
    Admission, ApiExtension, Certificate, ControlPlane, Identity, Leadership, Limits, Rbac, Traffic,
};
use super::Verbs::{Only, Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "admissionregistration.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "reads or changes the objects that others write, or stops their checks",
        source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    },
    CatalogueRow {
        group: "apiregistration.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ApiExtension,
        because: "sends requests for a part of the API to a server of the caller's choice",
        source: "\
                 https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/",
    },
    CatalogueRow {
        group: "apiextensions.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ApiExtension,
        because: "changes which API there is: deleting a definition deletes all its objects",
        source: "\
                 https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/",
    },
    CatalogueRow {
        group: "certificates.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Certificate,
        because: "leads to certificates of any user, which cannot be revoked",
        source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    },
    CatalogueRow {
        group: "certificates.k8s.io",
        resources: &["certificatesigningrequests/status"],
        verbs: Write,
        condition: Anywhere,
        harm: Certificate,
        because: "leads to certificates of any user, which cannot be revoked: signers write the \
             certificates there",
        source: "\
                 https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
    },
    CatalogueRow {
        group: "certificates.k8s.io",
        resources: &["signers"],
        verbs: Only(&["approve", "sign", "attest"]),
        condition: Anywhere,
        harm: Certificate,
        because: "leads to certificates of any user, which cannot be revoked",
        source: "\
                 https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
    },
    CatalogueRow {
        group: "rbac.authorization.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Rbac,
        because: "changes who may do what",
        source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    },
    CatalogueRow {
        group: "",
        resources: &["configmaps"],
        verbs: WriteOrDelete,
        condition: KubeSystem,
        harm: Identity,
        because: "changes configuration of the cluster itself, in `kube-system`: whom EKS takes \
                 for an administrator (`aws-auth`), which front proxies are believed \
                 (`extension-apiserver-authentication`), and DNS",
        source: "https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html",
    },
    CatalogueRow {
        group: "",
        resources: &["endpoints", "services", "services/status", "pods/status"],
        verbs: Write,
        condition: Anywhere,
        harm: Traffic,
        because: "directs the requests of others to addresses of the caller's choice",
        source: "https://kubernetes.io/docs/concepts/services-networking/service/",
    },
    CatalogueRow {
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
        verbs: Write,
        condition: Anywhere,
        harm: Traffic,
        because: "directs the requests of others to addresses of the caller's choice",
        source: "https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/",
    },
    CatalogueRow {
        group: "networking.k8s.io",
        resources: &["servicecidrs", "ipaddresses"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Traffic,
        because: "changes which addresses services have",
        source: "https://kubernetes.io/docs/reference/networking/virtual-ips/",
    },
    CatalogueRow {
        group: "flowcontrol.apiserver.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Limits,
        because: "changes whose requests the API server serves first",
        source: "https://kubernetes.io/docs/concepts/cluster-administration/flow-control/",
    },
    CatalogueRow {
        group: "coordination.k8s.io",
        resources: &["leases", "leasecandidates"],
        verbs: WriteOrDelete,
        condition: Elections,
        harm: Leadership,
        because: "takes the lead from controllers, decides which nodes count as alive, or hides leases \
             of kubelease",
        source: "https://kubernetes.io/docs/concepts/architecture/leases/",
    },
    CatalogueRow {
        group: "internal.apiserver.k8s.io",
        resources: &["storageversions", "storageversions/status"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ControlPlane,
        because: "changes what API servers assume about the stored form of objects",
        source: "\
                 https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/storage-version-v1alpha1/",
    },
    CatalogueRow {
        group: "storagemigration.k8s.io",
        resources: &[],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: ControlPlane,
        because: "makes the control plane write every object of a resource again",
        source: "\
                 https://kubernetes.io/docs/tasks/manage-kubernetes-objects/storage-version-migration/",
    },
];
