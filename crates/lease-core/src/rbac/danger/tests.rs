//! Sets that must be refused unless they are waived, and sets that must not be.

use super::super::{PolicyRules, Waiver, Waivers};
use super::*;
use crate::rbac::RoleKind;

mod dangerous;
mod documented;
mod listed;

use dangerous::DANGEROUS;

/// A namespace in which nothing but the account's own work is.
fn apps() -> Reach {
    Reach::in_namespace(&"apps".parse().expect("a good name"))
}

fn kube_system() -> Reach {
    Reach::in_namespace(&"kube-system".parse().expect("a good name"))
}

/// Reads rules, each written as `groups | resources | verbs`, or `urls | verbs`; several are parted
/// by `;`.
fn rules(text: &str) -> PolicyRules {
    let list = |text: &str| -> Vec<String> {
        text.trim().split(',').map(|t| t.trim().replace("core", "")).collect()
    };
    let rule = |text: &str| match text.split('|').collect::<Vec<_>>().as_slice() {
        [groups, resources, verbs] => PolicyRule {
            api_groups: list(groups),
            resources: list(resources),
            verbs: list(verbs),
            ..PolicyRule::default()
        },
        [urls, verbs] => PolicyRule {
            non_resource_urls: list(urls),
            verbs: list(verbs),
            ..PolicyRule::default()
        },
        _ => panic!("{text}"),
    };
    PolicyRules::new(text.split(';').map(rule).collect()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn waivers(texts: &[&str]) -> Waivers {
    let parse = |text: &&str| text.parse::<Waiver>().unwrap_or_else(|e| panic!("{text}: {e}"));
    Waivers::new(texts.iter().map(parse).collect()).expect("each once")
}

#[test]
fn a_dangerous_set_is_refused_until_all_of_it_is_waived() {
    assert!(DANGEROUS.len() >= 60);
    for (set, harm, needed) in DANGEROUS {
        let rules = rules(set);
        let left = waivers(&[]).check_rules_waived(rules.as_slice(), apps()).expect_err(set);
        assert!(left.0.iter().all(|danger| danger.harm() == *harm), "{set}: {left}");
        assert_eq!(waivers(needed).check_rules_waived(rules.as_slice(), apps()), Ok(()), "{set}");
        for i in 0..needed.len() {
            let without = [&needed[..i], &needed[i + 1..]].concat();
            assert!(
                waivers(&without).check_rules_waived(rules.as_slice(), apps()).is_err(),
                "{set}: {without:?}"
            );
        }
        let found = find_dangers(rules.as_slice(), apps());
        assert_eq!(waivers(needed).unused_waivers(&found).count(), 0, "{set}");
        // What the error says is what is needed.
        let said: Vec<String> = left.0.iter().map(Danger::waiver_text).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        assert_eq!(
            waivers(&said).check_rules_waived(rules.as_slice(), apps()),
            Ok(()),
            "{set}: {said:?}"
        );
        for text in said {
            assert!(left.to_string().contains(&format!("\"{text}\"")), "{set}: {left}");
        }
    }
}

#[test]
fn a_harmless_set_passes() {
    let harmless = [
        "core|pods|get,list,watch",
        "core|pods/log|get",
        "core|pods/status|get",
        "core|pods|delete",
        "core|pods/eviction|create",
        "core|pods/ephemeralcontainers|get",
        "core|configmaps|get,list,watch,create,update,patch,delete",
        "core|events|create,patch",
        "core|services,endpoints|get,list,watch",
        "core|serviceaccounts|get,list",
        "core|nodes|get,list,watch",
        "core|nodes/metrics,nodes/stats|get",
        "core|namespaces|get,list",
        "core|persistentvolumeclaims|create,delete",
        "core|persistentvolumes|get",
        "core|resourcequotas,limitranges|get",
        "apps|deployments,statefulsets,daemonsets,replicasets|get,list,watch,delete",
        "apps|deployments/scale|get,update,patch",
        "apps|deployments/status|get",
        "batch|jobs,cronjobs|get,list,delete",
        "autoscaling|horizontalpodautoscalers|create,update",
        // What applications bring along.
        "networking.istio.io|virtualservices,destinationrules,gateways|create,update,patch,delete",
        "networking.istio.io|serviceentries,sidecars|create,update,patch,delete",
        "external-secrets.io|externalsecrets|create,update,patch,delete",
        "networking.k8s.io|ingresses|create,update",
        "networking.k8s.io|networkpolicies|get",
        "policy|poddisruptionbudgets|create",
        "rbac.authorization.k8s.io|roles,rolebindings|get,list,watch",
        "admissionregistration.k8s.io|mutatingwebhookconfigurations|get",
        "certificates.k8s.io|certificatesigningrequests|get,list",
        "coordination.k8s.io|leases|get,list,create,update,patch,delete",
        // How something does is not what it is.
        "kubevirt.io|virtualmachines/status,virtualmachines/finalizers|update,patch",
        "helm.toolkit.fluxcd.io|helmreleases/status|patch",
        "flowcontrol.apiserver.k8s.io|flowschemas/status|patch",
        "certificates.k8s.io|certificatesigningrequests/finalizers|update",
        // Gone since Kubernetes 1.25.
        "policy|podsecuritypolicies|create,use",
        "extensions|podsecuritypolicies|create,use",
        "authentication.k8s.io|tokenreviews,selfsubjectreviews|create",
        "authorization.k8s.io|subjectaccessreviews,selfsubjectaccessreviews|create",
        "metrics.k8s.io|pods,nodes|get,list",
        // Others' resources of the same names.
        "example.com|secrets|get,list,watch,create",
        "metrics.k8s.io|pods|create",
        "example.com|roles|create",
        "example.com|widgets,widgets/status|get,create,update,patch,delete",
        "/healthz,/readyz,/livez,/version,/metrics|get",
        "/logsearch|get",
    ];
    for set in harmless {
        let found = find_dangers(rules(set).as_slice(), apps());
        assert!(found.is_empty(), "{set}: {found:?}");
    }
}

#[test]
fn names_do_not_make_a_secret_harmless() {
    let text =
        r#"[{"apiGroups":[""],"resources":["secrets"],"resourceNames":["a"],"verbs":["get"]}]"#;
    let found = find_dangers(text.parse::<PolicyRules>().expect("good rules").as_slice(), apps());
    assert_eq!(found.iter().map(Danger::waiver_text).collect::<Vec<_>>(), ["core/secrets:get"]);
}

#[test]
fn roles_that_hold_much_are_refused_by_name() {
    use RoleKind::{ClusterRole, Role};
    for (kind, name, dangerous) in [
        (ClusterRole, "cluster-admin", true),
        (ClusterRole, "admin", true),
        (ClusterRole, "edit", true),
        (ClusterRole, "system:node", true),
        (ClusterRole, "system:aggregate-to-edit", true),
        (ClusterRole, "system:controller:job-controller", true),
        (ClusterRole, "view", false),
        (ClusterRole, "deployer", false),
        (ClusterRole, "edits", false),
        (ClusterRole, "systems", false),
        (Role, "system::leader-locking-kube-scheduler", true),
        (Role, "admin", false),
        (Role, "deployer", false),
    ] {
        let role = ExistingRole { kind, name: name.parse().expect("a good name") };
        let danger = danger_of_role_name(&role);
        assert_eq!(danger.is_some(), dangerous, "{kind} {name}");
        if let Some(danger) = danger {
            assert_eq!(danger.waiver_text(), format!("role:{name}"));
        }
    }
}

#[test]
fn a_danger_says_what_harm_it_does() {
    let found = find_dangers(rules("core|secrets|get").as_slice(), apps());
    let told = found.first().expect("a danger").to_string();
    assert_eq!(
        told,
        "`core/secrets:get`: it reaches Secrets, which hold the credentials of others"
    );
}

#[test]
fn some_grants_are_dangerous_only_where_the_control_plane_or_kubelease_has_its_own() {
    let public = Reach::in_namespace(&"kube-public".parse().expect("a good name"));
    let beside = apps().beside_existing_accounts();
    let (map, lease) = ("core|configmaps|VERB", "coordination.k8s.io|leases|VERB");
    let candidate = "coordination.k8s.io|leasecandidates|VERB";
    let (route, fetched) =
        ("networking.istio.io|virtualservices|VERB", "external-secrets.io|externalsecrets|VERB");
    for (set, reach, refused, warned) in [
        (map, apps(), false, false),
        (map, beside, false, false),
        (map, public, false, false),
        (map, kube_system(), true, false),
        (map, Reach::in_cluster(), true, false),
        (lease, apps(), false, true),
        (lease, beside, true, false),
        (lease, public, true, false),
        (lease, kube_system(), true, false),
        (lease, Reach::in_cluster(), true, false),
        (candidate, apps(), false, true),
        (candidate, kube_system(), true, false),
        (route, apps(), false, false),
        (route, beside, false, false),
        (route, public, true, false),
        (route, Reach::in_cluster(), true, false),
        (fetched, apps(), false, false),
        (fetched, kube_system(), true, false),
        (fetched, Reach::in_cluster(), true, false),
        ("networking.istio.io|envoyfilters|VERB", apps(), true, false),
        ("security.istio.io|authorizationpolicies|VERB", apps(), true, false),
        ("external-secrets.io|secretstores|VERB", apps(), true, false),
        ("external-secrets.io|clusterexternalsecrets|VERB", apps(), true, false),
        ("core|pods|VERB", apps(), true, false),
        ("core|events|VERB", Reach::in_cluster(), false, false),
        ("*|*|VERB", apps(), true, false),
    ] {
        for verb in ["create", "update", "patch"] {
            let rules = rules(&set.replace("VERB", verb));
            let found =
                (find_dangers(rules.as_slice(), reach), find_cautions(rules.as_slice(), reach));
            let told = format!("{set} {verb} in {reach:?}: {found:?}");
            assert_eq!((found.0.len(), found.1.len()), (refused.into(), warned.into()), "{told}");
        }
        let read = rules(&set.replace("VERB", "get,list,watch"));
        assert!(find_cautions(read.as_slice(), reach).is_empty(), "{set}");
        if !set.contains('*') {
            assert!(find_dangers(read.as_slice(), reach).is_empty(), "{set}");
        }
    }
}

#[test]
fn a_caution_that_is_waived_is_not_told() {
    let rules = rules("coordination.k8s.io|leases|create,update");
    let told = |texts: &[&str]| waivers(texts).unwaived_cautions(rules.as_slice(), apps()).len();
    assert_eq!(told(&[]), 2);
    assert_eq!(told(&["coordination.k8s.io/leases:create"]), 1);
    assert_eq!(told(&["coordination.k8s.io/leases:*"]), 0);
}
