//! Each row of the catalogue, and what must be on it.

use super::super::super::catalogue::{CatalogueRow, DangerCondition, Verbs, all_rows};
use super::*;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "update", "patch"];
const DELETE: &[&str] = &["delete", "deletecollection"];

/// Resources that a row names; for a whole group, one that it may have.
fn resources(row: &CatalogueRow) -> Vec<&'static str> {
    if row.resources.is_empty() { vec!["widgets", "widgets/scale"] } else { row.resources.to_vec() }
}

/// The verbs that a row means, of those that are asked here.
fn verbs(row: &CatalogueRow) -> Vec<&'static str> {
    match row.verbs {
        Verbs::Any => [READ, WRITE, DELETE].concat(),
        Verbs::Write => WRITE.to_vec(),
        Verbs::WriteOrDelete => [WRITE, DELETE].concat(),
        Verbs::Only(verbs) => verbs.to_vec(),
    }
}

/// Returns a reach in which a row is refused.
fn reach(row: &CatalogueRow) -> Reach {
    match row.condition {
        DangerCondition::Anywhere => apps(),
        DangerCondition::KubeSystem
        | DangerCondition::ControlPlane
        | DangerCondition::Elections => kube_system(),
    }
}

fn found(group: &str, resource: &str, verb: &str, reach: Reach) -> Vec<Danger> {
    let rule = PolicyRule {
        api_groups: vec![group.to_owned()],
        resources: vec![resource.to_owned()],
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    // What is no rule of Kubernetes could not be granted, and so the row would be of no use.
    PolicyRules::new(vec![rule.clone()])
        .unwrap_or_else(|e| panic!("{group}/{resource}:{verb}: {e}"));
    find_dangers(&[rule], reach)
}

#[test]
fn each_row_is_found_by_its_verbs_and_told_by_its_harm() {
    for row in all_rows() {
        for (resource, verb) in
            resources(row).iter().flat_map(|r| verbs(row).into_iter().map(move |v| (*r, v)))
        {
            let found = found(row.group, resource, verb, reach(row));
            let [danger] = found.as_slice() else { panic!("{row:?} {resource} {verb}: {found:?}") };
            // Another row before this one would hide it.
            assert_eq!((danger.harm(), danger.harm_clause()), (row.harm, row.because), "{row:?}");
        }
    }
}

#[test]
fn no_row_is_found_by_reading_unless_reading_is_the_harm() {
    for row in all_rows().filter(|row| row.verbs != Verbs::Any) {
        for (resource, verb) in
            resources(row).iter().flat_map(|r| READ.iter().map(move |v| (*r, *v)))
        {
            let found = found(row.group, resource, verb, reach(row));
            assert!(found.is_empty(), "{row:?}: {found:?}");
        }
    }
}

#[test]
fn no_row_is_found_in_another_group() {
    for row in all_rows() {
        let others = ["example.com".to_owned(), format!("{}.example.com", row.group)];
        for group in others.iter().map(|group| group.trim_start_matches('.')) {
            for (resource, verb) in
                resources(row).iter().flat_map(|r| verbs(row).into_iter().map(move |v| (*r, v)))
            {
                let found = found(group, resource, verb, Reach::in_cluster());
                assert!(found.is_empty(), "{group} for {row:?}: {found:?}");
            }
        }
    }
}

#[test]
fn how_the_objects_of_a_whole_group_do_is_not_dangerous() {
    for row in all_rows().filter(|row| row.resources.is_empty()) {
        for resource in ["widgets/status", "widgets/finalizers"] {
            for verb in [WRITE, DELETE].concat() {
                let found = found(row.group, resource, verb, Reach::in_cluster());
                assert!(found.is_empty(), "{row:?}: {found:?}");
            }
        }
    }
}

#[test]
fn each_row_says_its_harm_in_one_sentence_and_where_it_is_documented() {
    for row in all_rows() {
        let first = row.because.chars().next();
        assert!(first.is_some_and(|c| c.is_ascii_lowercase()), "{row:?}");
        let one = !row.because.ends_with('.') && !row.because.contains(". ");
        assert!(one && !row.because.contains([';', '\n', '|']), "{row:?}");
        let page = row.source.strip_prefix("https://").and_then(|page| page.split_once('/'));
        let has_page = page.is_some_and(|(host, path)| host.contains('.') && !path.is_empty());
        assert!(has_page && row.source.bytes().all(|b| b.is_ascii_graphic()), "{row:?}");
    }
}

/// Resources that were once leased without a word, and could take over: each by a name of its own, so that a
/// row that is lost or misspelt is missed here.
const TAKE_OVER: &[&str] = &[
    "operators.coreos.com/subscriptions",
    "operators.coreos.com/clusterserviceversions",
    "operators.coreos.com/installplans",
    "operators.coreos.com/catalogsources",
    "upgrade.cattle.io/plans",
    "argoproj.io/clusterworkflowtemplates",
    "argoproj.io/sensors",
    "argoproj.io/eventsources",
    "argoproj.io/experiments",
    "argoproj.io/analysisruns",
    "argoproj.io/appprojects",
    "triggers.tekton.dev/eventlisteners",
    "triggers.tekton.dev/triggertemplates",
    "triggers.tekton.dev/clusterinterceptors",
    "tekton.dev/stepactions",
    "sparkoperator.k8s.io/sparkapplications",
    "sparkoperator.k8s.io/scheduledsparkapplications",
    "batch.volcano.sh/jobs",
    "trainer.kubeflow.org/trainjobs",
    "trainer.kubeflow.org/clustertrainingruntimes",
    "serving.kserve.io/inferenceservices",
    "serving.kserve.io/clusterservingruntimes",
    "actions.github.com/autoscalingrunnersets",
    "actions.summerwind.dev/runnerdeployments",
    "keda.sh/scaledjobs",
    "datadoghq.com/extendeddaemonsets",
    "monitoring.coreos.com/prometheuses",
    "monitoring.coreos.com/alertmanagers",
    "opentelemetry.io/opentelemetrycollectors",
    "opentelemetry.io/instrumentations",
    "elasticsearch.k8s.elastic.co/elasticsearches",
    "kibana.k8s.elastic.co/kibanas",
    "beat.k8s.elastic.co/beats",
    "agent.k8s.elastic.co/agents",
    "litmuschaos.io/chaosengines",
    "chaos-mesh.org/podchaos",
    "chaos-mesh.org/workflows",
    "apps.openshift.io/deploymentconfigs",
    "build.openshift.io/builds",
    "build.openshift.io/buildconfigs",
    "machineconfiguration.openshift.io/machineconfigs",
    "user.openshift.io/groups",
    "oauth.openshift.io/oauthaccesstokens",
    "nvidia.com/clusterpolicies",
    "operator.tigera.io/installations",
    "acid.zalan.do/postgresqls",
    "kafka.strimzi.io/kafkas",
    "kafka.strimzi.io/kafkaconnects",
    "core.strimzi.io/strimzipodsets",
    "pulumi.com/stacks",
    "redhatcop.redhat.io/namespaceconfigs",
    "policy.karmada.io/clusterpropagationpolicies",
    "work.karmada.io/works",
    "groupsnapshot.storage.k8s.io/volumegroupsnapshotcontents",
    "crd.projectcalico.org/globalnetworkpolicies",
    "projectcalico.org/networkpolicies",
    "security.istio.io/authorizationpolicies",
    "security.istio.io/peerauthentications",
    "networking.istio.io/envoyfilters",
    "templates.gatekeeper.sh/constrainttemplates",
    "constraints.gatekeeper.sh/k8srequiredlabels",
    "mutations.gatekeeper.sh/assign",
    "kyverno.io/clusterpolicies",
    "kyverno.io/policyexceptions",
    "policies.kyverno.io/generatingpolicies",
    "cert-manager.io/clusterissuers",
    "cert-manager.io/issuers",
    "source.toolkit.fluxcd.io/gitrepositories",
    "source.toolkit.fluxcd.io/ocirepositories",
    "fleet.cattle.io/gitrepos",
    "fleet.cattle.io/bundles",
    "external-secrets.io/secretstores",
    "external-secrets.io/clustersecretstores",
    "subresources.kubevirt.io/virtualmachineinstances/console",
    "subresources.kubevirt.io/virtualmachineinstances/vnc",
    "cdi.kubevirt.io/datavolumes/source",
    "cdi.kubevirt.io/volumeimportsources",
    "kubernetes.crossplane.io/objects",
    "kubernetes.m.crossplane.io/objects",
    "authentication.concierge.pinniped.dev/webhookauthenticators",
    "authentication.concierge.pinniped.dev/jwtauthenticators",
    "k8s.cni.cncf.io/network-attachment-definitions",
];

#[test]
fn what_could_take_over_is_refused() {
    for text in TAKE_OVER {
        let (group, resource) = text.split_once('/').expect("a group and a resource");
        let found = found(group, resource, "create", apps());
        let told: Vec<String> = found.iter().map(Danger::waiver_text).collect();
        assert_eq!(told, [format!("{text}:create")]);
    }
    let found = found("cert-manager.io", "signers", "approve", apps());
    assert_eq!(found.len(), 1, "{found:?}");
}
