//! `/api/v1/dynamic-secrets/{name}/kubeconfig`: a kubeconfig without a secret in it.

use http::{Response, StatusCode};
use lease_core::{DynamicSecretName, Namespace};
use lease_engine::{Engine, KubeconfigCluster, Ports};
use serde_json::{Map, Value, json};

use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::{input, respond};

/// The program that gets credentials for kubectl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CredentialProgram {
    /// `kubelease`, which keeps leases and logs in by itself.
    Command,
    /// `curl` in a shell, with the URL and an access token from its environment.
    Curl,
}

/// `GET /api/v1/dynamic-secrets/{name}/kubeconfig`
///
/// The answer is JSON, which kubectl and client-go read as they read YAML.
pub(crate) fn show_kubeconfig<P: Ports>(
    engine: &Engine<P>,
    name: &str,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let name: DynamicSecretName = input::parse_name(name)?;
    let via = CredentialProgram::from_query(query)?;
    let namespace: Option<Namespace> = query.parse_name_parameter("namespace")?;
    let cluster = engine.kubeconfig_cluster(&name, namespace)?;
    Ok(respond::json_response(StatusCode::OK, &build_kubeconfig(&name, &cluster, via)))
}

/// Returns a kubeconfig whose one context has the name of the dynamic secret and its target.
fn build_kubeconfig(
    name: &DynamicSecretName,
    cluster: &KubeconfigCluster,
    via: CredentialProgram,
) -> Value {
    let KubeconfigCluster { target, server, ca_certificate, namespace } = cluster;
    let mut server = Map::from_iter([("server".to_owned(), json!(server))]);
    if let Some(ca) = ca_certificate {
        server.insert("certificate-authority-data".to_owned(), json!(ca.to_base64()));
    }
    let (cluster, user) = (format!("kubelease-{target}"), format!("kubelease-{name}"));
    let mut context =
        Map::from_iter([("cluster".to_owned(), json!(cluster)), ("user".to_owned(), json!(user))]);
    context.extend(namespace.as_ref().map(|namespace| ("namespace".to_owned(), json!(namespace))));
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": user,
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": user, "user": {"exec": via.exec_plugin(name, namespace.as_ref())}}],
        "contexts": [{"name": user, "context": context}],
    })
}

impl CredentialProgram {
    fn from_query(query: &QueryParameters<'_>) -> Result<Self, Problem> {
        match query.get_text("via") {
            None | Some("command") => Ok(Self::Command),
            Some("curl") => Ok(Self::Curl),
            Some(_) => Err(Problem::new(
                Code::InvalidQuery,
                "`via` must be `command` or `curl`".to_owned(),
            )),
        }
    }

    /// Returns `exec` of a kubeconfig's user.
    fn exec_plugin(self, name: &DynamicSecretName, namespace: Option<&Namespace>) -> Value {
        let (command, args, hint) = match self {
            Self::Command => {
                let mut args = vec!["exec-credential".to_owned(), name.to_string()];
                args.extend(namespace.map(|namespace| format!("--namespace={namespace}")));
                // A bare name: kubectl shows the hint for nothing else.
                ("kubelease", args, COMMAND_HINT)
            }
            Self::Curl => ("sh", vec!["-c".to_owned(), curl_script(name, namespace)], CURL_HINT),
        };
        json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": args,
            "interactiveMode": "Never",
            "provideClusterInfo": false,
            "installHint": hint,
        })
    }
}

/// Returns a shell script that gets an `ExecCredential`.
///
/// The access token reaches `curl` by a pipe from a command that the shell itself has: it is an argument of no process.
/// Names need no quotes: they are letters, digits and `-`.
fn curl_script(name: &DynamicSecretName, namespace: Option<&Namespace>) -> String {
    let body = namespace.map_or_else(String::new, |namespace| {
        format!(
            r#" --header "Content-Type: application/json" --data '{{"namespace":"{namespace}"}}'"#
        )
    });
    format!(
        r#"printf 'header = "Authorization: Bearer %s"\n' "${{KUBELEASE_TOKEN:?}}" | curl --config - --fail --silent --show-error --max-time 60 --request POST{body} "${{KUBELEASE_URL:?}}/api/v1/dynamic-secrets/{name}/exec-credential""#
    )
}

const COMMAND_HINT: &str =
    "kubelease, the command, leases the credential of this context: put it on the PATH and log in.";

const CURL_HINT: &str =
    "This context leases its credential by sh and curl: set KUBELEASE_URL and KUBELEASE_TOKEN.";

#[cfg(test)]
mod tests;
