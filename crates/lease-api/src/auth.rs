//! Who asks: settled by the head of a request, before its body is read.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use lease_engine::{AuthenticationError, Engine, Origin, Ports, Requester, TokenPurpose};

use crate::audit::{self, RequestedRoute};
use crate::installation_token::InstallationTokenDigest;
use crate::problem::Problem;
use crate::routes::{Route, RouteAccess};

/// Someone who has been let in. Only [`admit_caller`] makes one.
#[derive(Debug)]
pub(crate) struct AdmittedCaller(Requester);

/// The bearer tokens of the installation itself, each if it is set.
#[derive(Debug)]
pub(crate) struct InstallationTokens {
    /// The first administrator's.
    pub(crate) administrator: Option<InstallationTokenDigest>,
    /// That of whoever calls the sweep.
    pub(crate) sweeper: Option<InstallationTokenDigest>,
}

impl AdmittedCaller {
    /// The requester for whom the engine acts.
    pub(crate) fn into_requester(self) -> Requester {
        self.0
    }
}

/// Lets in who sent these headers, if they may use the route.
///
/// # Errors
/// 401 for whoever shows nothing, something else, or something that is not for here: the same for each. 403 for
/// somebody who is known and may not use the route. 503 if nobody could be let in, since neither `admin_token` is set
/// nor is there an administrator.
pub(crate) fn admit_caller<P: Ports>(
    engine: &Engine<P>,
    tokens: &InstallationTokens,
    asked: (&Route, RequestedRoute<'_>),
    headers: &HeaderMap,
    origin: Origin,
) -> Result<AdmittedCaller, Problem> {
    let (route, asked) = asked;
    let access = route.access;
    let has_header = headers.contains_key(AUTHORIZATION);
    if access == RouteAccess::Anybody || (access == RouteAccess::Holder && !has_header) {
        return Ok(AdmittedCaller(Requester::nobody().from(origin)));
    }
    let refused = |problem| refusal_or_not_configured(engine, tokens, problem);
    let Some(shown) = bearer_token(headers) else {
        return Err(refused(Problem::unauthenticated()));
    };
    if let Some(requester) = tokens.authenticate_installation_token(shown, access) {
        return Ok(AdmittedCaller(requester.from(origin)));
    }
    let text = std::str::from_utf8(shown).unwrap_or_default();
    let purpose =
        if route.is_revocation() { TokenPurpose::GiveBack } else { TokenPurpose::Counted };
    let session = engine.authenticate_token_for(text, &origin, purpose).map_err(|bearer| {
        match bearer.reason {
            AuthenticationError::Store(error) => error.into(),
            _ => refused(Problem::unknown_credential().with_refused_token(bearer.to_record)),
        }
    })?;
    let requester = Requester::from_session(session).from(origin);
    let may = match access {
        RouteAccess::Anybody | RouteAccess::Identity | RouteAccess::Holder => true,
        RouteAccess::Administrator | RouteAccess::Sweeper => requester.is_administrator(),
    };
    if may {
        return Ok(AdmittedCaller(requester));
    }
    Err(audit::record_refusal(engine, &requester, asked, Problem::administrators_only()))
}

impl InstallationTokens {
    /// Lets in who shows a token of the installation itself.
    pub(crate) fn authenticate_installation_token(
        &self,
        shown: &[u8],
        access: RouteAccess,
    ) -> Option<Requester> {
        let admits = |token: &Option<InstallationTokenDigest>| {
            token.as_ref().is_some_and(|token| token.matches_shown(shown))
        };
        if admits(&self.administrator) {
            return Some(Requester::first_administrator());
        }
        (access == RouteAccess::Sweeper && admits(&self.sweeper)).then(Requester::sweep_caller)
    }

    /// The same by the headers of a request.
    pub(crate) fn authenticate_headers(
        &self,
        headers: &HeaderMap,
        access: RouteAccess,
    ) -> Option<Requester> {
        self.authenticate_installation_token(bearer_token(headers)?, access)
    }

    /// Refuses to work while nobody could be let in.
    ///
    /// # Errors
    /// Names the variable that would help.
    pub(crate) fn require_some_administrator<P: Ports>(
        &self,
        engine: &Engine<P>,
    ) -> Result<(), NoAdministratorError> {
        if self.administrator.is_some() || engine.has_administrator()? {
            return Ok(());
        }
        Err(NoAdministratorError::Nobody)
    }
}

/// The reason why nobody can be let in.
pub(crate) enum NoAdministratorError {
    /// `admin_token` is not set, and there is no administrator.
    Nobody,
    /// The store failed.
    Store(lease_engine::StoreError),
}

impl From<lease_engine::StoreError> for NoAdministratorError {
    fn from(error: lease_engine::StoreError) -> Self {
        Self::Store(error)
    }
}

/// The refusal of a request: that it is not configured if nobody could be let in at all.
pub(crate) fn refusal_or_not_configured<P: Ports>(
    engine: &Engine<P>,
    tokens: &InstallationTokens,
    refusal: Problem,
) -> Problem {
    match tokens.require_some_administrator(engine) {
        Ok(()) => refusal,
        Err(NoAdministratorError::Nobody) => crate::settings::no_administrator_error().into(),
        Err(NoAdministratorError::Store(error)) => error.into(),
    }
}

/// The one bearer token of a request (RFC 6750 §2.1). With two, someone on the way may have read the other.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(BEARER_SCHEME_PREFIX.len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(BEARER_SCHEME_PREFIX) && !token.is_empty()).then_some(token)
}

const BEARER_SCHEME_PREFIX: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests;
