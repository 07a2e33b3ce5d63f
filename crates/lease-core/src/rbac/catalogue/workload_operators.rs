//! Operators that run pods for whoever writes their resources: jobs, servers, training, runners.

use super::CatalogueRow;
use super::DangerCondition::Anywhere;
use super::Harm::{Admission, Controller, Workload};
use super::Verbs::{Write, WriteOrDelete};

pub(super) const ROWS: &[CatalogueRow] = &[
    CatalogueRow {
        group: "argoproj.io",
        resources: &[
            "workflows",
            "workflowtemplates",
            "cronworkflows",
            "workflowtasksets",
            "workflowartifactgctasks",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "https://github.com/argoproj/argo-workflows/blob/HEAD/docs/service-accounts.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["clusterworkflowtemplates"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "changes the pods that workflows of every namespace run",
        source: "\
                 https://github.com/argoproj/argo-workflows/blob/HEAD/docs/cluster-workflow-templates.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["workfloweventbindings"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs a workflow of the caller's choice at each event",
        source: "https://github.com/argoproj/argo-workflows/blob/HEAD/docs/events.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["sensors"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs a pod and makes it write any object, as any account of the namespace",
        source: "https://github.com/argoproj/argo-events/blob/HEAD/docs/service-accounts.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["eventsources"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs a pod as any account of the namespace, with its Secrets",
        source: "https://github.com/argoproj/argo-events/blob/HEAD/docs/service-accounts.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["eventbus"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that carry the events of others, and sends the events to a server of \
             the caller's choice",
        source: "https://github.com/argoproj/argo-events/blob/HEAD/docs/eventbus/jetstream.md",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["rollouts"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/argoproj/argo-rollouts/blob/HEAD/manifests/crds/rollout-crd.yaml",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["experiments"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/argoproj/argo-rollouts/blob/HEAD/manifests/crds/experiment-crd.yaml",
    },
    CatalogueRow {
        group: "argoproj.io",
        resources: &["analysisruns", "analysistemplates", "clusteranalysistemplates"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the Jobs that it describes, as any account of the namespace, and reads \
                 its Secrets",
        source: "https://github.com/argoproj/argo-rollouts/blob/HEAD/docs/analysis/job.md",
    },
    CatalogueRow {
        group: "tekton.dev",
        resources: &["tasks", "taskruns", "pipelines", "pipelineruns", "customruns", "stepactions"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs pods of the caller's choice as any account of the namespace, with its Secrets",
        source: "https://github.com/tektoncd/pipeline/blob/HEAD/docs/auth.md",
    },
    CatalogueRow {
        group: "tekton.dev",
        resources: &["verificationpolicies"],
        verbs: WriteOrDelete,
        condition: Anywhere,
        harm: Admission,
        because: "changes whose signatures tasks and pipelines need",
        source: "https://github.com/tektoncd/pipeline/blob/HEAD/docs/trusted-resources.md",
    },
    CatalogueRow {
        group: "triggers.tekton.dev",
        resources: &[
            "eventlisteners",
            "triggers",
            "triggertemplates",
            "triggerbindings",
            "clustertriggerbindings",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "lets an event from outside write objects, as any account of the namespace",
        source: "https://github.com/tektoncd/triggers/blob/HEAD/docs/eventlisteners.md",
    },
    CatalogueRow {
        group: "triggers.tekton.dev",
        resources: &["interceptors", "clusterinterceptors"],
        verbs: Write,
        condition: Anywhere,
        harm: Controller,
        because: "lets a server of the caller's choice read and change the events of others",
        source: "https://github.com/tektoncd/triggers/blob/HEAD/docs/clusterinterceptors.md",
    },
    CatalogueRow {
        group: "serving.knative.dev",
        resources: &["services", "configurations", "revisions"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/knative/serving/blob/HEAD/config/core/300-resources/service.yaml",
    },
    CatalogueRow {
        group: "sparkoperator.k8s.io",
        resources: &["sparkapplications", "scheduledsparkapplications", "sparkconnects"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubeflow/spark-operator/blob/HEAD/charts/spark-operator-chart/crds/sparkoperator.k8s.io_sparkapplications.yaml",
    },
    CatalogueRow {
        group: "batch.volcano.sh",
        resources: &["jobs", "cronjobs"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/volcano-sh/volcano/blob/HEAD/config/crd/volcano/bases/batch.volcano.sh_jobs.yaml",
    },
    CatalogueRow {
        group: "flow.volcano.sh",
        resources: &["jobflows", "jobtemplates"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/volcano-sh/volcano/blob/HEAD/config/crd/jobflow/bases/flow.volcano.sh_jobtemplates.yaml",
    },
    CatalogueRow {
        group: "trainer.kubeflow.org",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubeflow/trainer/blob/HEAD/charts/kubeflow-trainer/templates/crd/trainer.kubeflow.org_trainingruntimes.yaml",
    },
    CatalogueRow {
        group: "kubeflow.org",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubeflow/training-operator/blob/HEAD/docs/proposals/2170-kubeflow-training-v2/README.md",
    },
    CatalogueRow {
        group: "serving.kserve.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kserve/kserve/blob/HEAD/config/crd/full/serving.kserve.io_inferenceservices.yaml",
    },
    CatalogueRow {
        group: "actions.github.com",
        resources: &[
            "autoscalingrunnersets",
            "autoscalinglisteners",
            "ephemeralrunnersets",
            "ephemeralrunners",
        ],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/actions/actions-runner-controller/blob/HEAD/charts/gha-runner-scale-set-controller/crds/actions.github.com_autoscalingrunnersets.yaml",
    },
    CatalogueRow {
        group: "actions.summerwind.dev",
        resources: &["runners", "runnerdeployments", "runnerreplicasets", "runnersets"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/actions/actions-runner-controller/blob/HEAD/charts/actions-runner-controller/crds/actions.summerwind.dev_runnerdeployments.yaml",
    },
    CatalogueRow {
        group: "keda.sh",
        resources: &["scaledjobs"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kedacore/keda/blob/HEAD/config/crd/bases/keda.sh_scaledjobs.yaml",
    },
    CatalogueRow {
        group: "datadoghq.com",
        resources: &["extendeddaemonsets", "extendeddaemonsetreplicasets"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/DataDog/extendeddaemonset/blob/HEAD/config/crd/bases/v1/datadoghq.com_extendeddaemonsets.yaml",
    },
    CatalogueRow {
        group: "jobset.x-k8s.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubernetes-sigs/jobset/blob/HEAD/charts/jobset/crds/jobset.x-k8s.io_jobsets.yaml",
    },
    CatalogueRow {
        group: "leaderworkerset.x-k8s.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubernetes-sigs/lws/blob/HEAD/charts/lws/crds/leaderworkerset.x-k8s.io_leaderworkersets.yaml",
    },
    CatalogueRow {
        group: "disaggregatedset.x-k8s.io",
        resources: &["disaggregatedsets"],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/kubernetes-sigs/lws/blob/HEAD/charts/lws/crds/disaggregatedset.x-k8s.io_disaggregatedsets.yaml",
    },
    CatalogueRow {
        group: "ray.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs the pods that it describes, as any account of the namespace, with its \
                 Secrets",
        source: "\
                 https://github.com/ray-project/kuberay/blob/HEAD/helm-chart/kuberay-operator/crds/ray.io_rayclusters.yaml",
    },
    CatalogueRow {
        group: "apps.kruise.io",
        resources: &[],
        verbs: Write,
        condition: Anywhere,
        harm: Workload,
        because: "runs pods of the caller's choice, changes those of others, or copies Secrets between \
             namespaces",
        source: "\
                 https://github.com/openkruise/kruise/blob/HEAD/config/crd/bases/apps.kruise.io_clonesets.yaml",
    },
];
