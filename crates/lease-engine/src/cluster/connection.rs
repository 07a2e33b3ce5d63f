//! A target, opened: whom to ask, and how to show who asks.

use std::cell::Cell;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube_rest::{Api, Authorization, Call, Error, TokenClaims};
use lease_core::{ClusterCredential, GatewayHeaderName, OpenedAuth, Target, TokenVariableName};
use serde::de::DeserializeOwned;

use crate::cluster::expect_continue::AnnouncingClient;
use crate::{ClusterError, Engine, Ports};

/// The API server of a target, as the bearer of what kubelease has for it.
pub(crate) struct Connection<'e, P> {
    pub(crate) ports: &'e P,
    http: AnnouncingClient<'e, P>,
    pub(crate) target: &'e Target,
    shown: ShownCredential,
    calls: &'e Cell<u32>,
    server_date: Cell<Option<(DateTime<Utc>, DateTime<Utc>)>>,
    least_wait: Duration,
}

/// The credential that a request carries.
enum ShownCredential {
    Bearer(ClusterCredential),
    Header(GatewayHeaderName, ClusterCredential),
    Nothing,
}

impl<P: Ports> Engine<P> {
    /// Opens what a request to `target` must carry.
    ///
    /// # Errors
    /// Fails if it does not open, or its variable is not set, or may not be sent there.
    pub(crate) fn target_connection<'e>(
        &'e self,
        target: &'e Target,
    ) -> Result<Connection<'e, P>, ClusterError> {
        let unopened = |source| ClusterError::Unopened { target: target.name.clone(), source };
        match target.open_authentication(&self.keys).map_err(unopened)? {
            OpenedAuth::Bearer(token) => Ok(self.connection_with_token(target, token)),
            OpenedAuth::Header(header, value) => {
                Ok(self.connection_with_credential(target, ShownCredential::Header(header, value)))
            }
            OpenedAuth::Nothing => {
                Ok(self.connection_with_credential(target, ShownCredential::Nothing))
            }
            OpenedAuth::Variable(variable) => self.connection_with_variable(target, &variable),
        }
    }

    /// Connects as the bearer of a token.
    pub(crate) fn connection_with_token<'e>(
        &'e self,
        target: &'e Target,
        token: ClusterCredential,
    ) -> Connection<'e, P> {
        self.connection_with_credential(target, ShownCredential::Bearer(token))
    }

    /// Connects as the bearer of the token that a variable holds.
    ///
    /// # Errors
    /// Fails if the variable is not set, or may not be sent there.
    pub(crate) fn connection_with_variable<'e>(
        &'e self,
        target: &'e Target,
        variable: &TokenVariableName,
    ) -> Result<Connection<'e, P>, ClusterError> {
        let cannot = |what| ClusterError::Variable {
            target: target.name.clone(),
            variable: variable.clone(),
            what,
        };
        if !self.config.origins.is_allowed(variable, &target.url) {
            return Err(cannot("is not bound to the target's url by `target_origins`"));
        }
        let text = self.ports.read_variable(variable);
        let text = text.map_err(|_| cannot("cannot be read"))?.unwrap_or_default();
        let token = ClusterCredential::try_from(text).map_err(|_| cannot("holds no token"))?;
        Ok(self.connection_with_token(target, token))
    }

    fn connection_with_credential<'e>(
        &'e self,
        target: &'e Target,
        shown: ShownCredential,
    ) -> Connection<'e, P> {
        let (ports, calls, told) = (&self.ports, &self.calls, Cell::default());
        let http = AnnouncingClient::new(ports, target);
        Connection {
            ports,
            http,
            target,
            shown,
            calls,
            server_date: told,
            least_wait: MIN_CALL_TIMEOUT,
        }
    }
}

impl<P: Ports> Connection<'_, P> {
    /// The same for calls that need not be made once their deadline has passed.
    pub(crate) fn with_strict_deadline(self) -> Self {
        Self { least_wait: Duration::from_millis(100), ..self }
    }

    pub(crate) fn api(&self) -> Api<'_> {
        let authorization = match &self.shown {
            ShownCredential::Bearer(token) => Authorization::Bearer(token.expose_secret()),
            ShownCredential::Header(name, value) => {
                Authorization::Header { name: name.as_str(), value: value.expose_secret() }
            }
            ShownCredential::Nothing => Authorization::None,
        };
        Api::new(self.target.url.as_str(), authorization)
    }

    /// Asks once, and waits no longer than until `deadline`.
    ///
    /// For [`Connection::create_object`] alone, which finds out by name and MAC what came of a try. Everything else is
    /// asked by [`Connection::send_with_retries`].
    pub(crate) async fn send_once<T: DeserializeOwned>(
        &self,
        deadline: DateTime<Utc>,
        call: Call<T>,
    ) -> Result<T, Error> {
        let left = (deadline - self.ports.now()).to_std().unwrap_or_default().max(self.least_wait);
        self.calls.set(self.calls.get().saturating_add(1));
        let (answer, date) =
            call.with_shorter_timeout(left).send_with_server_date(&self.http).await?;
        if let Some(date) = date {
            self.server_date.set(Some((self.ports.now(), date)));
        }
        Ok(answer)
    }

    /// The host's time and the target's own, when it answered last; none if it told none.
    pub(crate) fn server_date(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.server_date.get()
    }

    /// Asks, and again as often and as late as is reasonable if the API server is busy or fails, or if the
    /// connection breaks.
    ///
    /// For all that may be done twice: reads, reviews, dry runs, deletions by UID, patches of one version, tokens
    /// that nobody has. The second of two tries may find that the first was done; each caller knows that by the
    /// answer.
    pub(crate) async fn send_with_retries<T: DeserializeOwned>(
        &self,
        deadline: DateTime<Utc>,
        call: impl Fn(&Api<'_>) -> Call<T>,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            match self.send_once(deadline, call(&self.api())).await {
                Err(error) if error.is_retryable() => {
                    if !self.pause_before_retry(tries, &error, deadline).await {
                        return Err(error);
                    }
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// The user that kubelease is there, as its own token says; none if it shows no token of a service account.
    ///
    /// Who may not ask the API server for it knows it all the same: the API server accepts the token for what
    /// it says of itself, and for nothing else.
    pub(crate) fn own_username(&self) -> Option<String> {
        let ShownCredential::Bearer(token) = &self.shown else { return None };
        let claims = TokenClaims::read_unverified(token.expose_secret()).ok()?;
        let private = claims.private.as_ref()?;
        let account = private.service_account.as_ref()?;
        let is_own = claims.is_of_account(private.namespace.as_deref()?, &account.name);
        is_own.then_some(claims.subject)
    }

    /// The issuer that its own token names, if it shows one of a `ServiceAccount` that is bound to it.
    ///
    /// Tokens that live in Secrets have another one than those that pods are given.
    pub(crate) fn own_issuer(&self) -> Option<String> {
        let ShownCredential::Bearer(token) = &self.shown else { return None };
        let claims = TokenClaims::read_unverified(token.expose_secret()).ok()?;
        claims.private.as_ref()?.service_account.as_ref()?;
        claims.issuer
    }

    /// Returns true if a text that a server wrote may be a part of the credential that is shown to it, or hold it.
    pub(crate) fn may_reveal_credential(&self, text: &str) -> bool {
        let (ShownCredential::Bearer(secret) | ShownCredential::Header(_, secret)) = &self.shown
        else {
            return false;
        };
        let secret = secret.expose_secret();
        text.contains(secret)
            || (text.len() >= MIN_CREDENTIAL_FRAGMENT_BYTES && secret.contains(text))
    }

    /// Waits.
    pub(crate) async fn sleep(&self, time: Duration) {
        self.ports.sleep(time).await;
    }

    /// Waits before the next of several tries, as long as the API server asks for; says whether there is one.
    pub(crate) async fn pause_before_retry(
        &self,
        tries: u32,
        error: &Error,
        deadline: DateTime<Utc>,
    ) -> bool {
        let asked = error.status().and_then(|status| status.retry_after);
        let pause = asked.unwrap_or(FIRST_PAUSE * 2_u32.pow(tries.min(MAX_RETRIES)));
        let ends = self.ports.now() + pause;
        let most = if error.is_unconnected() { MAX_CONNECT_RETRIES } else { MAX_RETRIES };
        let may = tries < most && ends < deadline;
        if may {
            self.ports.sleep(pause).await;
        }
        may
    }
}

/// From how many bytes on a text that is in the credential tells something of it.
const MIN_CREDENTIAL_FRAGMENT_BYTES: usize = 6;

/// The number of times that a busy or failing API server is asked again.
///
/// Of requests that go wrong one by one, each with one chance in ten, one in a million goes wrong six times.
const MAX_RETRIES: u32 = 5;

/// The number of times that a connection is tried again if it was not made.
///
/// One of several API servers behind an address may be down; if nobody answers, many sweeps ask in vain.
const MAX_CONNECT_RETRIES: u32 = 2;

/// The first pause if it does not say how long; each later one is twice as long: 1.55 s in all.
///
/// A connection that the API server has closed is replaced at once, so the first is short.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A deadline that has passed still leaves a call that must be made, such as an undoing, this long.
const MIN_CALL_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
