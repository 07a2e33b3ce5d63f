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
mod login;
mod man;
mod revoke;
mod run;
mod schema;
mod sweep;
mod target;
mod version;

pub use apply::Apply;
pub use audit::Audit;
pub use delete::Delete;
pub use diff::Diff;
pub use explain::Explain;
pub use export::Export;
pub use lease::issue;
pub use man::Man;
pub use schema::Schema;
pub use target::Target;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;
use crate::session::Context;
use crate::{exec_credential, kubeconfig};

/// Performs a command, and returns the exit code of a success.
pub fn perform(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Login(login) => login::log_in(context, &login),
        Command::Logout(shown) => login::log_out(context, &shown),
        Command::Whoami(shown) => login::show_caller(context, &shown),
        Command::Lease(lease) => lease::lease(context, &lease),
        Command::Renew(renew) => lease::renew(context, &renew),
        Command::Leases(leases) => leases::list(context, &leases),
        Command::Revoke(revoke) => return revoke::revoke(context, &revoke),
        Command::Run(run) => return run::run(context, &run),
        Command::ExecCredential(wanted) => exec_credential::print(context, &wanted),
        Command::Kubeconfig(kubeconfig) => kubeconfig::kubeconfig(context, &kubeconfig),
        Command::Target(target) => return target::target(context, &target),
        Command::Explain(explain) => return explain::explain(context, &explain),
        Command::Audit(audit) => return audit::audit(context, &audit),
        Command::Check(check) => check::check(context, &check),
        Command::Sweep(sweep) => sweep::sweep(context, &sweep),
        Command::Man(man) => man::print(&man),
        Command::Apply(apply) => return apply::apply(context, &apply),
        Command::Diff(diff) => return diff::diff(context, &diff),
        Command::Export(export) => export::export(context, &export),
        Command::Delete(delete) => return delete::delete(context, &delete),
        Command::Schema(schema) => schema::schema(&schema),
        Command::Version(shown) => version::print(&shown),
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "kubelease", &mut std::io::stdout());
            Ok(())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
