//! The routes: one table for each component, and how a path finds its row.

use http::Method;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{…}` stands for one segment.
    pub path: &'static str,
    /// The callers who may use it.
    pub access: RouteAccess,
    pub(crate) endpoint: Endpoint,
}

/// The callers who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteAccess {
    /// Anybody: it tells nothing, or is where somebody says who he is.
    Anybody,
    /// The administrator.
    Administrator,
    /// The administrator, or whoever holds the sweep token.
    Sweeper,
    /// Anybody who is known: an identity that has logged in, or an administrator.
    Identity,
    /// Whoever shows an access token, in the header or in the body.
    Holder,
}

/// The function of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Says that the component runs.
    Live,
    /// Says whether it can work.
    Ready,
    /// Does something, for whoever is let in.
    Operation(RouteOperation),
    /// Does something with the access token that is shown.
    TokenOperation(OwnTokenOperation),
}

/// An operation of the holder of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnTokenOperation {
    Renew,
    Revoke,
}

/// An operation for a caller who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteOperation {
    ListTargets,
    PutTarget,
    ShowTarget,
    DeleteTarget,
    CheckTarget,
    ShowRuntimeConfig,
    AcceptCluster,
    WriteOffTarget,
    ListDynamicSecrets,
    PutDynamicSecret,
    ShowDynamicSecret,
    DeleteDynamicSecret,
    ListNamespaces,
    IssueLease,
    IssueExecCredential,
    ShowKubeconfig,
    ListLeases,
    RevokeLeases,
    ShowLease,
    RevokeLease,
    RenewLease,
    Sweep,
    ShowSweep,
    ListAuditEvents,
    VerifyAudit,
    Explain,
    ListIdentities,
    PutIdentity,
    ShowIdentity,
    DeleteIdentity,
    MakeAccessToken,
    RevokeIdentity,
    RevokeAccessor,
    ShowAccessToken,
    LogInByKubernetes,
    LogInByOidc,
    LogInAsInfisical,
}

/// The routes of the main component.
#[must_use]
pub fn main_routes() -> Vec<Route> {
    use RouteOperation as To;
    let open =
        [("/livez", Endpoint::Live), ("/readyz", Endpoint::Ready)].map(|(path, endpoint)| Route {
            method: Method::GET,
            path,
            access: RouteAccess::Anybody,
            endpoint,
        });
    let target = "/api/v1/targets/{name}";
    let secret = "/api/v1/dynamic-secrets/{name}";
    let lease = "/api/v1/leases/{lease_id}";
    let identity = "/api/v1/identities/{name}";
    let administrators = [
        (Method::GET, "/api/v1/targets", To::ListTargets),
        (Method::PUT, target, To::PutTarget),
        (Method::GET, target, To::ShowTarget),
        (Method::DELETE, target, To::DeleteTarget),
        (Method::POST, "/api/v1/targets/{name}/check", To::CheckTarget),
        (Method::POST, "/api/v1/targets/{name}/cluster", To::AcceptCluster),
        (Method::GET, "/api/v1/targets/{name}/runtime-config", To::ShowRuntimeConfig),
        (Method::POST, "/api/v1/targets/{name}/write-off", To::WriteOffTarget),
        (Method::GET, "/api/v1/dynamic-secrets", To::ListDynamicSecrets),
        (Method::PUT, secret, To::PutDynamicSecret),
        (Method::GET, secret, To::ShowDynamicSecret),
        (Method::DELETE, secret, To::DeleteDynamicSecret),
        (Method::GET, "/api/v1/audit", To::ListAuditEvents),
        (Method::GET, "/api/v1/audit/verify", To::VerifyAudit),
        (Method::POST, "/api/v1/explain", To::Explain),
        (Method::GET, "/api/v1/identities", To::ListIdentities),
        (Method::PUT, identity, To::PutIdentity),
        (Method::GET, identity, To::ShowIdentity),
        (Method::DELETE, identity, To::DeleteIdentity),
        (Method::POST, "/api/v1/identities/{name}/tokens", To::MakeAccessToken),
        (Method::POST, "/api/v1/identities/{name}/revoke", To::RevokeIdentity),
        (Method::POST, "/api/v1/auth/accessors/{accessor}/revoke", To::RevokeAccessor),
    ]
    .map(|(method, path, operation)| {
        Route::new(method, path, RouteAccess::Administrator, operation)
    });
    let identities = [
        (Method::GET, "/api/v1/dynamic-secrets/{name}/namespaces", To::ListNamespaces),
        (Method::POST, "/api/v1/dynamic-secrets/{name}/leases", To::IssueLease),
        (Method::POST, "/api/v1/dynamic-secrets/{name}/exec-credential", To::IssueExecCredential),
        (Method::GET, "/api/v1/dynamic-secrets/{name}/kubeconfig", To::ShowKubeconfig),
        (Method::GET, "/api/v1/leases", To::ListLeases),
        (Method::POST, "/api/v1/leases/revoke", To::RevokeLeases),
        (Method::GET, lease, To::ShowLease),
        (Method::DELETE, lease, To::RevokeLease),
        (Method::POST, "/api/v1/leases/{lease_id}/renew", To::RenewLease),
        (Method::GET, "/api/v1/auth/token", To::ShowAccessToken),
    ]
    .map(|(method, path, operation)| Route::new(method, path, RouteAccess::Identity, operation));
    let holders = [
        ("/api/v1/auth/token/renew", OwnTokenOperation::Renew),
        ("/api/v1/auth/token/revoke", OwnTokenOperation::Revoke),
    ]
    .map(|(path, operation)| Route {
        method: Method::POST,
        path,
        access: RouteAccess::Holder,
        endpoint: Endpoint::TokenOperation(operation),
    });
    let logins = [
        ("/api/v1/auth/kubernetes/login", To::LogInByKubernetes),
        ("/api/v1/auth/oidc/login", To::LogInByOidc),
        ("/api/v1/auth/kubernetes-auth/login", To::LogInAsInfisical),
    ]
    .map(|(path, operation)| Route::new(Method::POST, path, RouteAccess::Anybody, operation));
    open.into_iter().chain(logins).chain(administrators).chain(identities).chain(holders).collect()
}

/// The routes of the cleanup job.
#[must_use]
pub fn cleanup_routes() -> Vec<Route> {
    [(Method::POST, RouteOperation::Sweep), (Method::GET, RouteOperation::ShowSweep)]
        .map(|(method, operation)| {
            Route::new(method, "/api/v1/sweep", RouteAccess::Sweeper, operation)
        })
        .into()
}

/// The result of looking up a path and a method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RouteMatch<'a> {
    /// A route, and what stands for its one `{…}`.
    Route(Route, &'a str),
    /// The path is one of ours, but takes these methods.
    OtherMethods(Vec<Method>),
    /// The path is none of ours.
    Nothing,
}

/// Finds the route for a path, which is compared as it came: Spin strips slashes for its own routing only,
/// and `//livez` is not `/livez`.
pub(crate) fn find_route<'a>(routes: Vec<Route>, method: &Method, path: &'a str) -> RouteMatch<'a> {
    let mut methods = vec![];
    for route in routes {
        if let Some(parameter) = match_path_parameter(route.path, path) {
            if route.method == method {
                return RouteMatch::Route(route, parameter);
            }
            methods.push(route.method);
        }
    }
    if methods.is_empty() { RouteMatch::Nothing } else { RouteMatch::OtherMethods(methods) }
}

impl Route {
    /// Returns true if leases or access tokens are given back here, which no number of uses shuts anybody out of.
    pub(crate) fn is_revocation(&self) -> bool {
        matches!(
            self.endpoint,
            Endpoint::Operation(RouteOperation::RevokeLease | RouteOperation::RevokeLeases)
                | Endpoint::TokenOperation(OwnTokenOperation::Revoke)
        )
    }

    fn new(
        method: Method,
        path: &'static str,
        access: RouteAccess,
        operation: RouteOperation,
    ) -> Self {
        Self { method, path, access, endpoint: Endpoint::Operation(operation) }
    }
}

/// Returns the part of `path` that stands for the one `{…}` of `pattern`, or an empty one if there
/// is none; `None` if they differ.
fn match_path_parameter<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let mut parameter = "";
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                parameter = given;
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            (None, None) => return Some(parameter),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_as_it_came() {
        let to = |operation, parameter| Some((Endpoint::Operation(operation), parameter));
        for (method, path, endpoint) in [
            (Method::GET, "/livez", Some((Endpoint::Live, ""))),
            (Method::GET, "/api/v1/targets", to(RouteOperation::ListTargets, "")),
            (Method::GET, "/api/v1/targets/prod", to(RouteOperation::ShowTarget, "prod")),
            (Method::GET, "/api/v1/targets/pr%6fd", to(RouteOperation::ShowTarget, "pr%6fd")),
            (Method::POST, "/api/v1/targets/check/check", to(RouteOperation::CheckTarget, "check")),
            (Method::POST, "/api/v1/leases/revoke", to(RouteOperation::RevokeLeases, "")),
            (Method::DELETE, "/api/v1/leases/revoke", to(RouteOperation::RevokeLease, "revoke")),
            (Method::POST, "/api/v1/leases/7/renew", to(RouteOperation::RenewLease, "7")),
            (Method::GET, "/", None),
            (Method::GET, "", None),
            (Method::GET, "//livez", None),
            (Method::GET, "/livez/", None),
            (Method::GET, "/LIVEZ", None),
            (Method::GET, "/api/v1/targets/", None),
            (Method::GET, "/api/v1/targets/prod/", None),
            (Method::GET, "/api/v1//targets", None),
            (Method::GET, "/api/v1/targets/{name}/x", None),
            (Method::GET, "/api/v1/sweep", None),
        ] {
            let found = match find_route(main_routes(), &method, path) {
                RouteMatch::Route(route, parameter) => Some((route.endpoint, parameter)),
                RouteMatch::OtherMethods(methods) => panic!("{path}: only {methods:?}"),
                RouteMatch::Nothing => None,
            };
            assert_eq!(found, endpoint, "{method} {path}");
        }
    }

    #[test]
    fn a_known_path_tells_its_methods() {
        let found = find_route(main_routes(), &Method::PATCH, "/api/v1/targets/prod");
        assert_eq!(found, RouteMatch::OtherMethods(vec![Method::PUT, Method::GET, Method::DELETE]));
    }

    #[test]
    fn the_openapi_document_has_these_routes_and_no_others() {
        let document = include_str!("../../../docs/openapi.json");
        let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
        let mut documented = vec![];
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                if method != "parameters" {
                    // Who may ask: nobody need show anything, or the sweep token will do, or neither.
                    let schemes = operation.get("security").and_then(|schemes| schemes.as_array());
                    documented.push((path.clone(), method.to_uppercase(), schemes.map(Vec::len)));
                }
            }
        }
        let ours = main_routes().into_iter().chain(cleanup_routes());
        let mut ours: Vec<_> = ours
            .map(|route| {
                let schemes = match route.access {
                    RouteAccess::Anybody => Some(0),
                    RouteAccess::Administrator => None,
                    RouteAccess::Sweeper | RouteAccess::Identity => Some(2),
                    // By the header, or with no header by the body.
                    RouteAccess::Holder => Some(3),
                };
                (route.path.to_owned(), route.method.to_string(), schemes)
            })
            .collect();
        ours.sort();
        documented.sort();
        assert_eq!(documented, ours);
    }
}
