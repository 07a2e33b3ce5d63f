//! Refusals that are not about what was looked for.

use super::lists::empty_page;
use super::*;

#[test]
fn what_is_not_listed_is_lost_only_if_a_refusal_names_it() {
    for mode in BOUND {
        for (details, lost) in [
            ("{}", 0),
            (r#"{"name":"other","group":"GROUP","kind":"KIND"}"#, 0),
            (r#"{"name":"NAME","group":"GROUP","kind":"pods"}"#, 0),
            (r#"{"name":"NAME","group":"GROUP","kind":"KIND"}"#, 1),
        ] {
            let engine = warm(mode);
            let lease = issue(&engine).expect("issues").held.lease;
            let fault = Fault::Misplace(404, "NotFound", details);
            engine.ports.http.on_call(|cluster, sent| {
                let access = sent.access().filter(|access| access.verb == "list");
                if let Some(access) = access {
                    let list = match access.resource.split('.').next().unwrap_or_default() {
                        "serviceaccounts" => "ServiceAccountList",
                        "leases" => "LeaseList",
                        "roles" => "RoleList",
                        "clusterroles" => "ClusterRoleList",
                        "rolebindings" => "RoleBindingList",
                        _ => "ClusterRoleBindingList",
                    };
                    cluster.script([Answer::Reply(200, empty_page(list, ""))]);
                }
            });
            engine.ports.http.fail_all(fault, |sent| {
                let verbs = ["get", "delete"];
                sent.access().is_some_and(|access| {
                    verbs.contains(&access.verb) && access.resource != "namespaces"
                })
            });
            assert_eq!(found(&reconcile(&engine)), (0, 0, lost), "{mode:?}, {details}");
            let is_lost = state(&engine, lease.id) == LeaseState::Lost;
            assert_eq!(is_lost, lost == 1, "{mode:?}, {details}");
        }
    }
}
