//! The token of a lease: asked for by UID, and looked at before it is handed on.

use chrono::{DateTime, Utc};
use kube_rest::{BoundObject, IssuedToken, TokenClaims, TokenSpec};
use lease_core::{Lease, Mode, ObjectKind};

use crate::connection::Connection;
use crate::{ClusterError, Doing, Ports};

/// A token, and what it says of itself.
pub(crate) struct Minted {
    pub(crate) token: IssuedToken,
    pub(crate) claims: TokenClaims,
}

impl<P: Ports> Connection<'_, P> {
    /// A token of the lease's account, bound to what is the lease's own, for this many seconds.
    ///
    /// Account and Secret are named by UID: one that was made anew under the same name gives no token.
    ///
    /// # Errors
    /// Fails where none is given, or another than was asked for.
    pub(crate) async fn mint(
        &self,
        lease: &Lease,
        seconds: u32,
        deadline: DateTime<Utc>,
    ) -> Result<Minted, ClusterError> {
        let bound = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
        let spec = TokenSpec {
            audiences: lease.audiences.clone(),
            expiration_seconds: seconds,
            bound_object: bound.map(|secret| {
                BoundObject::secret(&secret.name, secret.uid.as_deref().unwrap_or_default())
            }),
            account_uid: lease.account_uid.clone(),
        };
        let (namespace, account) = (lease.namespace.as_str(), lease.service_account.as_str());
        let failed = |source| {
            let doing = Doing::new("create", "serviceaccounts/token").named(account);
            ClusterError::kubernetes(self.target, doing.at(Some(&lease.namespace)), source)
        };
        let token = self.ask(deadline, |api| api.create_token(namespace, account, &spec)).await;
        let token = token.map_err(failed)?;
        let claims = token.claims().map_err(failed)?;
        match wrong(lease, &claims) {
            None => Ok(Minted { token, claims }),
            Some(what) => Err(ClusterError::WrongAnswer { target: self.target.name.clone(), what }),
        }
    }
}

/// What is wrong with a token, if anything is. What stands between us and the API server may answer too.
fn wrong(lease: &Lease, claims: &TokenClaims) -> Option<&'static str> {
    let secret = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
    let bound = secret.and_then(|secret| secret.uid.as_deref());
    let asked = &lease.audiences;
    let audiences = claims.audiences();
    if !claims.is_of(lease.namespace.as_str(), lease.service_account.as_str()) {
        Some("the token is of another account")
    } else if lease.account_uid.as_deref() != claims.account_uid() {
        Some("the token is of another account of that name")
    } else if lease.mode == Mode::Existing && claims.secret_uid() != bound {
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

/// The longest id of a token that is kept. Kubernetes' are UUIDs.
const MAX_ID_BYTES: usize = 256;
