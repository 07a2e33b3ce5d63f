//! Renewing and revoking, for whoever shows an access token: in the header, or in the body as Infisical's clients do.
//!
//! The body alone decides in which shape a request is answered, refusals included: in Infisical's if it is an object
//! with a field `accessToken`, else in ours.

use http::request::Parts;
use http::{Response, StatusCode};
use lease_engine::{AuthenticationError, Engine, Ports, Requester, Session, TokenPurpose};
use serde::Deserialize;
use serde_json::Value;

use super::json::{AccessTokenJson, InfisicalTokenJson, infisical_revoked_json};
use crate::audit::{self, RequestedRoute};
use crate::auth::AdmittedCaller;
use crate::identities::read_revoke_leases_flag;
use crate::pagination::QueryParameters;
use crate::problem::Problem;
use crate::routes::OwnTokenOperation;
use crate::{Body, infisical_error, input, leases, respond};

/// The body of such a request.
struct TokenOperationBody {
    /// True if it has Infisical's form.
    is_infisical: bool,
    /// The access token, if it stands there.
    access_token: Result<Option<String>, Problem>,
}

/// The body in which an access token may be shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `accessToken`, or no body")]
struct HolderInput {
    #[serde(rename = "accessToken")]
    access_token: Option<String>,
}

/// Answers `POST /api/v1/auth/token/renew` and `/revoke`.
///
/// The body is read even of whoever was refused by the header: Infisical's clients show their token in both places,
/// and have to be able to read that it has expired. Whoever shows no header has the body read anyway.
pub(crate) async fn serve_token_operation<P: Ports>(
    engine: Engine<P>,
    operation: OwnTokenOperation,
    admitted: Result<AdmittedCaller, Problem>,
    (head, request_id): (&Parts, Option<&str>),
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let shown = TokenOperationBody::from_body(body).await;
    let is_infisical = shown.as_ref().is_ok_and(|shown| shown.is_infisical);
    let answer = match admitted {
        Err(refused) => Err(refused),
        Ok(caller) => {
            perform_token_operation(
                &engine.acting_for(caller.into_requester()),
                operation,
                head,
                shown,
            )
            .await
        }
    };
    match answer {
        Err(problem) if is_infisical => Ok(infisical_error::infisical_error_response(
            operation.route_name(),
            &problem,
            request_id,
        )),
        answer => answer,
    }
}

async fn perform_token_operation<P: Ports>(
    engine: &Engine<P>,
    operation: OwnTokenOperation,
    head: &Parts,
    shown: Result<TokenOperationBody, Problem>,
) -> Result<Response<Vec<u8>>, Problem> {
    let renews = operation == OwnTokenOperation::Renew;
    let query = QueryParameters::parse_allowing_only(
        head.uri.query(),
        if renews { &[] } else { &["leases"] },
    )?;
    let takes_back = read_revoke_leases_flag(&query)?;
    let TokenOperationBody { is_infisical, access_token } = shown?;
    let purpose = if renews { TokenPurpose::Counted } else { TokenPurpose::GiveBack };
    let session = authenticate_token_holder(engine, access_token?, purpose)?;
    if renews {
        let renewed = engine.renew_access_token(&session).map_err(|error| {
            let requester =
                Requester::from_session(session).from(engine.requester().origin.clone());
            let route = operation.route_name().trim_start_matches("POST ");
            let asked = RequestedRoute { method: &head.method, route, parameter: "" };
            audit::record_refusal(engine, &requester, asked, error.into())
        })?;
        return Ok(if is_infisical {
            respond::json_response(StatusCode::OK, &InfisicalTokenJson::from_token(&renewed))
        } else {
            respond::json_response(StatusCode::OK, &AccessTokenJson::from_token(&renewed))
        });
    }
    Ok(match engine.revoke_own_access_token(&session, takes_back).await? {
        Some(done) => leases::bulk_revocation_response(&done),
        None if is_infisical => respond::json_response(StatusCode::OK, &infisical_revoked_json()),
        None => respond::no_content(),
    })
}

/// The session of whoever shows an access token in the header, in the body, or the same one in both.
///
/// # Errors
/// 401 if there is none, or two. 403 for a token of the installation itself, which is no access token.
fn authenticate_token_holder<P: Ports>(
    engine: &Engine<P>,
    in_body: Option<String>,
    purpose: TokenPurpose,
) -> Result<Session, Problem> {
    let requester = engine.requester();
    match (&requester.session, in_body) {
        (Some(session), None) => Ok((**session).clone()),
        (None, None) if requester.is_administrator() => Err(Problem::not_an_access_token()),
        (None, None) => Err(Problem::unauthenticated()),
        (known, Some(token)) => {
            let purpose = if known.is_some() { TokenPurpose::CountedBefore } else { purpose };
            let session = engine.authenticate_token_for(&token, &requester.origin, purpose);
            let session = session.map_err(|bearer| match bearer.reason {
                AuthenticationError::Store(error) => error.into(),
                _ => Problem::unknown_credential().with_refused_token(bearer.to_record),
            })?;
            let is_same = |known: &Session| known.accessor == session.accessor;
            if known.as_ref().is_none_or(|known| is_same(known)) {
                Ok(session)
            } else {
                Err(Problem::unknown_credential())
            }
        }
    }
}

impl OwnTokenOperation {
    /// The route, for the log.
    fn route_name(self) -> &'static str {
        match self {
            OwnTokenOperation::Renew => "POST /api/v1/auth/token/renew",
            OwnTokenOperation::Revoke => "POST /api/v1/auth/token/revoke",
        }
    }
}

impl TokenOperationBody {
    /// Reads a body.
    ///
    /// # Errors
    /// Fails if it does not come whole or is no JSON: it has no form then, and is answered in ours.
    async fn from_body(body: impl Body) -> Result<Self, Problem> {
        let json: Value = input::optional_json(body).await?;
        let is_infisical = json.get("accessToken").is_some();
        let input: Result<HolderInput, Problem> = input::parse_json_value(json);
        Ok(Self { is_infisical, access_token: input.map(|input| input.access_token) })
    }
}
