//! The key ring of a desktop: the Secret Service of freedesktop.org, by `secret-tool`.
//!
//! A library that speaks D-Bus brings an async runtime or a C library with it, for one text. `secret-tool` is of the
//! Secret Service's own library, gets the token on its standard input, and lets a locked key ring ask its owner.

use std::fmt;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kubelease_client::{Name, Token};

use crate::environment::Environment;

/// The place of one token in the key ring.
pub struct DesktopKeyringEntry<'a> {
    profile: &'a Name,
    server: &'a str,
}

/// The reason why the key ring did not do it. It holds no token.
#[derive(Debug)]
pub struct DesktopKeyringError(String);

impl<'a> DesktopKeyringEntry<'a> {
    /// Names the place of a login's token.
    pub fn new(profile: &'a Name, server: &'a str) -> Self {
        Self { profile, server }
    }

    /// Returns true if there is a key ring, and nobody has said not to use it.
    ///
    /// Without a session bus, as in a CI job, `secret-tool` would start one.
    pub fn is_keyring_available(environment: &Environment) -> bool {
        let is_off = environment.get("KUBELEASE_KEYRING").is_some_and(|word| word == "off");
        let has_bus = environment.get("DBUS_SESSION_BUS_ADDRESS").is_some();
        !is_off && has_bus && environment.has_program(SECRET_TOOL)
    }

    /// Keeps the token, in place of the one before.
    pub fn store_token(&self, token: &Token) -> Result<(), DesktopKeyringError> {
        let label = format!("kubelease login {} at {}", self.profile, self.server);
        self.run_secret_tool(&["store", "--label", &label], token.expose_secret()).map(drop)
    }

    /// Returns the token.
    pub fn look_up(&self) -> Result<Token, DesktopKeyringError> {
        let text = self.run_secret_tool(&["lookup"], "")?;
        Token::new(&text)
            .map_err(|_| DesktopKeyringError("it has no token of this login".to_owned()))
    }

    /// Removes the token, if there is one.
    pub fn clear_token(&self) -> Result<(), DesktopKeyringError> {
        self.run_secret_tool(&["clear"], "").map(drop)
    }

    /// Runs `secret-tool`, and returns what it prints.
    fn run_secret_tool(
        &self,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, DesktopKeyringError> {
        let mut command = Command::new(SECRET_TOOL);
        command.args(arguments).args(["application", "kubelease"]);
        command.args(["profile", self.profile.as_str(), "server", self.server]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed =
            |error: std::io::Error| DesktopKeyringError(format!("`{SECRET_TOOL}`: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that has failed already does not read.
            let _ = stdin.write_all(input.as_bytes());
        }
        let deadline = Instant::now() + SECRET_TOOL_TIMEOUT;
        let status = loop {
            match child.try_wait().map_err(failed)? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(DesktopKeyringError("it does not answer".to_owned()));
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        let (mut printed, mut told) = (String::new(), String::new());
        if let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) {
            stdout.read_to_string(&mut printed).map_err(failed)?;
            stderr.read_to_string(&mut told).map_err(failed)?;
        }
        if status.success() {
            return Ok(printed);
        }
        let reason = told.lines().last().unwrap_or("it has no token of this login");
        Err(DesktopKeyringError(reason.trim_start_matches("secret-tool: ").to_owned()))
    }
}

impl fmt::Display for DesktopKeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const SECRET_TOOL: &str = "secret-tool";

/// Long enough for a person to unlock it. A token has less bytes than a pipe, so that none waits to be read.
const SECRET_TOOL_TIMEOUT: Duration = Duration::from_mins(1);
