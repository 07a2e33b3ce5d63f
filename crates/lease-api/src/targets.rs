//! `/api/v1/targets`

mod json;

use http::{Response, StatusCode};
use lease_engine::{Engine, Ports, Put, TargetDefinition};

use self::json::{CheckJson, TargetInput, TargetJson};
use crate::input::Nothing;
use crate::list::{List, Query, Window};
use crate::problem::Problem;
use crate::{Body, input, respond};

/// `PUT /api/v1/targets/{name}`
pub(crate) async fn put<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let name = input::name(name)?;
    let input: TargetInput = input::json(body).await?;
    let definition = TargetDefinition { name, url: input.url, credential: input.auth.credential() };
    Ok(match engine.put_target(definition)? {
        Put::Created(target) => respond::json(StatusCode::CREATED, &TargetJson::of(target, None)),
        Put::Replaced(target) => respond::json(StatusCode::OK, &TargetJson::of(target, None)),
    })
}

/// `GET /api/v1/targets/{name}`
pub(crate) fn show<P: Ports>(engine: &Engine<P>, name: &str) -> Result<Response<Vec<u8>>, Problem> {
    let (target, check) = engine.target(&input::name(name)?)?;
    Ok(respond::json(StatusCode::OK, &TargetJson::of(target, check)))
}

/// `GET /api/v1/targets`
pub(crate) fn list<P: Ports>(
    engine: &Engine<P>,
    query: &Query<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let Window { from, limit } = Window::read(query)?;
    let page = engine.list_targets(from, limit)?;
    let list = List::of(page, |(target, check)| TargetJson::of(target, check));
    Ok(respond::json(StatusCode::OK, &list))
}

/// `DELETE /api/v1/targets/{name}`
pub(crate) fn delete<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    engine.delete_target(&input::name(name)?)?;
    Ok(respond::no_content())
}

/// `POST /api/v1/targets/{name}/check`
pub(crate) async fn check<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    body: impl Body,
) -> Result<Response<Vec<u8>>, Problem> {
    let Nothing {} = input::optional_json(body).await?;
    let check = engine.check_target(&input::name(name)?).await?;
    Ok(respond::json(StatusCode::OK, &CheckJson::from(check)))
}

#[cfg(test)]
mod tests {
    use crate::testing::{ADMIN, Installation, MALFORMED_NAMES};

    const PROD: &str = "/api/v1/targets/prod";
    const BODY: &str = r#"{"url":"https://a.example","auth":{"type":"token","token":"canary"}}"#;

    #[test]
    fn a_target_is_put_shown_listed_and_deleted_and_its_token_never_seen() {
        let app = Installation::default();
        let created = app.send("PUT", PROD, ADMIN, BODY);
        assert_eq!(created.status, 201);
        let golden = serde_json::json!({
            "name": "prod",
            "url": "https://a.example",
            "auth": {"type": "token"},
            "created_at": "2026-11-22T07:00:00Z",
            "updated_at": "2026-11-22T07:00:00Z",
            "last_check": null,
        });
        assert_eq!(created.json, golden);
        assert_eq!(app.send("PUT", PROD, ADMIN, BODY).status, 200);
        assert_eq!(app.send("GET", PROD, ADMIN, "").json, golden);
        let list = app.send("GET", "/api/v1/targets", ADMIN, "");
        assert_eq!(list.json, serde_json::json!({"items": [golden]}));
        let gone = app.send("DELETE", PROD, ADMIN, "");
        assert_eq!((gone.status, gone.body.as_str()), (204, ""));
        assert_eq!(app.send("DELETE", PROD, ADMIN, "").status, 404);
        assert_eq!(app.send("GET", PROD, ADMIN, "").status, 404);
    }

    #[test]
    fn a_new_url_asks_for_the_credential_anew() {
        let app = Installation::default();
        app.send("PUT", PROD, ADMIN, BODY);
        for (url, status) in [("https://a.example", 200), ("https://b.example", 422)] {
            let body = format!(r#"{{"url":"{url}","auth":{{"type":"token"}}}}"#);
            let answer = app.send("PUT", PROD, ADMIN, &body);
            assert_eq!(answer.status, status, "{url}: {}", answer.json);
        }
        assert_eq!(app.send("GET", PROD, ADMIN, "").json["url"], "https://a.example");
    }

    #[test]
    fn bad_input_changes_nothing_and_is_told_what_would_be_right() {
        let app = Installation::default();
        for (body, detail) in [
            (r#"{"auth":{"type":"token","token":"t"}}"#, "missing field `url`"),
            (r#"{"url":"https://a.example"}"#, "missing field `auth`"),
            (r#"{"url":"https://a.example","auth":{"type":"token"}}"#, "`auth.token` is required"),
            (
                r#"{"url":"https://a.example","auth":{"type":"token","token":""}}"#,
                "a token is 1 to",
            ),
            (r#"{"url":"https://a.example","auth":{"type":"basic"}}"#, "expected `token`"),
            (r#"{"url":"a.example","auth":{"type":"token","token":"t"}}"#, "is written `https://"),
            (
                r#"{"url":"http://a.example","auth":{"type":"token","token":"t"}}"#,
                "`http://` is allowed",
            ),
            (
                r#"{"url":"https://a.example","auth":{"type":"token","token":"t"},"ca":"x"}"#,
                "unknown field `ca`",
            ),
        ] {
            let answer = app.send("PUT", PROD, ADMIN, body);
            assert_eq!(answer.status, 422, "{body}");
            let told = answer.json["detail"].as_str().unwrap_or_default();
            assert!(told.contains(detail), "{body}: {told}");
        }
        for name in MALFORMED_NAMES {
            let answer = app.send("PUT", &format!("/api/v1/targets/{name}"), ADMIN, BODY);
            assert_eq!(answer.status, 422, "{name}");
        }
        assert_eq!(
            app.send("GET", "/api/v1/targets", ADMIN, "").json["items"],
            serde_json::json!([])
        );
    }

    #[test]
    fn a_check_tells_what_it_saw_and_is_shown_until_the_target_changes() {
        let app = Installation::default();
        app.send("PUT", PROD, ADMIN, BODY);
        let check = app.send("POST", "/api/v1/targets/prod/check", ADMIN, "");
        assert_eq!(check.status, 200);
        let golden = serde_json::json!({
            "checked_at": "2026-11-22T07:00:00Z",
            "ok": false,
            "reachable": false,
            "problem": "nothing answered at the address: the script is at its end",
            "version": null,
            "username": null,
            "groups": [],
            "missing_permissions": [],
        });
        assert_eq!(check.json, golden);
        assert_eq!(app.send("GET", PROD, ADMIN, "").json["last_check"], golden);
        app.tick();
        app.send("PUT", PROD, ADMIN, BODY);
        assert_eq!(app.send("GET", PROD, ADMIN, "").json["last_check"], serde_json::Value::Null);
    }

    #[test]
    fn a_long_list_comes_in_pages() {
        let app = Installation::default();
        for i in 0..5 {
            app.send("PUT", &format!("/api/v1/targets/t{i}"), ADMIN, BODY);
        }
        let mut path = "/api/v1/targets?limit=2".to_owned();
        let mut names = vec![];
        loop {
            let page = app.send("GET", &path, ADMIN, "").json;
            let items = page["items"].as_array().expect("a list").iter();
            names.extend(items.map(|item| item["name"].as_str().unwrap_or_default().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/targets?limit=2&cursor={cursor}");
        }
        assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
    }
}
