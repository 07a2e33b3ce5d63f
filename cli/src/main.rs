//! kubelease, the command: leases for people and CI jobs.
//!
//! A command of the command line is a module of `commands`. It asks by a `Session`, prints its result to standard
//! output, and tells everything else on standard error. No token is an argument, of this program or one that it starts.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic if nobody reads: use `output`"
)]

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
    match run_command_line(&words, is_json) {
        Ok(code) => code,
        Err(failure) => {
            if is_json {
                output::notify!("{}", output::escape_controls(&format!("{:#}", failure.to_json())));
            } else {
                output::notify!("error: {failure}");
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run_command_line(words: &[OsString], is_json: bool) -> Result<ExitCode, Failure> {
    let matches =
        Arguments::command().bin_name(invoked_program_name(words)).try_get_matches_from(words);
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) if is_json && error.use_stderr() => return Err(Failure::from(error)),
        // A help is no failure, and a person sees colours.
        Err(error) => error.exit(),
    };
    let context = CommandContext {
        environment: Environment::read_process_environment(),
        global: arguments.global,
    };
    commands::perform_command(&context, arguments.command)
}

/// Returns true if the command, whichever it is, is told `--output json`.
///
/// It is read before the rest is understood, so that a wrong command line is answered in JSON too.
fn is_json_wanted(words: &[OsString]) -> bool {
    let own = words.iter().take_while(|word| *word != "--");
    let own: Vec<_> = own.map(|word| word.to_string_lossy()).collect();
    let is_followed =
        own.windows(2).any(|pair| output_option(&pair[0]) == Some("") && pair[1] == "json");
    is_followed || own.iter().any(|word| matches!(output_option(word), Some("json" | "=json")))
}

/// Returns the rest of a word behind `--output` or `-o`, before which flags may stand, as in `-wojson`.
fn output_option(word: &str) -> Option<&str> {
    let short = |word: &'_ str| -> Option<usize> {
        let flags = word.strip_prefix('-')?.trim_start_matches(VALUELESS_SHORT_OPTIONS);
        flags.starts_with('o').then_some(word.len() - flags.len() + 1)
    };
    word.strip_prefix("--output").or_else(|| short(word).map(|start| &word[start..]))
}

/// The short options without a value that some command has beside `--output`.
const VALUELESS_SHORT_OPTIONS: [char; 5] = ['a', 'w', 'f', 'y', 'R'];

/// Returns what a person types to start us: `kubectl lease` if we are its plugin.
fn invoked_program_name(words: &[OsString]) -> &'static str {
    let own = words.first().cloned().unwrap_or_default();
    let is_plugin = Path::new(&own).file_name().is_some_and(|name| name == "kubectl-lease");
    if is_plugin { "kubectl lease" } else { "kubelease" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_however_the_option_is_written() {
        for (line, is_wanted) in [
            ("kubelease leases -o json", true),
            ("kubelease leases -ojson", true),
            ("kubelease leases -o=json", true),
            ("kubelease leases --output json", true),
            ("kubelease leases --output=json --nonsense", true),
            ("kubelease leases -wojson", true),
            ("kubelease leases -aw -wo json", true),
            ("kubelease leases -o text", false),
            ("kubelease lease json", false),
            ("kubelease lease -njson json", false),
            ("kubelease run ci -- kubectl get pods -o json", false),
            ("kubelease run -ojson ci -- kubectl get pods", true),
        ] {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            assert_eq!(is_json_wanted(&words), is_wanted, "{line}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
