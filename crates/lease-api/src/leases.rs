//! `/api/v1/leases`, and where they come from.

mod json;

use http::header::{HeaderValue, LOCATION};
use http::{Response, StatusCode};
use lease_core::LeaseId;
use lease_engine::{Engine, IssueRequest, Ports};

use self::json::{IssueInput, IssuedJson, LeaseJson};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `POST /api/v1/dynamic-secrets/{name}/leases`
pub(crate) async fn issue<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let secret = input::name(name)?;
    let IssueInput { ttl, namespace } = input::optional_json(body).await?;
    let issued = engine.issue(&secret, IssueRequest { ttl, namespace }).await?;
    // Unwrap safety: an id is hexadecimal digits.
    let location = HeaderValue::try_from(format!("/api/v1/leases/{}", issued.lease.id)).unwrap();
    let mut response = respond::json(StatusCode::CREATED, &IssuedJson::of(&issued));
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// `GET /api/v1/leases/{lease_id}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, id: &str) -> Result<Response<Vec<u8>>, Problem> {
    let id: LeaseId = id
        .parse()
        .map_err(|error| Problem::not_found("unknown_lease", format!("no such lease: {error}")))?;
    let lease = engine.lease(id)?.ok_or_else(|| {
        Problem::not_found("unknown_lease", format!("there is no lease `{id}`, or no more"))
    })?;
    Ok(respond::json(StatusCode::OK, &LeaseJson::of(&lease, engine.now())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{ADMIN, Installation};

    const LEASES: &str = "/api/v1/dynamic-secrets/ci/leases";

    #[test]
    fn a_lease_is_answered_once_with_its_token_and_shown_without() {
        let app = Installation::with_dynamic_secret();
        let token = app.grant("apps", "deployer", 1000, 4600);
        let issued = app.send("POST", LEASES, ADMIN, r#"{"ttl":"1h","namespace":"apps"}"#);
        assert_eq!(issued.status, 201, "{}", issued.json);
        assert_eq!(issued.header("cache-control"), "no-store");
        let id = issued.json["lease_id"].as_str().expect("an id").to_owned();
        assert_eq!(issued.header("location"), format!("/api/v1/leases/{id}"));
        let golden = json!({
            "lease_id": id,
            "dynamic_secret": "ci",
            "target": "prod",
            "namespace": "apps",
            "service_account": "deployer",
            "token": token,
            "jti": "5a0f",
            "issued_at": "1970-01-01T00:16:40Z",
            "expires_at": "1970-01-01T01:16:40Z",
            "ttl_seconds": 3600,
            "warnings": [],
        });
        assert_eq!(issued.json, golden);

        let shown = app.send("GET", &format!("/api/v1/leases/{id}"), ADMIN, "");
        let mut without = golden.clone();
        without.as_object_mut().expect("an object").remove("token");
        without["state"] = json!("expired");
        assert_eq!(shown.json, without);
        assert!(!app.stored().contains(&token), "the token is not stored");
    }

    #[test]
    fn an_empty_body_asks_for_the_defaults() {
        for body in ["", "  \n", "{}", "null"] {
            let app = Installation::with_dynamic_secret();
            app.grant("apps", "deployer", 1000, 4600);
            let issued = app.send("POST", LEASES, ADMIN, body);
            assert_eq!(issued.status, 201, "{body:?}: {}", issued.json);
        }
    }

    #[test]
    fn what_is_not_granted_is_told_with_what_would_be() {
        let app = Installation::with_dynamic_secret();
        for (body, status, code, detail) in [
            (r#"{"ttl":"25h"}"#, 422, "ttl_too_long", "the maximum of 24h"),
            (r#"{"ttl":"9m"}"#, 422, "ttl_too_short", "less than 10m"),
            (r#"{"ttl":0}"#, 422, "invalid_field", "a duration is"),
            (r#"{"ttl":-600}"#, 422, "invalid_field", "a duration is"),
            (
                r#"{"ttl":null,"namespace":"web"}"#,
                403,
                "namespace_not_allowed",
                "does not cover namespace `web`",
            ),
            (r#"{"namespace":"Apps"}"#, 422, "invalid_field", "a namespace is 1 to 63"),
            (r#"{"namespace":"../kube-system"}"#, 422, "invalid_field", "a namespace is 1 to 63"),
            (r#"{"tll":"1h"}"#, 422, "invalid_field", "unknown field `tll`"),
            ("[]", 422, "invalid_field", "expected"),
            ("ttl=1h", 400, "invalid_json", "not JSON"),
        ] {
            let answer = app.send("POST", LEASES, ADMIN, body);
            assert_eq!((answer.status, &answer.json["code"]), (status, &code.into()), "{body}");
            let told = answer.json["detail"].as_str().unwrap_or_default();
            assert!(told.contains(detail), "{body}: {told}");
        }
        let unknown = app.send("POST", "/api/v1/dynamic-secrets/cd/leases", ADMIN, "");
        assert_eq!(
            (unknown.status, &unknown.json["code"]),
            (404, &"unknown_dynamic_secret".into())
        );
    }

    #[test]
    fn each_fault_of_the_cluster_has_its_own_code_and_repeats_nothing() {
        let status =
            |reason| format!(r#"{{"kind":"Status","reason":"{reason}","message":"canary"}}"#);
        for (code, body, answered, problem) in [
            (401, status("Unauthorized"), 502, "target_unauthorized"),
            (403, status("Forbidden"), 502, "target_forbidden"),
            (404, status("NotFound"), 502, "account_not_found"),
            (404, "canary".to_owned(), 502, "target_refused"),
            (422, status("Invalid"), 502, "target_refused"),
            (429, status("TooManyRequests"), 502, "target_refused"),
            (500, "canary".to_owned(), 502, "target_refused"),
            (302, "canary".to_owned(), 502, "target_refused"),
            (200, "canary".to_owned(), 502, "target_bad_answer"),
            (201, r#"{"status":{"token":"canary"}}"#.to_owned(), 502, "target_bad_answer"),
        ] {
            let app = Installation::with_dynamic_secret();
            app.reply(code, &body);
            let answer = app.send("POST", LEASES, ADMIN, "");
            assert_eq!(
                (answer.status, &answer.json["code"]),
                (answered, &problem.into()),
                "{code} {body}"
            );
            assert!(!answer.body.contains("canary"), "{}", answer.body);
        }
        let app = Installation::with_dynamic_secret();
        let answer = app.send("POST", LEASES, ADMIN, "");
        assert_eq!((answer.status, &answer.json["code"]), (502, &"target_unreachable".into()));
        app.time_out();
        let answer = app.send("POST", LEASES, ADMIN, "");
        assert_eq!((answer.status, &answer.json["code"]), (504, &"target_timeout".into()));
    }
}
