use super::*;

const MODES: [PermissionProfile<'static>; 8] = [
    PermissionProfile::Existing { account: "deployer" },
    PermissionProfile::ExistingPlain { account: "deployer" },
    PermissionProfile::TemporaryRole { role: BoundRole::Role("deployer") },
    PermissionProfile::TemporaryRole { role: BoundRole::ClusterRole("view") },
    PermissionProfile::TemporaryRules,
    PermissionProfile::TemporaryClusterRole,
    PermissionProfile::ClusterRole { role: "view" },
    PermissionProfile::ClusterRules,
];

fn accesses(mode: PermissionProfile<'_>) -> Vec<AccessQuery<'_>> {
    list_needed_permissions(mode, true).into_iter().flat_map(Permission::access_queries).collect()
}

#[test]
fn nothing_reads_secrets_or_goes_around_rbac() {
    for mode in MODES {
        for access in accesses(mode) {
            let reads =
                access.resource == "secrets" && !["create", "delete"].contains(&access.verb);
            let around = ["escalate", "impersonate", "*", "deletecollection", "update"]
                .contains(&access.verb);
            let binds_any = access.verb == "bind" && access.name.is_none();
            assert!(!reads && !around && !binds_any, "{mode:?}: {access:?}");
        }
    }
}

#[test]
fn only_cluster_scopes_write_cluster_wide() {
    for mode in MODES {
        let cluster_wide = matches!(
            mode,
            PermissionProfile::ClusterRole { .. }
                | PermissionProfile::ClusterRules
                | PermissionProfile::TemporaryClusterRole
        );
        let writes = accesses(mode)
            .iter()
            .any(|access| access.scope == PermissionScope::Cluster && access.verb == "create");
        assert_eq!(writes, cluster_wide, "{mode:?}");
    }
}

#[test]
fn tokens_of_existing_accounts_are_of_the_named_one_alone() {
    for mode in MODES {
        let named = matches!(
            mode,
            PermissionProfile::Existing { .. } | PermissionProfile::ExistingPlain { .. }
        )
        .then_some("deployer");
        for access in accesses(mode).iter().filter(|a| a.subresource == Some("token")) {
            assert_eq!(access.name, named, "{mode:?}: {access:?}");
        }
    }
}

#[test]
fn what_is_created_can_be_deleted() {
    for mode in MODES {
        let all = accesses(mode);
        for made in all.iter().filter(|a| a.verb == "create" && a.subresource.is_none()) {
            let ended = AccessQuery { verb: "delete", ..*made };
            assert!(all.contains(&ended), "{mode:?}: {made:?}");
        }
    }
}

#[test]
fn each_permission_is_asked_for_once() {
    for mode in MODES {
        let all = accesses(mode);
        for (at, access) in all.iter().enumerate() {
            assert!(!all[..at].contains(access), "{mode:?}: {access:?}");
        }
    }
}

#[test]
fn labels_are_read_only_where_namespaces_are_selected() {
    for mode in MODES {
        let without = list_needed_permissions(mode, false);
        assert_eq!(list_needed_permissions(mode, true).len(), without.len() + 1, "{mode:?}");
        assert!(!without.contains(&NAMESPACE_LABELS_PERMISSION), "{mode:?}");
    }
}

#[test]
fn a_role_that_is_bound_is_read_where_it_is() {
    for (mode, resource, scope) in [
        (MODES[2], "roles", Some(PermissionScope::Namespace)),
        (MODES[3], "clusterroles", Some(PermissionScope::Cluster)),
        (MODES[6], "clusterroles", Some(PermissionScope::Cluster)),
        (MODES[4], "roles", None),
    ] {
        let all = accesses(mode);
        let read =
            all.iter().find(|a| a.verb == "get" && a.resource == resource && a.name.is_some());
        assert_eq!(read.map(|access| access.scope), scope, "{mode:?}");
    }
}

#[test]
fn a_question_names_resource_and_subresource() {
    let asked: Vec<_> = TOKEN_PERMISSION.access_queries().collect();
    let expected = AccessQuery {
        scope: PermissionScope::Namespace,
        group: "",
        resource: "serviceaccounts",
        subresource: Some("token"),
        verb: "create",
        name: None,
    };
    assert_eq!(asked, [expected]);
}
