//! The commands.

mod apply;
mod audit;
mod check;
mod delete;
mod diff;
mod explain;
mod export;
mod lease;
mod leases;
mod login_logout_whoami;
mod man;
mod revoke;
mod run;
mod schema;
mod sweep;
mod target;
mod version;

pub use apply::ApplyArguments;
pub use audit::AuditArguments;
pub use delete::DeleteArguments;
pub use diff::DiffArguments;
pub use explain::ExplainArguments;
pub use export::ExportArguments;
pub use lease::issue_lease;
pub use man::ManArguments;
pub use schema::SchemaArguments;
pub use target::TargetArguments;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::session::CommandContext;
use crate::{exec_credential, kubeconfig, output};

/// Performs a command, and returns the exit code of a success.
pub fn perform_command(context: &CommandContext, command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Login(login) => login_logout_whoami::log_in(context, &login),
        Command::Logout(shown) => login_logout_whoami::log_out(context, &shown),
        Command::Whoami(shown) => login_logout_whoami::show_caller(context, &shown),
        Command::Lease(lease) => lease::lease_credential(context, &lease),
        Command::Renew(renew) => lease::renew_lease(context, &renew),
        Command::Leases(leases) => leases::list_leases(context, &leases),
        Command::Revoke(revoke) => return revoke::revoke_leases(context, &revoke),
        Command::Run(run) => return run::run_command(context, &run),
        Command::ExecCredential(wanted) => {
            exec_credential::print_cached_or_new_credential(context, &wanted)
        }
        Command::Kubeconfig(kubeconfig) => {
            kubeconfig::print_or_add_kubeconfig(context, &kubeconfig)
        }
        Command::Target(target) => return target::run_target(context, &target),
        Command::Explain(explain) => return explain::explain_access(context, &explain),
        Command::Audit(audit) => return audit::run_audit(context, &audit),
        Command::Check(check) => check::check_target(context, &check),
        Command::Sweep(sweep) => sweep::run_sweep(context, &sweep),
        Command::Man(man) => man::print_or_write_man_pages(&man),
        Command::Apply(apply) => return apply::apply_documents(context, &apply),
        Command::Diff(diff) => return diff::diff_documents(context, &diff),
        Command::Export(export) => export::export_definitions(context, &export),
        Command::Delete(delete) => return delete::delete_definitions(context, &delete),
        Command::Schema(schema) => schema::print_schema(&schema),
        Command::Version(shown) => version::print_version(&shown),
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            // Into memory: clap_complete panics if what it writes to is closed.
            let mut script = vec![];
            clap_complete::generate(shell, &mut command, "kubelease", &mut script);
            output::print_text(&String::from_utf8_lossy(&script))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
