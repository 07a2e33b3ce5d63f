//! `check`

use kubelease_client::{MissingPermission, Name, TargetCheck, replace_control_characters};

use crate::arguments::{CheckArguments, OutputFormat};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::session::CommandContext;

/// `kubelease check`
pub fn check_target(context: &CommandContext, arguments: &CheckArguments) -> Result<(), Failure> {
    let session = context.open_session()?;
    let check = {
        let _progress =
            Progress::show_after_delay(format!("Checking target `{}`", arguments.target));
        session.client().check_target(&arguments.target)?
    };
    if arguments.shown.output == OutputFormat::Json {
        output::print_json(&check)?;
        return require_passed_check(&arguments.target, &check);
    }
    print_and_require_check(&arguments.target, &check)
}

/// Prints what a check has seen. A target that is not as it should be is a failure.
pub fn print_and_require_check(target: &Name, check: &TargetCheck) -> Result<(), Failure> {
    let mut text = vec![];
    if let Some(version) = &check.version {
        text.push(format!("Kubernetes {version}"));
    }
    if let Some(username) = &check.username {
        text.push(format!("kubelease is {username}"));
    }
    text.extend(check.problem.clone());
    for secret in &check.dynamic_secrets {
        let can = |can: bool| if can { "can" } else { "cannot" };
        let (issue, revoke) = (can(secret.issue), can(secret.revoke));
        text.push(format!("{}: {issue} be issued, {revoke} be revoked", secret.dynamic_secret));
        text.extend(secret.problem.iter().map(|problem| format!("  {problem}")));
        text.extend(secret.missing_permissions.iter().map(describe_permission));
    }
    text.extend(check.warnings.iter().map(|warning| format!("warning: {warning}")));
    for line in text {
        output::print_text(&format!("{}\n", replace_control_characters(&line)))?;
    }
    require_passed_check(target, check)
}

/// Returns the failure of a target that is not as it should be.
pub fn require_passed_check(target: &Name, check: &TargetCheck) -> Result<(), Failure> {
    if check.ok {
        Ok(())
    } else {
        Err(Failure::local_error(format!("target `{target}` has a problem")))
    }
}

fn describe_permission(permission: &MissingPermission) -> String {
    let MissingPermission { verb, group, resource, name, namespace } = permission;
    let dot = if group.is_empty() { "" } else { "." };
    let name = name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    let place = namespace.as_ref().map_or("everywhere".to_owned(), |place| format!("in `{place}`"));
    format!("  missing: {verb} {resource}{dot}{group}{name} {place}")
}
