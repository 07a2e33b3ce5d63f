//! Infisical's own client, unmodified: its Go SDK, by which its agent, its operator and its command line log in.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testbed::command;
use testbed::harness::TestCase;
use testbed::http::HttpClient;

use crate::broker::Broker;
use crate::kind;
use crate::login::{Job, forge, put_identity, until_let_in};

pub fn its_client_logs_in_renews_and_revokes(case: &TestCase) -> Result<()> {
    let client = build_client()?;
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    namespace.create_service_account("ci-job")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    job.let_broker_review(&broker)?;
    let put = |name: &str, access_token: &Value| -> Result<()> {
        let identity = json!({
            "auth": [{"type": "kubernetes", "target": "local", "reviewer": "target", "allowed_names": ["ci-*"],
                "allowed_namespaces": [namespace.name()], "allowed_audience": "kubelease"}],
            "grants": [{"dynamic_secrets": ["*"], "namespaces": ["*"], "actions": ["issue"]}],
            "access_token": access_token,
        });
        admin.put(&format!("/api/v1/identities/{name}"), &identity)?.expect_success()?;
        Ok(())
    };
    put("ci", &json!({}))?;
    let jwt = job.token("ci-job", &["kubelease"])?;
    until_let_in(&admin, &jwt)?;
    // The client renews a token of twelve seconds after seven of them, and logs in anew where its end is too near.
    put("renewing", &json!({"ttl": "12s", "max_ttl": "1h"}))?;
    put("returning", &json!({"ttl": "12s", "max_ttl": "14s"}))?;
    let file = broker.kubelease.state_dir().join("token");
    fs::write(&file, &jwt)?;
    let url = broker.kubelease.url()?;
    let run = |identity: &'static str| {
        let mut client = Command::new(&client);
        client.args([&url, identity]).arg(&file).arg("2");
        let (broker, admin) = (&broker, admin.without_credentials());
        move || lease_by_client(client, &admin, &format!("{}/leases", broker.secret_path()))
    };
    let (renewing, returning, stranger) = thread::scope(|scope| {
        let runs = ["renewing", "returning", "nobody"].map(|identity| scope.spawn(run(identity)));
        let [a, b, c] = runs.map(|run| run.join().expect("no panic"));
        Ok::<_, anyhow::Error>((a?, b?, c?))
    })?;

    for (run, max, same_login) in [(renewing, 3600, true), (returning, 14, false)] {
        let [first, second, revoked] = &run[..] else { panic!("three lines, not {run:?}") };
        ensure!(first.ends_with(&format!(" Bearer 12 {max}")), "{run:?}");
        ensure!(revoked == "revoked", "{run:?}");
        let tokens = [word(first, 1)?, word(second, 1)?];
        let [was, is] = [accessor(tokens[0])?, accessor(tokens[1])?];
        assert_eq!(was == is, same_login, "{run:?}");
        let status = |token: &str| -> Result<u16> {
            Ok(admin.with_bearer(token).get("/api/v1/auth/token")?.status)
        };
        assert_eq!(status(tokens[1])?, 401, "it is revoked");
        assert!(!same_login || status(tokens[0])? == 401, "so is what it was renewed from");
    }
    let [error] = &stranger[..] else { panic!("one line, not {stranger:?}") };
    for part in ["[status-code=401]", "the login is refused"] {
        assert!(error.contains(part), "{error}");
    }
    ensure!(!broker.kubelease.read_log()?.contains(&jwt), "the log has the token");
    Ok(())
}

pub fn a_login_may_be_a_form(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::CLUSTER_ROLE_HERE)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    namespace.create_service_account("ci-job")?;
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    job.let_broker_review(&broker)?;
    put_identity(&admin, &namespace, &json!("target"))?;
    let jwt = job.token("ci-job", &["kubelease"])?;
    until_let_in(&admin, &jwt)?;
    let forms =
        ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLencoded; charset=UTF-8"];
    let send = |content_type: &str, form: &str| {
        let headers = [("content-type", content_type)];
        let path = "/api/v1/auth/kubernetes-auth/login";
        admin.without_credentials().send_raw("POST", path, &headers, form.as_bytes())
    };
    let escaped = jwt.replace('.', "%2E");
    for form in [
        format!("identityId=ci&jwt={jwt}"),
        format!("jwt={escaped}%0A&organizationSlug=acme&identityId=c%69"),
    ] {
        for content_type in forms {
            let made = send(content_type, &form)?.expect_status(200)?;
            assert_eq!((&made["tokenType"], &made["expiresIn"]), (&json!("Bearer"), &json!(3600)));
            let bot = admin.with_bearer(made["accessToken"].as_str().context("a token")?);
            assert_eq!(bot.get("/api/v1/auth/token")?.expect_status(200)?["identity"], "ci");
        }
    }
    for (content_type, form, status, error) in [
        (forms[0], format!("identityId=ci&jwt={}", forge(&jwt)?), 401, "Unauthorized"),
        (forms[0], format!("identityId=nobody&jwt={jwt}"), 401, "Unauthorized"),
        (forms[0], format!("identityId=ci&jwt={jwt}&jwt={jwt}"), 422, "ValidationFailure"),
        (forms[0], "identityId=ci".to_owned(), 422, "ValidationFailure"),
        (forms[0], json!({"identityId": "ci", "jwt": jwt}).to_string(), 422, "ValidationFailure"),
        ("application/json", format!("identityId=ci&jwt={jwt}"), 400, "Bad Request"),
    ] {
        let reply = send(content_type, &form)?;
        let told = reply.expect_status(status)?;
        assert_eq!(
            (&told["statusCode"], &told["error"]),
            (&json!(status), &json!(error)),
            "{told}"
        );
        ensure!(!told.to_string().contains(&jwt), "{told}");
    }
    ensure!(!broker.kubelease.read_log()?.contains(&jwt), "the log has the token");
    Ok(())
}

/// Runs the client to its end, and leases by the first token that it gets. Returns the lines that it prints.
fn lease_by_client(mut client: Command, http: &HttpClient, leases: &str) -> Result<Vec<String>> {
    let mut running = client.stdout(Stdio::piped()).spawn()?;
    let mut lines = vec![];
    for line in BufReader::new(running.stdout.take().context("its output")?).lines() {
        let line = line?;
        if lines.is_empty() && line.starts_with("token ") {
            let lease = http.with_bearer(word(&line, 1)?).post(leases, &json!({"ttl": "10m"}))?;
            lease.expect_status(201)?;
        }
        lines.push(line);
    }
    running.wait()?;
    Ok(lines)
}

/// Builds the client from its Go modules; Go's cache makes this short but for the first time.
fn build_client() -> Result<PathBuf> {
    let client = Path::new(env!("CARGO_TARGET_TMPDIR")).join("infisical-login");
    let mut go = Command::new("go");
    go.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/infisical-login"));
    go.env("GOWORK", "off").args(["build", "-trimpath", "-o"]).arg(&client).arg(".");
    command::run_with_progress("building Infisical's client", &mut go)?;
    Ok(client)
}

/// The id of an access token, which it keeps when it is renewed.
fn accessor(token: &str) -> Result<String> {
    let claims = token.split('.').nth(1).context("claims")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    Ok(claims["jti"].as_str().context("an id")?.to_owned())
}

fn word(line: &str, at: usize) -> Result<&str> {
    line.split(' ').nth(at).context("a word")
}
