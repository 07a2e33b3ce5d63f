//! JWTs that a CI job or a pod has without asking anybody.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use kubelease_client::{Client, Token};
use serde_json::json;

use crate::environment::Environment;
use crate::failure::Failure;

/// The place where a JWT was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtSource {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// `CircleCI`, whose agent gives ID tokens for any audience.
    CircleCi,
    /// `CircleCI` without its agent: the ID token that every job has, for the organization's audience.
    CircleCiVariable,
    /// A projected volume of a pod.
    Pod,
}

/// The way in which a JWT is shown to kubelease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// As the token of a `ServiceAccount`.
    Kubernetes,
    /// As an ID token.
    Oidc,
}

impl JwtSource {
    /// Returns the source that this environment has, if it has one; with `method`, one of that kind.
    pub fn find(
        environment: &Environment,
        pod_token: &Path,
        method: Option<LoginMethod>,
    ) -> Option<Self> {
        let has = |names: &[&str]| names.iter().all(|name| environment.get(name).is_some());
        [
            (
                Self::GitHub,
                has(&["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]),
            ),
            (Self::GitLab, has(&["GITLAB_CI", GITLAB_ID_TOKEN_VARIABLE])),
            (Self::Buildkite, has(&["BUILDKITE", "BUILDKITE_AGENT_ACCESS_TOKEN"])),
            (Self::CircleCi, has(&["CIRCLECI"]) && environment.has_program("circleci")),
            (Self::CircleCiVariable, has(&["CIRCLECI", "CIRCLE_OIDC_TOKEN_V2"])),
            (Self::Pod, pod_token.is_file()),
        ]
        .into_iter()
        .find_map(|(source, is_there)| is_there.then_some(source))
        .filter(|source| method.is_none_or(|method| source.login_method() == method))
    }

    /// Returns how its JWT is shown.
    pub fn login_method(self) -> LoginMethod {
        if self == Self::Pod { LoginMethod::Kubernetes } else { LoginMethod::Oidc }
    }

    /// Returns the word for it in JSON.
    pub fn json_word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Buildkite => "buildkite",
            Self::CircleCi | Self::CircleCiVariable => "circleci",
            Self::Pod => "pod",
        }
    }

    /// Returns what a person calls it.
    pub fn description(self) -> &'static str {
        match self {
            Self::GitHub => "the ID token of GitHub Actions",
            Self::GitLab => "the ID token of GitLab in `KUBELEASE_ID_TOKEN`",
            Self::Buildkite => "the ID token of Buildkite's agent",
            Self::CircleCi => "the ID token of CircleCI's agent",
            Self::CircleCiVariable => "the ID token of CircleCI in `CIRCLE_OIDC_TOKEN_V2`",
            Self::Pod => "the ServiceAccount token of this pod",
        }
    }

    /// Gets the JWT, for `audience` if the source lets that be chosen.
    pub fn fetch_jwt(
        self,
        environment: &Environment,
        pod_token: &Path,
        audience: &str,
    ) -> Result<Token, Failure> {
        let variable = |name: &str| {
            let text = environment.get(name).unwrap_or_default();
            Token::new(text).map_err(|error| Failure::local_error(format!("`{name}`: {error}")))
        };
        match self {
            Self::GitHub => {
                let url = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL").unwrap_or_default();
                let token = variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
                Ok(Client::fetch_github_id_token(url, token, audience)?)
            }
            Self::GitLab => variable(GITLAB_ID_TOKEN_VARIABLE),
            Self::Buildkite => {
                // The ids, which an identity should bind, are in the token only if they are asked for.
                let claims = "organization_id,pipeline_id";
                let request = ["oidc", "request-token", "--audience", audience, "--claim", claims];
                request_agent_token("buildkite-agent", &request)
            }
            Self::CircleCi => {
                let claims = json!({ "aud": audience }).to_string();
                request_agent_token("circleci", &["run", "oidc", "get", "--claims", &claims])
            }
            Self::CircleCiVariable => variable("CIRCLE_OIDC_TOKEN_V2"),
            Self::Pod => read_token_file(pod_token),
        }
    }
}

/// Reads a JWT from a file.
pub fn read_token_file(file: &Path) -> Result<Token, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::io_error(format!("read {name}"), &error))?;
    Token::new(&text).map_err(|error| Failure::local_error(format!("{name}: {error}")))
}

/// Asks the agent of a CI, which tells its own errors.
fn request_agent_token(program: &str, arguments: &[&str]) -> Result<Token, Failure> {
    let mut agent = Command::new(program);
    agent.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output =
        agent.output().map_err(|error| Failure::io_error(format!("run `{program}`"), &error))?;
    if !output.status.success() {
        return Err(Failure::local_error(format!("`{program}` returned no ID token")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Token::new(&text).map_err(|error| Failure::local_error(format!("`{program}`: {error}")))
}

/// The name that a job gives its token under `id_tokens`.
const GITLAB_ID_TOKEN_VARIABLE: &str = "KUBELEASE_ID_TOKEN";

/// Returns where the projected token of a pod is.
pub fn pod_token_path(environment: &Environment) -> &Path {
    Path::new(environment.get("KUBELEASE_POD_TOKEN_FILE").unwrap_or(DEFAULT_POD_TOKEN_PATH))
}

/// The file of a pod's projected token with `audience: kubelease`, unless the pod names another.
const DEFAULT_POD_TOKEN_PATH: &str = "/var/run/secrets/kubelease/token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ci_is_known_by_what_it_sets() {
        let nowhere = Path::new("/nowhere");
        for (variables, source) in [
            ([("GITHUB_ACTIONS", "true"), ("CI", "true")], None),
            (
                [("ACTIONS_ID_TOKEN_REQUEST_URL", "u"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")],
                Some(JwtSource::GitHub),
            ),
            ([("GITLAB_CI", "true"), ("KUBELEASE_ID_TOKEN", "t")], Some(JwtSource::GitLab)),
            ([("GITLAB_CI", "true"), ("KUBELEASE_ID_TOKEN", "")], None),
            (
                [("BUILDKITE", "true"), ("BUILDKITE_AGENT_ACCESS_TOKEN", "t")],
                Some(JwtSource::Buildkite),
            ),
            (
                [("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", "t")],
                Some(JwtSource::CircleCiVariable),
            ),
        ] {
            let environment = Environment::from(variables);
            assert_eq!(JwtSource::find(&environment, nowhere, None), source, "{variables:?}");
            let by_kubernetes =
                JwtSource::find(&environment, nowhere, Some(LoginMethod::Kubernetes));
            assert_eq!(by_kubernetes, None, "{variables:?}");
        }
    }

    #[test]
    fn a_pod_has_a_projected_token() {
        let token = tempfile::NamedTempFile::new().unwrap();
        let environment = Environment::default();
        assert_eq!(JwtSource::find(&environment, token.path(), None), Some(JwtSource::Pod));
        assert_eq!(JwtSource::find(&environment, token.path(), Some(LoginMethod::Oidc)), None);
        let error = JwtSource::Pod.fetch_jwt(&environment, token.path(), "kubelease").unwrap_err();
        assert!(error.to_string().contains("a token is 1 to"), "{error}");
    }
}
