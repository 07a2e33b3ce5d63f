//! Issuing a lease.

use chrono::{DateTime, TimeDelta, Utc};
use kube_rest::{IssuedToken, TokenClaims, TokenSpec};
use lease_core::{
    Account, DynamicSecret, DynamicSecretName, Lease, LeaseId, Namespace, ServiceAccountName,
    Target, Ttl,
};

use crate::engine::api;
use crate::{Engine, IssueError, Ports};

/// What a caller asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueRequest {
    /// For how long; the default of the dynamic secret where absent.
    pub ttl: Option<Ttl>,
    /// Where; may be absent where the dynamic secret leaves no choice.
    pub namespace: Option<Namespace>,
}

/// A lease, and the token that it is answered with.
#[derive(Debug)]
pub struct Issued {
    /// What is kept of it.
    pub lease: Lease,
    /// What is not.
    pub token: IssuedToken,
}

impl<P: Ports> Engine<P> {
    /// Issues a lease.
    ///
    /// A token that is bound to nothing leaves nothing in the cluster to undo, so the record comes after
    /// the token and before the answer: whoever has the token, it is on record.
    ///
    /// # Errors
    /// Fails as [`IssueError`] says. No token is handed on then.
    pub async fn issue(
        &self,
        secret: &DynamicSecretName,
        request: IssueRequest,
    ) -> Result<Issued, IssueError> {
        let secret = self
            .dynamic_secrets()
            .get(secret)?
            .ok_or_else(|| IssueError::UnknownSecret(secret.clone()))?;
        let plan = plan(&secret, request)?;
        let target = self
            .targets()
            .get(&secret.target)?
            .ok_or(IssueError::UnknownTarget { secret: secret.name, target: secret.target })?;
        let token = self.create_token(&target, &plan).await?;
        let lease = self.confirm(&plan, &target, &token)?;
        self.leases().add(&lease, self.ports.now())?;
        Ok(Issued { lease, token })
    }

    async fn create_token(&self, target: &Target, plan: &Plan) -> Result<IssuedToken, IssueError> {
        let credential = target
            .credential(&self.keys)
            .map_err(|source| IssueError::Unopened { target: target.name.clone(), source })?;
        let spec = TokenSpec {
            audiences: vec![],
            expiration_seconds: plan.ttl.seconds(),
            bound_object: None,
            account_uid: None,
        };
        api(target, &credential)
            .create_token(plan.namespace.as_str(), plan.service_account.as_str(), &spec)
            .send(self.ports.http())
            .await
            .map_err(|source| plan.failed(target, source))
    }

    /// The lease that `token` makes, if it is the token that was asked for.
    fn confirm(
        &self,
        plan: &Plan,
        target: &Target,
        token: &IssuedToken,
    ) -> Result<Lease, IssueError> {
        let claims = token.claims().map_err(|source| plan.failed(target, source))?;
        if let Some(what) = wrong(plan, &claims) {
            return Err(IssueError::WrongToken { target: target.name.clone(), what });
        }
        Ok(Lease {
            id: LeaseId::new(self.random()),
            dynamic_secret: plan.secret.clone(),
            target: target.name.clone(),
            namespace: plan.namespace.clone(),
            service_account: plan.service_account.clone(),
            warnings: warnings(plan.ttl, claims.issued_at, claims.expires_at),
            jti: claims.id,
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
        })
    }
}

/// A lease that is granted, before anything is done for it.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    secret: DynamicSecretName,
    namespace: Namespace,
    service_account: ServiceAccountName,
    ttl: Ttl,
}

impl Plan {
    fn failed(&self, target: &Target, source: kube_rest::Error) -> IssueError {
        IssueError::Kubernetes {
            target: target.name.clone(),
            namespace: self.namespace.clone(),
            service_account: self.service_account.clone(),
            source,
        }
    }
}

fn plan(secret: &DynamicSecret, request: IssueRequest) -> Result<Plan, IssueError> {
    let namespace = secret.terms.choose_namespace(request.namespace).map_err(|source| {
        let allowed = secret.terms.namespaces().to_vec();
        IssueError::Namespace { secret: secret.name.clone(), allowed, source }
    })?;
    let ttl = secret
        .terms
        .grant_ttl(request.ttl)
        .map_err(|source| IssueError::Ttl { secret: secret.name.clone(), source })?;
    let Account::Existing { name: service_account } = secret.account.clone();
    Ok(Plan { secret: secret.name.clone(), namespace, service_account, ttl })
}

/// What is wrong with a token, if anything is. What stands between us and the API server may answer too.
fn wrong(plan: &Plan, claims: &TokenClaims) -> Option<&'static str> {
    if !claims.is_of(plan.namespace.as_str(), plan.service_account.as_str()) {
        Some("it is of another account")
    } else if claims.expires_at <= claims.issued_at {
        Some("it ends before it begins")
    } else if claims.id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
        Some("its id is too long")
    } else {
        None
    }
}

/// The API server may shorten a token in silence (`--service-account-max-token-expiration`).
fn warnings(asked: Ttl, issued_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Vec<String> {
    let asked = TimeDelta::from(asked);
    let given = expires_at - issued_at;
    let change = match given.cmp(&asked) {
        std::cmp::Ordering::Less => "shortened",
        std::cmp::Ordering::Equal => return vec![],
        std::cmp::Ordering::Greater => "lengthened",
    };
    let (given, asked) = (given.num_seconds(), asked.num_seconds());
    vec![format!("the API server {change} the token to {given} seconds; {asked} were asked for")]
}

/// The longest id of a token that is kept. Kubernetes' are UUIDs.
const MAX_ID_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use kube_rest::TransportError;
    use lease_core::{NamespaceError, TtlError};

    use super::*;
    use crate::fixtures::{block_on, engine_with_secret};
    use crate::testing::{Answer, token};

    fn ask(ttl: Option<&str>, namespace: Option<&str>) -> IssueRequest {
        IssueRequest {
            ttl: ttl.map(|text| text.parse().expect("a good duration")),
            namespace: namespace.map(|name| name.parse().expect("a good name")),
        }
    }

    #[test]
    fn a_lease_is_on_record_before_its_token_is_handed_on() {
        let engine = engine_with_secret(vec![Answer::token("apps", "deployer", 1000, 4600)]);
        let writes = engine.ports.store.writes();
        let ci = "ci".parse().expect("a good name");
        let issued = block_on(engine.issue(&ci, ask(None, None))).expect("issues");
        assert_eq!(issued.token.expose(), token("apps", "deployer", 1000, 4600));
        assert_eq!(issued.lease.expires_at.timestamp(), 4600, "the token's own `exp`");
        assert_eq!(engine.lease(issued.lease.id).expect("reads"), Some(issued.lease));
        assert_eq!(engine.ports.store.writes() - writes, 2, "durable writes");
        assert_eq!(engine.ports.http.bearers().len(), 1, "calls of the API");
    }

    #[test]
    fn what_the_secret_does_not_grant_is_refused_before_anything_is_sent() {
        let engine = engine_with_secret(vec![]);
        let ci = "ci".parse().expect("a good name");
        let issue =
            |ttl, namespace| block_on(engine.issue(&ci, ask(ttl, namespace))).expect_err("refused");
        let too_long = issue(Some("25h"), None);
        assert!(matches!(too_long, IssueError::Ttl { source: TtlError::TooLong { .. }, .. }));
        let too_short = issue(Some("9m"), None);
        assert!(matches!(too_short, IssueError::Ttl { source: TtlError::TooShort { .. }, .. }));
        let elsewhere = issue(None, Some("kube-system"));
        assert!(matches!(
            elsewhere,
            IssueError::Namespace { source: NamespaceError::NotAllowed(_), .. }
        ));
        let unknown = "cd".parse().expect("a good name");
        let unknown = block_on(engine.issue(&unknown, ask(None, None))).expect_err("none");
        assert!(matches!(unknown, IssueError::UnknownSecret(_)));
        assert_eq!(engine.ports.http.bearers().len(), 0);
    }

    #[test]
    fn a_token_that_was_not_asked_for_is_not_handed_on() {
        for (answer, what) in [
            (Answer::token("apps", "admin", 1000, 4600), "it is of another account"),
            (Answer::token("kube-system", "deployer", 1000, 4600), "it is of another account"),
            (Answer::token("apps", "deployer", 1000, 1000), "it ends before it begins"),
        ] {
            let engine = engine_with_secret(vec![answer]);
            let writes = engine.ports.store.writes();
            let ci = "ci".parse().expect("a good name");
            let error = block_on(engine.issue(&ci, ask(None, None))).expect_err(what);
            assert!(
                matches!(&error, IssueError::WrongToken { what: w, .. } if *w == what),
                "{error}"
            );
            assert_eq!(engine.ports.store.writes(), writes, "nothing is recorded: {what}");
        }
    }

    #[test]
    fn no_answer_that_is_no_token_makes_a_lease() {
        let garbage = [
            Answer::Reply(200, String::new()),
            Answer::Reply(200, "<html>".to_owned()),
            Answer::Reply(201, r#"{"status":{}}"#.to_owned()),
            Answer::Reply(201, r#"{"status":{"token":"secret-canary"}}"#.to_owned()),
            Answer::Reply(301, String::new()),
            Answer::Reply(401, r#"{"kind":"Status","reason":"Unauthorized"}"#.to_owned()),
            Answer::Reply(500, "oops".to_owned()),
            Answer::Fail(TransportError::Timeout("first byte".to_owned())),
        ];
        for answer in garbage {
            let told = format!("{answer:?}");
            let engine = engine_with_secret(vec![answer]);
            let writes = engine.ports.store.writes();
            let ci = "ci".parse().expect("a good name");
            let error = block_on(engine.issue(&ci, ask(None, None))).expect_err(&told);
            assert!(matches!(&error, IssueError::Kubernetes { .. }), "{told}: {error}");
            let chain = chain(&error).join(": ");
            assert!(!chain.contains("canary"), "{chain}");
            assert_eq!(engine.ports.store.writes(), writes, "{told}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_recorded_is_not_handed_on() {
        let engine = engine_with_secret(vec![Answer::token("apps", "deployer", 1000, 4600)]);
        let store = Rc::clone(&engine.ports.store);
        engine.ports.http.on_send(move || store.set_down(true));
        let ci = "ci".parse().expect("a good name");
        let error = block_on(engine.issue(&ci, ask(None, None))).expect_err("no store");
        assert!(matches!(error, IssueError::Store(_)), "{error}");
    }

    #[test]
    fn a_lease_tells_when_the_api_server_changed_its_length() {
        for (expires, warned) in [
            (1000 + 3600, None),
            (1000 + 600, Some("shortened")),
            (1000 + 7200, Some("lengthened")),
        ] {
            let engine = engine_with_secret(vec![Answer::token("apps", "deployer", 1000, expires)]);
            let ci = "ci".parse().expect("a good name");
            let lease = block_on(engine.issue(&ci, ask(None, None))).expect("issues").lease;
            assert_eq!(lease.ttl_seconds(), expires - 1000);
            assert_eq!(lease.warnings.len(), usize::from(warned.is_some()), "{:?}", lease.warnings);
            assert!(lease.warnings.iter().all(|w| w.contains(warned.unwrap_or_default())));
        }
    }

    #[test]
    fn a_secret_whose_target_is_gone_gives_no_lease() {
        let engine = engine_with_secret(vec![]);
        engine.targets().delete(&"prod".parse().expect("a good name")).expect("deletes");
        let ci = "ci".parse().expect("a good name");
        let error = block_on(engine.issue(&ci, ask(None, None))).expect_err("no target");
        assert!(matches!(error, IssueError::UnknownTarget { .. }), "{error}");
    }

    fn chain(error: &dyn std::error::Error) -> Vec<String> {
        std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect()
    }
}
