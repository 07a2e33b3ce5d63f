//! Tokens in the shapes of four CI services, before the entries that docs/ci-logins.md has for them.

use anyhow::{Context, Result};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::issuer_server::keys_path;

use crate::broker::now;
use crate::oidc::Oidc;

/// A difference from the token that the entry is for, and the claim by which it is refused, if it
/// is.
type Row = (&'static str, Value, Option<&'static str>);

pub fn of_github(case: &TestCase) -> Result<()> {
    let pull_request = |event: &str, git_ref: &str| {
        json!({"event_name": event, "ref": git_ref, "head_ref": "fix", "base_ref": "main",
            "sub": "repo:octo-org/octo-repo:pull_request"})
    };
    let repository = |name: &str, id: &str, owner: &str, owner_id: &str| {
        json!({"repository": format!("{owner}/{name}"), "repository_id": id, "repository_owner": owner,
            "repository_owner_id": owner_id, "sub": format!("repo:{owner}/{name}:ref:refs/heads/main"),
            "workflow_ref": format!("{owner}/{name}/.github/workflows/release.yml@refs/heads/main")})
    };
    let branch =
        |name: &str| json!({"ref": name, "sub": format!("repo:octo-org/octo-repo:ref:{name}")});
    check(
        case,
        "GitHub Actions",
        &github(),
        &[
            ("a push", json!({}), None),
            ("a schedule", json!({"event_name": "schedule"}), None),
            (
                "an immutable subject",
                json!({"sub": "repo:octo-org@65/octo-repo@74:ref:refs/heads/main"}),
                None,
            ),
            (
                "a subject of the organization's own",
                json!({"sub": "repository_owner:octo-org"}),
                None,
            ),
            (
                "an environment",
                json!({"environment": "prod", "sub": "repo:octo-org/octo-repo:environment:prod"}),
                None,
            ),
            ("a renamed repository", repository("renamed", "74", "octo-org", "65"), None),
            ("another branch", branch("refs/heads/fix"), Some("ref")),
            ("a longer branch", branch("refs/heads/main2"), Some("ref")),
            ("a branch below", branch("refs/heads/main/x"), Some("ref")),
            ("another case", branch("refs/heads/Main"), Some("ref")),
            ("a tag", json!({"ref": "refs/tags/main", "ref_type": "tag"}), Some("ref")),
            (
                "a pull request",
                pull_request("pull_request", "refs/pull/7/merge"),
                Some("event_name"),
            ),
            ("its merge by itself", branch("refs/pull/7/merge"), Some("ref")),
            (
                "a pull request's target",
                pull_request("pull_request_target", "refs/heads/main"),
                Some("event_name"),
            ),
            ("after a workflow", json!({"event_name": "workflow_run"}), Some("event_name")),
            ("a comment", json!({"event_name": "issue_comment"}), Some("event_name")),
            ("a fork", repository("octo-repo", "75", "octocat", "12"), Some("repository_id")),
            (
                "another repository",
                repository("other", "76", "octo-org", "65"),
                Some("repository_id"),
            ),
            (
                "the name made anew",
                repository("octo-repo", "99", "octo-org", "65"),
                Some("repository_id"),
            ),
            (
                "the owner made anew",
                repository("octo-repo", "98", "octo-org", "66"),
                Some("repository_id"),
            ),
            ("another owner", json!({"repository_owner_id": "66"}), Some("repository_owner_id")),
            ("a number", json!({"repository_id": 74}), Some("repository_id")),
            ("no id", json!({"repository_id": null}), Some("repository_id")),
            ("the default audience", json!({"aud": "https://github.com/octo-org"}), Some("aud")),
            (
                "a server's issuer",
                json!({"iss": "https://ghes.example/_services/token"}),
                Some("iss"),
            ),
            (
                "an enterprise's issuer",
                json!({"iss": "https://token.actions.githubusercontent.com/octo"}),
                Some("iss"),
            ),
        ],
    )
}

pub fn of_gitlab(case: &TestCase) -> Result<()> {
    let fork = json!({"project_id": "21", "project_path": "mallory/app", "namespace_id": "73",
        "namespace_path": "mallory", "sub": "project_path:mallory/app:ref_type:branch:ref:main"});
    let mut fork_in_target = fork.clone();
    fork_in_target["pipeline_source"] = json!("merge_request_event");
    let mut fork_at_home = fork.clone();
    fork_at_home["job_project_id"] = json!("21");
    let branch = |name: &str| {
        json!({"ref": name, "ref_path": format!("refs/heads/{name}"), "ref_protected": "false",
        "sub": format!("project_path:my-group/my-project:ref_type:branch:ref:{name}")})
    };
    check(
        case,
        "GitLab CI",
        &gitlab(),
        &[
            ("a push", json!({}), None),
            ("several audiences", json!({"aud": ["https://vault.example", "kubelease"]}), None),
            (
                "an environment",
                json!({"environment": "production", "environment_protected": "true",
            "deployment_tier": "production", "environment_action": "start"}),
                None,
            ),
            ("a renamed project", json!({"project_path": "my-group/renamed"}), None),
            (
                "no configuration of its own",
                json!({"ci_config_ref_uri": null, "ci_config_sha": null}),
                None,
            ),
            ("another branch", branch("fix"), Some("ref_path")),
            (
                "a protected one",
                json!({"ref": "fix", "ref_path": "refs/heads/fix"}),
                Some("ref_path"),
            ),
            ("a tag", json!({"ref_path": "refs/tags/main", "ref_type": "tag"}), Some("ref_path")),
            (
                "a branch that is not protected",
                json!({"ref_protected": "false"}),
                Some("ref_protected"),
            ),
            ("a flag", json!({"ref_protected": true}), Some("ref_protected")),
            (
                "a merge request",
                json!({"pipeline_source": "merge_request_event"}),
                Some("pipeline_source"),
            ),
            ("a fork's merge request", fork_in_target, Some("pipeline_source")),
            ("a fork's push that runs here", fork, Some("project_id")),
            ("a fork", fork_at_home, Some("job_project_id")),
            ("a job of ours elsewhere", json!({"job_project_id": "21"}), Some("job_project_id")),
            ("an older GitLab", json!({"job_project_id": null}), Some("job_project_id")),
            (
                "the path made anew",
                json!({"project_id": "77", "job_project_id": "77"}),
                Some("job_project_id"),
            ),
            ("a number", json!({"project_id": 20}), Some("project_id")),
            ("another audience", json!({"aud": "https://vault.example"}), Some("aud")),
            ("no audience", json!({"aud": null}), Some("aud")),
            ("another GitLab", json!({"iss": "https://gitlab.example"}), Some("iss")),
        ],
    )
}

pub fn of_buildkite(case: &TestCase) -> Result<()> {
    check(
        case,
        "Buildkite",
        &buildkite(),
        &[
            ("a webhook", json!({}), None),
            ("a schedule", json!({"build_source": "schedule"}), None),
            ("a step without a key", json!({"step_key": null}), None),
            ("a subject of one id", json!({"sub": "0184990a-4782-42b5-afc1-16715b10b100"}), None),
            ("new slugs", json!({"organization_slug": "acme", "pipeline_slug": "app"}), None),
            ("another branch", json!({"build_branch": "fix"}), Some("build_branch")),
            ("a fork", json!({"build_branch": "mallory:main"}), Some("build_branch")),
            (
                "another organization",
                json!({"organization_id": "0184990a-477b-4fa8-9968-496074483ca1"}),
                Some("organization_id"),
            ),
            (
                "its slugs",
                json!({"organization_id": null, "pipeline_id": null}),
                Some("organization_id"),
            ),
            (
                "another pipeline",
                json!({"pipeline_id": "0184990a-4782-42b5-afc1-16715b10b101"}),
                Some("pipeline_id"),
            ),
            ("by hand", json!({"build_source": "ui"}), Some("build_source")),
            ("by the API", json!({"build_source": "api"}), Some("build_source")),
            ("by another pipeline", json!({"build_source": "trigger_job"}), Some("build_source")),
            ("the default audience", json!({"aud": "https://buildkite.com/acme-inc"}), Some("aud")),
            ("another issuer", json!({"iss": "https://buildkite.com"}), Some("iss")),
        ],
    )
}

pub fn of_circleci(case: &TestCase) -> Result<()> {
    let own = "https://oidc.circleci.com/org/5e8a0000-74a5-4c0f-9d1e-000000000001";
    check(
        case,
        "CircleCI",
        &circleci(),
        &[
            ("the second form", json!({}), None),
            (
                "the first form",
                json!({"sub": "org/5e8a0000-74a5-4c0f-9d1e-000000000001/project/\
            5e8a0000-74a5-4c0f-9d1e-000000000002/user/5e8a0000-74a5-4c0f-9d1e-000000000003"}),
                None,
            ),
            ("no context", json!({"oidc.circleci.com/context-ids": []}), None),
            (
                "a fork",
                json!({"oidc.circleci.com/vcs-origin": "github.com/mallory/octo-repo"}),
                Some("oidc.circleci.com/vcs-origin"),
            ),
            (
                "another host",
                json!({"oidc.circleci.com/vcs-origin": "gitlab.com/octo-org/octo-repo"}),
                Some("oidc.circleci.com/vcs-origin"),
            ),
            (
                "another branch",
                json!({"oidc.circleci.com/vcs-ref": "refs/heads/fix"}),
                Some("oidc.circleci.com/vcs-ref"),
            ),
            (
                "a pull request",
                json!({"oidc.circleci.com/vcs-ref": "refs/pull/7/head"}),
                Some("oidc.circleci.com/vcs-ref"),
            ),
            (
                "a custom webhook",
                json!({"oidc.circleci.com/vcs-origin": null, "oidc.circleci.com/vcs-ref": null}),
                Some("oidc.circleci.com/vcs-origin"),
            ),
            (
                "a shell",
                json!({"oidc.circleci.com/ssh-rerun": true}),
                Some("oidc.circleci.com/ssh-rerun"),
            ),
            (
                "a text",
                json!({"oidc.circleci.com/ssh-rerun": "false"}),
                Some("oidc.circleci.com/ssh-rerun"),
            ),
            (
                "another project",
                json!({"oidc.circleci.com/project-id": "5e8a0000-74a5-4c0f-9d1e-000000000009"}),
                Some("oidc.circleci.com/project-id"),
            ),
            (
                "the default audience",
                json!({"aud": "5e8a0000-74a5-4c0f-9d1e-000000000001"}),
                Some("aud"),
            ),
            ("another organization's issuer", json!({"iss": own.replace("01", "08")}), Some("iss")),
            ("no organization's issuer", json!({"iss": "https://oidc.circleci.com"}), Some("iss")),
            ("the issuer and a slash", json!({"iss": format!("{own}/")}), Some("iss")),
        ],
    )
}

/// Logs in with the token of each row, as the identity that has the entry of docs/ci-logins.md under this heading.
fn check(case: &TestCase, heading: &str, good: &Value, rows: &[Row]) -> Result<()> {
    let oidc = Oidc::start(case)?;
    let mut entry = documented(heading)?;
    assert_eq!(entry["issuer"], good["iss"], "the entry is for these tokens");
    // The service's own keys are away from here, and so is their private half.
    oidc.server.add_issuer("/ci", &[TestKey::Rsa.jwk("key-1"), TestKey::OtherRsa.jwk("key-2")]);
    entry["jwks_url"] = json!(oidc.server.url(&keys_path("/ci")));
    oidc.put("ci", &entry)?;
    let refused = oidc.log_in("ci", "a.b.c")?;
    assert_eq!(refused.status, 401);
    for (what, changes, claim) in rows {
        let mut claims = good.clone();
        let now = now()?;
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 300));
        for (name, value) in changes.as_object().context("an object")? {
            let fields = claims.as_object_mut().context("claims")?;
            if value.is_null() && !NULLABLE.contains(&&**name) {
                fields.remove(name);
            } else {
                fields.insert(name.clone(), value.clone());
            }
        }
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": "dGh1bWJwcmludA", "kid": "key-1"});
        let jwt = TestKey::Rsa.sign(TestKey::Rsa.algorithm(), &header, &claims);
        let reason = claim.map(|claim| format!("`{claim}`")).unwrap_or_default();
        let times = |log: &str| {
            log.lines().filter(|line| line.contains("`ci`: ") && line.contains(&reason)).count()
        };
        let before = times(&oidc.kubelease.read_log()?);
        let reply = oidc.log_in("ci", &jwt)?;
        if claim.is_none() {
            assert_eq!(reply.status, 200, "{heading}: {what}: {reply:?}");
            continue;
        }
        assert_eq!((reply.status, &reply.body), (401, &refused.body), "{heading}: {what}");
        let log = oidc.kubelease.read_log()?;
        assert_eq!(times(&log), before + 1, "{heading}: {what}: not refused by {reason}:\n{log}");
    }
    assert_eq!(oidc.server.count_requests("/ci"), 1, "its keys, once");
    Ok(())
}

/// The first JSON under a heading of docs/ci-logins.md.
pub fn documented(heading: &str) -> Result<Value> {
    let document = include_str!("../docs/ci-logins.md");
    let section = document.split("\n## ").find(|section| section.starts_with(heading));
    let json = section.and_then(|section| section.split("```json\n").nth(1)?.split("```").next());
    Ok(serde_json::from_str(json.with_context(|| format!("no entry for {heading}"))?)?)
}

/// The claims of a push to the branch `main`, as GitHub has them; so of the others.
pub fn github() -> Value {
    json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": "kubelease", "jti": "0f1e2d3c",
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "nbf": 1_700_000_000,
        "repository": "octo-org/octo-repo", "repository_id": "74", "repository_owner": "octo-org",
        "repository_owner_id": "65", "repository_visibility": "private", "ref": "refs/heads/main",
        "ref_type": "branch", "ref_protected": "true", "base_ref": "", "head_ref": "", "sha": "9f318206",
        "event_name": "push", "actor": "octocat", "actor_id": "12", "workflow": "release",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "9f318206", "job_workflow_sha": "9f318206",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "run_id": "7", "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted",
        "check_run_id": "8", "enterprise": "octo", "enterprise_id": "3",
    })
}

pub fn gitlab() -> Value {
    json!({
        "iss": "https://gitlab.com", "aud": "kubelease", "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main", "nbf": 1_700_000_000,
        "namespace_id": "72", "namespace_path": "my-group", "project_id": "20",
        "project_path": "my-group/my-project", "user_id": "1", "user_login": "sample-user",
        "user_email": "sample-user@example.com", "user_access_level": "developer",
        "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
        "job_project_id": "20", "job_project_path": "my-group/my-project", "job_namespace_id": "72",
        "job_namespace_path": "my-group", "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
        "groups_direct": ["my-group/my-subgroup"], "runner_id": 1, "runner_environment": "gitlab-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc", "project_visibility": "public",
        "ci_config_ref_uri": "gitlab.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    })
}

pub fn buildkite() -> Value {
    json!({
        "iss": "https://agent.buildkite.com", "aud": "kubelease", "nbf": 1_700_000_000,
        "sub": "organization:acme-inc:pipeline:super-duper-app:ref:refs/heads/main:commit:9f318206:step:build",
        "organization_slug": "acme-inc", "pipeline_slug": "super-duper-app", "build_number": 1,
        "build_branch": "main", "build_commit": "9f318206", "step_key": "build",
        "job_id": "0184990a-477b-4fa8-9968-496074483cee", "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
        "build_source": "webhook", "runner_environment": "buildkite-hosted",
        "organization_id": "0184990a-477b-4fa8-9968-496074483ca0",
        "pipeline_id": "0184990a-4782-42b5-afc1-16715b10b100",
    })
}

pub fn circleci() -> Value {
    let (organization, project) =
        ("5e8a0000-74a5-4c0f-9d1e-000000000001", "5e8a0000-74a5-4c0f-9d1e-000000000002");
    let (origin, git_ref) = ("github.com/octo-org/octo-repo", "refs/heads/main");
    json!({
        "iss": format!("https://oidc.circleci.com/org/{organization}"), "aud": "kubelease",
        "sub": format!("org/{organization}/project/{project}/user/5e8a0000-74a5-4c0f-9d1e-000000000003/\
            vcs-origin/{origin}/vcs-ref/{git_ref}"),
        "oidc.circleci.com/project-id": project, "oidc.circleci.com/vcs-origin": origin,
        "oidc.circleci.com/vcs-ref": git_ref, "oidc.circleci.com/ssh-rerun": false,
        "oidc.circleci.com/context-ids": ["5e8a0000-74a5-4c0f-9d1e-000000000004"],
    })
}

/// The claims that are null in real tokens; any other that a row has null is not there.
const NULLABLE: [&str; 3] = ["step_key", "ci_config_ref_uri", "ci_config_sha"];
