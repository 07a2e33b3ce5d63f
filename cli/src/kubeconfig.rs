//! Kubeconfigs: of a token, of a token in a file, or of the plugin.

use std::path::Path;
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kubelease_client::{Client, ClusterAddress, Name};
use serde_json::{Map, Value, json};

use crate::arguments::{ClusterOverride, KubeconfigArguments, LeaseRequestOptions, OutputFormat};
use crate::failure::Failure;
use crate::kubeconfig_file::{self, ContextAddition, ContextPlacement};
use crate::output;
use crate::session::CommandContext;

/// `kubelease kubeconfig`
pub fn print_or_add_kubeconfig(
    context: &CommandContext,
    arguments: &KubeconfigArguments,
) -> Result<(), Failure> {
    let wanted = &arguments.wanted;
    // Nobody has to be logged in for a cluster that is given.
    let cluster = match arguments.cluster.cluster_if_given(wanted)? {
        Some(cluster) => cluster,
        None => fetch_cluster(context.open_session()?.client(), wanted)?,
    };
    let profile = context.profile_name()?;
    let url = context.given_url();
    let user = json!({"exec": {
        "apiVersion": EXEC_PLUGIN_API_VERSION,
        // A bare name: only then does kubectl show the hint.
        "command": "kubelease",
        "args": plugin_arguments(wanted, &profile, url),
        "interactiveMode": "Never",
        "provideClusterInfo": false,
        "installHint": "The command kubelease leases the credential of this context: put it on the PATH.",
    }});
    let name = match arguments.context.clone() {
        Some(name) if name.is_empty() => return Err(Failure::usage_error("`--context` is empty")),
        Some(name) => name,
        None => format!("kubelease-{}", wanted.name),
    };
    let document = kubeconfig_document(&name, &cluster, &user);
    if arguments.print {
        return output::print_json(&document);
    }
    let paths = match &arguments.file {
        Some(file) => vec![file.clone()],
        None => kubeconfig_file::kubeconfig_paths(&context.environment)?,
    };
    let (select, force) = (arguments.select, arguments.force);
    let addition = ContextAddition { name: &name, document: &document, select, force };
    let ContextPlacement { file, is_current } = kubeconfig_file::add_context(&paths, &addition)?;
    output::notify!("Context `{name}` is in {}.", file.display());
    if arguments.shown.output == OutputFormat::Json {
        return output::print_json(
            &json!({ "context": name, "kubeconfig": file, "current": is_current }),
        );
    }
    if !is_current {
        output::notify!(
            "Another context is the current one: name this one by `kubectl --context`, or switch by `kubectl config use-context`."
        );
    }
    Ok(())
}

fn plugin_arguments(
    wanted: &LeaseRequestOptions,
    profile: &Name,
    url: Option<&str>,
) -> Vec<String> {
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

impl ClusterOverride {
    /// Returns the cluster that is given, or else the one that kubelease knows.
    pub fn given_or_fetched_cluster(
        &self,
        client: &Client,
        wanted: &LeaseRequestOptions,
    ) -> Result<ClusterAddress, Failure> {
        match self.cluster_if_given(wanted)? {
            Some(cluster) => Ok(cluster),
            None => fetch_cluster(client, wanted),
        }
    }

    /// Returns the cluster that is given.
    fn cluster_if_given(
        &self,
        wanted: &LeaseRequestOptions,
    ) -> Result<Option<ClusterAddress>, Failure> {
        let Some(server) = &self.server else { return Ok(None) };
        let encode = |file: &std::path::PathBuf| match fs::read(file) {
            Ok(pem) => Ok(BASE64_STANDARD.encode(pem)),
            Err(error) => Err(Failure::io_error(format!("read {}", file.display()), &error)),
        };
        Ok(Some(ClusterAddress {
            name: format!("kubelease-{}", wanted.name),
            server: server.clone(),
            certificate_authority_data: self
                .certificate_authority
                .as_ref()
                .map(encode)
                .transpose()?,
            namespace: wanted.namespace.clone(),
        }))
    }
}

/// Asks kubelease for the cluster of a lease.
fn fetch_cluster(client: &Client, wanted: &LeaseRequestOptions) -> Result<ClusterAddress, Failure> {
    Ok(client.get_cluster_address(&wanted.name, wanted.namespace.as_ref())?)
}

/// Returns a kubeconfig whose token is in a file, which a client reads again every minute.
pub fn kubeconfig_with_token_file(
    cluster: &ClusterAddress,
    token_file: &Path,
    namespace: &Name,
) -> Value {
    let cluster = ClusterAddress { namespace: Some(namespace.clone()), ..cluster.clone() };
    kubeconfig_document("kubelease", &cluster, &json!({ "tokenFile": token_file }))
}

/// Returns a kubeconfig with a token in it.
pub fn kubeconfig_with_token(cluster: &ClusterAddress, token: &str, namespace: &Name) -> Value {
    let cluster = ClusterAddress { namespace: Some(namespace.clone()), ..cluster.clone() };
    kubeconfig_document("kubelease", &cluster, &json!({ "token": token }))
}

/// Returns a kubeconfig whose context and user have this name.
fn kubeconfig_document(name: &str, cluster: &ClusterAddress, user: &Value) -> Value {
    let ClusterAddress { name: cluster_name, server, certificate_authority_data, namespace } =
        cluster;
    let mut context = Map::from_iter([
        ("cluster".to_owned(), json!(cluster_name)),
        ("user".to_owned(), json!(name)),
    ]);
    context.extend(namespace.as_ref().map(|namespace| ("namespace".to_owned(), json!(namespace))));
    let mut cluster = Map::from_iter([("server".to_owned(), json!(server))]);
    if let Some(ca) = certificate_authority_data {
        cluster.insert("certificate-authority-data".to_owned(), json!(ca));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{ "name": cluster_name, "cluster": cluster }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": name, "context": context }],
    })
}

/// Returns the directory for files that live as long as a command.
pub fn runtime_dir() -> std::path::PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    runtime.filter(|path| path.is_dir()).unwrap_or_else(env::temp_dir)
}

/// The version of the credential plugin API that kubeconfigs of ours ask for.
const EXEC_PLUGIN_API_VERSION: &str = "client.authentication.k8s.io/v1";
