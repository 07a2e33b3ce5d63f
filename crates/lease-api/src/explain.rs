//! `/api/v1/explain`: what would come of a login and an issue, rule by rule.

mod json;

use std::net::IpAddr;

use http::{Response, StatusCode};
use lease_core::{DynamicSecretName, IdentityName, IssueRequest, Namespace, Ttl};
use lease_engine::{Engine, ExplainRequest, LoginEvidence, Ports};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::json::ExplanationJson;
use crate::problem::Problem;
use crate::{Body, input, respond};

/// The request that is to be explained.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `identity`, `claims` or `jwt`, `address`, `dynamic_secret`, `namespace` and `ttl`"
)]
struct ExplainInput {
    identity: IdentityName,
    /// The claims of a token, taken as given.
    claims: Option<Map<String, Value>>,
    /// A token. It is neither kept nor logged nor repeated.
    jwt: Option<String>,
    address: Option<IpAddr>,
    dynamic_secret: Option<DynamicSecretName>,
    namespace: Option<Namespace>,
    ttl: Option<Ttl>,
}

/// `POST /api/v1/explain`
pub(crate) async fn explain_request<P: Ports>(
    engine: &Engine<P>,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let asked = validate_explain_input(input::read_json(body).await?)?;
    let (identity, dynamic_secret) = (asked.identity.clone(), asked.dynamic_secret.clone());
    let explanation = engine.explain_request(asked).await?;
    let json = ExplanationJson::from_explanation(&identity, dynamic_secret.as_ref(), explanation);
    Ok(respond::json_response(StatusCode::OK, &json))
}

/// Puts together what goes together.
fn validate_explain_input(input: ExplainInput) -> Result<ExplainRequest, Problem> {
    let shown = match (input.claims, input.jwt) {
        (None, None) => LoginEvidence::Nothing,
        (Some(claims), None) => LoginEvidence::Claims(claims),
        (None, Some(jwt)) => LoginEvidence::Jwt(jwt),
        (Some(_), Some(_)) => {
            let detail = "give `claims` or `jwt`, not both".to_owned();
            return Err(Problem::for_field("/claims".to_owned(), detail));
        }
    };
    for (field, is_said) in
        [("/namespace", input.namespace.is_some()), ("/ttl", input.ttl.is_some())]
    {
        if is_said && input.dynamic_secret.is_none() {
            let detail = "this needs `dynamic_secret`".to_owned();
            return Err(Problem::for_field(field.to_owned(), detail));
        }
    }
    Ok(ExplainRequest {
        identity: input.identity,
        shown,
        address: input.address,
        dynamic_secret: input.dynamic_secret,
        request: IssueRequest { ttl: input.ttl, namespace: input.namespace, audiences: None },
    })
}

#[cfg(test)]
mod tests;
