//! The login of Infisical's clients, in their shapes: its SDKs and its agent log in here unmodified.

use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use lease_core::IdentityName;
use lease_engine::{Engine, Ports};
use serde::Deserialize;

use crate::access_tokens::InfisicalTokenJson;
use crate::problem::Problem;
use crate::{Body, MAX_BODY_BYTES, infisical_error, input, respond};

/// A login as Infisical's clients ask for it. They send an organisation besides, which is not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "`identityId` and `jwt`")]
struct LoginInput {
    identity_id: String,
    jwt: String,
}

/// `POST /api/v1/auth/kubernetes-auth/login`
///
/// The answer is never a problem of ours: these clients read errors in their own shape alone.
pub(crate) async fn log_in_infisical_client<P: Ports>(
    engine: &Engine<P>,
    headers: &HeaderMap,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    match try_log_in(engine, headers, body).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let request_id = engine.requester().origin.request_id.as_deref();
            Ok(infisical_error::infisical_error_response(
                "POST /api/v1/auth/kubernetes-auth/login",
                &problem,
                request_id,
            ))
        }
    }
}

async fn try_log_in<P: Ports>(
    engine: &Engine<P>,
    headers: &HeaderMap,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let LoginInput { identity_id, jwt } = if is_form(headers) {
        read_form(&body.read_bytes(MAX_BODY_BYTES).await?)?
    } else {
        input::read_json(body).await?
    };
    // An id of Infisical's own is the name of nobody here.
    let identity: IdentityName = input::parse_name(&identity_id)?;
    let made = engine.log_in_by_kubernetes(Some(&identity), jwt.trim()).await?;
    Ok(respond::json_response(StatusCode::OK, &InfisicalTokenJson::from_token(&made)))
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Reads a form. A field that stands twice is refused: of the two another reader might look at the other.
fn read_form(bytes: &[u8]) -> Result<LoginInput, Problem> {
    let field = |name: &str| {
        let mut values = form_urlencoded::parse(bytes).filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value.into_owned()),
            _ => {
                Err(Problem::for_field(format!("/{name}"), "expected once in the form".to_owned()))
            }
        }
    };
    Ok(LoginInput { identity_id: field("identityId")?, jwt: field("jwt")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_field_by_field() {
        for (form, read) in [
            ("identityId=ci&jwt=a.b.c", Some(("ci", "a.b.c"))),
            ("jwt=a%2Eb.c&identityId=ci&organizationSlug=acme", Some(("ci", "a.b.c"))),
            ("identityId=ci", None),
            ("identityId=ci&jwt=a&jwt=b", None),
            ("identityId=ci&identityId=ops&jwt=a", None),
            ("", None),
        ] {
            let input = read_form(form.as_bytes()).ok();
            let read = read.map(|(id, jwt)| (id.to_owned(), jwt.to_owned()));
            assert_eq!(input.map(|input| (input.identity_id, input.jwt)), read, "{form}");
        }
    }
}
