//! Kubeconfigs: of a token in a file, or of the plugin.

use std::path::Path;
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kubelease_client::Name;
use serde_json::{Map, Value, json};

use crate::arguments::{Cluster, Kubeconfig, Wanted};
use crate::exec_credential::API_VERSION;
use crate::failure::Failure;
use crate::output;
use crate::session::Context;

/// `kubelease kubeconfig --print`
pub fn print(context: &Context, arguments: &Kubeconfig) -> Result<(), Failure> {
    let wanted = &arguments.wanted;
    let profile = context.profile()?;
    let url = context.global.url.as_deref().or_else(|| context.environment.get("KUBELEASE_URL"));
    let user = json!({"exec": {
        "apiVersion": API_VERSION,
        // A bare name: only then does kubectl show the hint.
        "command": "kubelease",
        "args": plugin_arguments(wanted, &profile, url),
        "interactiveMode": "Never",
        "provideClusterInfo": false,
        "installHint": "kubelease, the command, leases the credential of this context: put it on the PATH.",
    }});
    let name = format!("kubelease-{}", wanted.name);
    output::print_json(&document(&name, &arguments.cluster, &user, wanted.namespace.as_ref())?)
}

fn plugin_arguments(wanted: &Wanted, profile: &Name, url: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["exec-credential".to_owned(), wanted.name.to_string()];
    let mut option = |name: &str, value: Option<&str>| {
        arguments.extend(value.map(|value| format!("--{name}={value}")));
    };
    option("profile", Some(profile.as_str()));
    option("url", url);
    option("namespace", wanted.namespace.as_ref().map(Name::as_str));
    option("ttl", wanted.ttl.as_deref());
    for audience in &wanted.audience {
        option("audience", Some(audience));
    }
    arguments
}

/// Returns a kubeconfig whose token is in a file, which a client reads again every minute.
pub fn of_token_file(
    cluster: &Cluster,
    token_file: &Path,
    namespace: &Name,
) -> Result<Value, Failure> {
    document("kubelease", cluster, &json!({ "tokenFile": token_file }), Some(namespace))
}

fn document(
    name: &str,
    cluster: &Cluster,
    user: &Value,
    namespace: Option<&Name>,
) -> Result<Value, Failure> {
    let mut context =
        Map::from_iter([("cluster".to_owned(), json!(name)), ("user".to_owned(), json!(name))]);
    context.extend(namespace.map(|namespace| ("namespace".to_owned(), json!(namespace))));
    let mut server = Map::from_iter([("server".to_owned(), json!(cluster.server))]);
    if let Some(file) = &cluster.certificate_authority {
        let pem = fs::read(file)
            .map_err(|error| Failure::io(format!("read {}", file.display()), &error))?;
        server.insert("certificate-authority-data".to_owned(), json!(BASE64_STANDARD.encode(pem)));
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{ "name": name, "cluster": server }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": name, "context": context }],
    }))
}

/// Returns the directory for files that live as long as a command.
pub fn runtime_dir() -> std::path::PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    runtime.filter(|path| path.is_dir()).unwrap_or_else(env::temp_dir)
}
