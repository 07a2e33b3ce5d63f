//! Virtual machines, their consoles and their disks.

use super::CatalogueRow;
use super::DangerCondition::Anywhere;
use super::Harm::{Controller, Enter, Storage, Workload};
use super::Verbs::{Any, Only, Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "kubevirt.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs virtual machines with any disk and Secret of the namespace",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/components/crds.go",
    },
    CatalogueRow {
        group: "pool.kubevirt.io",
        resources: &["virtualmachinepools"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs virtual machines with any disk and Secret of the namespace",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/components/crds.go",
    },
    CatalogueRow {
        group: "clone.kubevirt.io",
        resources: &["virtualmachineclones"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "copies virtual machines of others, with their disks",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/rbac/cluster.go",
    },
    CatalogueRow {
        group: "snapshot.kubevirt.io",
        resources: &["virtualmachinerestores"],
        verbs: Write,
        condition: Anywhere,
        harm: Storage,
        because: "restores the disks of virtual machines to an earlier state",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/components/crds.go",
    },
    CatalogueRow {
        group: "export.kubevirt.io",
        resources: &["virtualmachineexports"],
        verbs: Write,
        condition: Anywhere,
        harm: Storage,
        because: "makes the disks of virtual machines readable from outside",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/components/crds.go",
    },
    CatalogueRow {
        group: "subresources.kubevirt.io",
        resources: &[
            "virtualmachineinstances/console",
            "virtualmachineinstances/vnc",
            "virtualmachineinstances/vnc/screenshot",
            "virtualmachineinstances/portforward",
            "virtualmachineinstances/usbredir",
            "virtualmachines/portforward",
        ],
        verbs: Any,
        condition: Anywhere,
        harm: Enter,
        because: "enters virtual machines through their keyboard, screen or network",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/rbac/cluster.go",
    },
    CatalogueRow {
        group: "subresources.kubevirt.io",
        resources: &[
            "virtualmachines/addvolume",
            "virtualmachines/removevolume",
            "virtualmachines/memorydump",
            "virtualmachineinstances/addvolume",
            "virtualmachineinstances/removevolume",
            "virtualmachineinstances/sev/injectlaunchsecret",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Enter,
        because: "changes the disks of running virtual machines, or writes out their memory",
        source: "\
                 https://github.com/kubevirt/kubevirt/blob/HEAD/pkg/virt-operator/resource/generate/rbac/cluster.go",
    },
    CatalogueRow {
        group: "cdi.kubevirt.io",
        resources: &[
            "datavolumes",
            "dataimportcrons",
            "datasources",
            "volumeimportsources",
            "volumeclonesources",
            "volumeuploadsources",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Storage,
        because: "fills disks from addresses, images and disks of the caller's choice, with the Secrets \
             of the namespace",
        source: "\
                 https://github.com/kubevirt/containerized-data-importer/blob/HEAD/doc/datavolumes.md",
    },
    CatalogueRow {
        group: "cdi.kubevirt.io",
        resources: &["datavolumes/source"],
        verbs: Only(&["create"]),
        condition: Anywhere,
        harm: Storage,
        because: "copies any disk of the namespace to another namespace",
        source: "https://github.com/kubevirt/containerized-data-importer/blob/HEAD/doc/RBAC.md",
    },
    CatalogueRow {
        group: "cdi.kubevirt.io",
        resources: &["objecttransfers"],
        verbs: Write,
        condition: Anywhere,
        harm: Storage,
        because: "moves disks of others between namespaces",
        source: "\
                 https://github.com/kubevirt/containerized-data-importer/blob/HEAD/doc/namespace-transfer.md",
    },
    CatalogueRow {
        group: "cdi.kubevirt.io",
        resources: &["cdis", "cdiconfigs", "storageprofiles"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Controller,
        because: "changes how disks of every namespace are filled, and by which program",
        source: "\
                 https://github.com/kubevirt/containerized-data-importer/blob/HEAD/pkg/operator/resources/crds_generated.go",
    },
    CatalogueRow {
        group: "forklift.cdi.kubevirt.io",
        resources: &["ovirtvolumepopulators", "openstackvolumepopulators"],
        verbs: Write,
        condition: Anywhere,
        harm: Storage,
        because: "fills disks from servers of the caller's choice, with the Secrets of the namespace",
        source: "\
                 https://github.com/kubevirt/containerized-data-importer/blob/HEAD/doc/cdi-populators.md",
    },
    CatalogueRow {
        group: "upload.cdi.kubevirt.io",
        resources: &["uploadtokenrequests"],
        verbs: Only(&["create"]),
        condition: Anywhere,
        harm: Storage,
        because: "creates a token that can overwrite a disk of the caller's choice",
        source: "https://github.com/kubevirt/containerized-data-importer/blob/HEAD/doc/upload.md",
    },
];
