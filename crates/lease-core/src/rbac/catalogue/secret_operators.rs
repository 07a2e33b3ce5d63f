//! What fetches secrets and signs certificates for whoever writes its resources.

use super::CatalogueRow;
use super::DangerCondition::{Anywhere, ControlPlane};
use super::Harm::{Certificate, Secrets};
use super::Verbs::{Only, Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "cert-manager.io",
        resources: &["issuers", "clusterissuers"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Certificate,
        because: "changes who signs certificates, and with which key or account",
        source: "\
                 https://github.com/cert-manager/cert-manager/blob/HEAD/deploy/charts/cert-manager/templates/crd-cert-manager.io_clusterissuers.yaml",
    },
    CatalogueRow {
        group: "cert-manager.io",
        resources: &["signers"],
        verbs: Only(&["approve"]),
        condition: Anywhere,
        harm: Certificate,
        because: "approves certificates of any name",
        source: "\
                 https://github.com/cert-manager/cert-manager/blob/HEAD/deploy/charts/cert-manager/templates/rbac.yaml",
    },
    CatalogueRow {
        group: "cert-manager.io",
        resources: &["certificaterequests/status"],
        verbs: Write,
        condition: Anywhere,
        harm: Certificate,
        because: "approves requests for certificates, or answers them",
        source: "\
                 https://github.com/cert-manager/cert-manager/blob/HEAD/deploy/charts/cert-manager/templates/rbac.yaml",
    },
    CatalogueRow {
        group: "external-secrets.io",
        resources: &["secretstores", "clustersecretstores"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Secrets,
        because: "changes where secrets come from or go to, and whose credentials fetch them",
        source: "\
                 https://github.com/external-secrets/external-secrets/blob/HEAD/docs/guides/security-best-practices.md",
    },
    CatalogueRow {
        group: "external-secrets.io",
        resources: &["externalsecrets"],
        verbs: Write,
        condition: ControlPlane,
        harm: Secrets,
        because: "writes Secrets with any content that a store of the namespace reaches",
        source: "\
                 https://github.com/external-secrets/external-secrets/blob/HEAD/docs/api/externalsecret.md",
    },
    CatalogueRow {
        group: "external-secrets.io",
        resources: &["clusterexternalsecrets"],
        verbs: Write,
        condition: Anywhere,
        harm: Secrets,
        because: "writes Secrets with any content that a store reaches",
        source: "\
                 https://github.com/external-secrets/external-secrets/blob/HEAD/docs/api/externalsecret.md",
    },
    CatalogueRow {
        group: "external-secrets.io",
        resources: &["pushsecrets", "clusterpushsecrets"],
        verbs: Write,
        condition: Anywhere,
        harm: Secrets,
        because: "copies Secrets of the namespace to a store outside",
        source: "\
                 https://github.com/external-secrets/external-secrets/blob/HEAD/docs/api/pushsecret.md",
    },
    CatalogueRow {
        group: "generators.external-secrets.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Secrets,
        because: "creates credentials with the accounts of the namespace",
        source: "\
                 https://github.com/external-secrets/external-secrets/blob/HEAD/config/crds/bases/generators.external-secrets.io_vaultdynamicsecrets.yaml",
    },
];
