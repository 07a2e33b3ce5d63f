//! A person's machine: a home directory, and the program with no environment but what a test sets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::server::Server;

/// A home directory, before one server.
pub struct Machine<'s> {
    pub home: tempfile::TempDir,
    pub server: &'s Server,
}

/// An outcome: the exit code, and what was printed.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub printed: String,
    pub told: String,
}

impl<'s> Machine<'s> {
    pub fn new(server: &'s Server) -> Self {
        Self { home: tempfile::tempdir().unwrap(), server }
    }

    /// A machine whose user is logged in by `sesame`.
    pub fn logged_in(server: &'s Server) -> Self {
        let machine = Self::new(server);
        let outcome = machine.log_in("default");
        assert_eq!(outcome.code, 0, "{outcome:?}");
        machine
    }

    /// Logs in with an ID token from a file.
    pub fn log_in(&self, profile: &str) -> Outcome {
        let file = self.home.path().join("id-token");
        fs::write(&file, "ey.ci.job").unwrap();
        let file = file.to_str().unwrap();
        self.outcome(&["--profile", profile, "login", "--oidc", "--token-file", file])
    }

    /// The program with these arguments, and with `HOME`, `PATH` and the server in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.env("HOME", self.home.path()).env("KUBELEASE_URL", &self.server.url);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    pub fn outcome(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(arguments))
    }

    /// The file of a login.
    pub fn login_file(&self, profile: &str) -> PathBuf {
        self.home.path().join(".local/state/kubelease/logins").join(format!("{profile}.json"))
    }
}

impl Outcome {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Asserts that no token of these tests was printed or told.
    pub fn assert_secret(&self) {
        let all = format!("{}{}", self.printed, self.told);
        for token in ["sesame", "ey.ci.job", "leased"] {
            assert!(!all.contains(token), "{self:?}");
        }
    }
}

impl From<Output> for Outcome {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code().unwrap(), printed: text(stdout), told: text(stderr) }
    }
}

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_kubelease"))
}
