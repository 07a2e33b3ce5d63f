//! kubelease, the command: leases for people and CI jobs.
//!
//! A command of the command line is a module of `commands`. It asks by a `Session`, prints its result to standard
//! output, and tells everything else on standard error. No token is an argument, of this program or one that it starts.

mod arguments;
mod cluster;
mod commands;
mod definitions;
mod environment;
mod exec_credential;
mod failure;
mod key_ring;
mod kubeconfig;
mod kubeconfig_file;
mod lease_directory;
mod login_store;
mod output;
mod private_file;
mod progress;
mod session;
mod workload;

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::session::Context;

fn main() -> ExitCode {
    let matches = Arguments::command().bin_name(bin_name()).get_matches();
    let is_json = is_json_wanted(&matches);
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let context = Context { environment: Environment::of_process(), global: arguments.global };
    match commands::perform_command(&context, arguments.command) {
        Ok(code) => code,
        Err(failure) => {
            if is_json {
                eprintln!("{}", output::escape_controls(&format!("{:#}", failure.to_json())));
            } else {
                eprintln!("error: {failure}");
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Returns true if the command, whichever it is, was told `--output json`.
fn is_json_wanted(matches: &ArgMatches) -> bool {
    if let Some((_, matches)) = matches.subcommand() {
        return is_json_wanted(matches);
    }
    let output = matches.try_get_raw("output").ok().flatten();
    output.is_some_and(|mut words| words.any(|word| word == "json"))
}

/// Returns what a person types to start us: `kubectl lease` if we are its plugin.
fn bin_name() -> &'static str {
    let own = std::env::args_os().next().unwrap_or_default();
    let is_plugin = Path::new(&own).file_name().is_some_and(|name| name == "kubectl-lease");
    if is_plugin { "kubectl lease" } else { "kubelease" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
