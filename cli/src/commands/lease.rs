//! `lease` and `renew`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kubelease_client::{
    Client, ClusterAddress, Error, IdempotencyKey, IssueRequest, IssuedLease, Name,
    replace_control_characters,
};
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::arguments::{LeaseArguments, LeaseOutputFormat, LeaseRequestOptions, RenewArguments};
use crate::exec_credential::{self, ExecCredentialVersion};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{CommandContext, now};
use crate::single_lease_directory::LeaseDirectory;
use crate::{kubeconfig, output};

/// `kubelease lease`
pub fn lease_credential(
    context: &CommandContext,
    arguments: &LeaseArguments,
) -> Result<(), Failure> {
    let LeaseArguments { wanted, output, directory, cluster } = arguments;
    let Some(path) = directory else {
        let session = context.open_session()?;
        if cluster.server.is_some() && *output != LeaseOutputFormat::Kubeconfig {
            let usage = "`--server` goes with `--output kubeconfig` or `--directory`";
            return Err(Failure::usage_error(usage));
        }
        let shape = LeasePrintFormat::resolve_with_cluster(*output, || {
            cluster.given_or_fetched_cluster(session.client(), wanted)
        })?;
        let issued = issue_lease(session.client(), wanted)?;
        return print_lease(&issued, &shape);
    };
    let is_interrupted = defer_signals()?;
    let session = context.open_session()?;
    let cluster = cluster.given_or_fetched_cluster(session.client(), wanted)?;
    let directory = LeaseDirectory::create_directory(path)?;
    let issued = issue_lease(session.client(), wanted)?;
    let filled = directory.write_files(&issued, &cluster);
    if let Err(failure) = filled.and_then(|()| check_not_interrupted(&is_interrupted)) {
        match session.client().revoke_lease(&issued.lease.lease_id) {
            Ok(_) => directory.remove_directory_and_files()?,
            Err(error) => {
                output::notify!("warning: the lease is not revoked: {}", Failure::from(error));
            }
        }
        return Err(failure);
    }
    print_lease_summary(&issued);
    Ok(())
}

/// Lets no signal end this process before its lease is in files: of a lease that is not, nobody would know.
fn defer_signals() -> Result<Arc<AtomicBool>, Failure> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&is_interrupted))
            .map_err(|error| Failure::io_error("watch for signals", &error))?;
    }
    Ok(is_interrupted)
}

fn check_not_interrupted(is_interrupted: &AtomicBool) -> Result<(), Failure> {
    if is_interrupted.load(Ordering::SeqCst) {
        return Err(Failure::local_error("interrupted by a signal"));
    }
    Ok(())
}

/// `kubelease renew`
pub fn renew_lease(context: &CommandContext, arguments: &RenewArguments) -> Result<(), Failure> {
    let session = context.open_session()?;
    let client = session.client();
    let shape = LeasePrintFormat::resolve_with_cluster(arguments.output, || {
        let lease = client.get_lease(&arguments.lease)?;
        Ok(client.get_cluster_address(&lease.dynamic_secret, Some(&lease.namespace))?)
    })?;
    print_lease(&client.renew_lease(&arguments.lease, arguments.ttl.as_deref())?, &shape)
}

/// Asks for a lease. An unknown dynamic secret is told with the nearest one that may be leased.
pub fn issue_lease(client: &Client, wanted: &LeaseRequestOptions) -> Result<IssuedLease, Failure> {
    let key =
        IdempotencyKey::random().map_err(|error| Failure::io_error("get randomness", &error))?;
    let request = IssueRequest {
        namespace: wanted.namespace.clone(),
        ttl: wanted.ttl.clone(),
        audiences: wanted.audience.clone(),
    };
    let progress = Progress::show_after_delay(format!("Leasing `{}`", wanted.name));
    let issued = client.issue_lease(&wanted.name, &request, &key);
    drop(progress);
    issued.map_err(|error| unknown_name_suggestion_failure(client, &wanted.name, error))
}

fn unknown_name_suggestion_failure(client: &Client, name: &Name, error: Error) -> Failure {
    let code = error.problem().map_or("", |problem| problem.code.as_str());
    let is_about_name = matches!(code, "unknown_dynamic_secret" | "not_granted");
    let known = if is_about_name { client.get_caller().ok() } else { None };
    let known = known.map(|caller| caller.dynamic_secrets).unwrap_or_default();
    let failure = Failure::from(error);
    match nearest_name(name, &known) {
        Some(nearest) => failure.with_hint(&format!("Did you mean `{nearest}`?")),
        None => failure,
    }
}

/// Returns the name that is most like `name`, if one is.
fn nearest_name<'a>(name: &Name, known: &'a [Name]) -> Option<&'a Name> {
    let likeness = |other: &Name| strsim::jaro_winkler(name.as_str(), other.as_str());
    let others = known.iter().filter(|other| *other != name).map(|other| (likeness(other), other));
    let best = others.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| name)
}

/// Prints what a person should know to standard error.
fn print_lease_summary(issued: &IssuedLease) {
    let lease = &issued.lease;
    let ends = output::format_relative(lease.expires_at, now());
    output::notify!(
        "Lease {} of `{}` in `{}` ends {ends}.",
        lease.lease_id,
        lease.dynamic_secret,
        lease.namespace
    );
    for warning in &lease.warnings {
        output::notify!("warning: {}", replace_control_characters(warning));
    }
}

/// The shape in which a lease is printed, with what belongs to it.
enum LeasePrintFormat {
    Token,
    Json,
    ExecCredential,
    Kubeconfig(ClusterAddress),
    Env,
}

impl LeasePrintFormat {
    /// Chooses a shape. The cluster is looked for if it is needed, and before a token is asked for: one that cannot be printed
    /// would be lost.
    fn resolve_with_cluster(
        output: LeaseOutputFormat,
        find_cluster: impl FnOnce() -> Result<ClusterAddress, Failure>,
    ) -> Result<Self, Failure> {
        Ok(match output {
            LeaseOutputFormat::Token => Self::Token,
            LeaseOutputFormat::Json => Self::Json,
            LeaseOutputFormat::ExecCredential => Self::ExecCredential,
            LeaseOutputFormat::Kubeconfig => Self::Kubeconfig(find_cluster()?),
            LeaseOutputFormat::Env => Self::Env,
        })
    }
}

/// Prints a lease to standard output.
fn print_lease(issued: &IssuedLease, shape: &LeasePrintFormat) -> Result<(), Failure> {
    print_lease_summary(issued);
    let (lease, token) = (&issued.lease, issued.token.expose_secret());
    match shape {
        LeasePrintFormat::Token => output::print_text(&format!("{token}\n")),
        LeasePrintFormat::Json => output::print_json(&lease_json_with_token(issued)?),
        LeasePrintFormat::ExecCredential => {
            output::print_json(&exec_credential::exec_credential_document(
                token,
                lease.expires_at,
                lease.expires_at - lease.issued_at,
                ExecCredentialVersion::default(),
            ))
        }
        LeasePrintFormat::Kubeconfig(cluster) => {
            output::print_json(&kubeconfig::kubeconfig_with_token(cluster, token, &lease.namespace))
        }
        // A token is visible ASCII; a quote in it would end the text.
        LeasePrintFormat::Env if token.contains('\'') => {
            Err(Failure::local_error("the token contains a quote"))
        }
        LeasePrintFormat::Env => output::print_text(&format!(
            "export KUBELEASE_LEASE_ID='{}'\nexport KUBE_NAMESPACE='{}'\nexport KUBE_TOKEN='{token}'\n",
            lease.lease_id, lease.namespace
        )),
    }
}

fn lease_json_with_token(issued: &IssuedLease) -> Result<Value, Failure> {
    let lease = serde_json::to_value(&issued.lease);
    let mut lease = lease.map_err(|error| Failure::local_error(error.to_string()))?;
    lease["token"] = json!(issued.token.expose_secret());
    Ok(lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_if_it_is_near() {
        let known = ["ci-deploy", "ci-read", "nightly"].map(|name| name.parse().unwrap());
        for (name, near) in [
            ("ci-deplyo", Some("ci-deploy")),
            ("ci-reed", Some("ci-read")),
            ("nightl", Some("nightly")),
            ("production", None),
            // Refused for another reason than its name.
            ("nightly", None),
        ] {
            let found = nearest_name(&name.parse().unwrap(), &known).map(Name::as_str);
            assert_eq!(found, near, "{name}");
        }
    }
}
