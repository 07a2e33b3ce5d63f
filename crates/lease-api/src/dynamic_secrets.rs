//! `/api/v1/dynamic-secrets`

mod json;

use http::{Response, StatusCode};
use lease_engine::{Engine, Ports, Put};

use self::json::{DynamicSecretInput, DynamicSecretJson};
use crate::list::{List, Query, Window};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/dynamic-secrets/{name}`
pub(crate) async fn put<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let input: DynamicSecretInput = input::json(body).await?;
    Ok(match engine.put_dynamic_secret(input.define(name)?)? {
        Put::Created(secret) => {
            respond::json(StatusCode::CREATED, &DynamicSecretJson::from(secret))
        }
        Put::Replaced(secret) => respond::json(StatusCode::OK, &DynamicSecretJson::from(secret)),
    })
}

/// `GET /api/v1/dynamic-secrets/{name}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, name: &str) -> Result<Response<Vec<u8>>, Problem> {
    let secret = engine.dynamic_secret(&input::name(name)?)?;
    Ok(respond::json(StatusCode::OK, &DynamicSecretJson::from(secret)))
}

/// `GET /api/v1/dynamic-secrets`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let Window { from, limit } = Window::read(query)?;
    let page = engine.list_dynamic_secrets(from, limit)?;
    Ok(respond::json(StatusCode::OK, &List::of(page, DynamicSecretJson::from)))
}

/// `DELETE /api/v1/dynamic-secrets/{name}`
pub(crate) fn delete<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    engine.delete_dynamic_secret(&input::name(name)?)?;
    Ok(respond::no_content())
}

#[cfg(test)]
mod tests {
    use crate::testing::{ADMIN, Installation, MALFORMED_NAMES};

    const CI: &str = "/api/v1/dynamic-secrets/ci";
    const BODY: &str = r#"{"target":"prod","account":{"type":"existing","name":"deployer"},
        "namespaces":["apps","web"],"default_ttl":"1h","max_ttl":"24h"}"#;

    #[test]
    fn a_dynamic_secret_is_put_shown_listed_and_deleted() {
        let app = Installation::with_target();
        let created = app.send("PUT", CI, ADMIN, BODY);
        assert_eq!(created.status, 201, "{}", created.json);
        let golden = serde_json::json!({
            "name": "ci",
            "target": "prod",
            "account": {"type": "existing", "name": "deployer"},
            "namespaces": ["apps", "web"],
            "default_ttl": "1h",
            "max_ttl": "24h",
            "created_at": "2026-11-22T07:00:00Z",
            "updated_at": "2026-11-22T07:00:00Z",
        });
        assert_eq!(created.json, golden);
        assert_eq!(app.send("PUT", CI, ADMIN, BODY).status, 200);
        assert_eq!(app.send("GET", CI, ADMIN, "").json, golden);
        let list = app.send("GET", "/api/v1/dynamic-secrets", ADMIN, "");
        assert_eq!(list.json, serde_json::json!({"items": [golden]}));
        assert_eq!(app.send("DELETE", "/api/v1/targets/prod", ADMIN, "").status, 409);
        assert_eq!(app.send("DELETE", CI, ADMIN, "").status, 204);
        assert_eq!(app.send("DELETE", CI, ADMIN, "").status, 404);
        assert_eq!(app.send("GET", CI, ADMIN, "").status, 404);
    }

    #[test]
    fn durations_may_be_left_out_or_be_whole_seconds() {
        let app = Installation::with_target();
        for (terms, default, max) in [
            ("", "1h", "24h"),
            (r#","max_ttl":1800"#, "30m", "30m"),
            (r#","default_ttl":"90m","max_ttl":"2d""#, "1h30m", "2d"),
            (r#","default_ttl":"2d""#, "2d", "2d"),
        ] {
            let body = format!(
                r#"{{"target":"prod","account":{{"type":"existing","name":"d"}},"namespaces":["a"]{terms}}}"#
            );
            let json = app.send("PUT", CI, ADMIN, &body).json;
            assert_eq!(
                (&json["default_ttl"], &json["max_ttl"]),
                (&default.into(), &max.into()),
                "{terms}"
            );
        }
    }

    #[test]
    fn bad_input_changes_nothing_and_is_told_what_would_be_right() {
        let app = Installation::with_target();
        for (from, to, detail) in [
            (r#""target":"prod""#, r#""target":"test""#, "there is no target `test`"),
            (r#""target":"prod""#, r#""target":"Prod""#, "a target name is 1 to 63"),
            (r#""target":"prod","#, "", "missing field `target`"),
            (r#""type":"existing""#, r#""type":"temporary""#, "expected `existing`"),
            (r#""name":"deployer""#, r#""name":"De/ployer""#, "a service account name is 1 to 253"),
            (r#""name":"deployer""#, r#""nam":"deployer""#, "unknown field `nam`"),
            (r#"["apps","web"]"#, "[]", "names 1 to 256 namespaces"),
            (r#"["apps","web"]"#, r#"["apps","apps"]"#, "names `apps` twice"),
            (r#"["apps","web"]"#, r#"["apps","*"]"#, "`namespaces.1`: a namespace is 1 to 63"),
            (r#"["apps","web"]"#, r#""apps""#, "`namespaces`: expected a sequence"),
            (r#""1h""#, r#""1w""#, "`default_ttl`: a duration is"),
            (r#""1h""#, "0", "`default_ttl`: a duration is"),
            (r#""1h""#, r#""5m""#, "`default_ttl` is at least 10m"),
            (r#""1h""#, r#""25h""#, "`default_ttl` is at most `max_ttl`"),
            (r#""24h""#, r#""769h""#, "`max_ttl` is at most 32d"),
            (r#""24h""#, r#""24h","ttl":"1h""#, "unknown field `ttl`"),
        ] {
            let answer = app.send("PUT", CI, ADMIN, &BODY.replace(from, to));
            assert_eq!(answer.status, 422, "{from} => {to}: {}", answer.json);
            let told = answer.json["detail"].as_str().unwrap_or_default();
            assert!(told.contains(detail), "{from} => {to}: {told}");
        }
        for name in MALFORMED_NAMES {
            let answer = app.send("PUT", &format!("/api/v1/dynamic-secrets/{name}"), ADMIN, BODY);
            assert_eq!(answer.status, 422, "{name}");
        }
        let list = app.send("GET", "/api/v1/dynamic-secrets", ADMIN, "").json;
        assert_eq!(list["items"], serde_json::json!([]));
    }
}
