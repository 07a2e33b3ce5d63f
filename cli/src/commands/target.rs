//! `target add-from-kubeconfig`: the whole set-up of a cluster.
#![expect(clippy::doc_markdown, reason = "help texts are shown on terminals, without backticks")]

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use kubelease_client::{
    Client, DefinitionKind, Name, PutMode, RuntimeConfig, replace_control_characters,
};
use serde_json::{Value, json};

use super::check;
use crate::arguments::{OutputFormat, OutputOptions, check_duration_syntax};
use crate::cluster_setup::{self, ApiServer, Kubectl, LeaseMode, RbacParameters};
use crate::definitions;
use crate::failure::Failure;
use crate::output;
use crate::session::{CommandContext, require_confirmation};

#[derive(Args, Debug)]
pub struct TargetArguments {
    #[command(subcommand)]
    command: TargetCommand,
}

#[derive(Subcommand, Debug)]
enum TargetCommand {
    /// Create a ServiceAccount with least privilege for kubelease in a cluster of your kubeconfig, and create the target.
    AddFromKubeconfig(AddFromKubeconfig),
}

#[derive(Args, Debug)]
struct AddFromKubeconfig {
    /// The context of the kubeconfig.
    #[arg(value_name = "CONTEXT")]
    cluster: String,
    /// The name of the target; by default that of the context.
    #[arg(value_name = "NAME")]
    target: Option<Name>,
    /// The kubeconfig; by default the one that kubectl uses.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The modes of leases that kubelease gets permissions for.
    #[arg(long = "modes", value_name = "MODE", value_enum, value_delimiter = ',', required = true)]
    modes: Vec<LeaseMode>,
    /// A namespace of leases. May be repeated.
    #[arg(short, long = "namespace", value_name = "NAMESPACE", required = true)]
    namespaces: Vec<String>,
    /// An existing ServiceAccount that is leased. May be repeated.
    #[arg(long = "account", value_name = "NAME")]
    accounts: Vec<String>,
    /// A ClusterRole that leases may be bound to. May be repeated.
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// A file with a list of rules: the most that the rules of dynamic secrets may allow.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The ServiceAccount of kubelease in the cluster. It is created if it does not exist.
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "kubelease/kubelease")]
    service_account: String,
    /// Lifetime of kubelease's own credential. The cluster may shorten it.
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = check_duration_syntax)]
    credential_ttl: String,
    /// Print the Kubernetes objects. Nothing is applied.
    #[arg(long)]
    print: bool,
    /// Replace a target of the same name that has another URL.
    #[arg(long)]
    replace: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    shown: OutputOptions,
}

/// `kubelease target`
pub fn run_target(
    context: &CommandContext,
    arguments: &TargetArguments,
) -> Result<ExitCode, Failure> {
    let TargetCommand::AddFromKubeconfig(add) = &arguments.command;
    add_from_kubeconfig(context, add)
}

fn add_from_kubeconfig(
    context: &CommandContext,
    arguments: &AddFromKubeconfig,
) -> Result<ExitCode, Failure> {
    let own = arguments.service_account.split_once('/');
    let own =
        own.ok_or_else(|| Failure::usage_error("`--service-account` must be `NAMESPACE/NAME`"))?;
    let rules = arguments.rules.as_deref().map(definitions::read_policy_rules_file).transpose()?;
    let objects = cluster_setup::rbac_objects(&RbacParameters {
        modes: &arguments.modes,
        namespaces: &arguments.namespaces,
        accounts: &arguments.accounts,
        roles: &arguments.roles,
        rules: &rules.unwrap_or_default(),
        own,
    })?;
    let is_json = arguments.shown.output == OutputFormat::Json;
    if arguments.print && is_json {
        output::print_json(&objects)?;
        return Ok(ExitCode::SUCCESS);
    }
    let manifest: Vec<_> = objects.iter().map(definitions::to_yaml).collect();
    let manifest = manifest.join("---\n");
    if arguments.print {
        output::print_text(&manifest)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = arguments.target_name()?;
    let session = context.open_session()?;
    let client = session.client();
    let (cluster, kubeconfig) = (arguments.cluster.clone(), arguments.kubeconfig.clone());
    let kubectl = Kubectl { context: cluster, kubeconfig, is_quiet: is_json };
    let server = kubectl.read_server()?;
    let known = get_target_if_replaceable(client, &name, &server, arguments.replace)?;
    // The server checks the target before a credential exists: after a refusal none is left in the cluster.
    let unminted = merge_target_spec(known.as_ref(), &server, PLACEHOLDER_TOKEN);
    client.put_definition(DefinitionKind::Target, &name, &unminted, PutMode::DryRun)?;
    if !arguments.yes {
        require_apply_confirmed(&objects, &server, &arguments.cluster)?;
    }
    output::write_stderr(kubectl.apply_manifest(&manifest)?);
    let token = kubectl.create_token(own, &arguments.credential_ttl)?;
    let spec = merge_target_spec(known.as_ref(), &server, token.expose_secret());
    let put = client.put_definition(DefinitionKind::Target, &name, &spec, PutMode::Put)?;
    let told = client.get_runtime_config(&name).ok();
    if is_json {
        let seen = client.check_target(&name)?;
        output::print_json(&json!({
            "kind": DefinitionKind::Target,
            "name": name,
            "change": put.change,
            "runtime_config": told,
            "check": seen,
        }))?;
        check::require_passed_check(&name, &seen)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print_text(&format!("target/{name} {}\n", put.change))?;
    if let Some(told) = told {
        print_host_config(told);
    }
    check::print_and_require_check(&name, &client.check_target(&name)?)?;
    Ok(ExitCode::SUCCESS)
}

impl AddFromKubeconfig {
    fn target_name(&self) -> Result<Name, Failure> {
        match &self.target {
            Some(name) => Ok(name.clone()),
            None => self.cluster.parse().map_err(|error| {
                Failure::usage_error(format!(
                    "the name of the context cannot be the name of a target: {error}"
                ))
                .with_hint("Give the name of the target after the context.")
            }),
        }
    }
}

/// Returns the target as it is kept, so that what else is said of it stays.
fn get_target_if_replaceable(
    client: &Client,
    name: &Name,
    server: &ApiServer,
    replace: bool,
) -> Result<Option<Value>, Failure> {
    let known = client.get_definition(DefinitionKind::Target, name)?;
    let url = known.as_ref().and_then(|known| known["url"].as_str());
    match url {
        Some(url) if url.trim_end_matches('/') != server.url.trim_end_matches('/') && !replace => {
            let text =
                format!("the target `{name}` has another URL: {}", replace_control_characters(url));
            Err(Failure::local_error(text).with_hint("Give another name, or add `--replace`."))
        }
        _ => Ok(known),
    }
}

/// Returns what is put: all that is known of the target, and how its cluster is reached.
fn merge_target_spec(known: Option<&Value>, server: &ApiServer, token: &str) -> Value {
    let document = known.and_then(Value::as_object);
    let document = document
        .map(|known| definitions::definition_without_server_fields(DefinitionKind::Target, known));
    let mut spec = document.map_or(json!({}), |document| document["spec"].clone());
    if let Some(set) = known.and_then(|known| known.get("apply_set")) {
        spec["apply_set"] = set.clone();
    }
    spec["url"] = json!(server.url);
    spec["auth"] = json!({"type": "token", "token": token});
    spec["ca_certificate"] = json!(server.ca_certificate);
    spec["ca"] = json!(if server.ca_certificate.is_some() { "custom" } else { "system" });
    spec
}

/// The token of a target that is checked before its credential is created. It is never stored.
const PLACEHOLDER_TOKEN: &str = "not-created-yet";

/// Tells what the host has to know of the cluster. That cannot be done from here.
fn print_host_config(told: RuntimeConfig) {
    let config = replace_control_characters(&told.runtime_config.replace('\n', "\u{0}"))
        .replace('\u{fffd}', "\n");
    if !config.is_empty() {
        output::notify!("The runtime configuration of the host needs:\n\n{config}");
    }
    for note in told.notes {
        output::notify!("note: {}", replace_control_characters(&note));
    }
}

fn require_apply_confirmed(
    objects: &[Value],
    server: &ApiServer,
    context: &str,
) -> Result<(), Failure> {
    let mut text = String::new();
    for object in objects {
        let metadata = &object["metadata"];
        let place = metadata["namespace"].as_str().map(|it| format!(" in {it}"));
        let (kind, name) = (object["kind"].as_str(), metadata["name"].as_str());
        let place = place.unwrap_or_default();
        let _ = writeln!(text, "  {} {}{place}", kind.unwrap_or(""), name.unwrap_or(""));
    }
    require_confirmation(
        &format!("{text}Apply these to {} by the context {context}?", server.url),
        "review it with `--print`, then add `--yes` to apply it",
        "applied",
    )
}
