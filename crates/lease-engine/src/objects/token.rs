//! The token of a lease: asked for by UID, and looked at before it is handed on.

use chrono::{DateTime, Utc};
use kube_rest::{BoundObject, IssuedToken, TokenClaims, TokenSpec};
use lease_core::{
    Lease, LeaseId, LeaseMode, MIN_TOKEN_TTL, Namespace, ObjectKind, ServiceAccountName,
};
use lease_store::AdministratorAudiences;

use crate::cluster::connection::Connection;
use crate::{ApiAction, ClusterError, Engine, Ports};

/// A token, and what it says of itself.
pub(crate) struct MintedToken {
    pub(crate) token: IssuedToken,
    pub(crate) claims: TokenClaims,
}

impl<P: Ports> Connection<'_, P> {
    /// A token of the lease's account, bound to what is the lease's own, for this many seconds.
    ///
    /// Account and Secret are named by UID: one that was made anew under the same name gives no token.
    ///
    /// # Errors
    /// Fails if none is given, or another than was asked for. Refuses one by which an administrator could log in.
    pub(crate) async fn mint_token(
        &self,
        lease: &Lease,
        seconds: u32,
        deadline: DateTime<Utc>,
    ) -> Result<MintedToken, ClusterError> {
        self.refuse_administrator_audiences(&lease.audiences)?;
        let bound = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
        let spec = TokenSpec {
            audiences: lease.audiences.clone(),
            expiration_seconds: seconds,
            bound_object: bound.map(|secret| {
                BoundObject::for_secret(&secret.name, secret.uid.as_deref().unwrap_or_default())
            }),
            account_uid: lease.account_uid.clone(),
        };
        let (namespace, account) = (lease.namespace.as_str(), lease.service_account.as_str());
        let doing = ApiAction::new("create", "serviceaccounts/token").with_name(account);
        let doing = doing.in_namespace(Some(&lease.namespace));
        let token = match self
            .send_with_retries(deadline, |api| api.create_token(namespace, account, &spec))
            .await
        {
            Ok(token) => token,
            Err(source) => return Err(self.refusal_error(doing, source, deadline).await),
        };
        let claims = token.parse_claims();
        let claims =
            claims.map_err(|source| ClusterError::from_kubernetes(self.target, doing, source))?;
        if let Some(what) = token_fault(lease, &claims) {
            return Err(ClusterError::WrongAnswer { target: self.target.name.clone(), what });
        }
        // The API server's own audiences are known only by a token of it.
        if lease.audiences.is_empty() {
            self.refuse_administrator_audiences(claims.audiences())?;
        }
        Ok(MintedToken { token, claims })
    }

    /// Refuses a token for an audience by which an administrator logs in: whoever leases it could be that administrator.
    fn refuse_administrator_audiences(&self, audiences: &[String]) -> Result<(), ClusterError> {
        let reserved = AdministratorAudiences::new(self.ports.store());
        for audience in audiences {
            if reserved.contains(audience)? {
                let target = self.target.name.clone();
                return Err(ClusterError::AdministratorAudience { target });
            }
        }
        Ok(())
    }
}

impl<P: Ports> Connection<'_, P> {
    /// Tries whether a token of an account would be given, without being given one.
    ///
    /// A dry run of a `TokenRequest` answers a real token, so none is ever sent. This request is bound to a Secret
    /// that does not exist, `no_secret`: kube-apiserver (1.34 to 1.37) authorizes and admits it as any other, then
    /// looks for the Secret, and fails.
    ///
    /// # Errors
    /// Fails if it is refused for another reason than that Secret.
    pub(crate) async fn try_token(
        &self,
        namespace: &Namespace,
        account: &ServiceAccountName,
        no_secret: &str,
        deadline: DateTime<Utc>,
    ) -> Result<(), ClusterError> {
        let spec = TokenSpec {
            audiences: vec![],
            expiration_seconds: MIN_TOKEN_TTL.as_secs(),
            bound_object: Some(BoundObject::for_secret(no_secret, NONEXISTENT_UID)),
            account_uid: None,
        };
        let (place, name) = (namespace.as_str(), account.as_str());
        let asked =
            self.send_with_retries(deadline, |api| api.create_token(place, name, &spec)).await;
        let Err(source) = asked else {
            let what = "a token is bound to a Secret that does not exist";
            return Err(ClusterError::WrongAnswer { target: self.target.name.clone(), what });
        };
        if source.status().is_some_and(|status| status.is_not_found_of("secrets", no_secret)) {
            return Ok(());
        }
        let doing = ApiAction::new("create", "serviceaccounts/token").with_name(name);
        Err(self.refusal_error(doing.in_namespace(Some(namespace)), source, deadline).await)
    }
}

impl<P: Ports> Engine<P> {
    /// The name of a Secret that does not exist, in the form of those of leases.
    pub(crate) fn absent_secret_name(&self) -> String {
        format!("kubelease-check-{}", LeaseId::new(self.random_bytes()).random_part(0))
    }
}

/// Returns the fault of a token, if there is one. A proxy between us and the API server may have
/// answered.
fn token_fault(lease: &Lease, claims: &TokenClaims) -> Option<&'static str> {
    let secret = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
    let bound = secret.and_then(|secret| secret.uid.as_deref());
    let asked = &lease.audiences;
    let audiences = claims.audiences();
    if !claims.is_of_account(lease.namespace.as_str(), lease.service_account.as_str()) {
        Some("the token names another account")
    } else if lease.account_uid.as_deref() != claims.account_uid() {
        Some("the token names another account with this name")
    } else if lease.mode == LeaseMode::Existing && claims.secret_uid() != bound {
        Some("the token is not bound to the lease's Secret")
    } else if audiences.is_empty() || (!asked.is_empty() && audiences != asked.as_slice()) {
        Some("the token is for another audience")
    } else if claims.expires_at <= claims.issued_at {
        Some("the token ends before it begins")
    } else if claims.id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
        Some("the token's id is too long")
    } else {
        None
    }
}

/// A UID that no object has.
const NONEXISTENT_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The longest id of a token that is kept. Kubernetes' are UUIDs.
const MAX_ID_BYTES: usize = 256;
