//! `lease` and `renew`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kubelease_client::{Client, Error, IdempotencyKey, IssueRequest, IssuedLease, Name, printable};
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::arguments::{Lease, LeaseOutput, Renew, Wanted};
use crate::failure::Failure;
use crate::lease_directory::LeaseDirectory;
use crate::progress::Progress;
use crate::session::{Context, now};
use crate::{exec_credential, output};

/// `kubelease lease`
pub fn lease(context: &Context, arguments: &Lease) -> Result<(), Failure> {
    let Some((path, cluster)) = arguments.place.directory_and_cluster() else {
        let issued = issue(context.session()?.client(), &arguments.wanted)?;
        return deliver(&issued, arguments.output);
    };
    let is_interrupted = hold_signals()?;
    let directory = LeaseDirectory::create(path)?;
    let session = context.session()?;
    let issued = issue(session.client(), &arguments.wanted)?;
    let filled = directory.fill(&issued, &cluster);
    if let Err(failure) = filled.and_then(|()| check_not_interrupted(&is_interrupted)) {
        match session.client().revoke_lease(&issued.lease.lease_id) {
            Ok(_) => directory.remove()?,
            Err(error) => eprintln!("warning: the lease is not revoked: {}", Failure::from(error)),
        }
        return Err(failure);
    }
    tell(&issued);
    Ok(())
}

/// Lets no signal end this process before its lease is in files: of a lease that is not, nobody would know.
fn hold_signals() -> Result<Arc<AtomicBool>, Failure> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&is_interrupted))
            .map_err(|error| Failure::io("watch for signals", &error))?;
    }
    Ok(is_interrupted)
}

fn check_not_interrupted(is_interrupted: &AtomicBool) -> Result<(), Failure> {
    if is_interrupted.load(Ordering::SeqCst) {
        return Err(Failure::error("interrupted"));
    }
    Ok(())
}

/// `kubelease renew`
pub fn renew(context: &Context, arguments: &Renew) -> Result<(), Failure> {
    let session = context.session()?;
    let renewed = session.client().renew_lease(&arguments.lease, arguments.ttl.as_deref())?;
    deliver(&renewed, arguments.output)
}

/// Asks for a lease. An unknown dynamic secret is told with the nearest one that may be leased.
pub fn issue(client: &Client, wanted: &Wanted) -> Result<IssuedLease, Failure> {
    let key = IdempotencyKey::random().map_err(|error| Failure::io("get randomness", &error))?;
    let request = IssueRequest {
        namespace: wanted.namespace.clone(),
        ttl: wanted.ttl.clone(),
        audiences: wanted.audience.clone(),
    };
    let progress = Progress::start(format!("Leasing `{}`", wanted.name));
    let issued = client.issue_lease(&wanted.name, &request, &key);
    drop(progress);
    issued.map_err(|error| explain(client, &wanted.name, error))
}

fn explain(client: &Client, name: &Name, error: Error) -> Failure {
    let code = error.problem().map_or("", |problem| problem.code.as_str());
    let is_about_name = matches!(code, "unknown_dynamic_secret" | "not_granted");
    let known = if is_about_name { client.caller().ok() } else { None };
    let known = known.map(|caller| caller.dynamic_secrets).unwrap_or_default();
    let failure = Failure::from(error);
    match nearest(name, &known) {
        Some(nearest) => failure.with_hint(&format!("Did you mean `{nearest}`?")),
        None => failure,
    }
}

/// Returns the name that is most like `name`, if one is.
fn nearest<'a>(name: &Name, known: &'a [Name]) -> Option<&'a Name> {
    let likeness = |other: &Name| strsim::jaro_winkler(name.as_str(), other.as_str());
    let others = known.iter().filter(|other| *other != name).map(|other| (likeness(other), other));
    let best = others.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| name)
}

/// Prints what a person should know to standard error.
fn tell(issued: &IssuedLease) {
    let lease = &issued.lease;
    let ends = output::relative(lease.expires_at, now());
    eprintln!(
        "Lease {} of `{}` in `{}` ends {ends}.",
        lease.lease_id, lease.dynamic_secret, lease.namespace
    );
    for warning in &lease.warnings {
        eprintln!("warning: {}", printable(warning));
    }
}

/// Prints what is asked for to standard output.
fn deliver(issued: &IssuedLease, wanted: LeaseOutput) -> Result<(), Failure> {
    tell(issued);
    let (lease, token) = (&issued.lease, issued.token.expose());
    match wanted {
        LeaseOutput::Token => output::print(&format!("{token}\n")),
        LeaseOutput::Json => output::print_json(&with_token(issued)?),
        LeaseOutput::ExecCredential => {
            output::print_json(&exec_credential::document(token, lease.expires_at))
        }
        // A token is visible ASCII; a quote in it would end the text.
        LeaseOutput::Env if token.contains('\'') => Err(Failure::error("the token has a quote")),
        LeaseOutput::Env => output::print(&format!(
            "export KUBELEASE_LEASE_ID='{}'\nexport KUBE_NAMESPACE='{}'\nexport KUBE_TOKEN='{token}'\n",
            lease.lease_id, lease.namespace
        )),
    }
}

fn with_token(issued: &IssuedLease) -> Result<Value, Failure> {
    let lease = serde_json::to_value(&issued.lease);
    let mut lease = lease.map_err(|error| Failure::error(error.to_string()))?;
    lease["token"] = json!(issued.token.expose());
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
            let found = nearest(&name.parse().unwrap(), &known).map(Name::as_str);
            assert_eq!(found, near, "{name}");
        }
    }
}
