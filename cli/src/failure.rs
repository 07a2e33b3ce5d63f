//! Failures: what is told, and the exit code.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::io;

use kubelease_client::{Error, FetchIdTokenError, Problem, replace_control_characters};
use serde_json::{Value, json};

/// A failure of a command: its reason, and what to do next. It holds no token.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: CommandExitCode,
    /// The server's word for the reason, if the server has told it.
    code: Option<String>,
    text: String,
    hint: Option<String>,
}

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandExitCode {
    /// Something is wrong here, or with an answer.
    Error = 1,
    /// The command line says something that cannot be meant.
    Usage = 2,
    /// kubelease refuses it.
    Refused = 3,
    /// kubelease or the cluster cannot be reached.
    Unavailable = 4,
    /// Something is still being revoked.
    Revoking = 5,
    /// The command to run is no program, as a shell says it.
    NotExecutable = 126,
    /// The command to run is not there, as a shell says it.
    CommandNotFound = 127,
}

impl Failure {
    /// Something wrong here.
    pub fn local_error(text: impl Into<String>) -> Self {
        Self::new(CommandExitCode::Error, text.into())
    }

    /// A command line that cannot be meant.
    pub fn usage_error(text: impl Into<String>) -> Self {
        Self::new(CommandExitCode::Usage, text.into())
    }

    /// A refusal that was found out without asking.
    pub fn refused_request(text: impl Into<String>) -> Self {
        Self::new(CommandExitCode::Refused, text.into())
    }

    /// A command that could not be started.
    pub fn start_error(program: &OsStr, error: &io::Error) -> Self {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let exit = if is_missing {
            CommandExitCode::CommandNotFound
        } else {
            CommandExitCode::NotExecutable
        };
        Self::new(exit, format!("could not start {}: {error}", program.display()))
    }

    /// Something that failed with an error of the system.
    pub fn io_error(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::local_error(format!("could not {doing}: {error}"))
    }

    /// The same failure, and what to do next.
    #[must_use]
    pub fn with_hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    /// The same failure, and what it is about.
    #[must_use]
    pub fn about_subject(self, subject: &str) -> Self {
        Self { text: format!("{subject}: {}", self.text), ..self }
    }

    /// Returns the failure as a program reads it, for those that asked for JSON.
    pub fn to_json(&self) -> Value {
        let Self { exit, code, text, hint } = self;
        // The text has the code for a person, who sees nothing else.
        let shown = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let detail = text.replacen(&shown, "", 1);
        json!({"error": {"code": code, "detail": detail, "hint": hint, "exit_code": *exit as u8}})
    }

    fn new(exit: CommandExitCode, text: String) -> Self {
        Self { exit, code: None, text, hint: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n{hint}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Problem(problem) if problem.is_refusal() => CommandExitCode::Refused,
            error if error.is_retryable_later() => CommandExitCode::Unavailable,
            _ => CommandExitCode::Error,
        };
        let problem = error.problem();
        let code = problem.map(|problem| replace_control_characters(&problem.code).into_owned());
        let hint = problem.and_then(hint_for).map(str::to_owned);
        Self { exit, code, text: error_chain(&error), hint }
    }
}

impl From<clap::Error> for Failure {
    /// A command line that clap does not understand: its reason, and all else that it says as the hint.
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        let (reason, hint) = text.split_once("\n\n").unwrap_or((text, "try `--help`"));
        Self::usage_error(reason).with_hint(hint)
    }
}

impl From<FetchIdTokenError> for Failure {
    fn from(error: FetchIdTokenError) -> Self {
        match error {
            FetchIdTokenError::Request(error) => error.into(),
            error @ FetchIdTokenError::Url(_) => Self::local_error(error_chain(&error)),
        }
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// Returns what to do about a problem, if this command can say more than the problem itself.
fn hint_for(problem: &Problem) -> Option<&'static str> {
    Some(match problem.code.as_str() {
        "unauthenticated" | "invalid_token" | "access_token_at_maximum" => {
            "Log in with `kubelease login`."
        }
        "login_refused" => "The reason is in the log of kubelease.",
        "login_ambiguous" => "Name one with `--identity`.",
        "not_granted" => "`kubelease whoami` shows what is granted.",
        "unknown_lease" => "`kubelease leases` shows those that you may see.",
        "namespace_required" => "Name one with `--namespace`.",
        "target_unauthorized" | "target_forbidden" | "target_refused" | "target_unreachable" => {
            "An administrator sees more with `kubelease check TARGET`."
        }
        _ => return None,
    })
}
