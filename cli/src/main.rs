//! kubelease, the command: leases for people and CI jobs.
//!
//! A command of the command line is a module of `commands`. It asks by a `Session`, prints its result to standard
//! output, and tells everything else on standard error. No token is an argument, of this program or one that it starts.

mod arguments;
mod cluster_setup;
mod commands;
mod definitions;
mod desktop_keyring;
mod environment;
mod exec_credential;
mod failure;
mod kubeconfig;
mod kubeconfig_file;
mod login_store;
mod output;
mod private_file;
mod progress;
mod session;
mod single_lease_directory;
mod workload_token;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::session::CommandContext;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let is_json = is_json_wanted(&words);
    match run_words(&words, is_json) {
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

fn run_words(words: &[OsString], is_json: bool) -> Result<ExitCode, Failure> {
    let matches = Arguments::command().bin_name(bin_name(words)).try_get_matches_from(words);
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) if is_json && error.use_stderr() => return Err(Failure::from(error)),
        // A help is no failure, and a person sees colours.
        Err(error) => error.exit(),
    };
    let context =
        CommandContext { environment: Environment::of_process(), global: arguments.global };
    commands::perform_command(&context, arguments.command)
}

/// Returns true if the command, whichever it is, is told `--output json`.
///
/// It is read before the rest is understood, so that a wrong command line is answered in JSON too.
fn is_json_wanted(words: &[OsString]) -> bool {
    let own: Vec<_> = words.iter().take_while(|word| *word != "--").collect();
    let is_joined = |word: &&OsString| JOINED_JSON.iter().any(|joined| *word == joined);
    let is_split =
        |pair: &[&OsString]| (pair[0] == "-o" || pair[0] == "--output") && pair[1] == "json";
    own.iter().any(is_joined) || own.windows(2).any(is_split)
}

const JOINED_JSON: [&str; 3] = ["-ojson", "-o=json", "--output=json"];

/// Returns what a person types to start us: `kubectl lease` if we are its plugin.
fn bin_name(words: &[OsString]) -> &'static str {
    let own = words.first().cloned().unwrap_or_default();
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
