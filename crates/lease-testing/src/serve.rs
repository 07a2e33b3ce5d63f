//! Which request is answered by what.

use chrono::{DateTime, Utc};
use jwt_auth::UnverifiedJwt;
use serde_json::{Value, json};

use super::answer::Reply;
use super::object::time;
use super::sent::{Access, Sent};
use super::token::{Subject, claims, encode};
use super::world::{World, unknown};

/// The parts of a cluster beside its objects.
pub(super) struct Server<'a> {
    pub(super) username: &'a str,
    pub(super) allows: &'a dyn Fn(&Access) -> bool,
    pub(super) webhook: Option<&'a dyn Fn(&mut Value)>,
    /// The forger of the claims of tokens, if there is one.
    pub(super) forger: Option<&'a dyn Fn(&mut Value)>,
    /// The changes of answers to token reviews, if there are any.
    pub(super) reviewer: Option<&'a dyn Fn(&mut Value)>,
    /// The longest life that a token is given (`--service-account-max-token-expiration`).
    pub(super) longest: Option<u64>,
    pub(super) now: DateTime<Utc>,
}

impl Server<'_> {
    pub(super) fn serve(&self, world: &mut World, sent: &Sent) -> Reply {
        let Some(access) = sent.access() else { return self.serve_all(world, sent) };
        if !(self.allows)(&access) {
            let Access { verb, resource, namespace, .. } = &access;
            let place = namespace.as_deref().unwrap_or("the cluster");
            let message = format!("User cannot {verb} resource \"{resource}\" in {place}");
            return Reply::forbidden(Some(&access), &message);
        }
        if let Some(refusal) = self.refuse_binding(world, &access, sent) {
            return refusal;
        }
        match (access.verb, access.resource.as_str()) {
            ("create", "serviceaccounts/token") => self.token(world, &access, sent),
            ("create", _) => world.create(&access, sent, self.webhook, self.now),
            ("get", _) => world.read(&access),
            ("list", _) => world.list(&access, sent),
            ("delete", _) => world.delete(&access, sent, self.now),
            ("patch", _) => world.patch(&access, sent),
            _ => unknown(),
        }
    }

    /// The refusal of a binding by whoever may not `bind` its role; here nobody holds what a role grants.
    fn refuse_binding(&self, world: &World, access: &Access, sent: &Sent) -> Option<Reply> {
        let bindings = "bindings.rbac.authorization.k8s.io";
        if access.verb != "create" || !access.resource.ends_with(bindings) {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let role = &sent.body["roleRef"];
        let (kind, name) = (text(&role["kind"]), text(&role["name"]));
        let plural = if kind == "Role" { "roles" } else { "clusterroles" };
        let bind = Access {
            verb: "bind",
            resource: format!("{plural}.rbac.authorization.k8s.io"),
            namespace: access.namespace.clone(),
            name: Some(name.clone()),
        };
        if (self.allows)(&bind) {
            return None;
        }
        let place = if kind == "Role" { access.namespace.clone() } else { None };
        let key = (kind, place.unwrap_or_default(), name.clone());
        // The role is looked up in the course of a request for bindings, and the answer says so.
        if !world.objects.contains_key(&key) {
            return Some(Reply::not_found(&access.resource, &name));
        }
        let message = "user \"broker\" (groups=[]) is attempting to grant RBAC permissions not currently held:";
        Some(Reply::forbidden(Some(access), message))
    }

    /// Answers the requests that everybody may make.
    fn serve_all(&self, world: &World, sent: &Sent) -> Reply {
        match (sent.method.as_str(), sent.path.as_str()) {
            ("GET", "/version") => Reply::json(200, &json!({"gitVersion": "v1.36.3"})),
            ("GET", "/.well-known/openid-configuration") => match &world.issuer {
                Some(issuer) => Reply::json(200, &json!({ "issuer": issuer })),
                None => Reply::forbidden(None, "forbidden: User cannot get path"),
            },
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews") => self.review_token(sent),
            ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews") => Reply::json(
                201,
                &json!({
                    "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1",
                    "metadata": {"creationTimestamp": time(self.now)},
                    "status": {"userInfo": {
                        "username": self.username,
                        "groups": ["system:serviceaccounts", "system:authenticated"],
                    }},
                }),
            ),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") => {
                let asked = &sent.body["spec"]["resourceAttributes"];
                let text = |key: &str| asked[key].as_str().map(str::to_owned);
                let group = text("group").unwrap_or_default();
                let plural = text("resource").unwrap_or_default();
                let subresource = text("subresource");
                let access = Access {
                    verb: verb(&text("verb").unwrap_or_default()),
                    resource: super::sent::resource(&group, &plural, subresource.as_deref()),
                    namespace: text("namespace"),
                    name: text("name"),
                };
                let allowed = (self.allows)(&access);
                Reply::json(
                    201,
                    &json!({
                        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                        "metadata": {}, "spec": sent.body["spec"], "status": {"allowed": allowed},
                    }),
                )
            }
            _ => unknown(),
        }
    }

    /// Accepts a token for what it says of itself, whoever has signed it.
    fn review_token(&self, sent: &Sent) -> Reply {
        let spec = &sent.body["spec"];
        let token = spec["token"].as_str().and_then(|token| UnverifiedJwt::parse(token).ok());
        let claims = token.map(|token| json!(token.claims().as_map())).unwrap_or_default();
        let username = claims["sub"].as_str().unwrap_or_default();
        let namespace = username.split(':').nth(2).unwrap_or_default();
        let audiences = spec["audiences"].as_array().cloned().unwrap_or_default();
        let is_for = |audience: &&Value| {
            claims["aud"].as_array().is_some_and(|all| all.contains(audience))
                || claims["aud"] == **audience
        };
        let audiences: Vec<_> = audiences.iter().filter(is_for).collect();
        let mut status = json!({"authenticated": !audiences.is_empty(), "audiences": audiences, "user": {
            "username": username, "uid": "u1",
            "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{namespace}"),
                "system:authenticated"],
        }});
        if let Some(reviewer) = self.reviewer {
            reviewer(&mut status);
        }
        Reply::json(
            201,
            &json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}),
        )
    }

    fn token(&self, world: &mut World, access: &Access, sent: &Sent) -> Reply {
        let namespace = access.namespace.as_deref().unwrap_or_default();
        let name = access.name.as_deref().unwrap_or_default();
        if !world.has_namespace(namespace) {
            return Reply::not_found("namespaces", namespace);
        }
        let find = |kind: &str, name: &str| {
            let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
            world.objects.get(&key).filter(|kept| !kept.is_terminating())
        };
        let Some(account) = find("ServiceAccount", name) else {
            return Reply::not_found("serviceaccounts", name);
        };
        let account_uid = account.uid().to_owned();
        if sent.body["metadata"]["uid"].as_str().is_some_and(|asked| asked != account_uid) {
            let what = "TokenRequest.authentication.k8s.io";
            return Reply::conflict(what, name, "the UID does not match");
        }
        let spec = &sent.body["spec"];
        let asked = spec["expirationSeconds"].as_u64().unwrap_or(3600);
        if asked < 600 {
            let message = "spec.expirationSeconds: may not specify a duration less than 10 minutes";
            return Reply::refusal(422, "Invalid", message);
        }
        let bound = &spec["boundObjectRef"];
        let bound_name = bound["name"].as_str().unwrap_or_default();
        let mut secret = None;
        if bound.is_object() {
            let Some(kept) = find("Secret", bound_name) else {
                return Reply::not_found("secrets", bound_name);
            };
            if bound["uid"].as_str().is_some_and(|asked| asked != kept.uid()) {
                return Reply::conflict("Secret", bound_name, "the UID does not match");
            }
            secret = Some((bound_name, kept.uid().to_owned()));
        }
        let seconds = asked.min(self.longest.unwrap_or(u64::MAX));
        let subject = Subject {
            namespace,
            account: name,
            account_uid: &account_uid,
            secret: secret.as_ref().map(|(name, uid)| (*name, uid.as_str())),
        };
        let number = world.next();
        let mut claims = claims(&subject, &spec["audiences"], self.now, seconds, number);
        if let Some(forger) = self.forger {
            forger(&mut claims);
        }
        let mut answer = sent.body.clone();
        answer["spec"]["expirationSeconds"] = json!(seconds);
        let end = self.now + chrono::TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default());
        answer["status"] = json!({"token": encode(&claims), "expirationTimestamp": time(end)});
        Reply::json(201, &answer)
    }
}

fn verb(text: &str) -> &'static str {
    let known = ["create", "get", "list", "delete", "patch", "bind", "escalate", "watch", "update"];
    known.into_iter().find(|verb| *verb == text).unwrap_or("other")
}
