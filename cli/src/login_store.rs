//! Logins: for each profile a file with the server and the access token.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use kubelease_client::{AccessToken, Name, Token};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::private_file;

/// A login as it is kept. Its token is shown to the server that it was given by, and to no other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// The server.
    pub server: String,
    /// If the server may be without TLS.
    #[serde(default)]
    pub allow_http: bool,
    /// The file with the server's CA.
    pub ca_file: Option<PathBuf>,
    /// Who is logged in; unknown for a token that was given.
    pub identity: Option<Name>,
    /// From when on the token is better renewed; never for a token that was given.
    pub renew_at: Option<DateTime<Utc>>,
    /// When the token ends, if that is known.
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "expose")]
    /// The access token.
    pub token: Token,
}

impl Login {
    /// The same login with another access token, which came after `now`.
    #[must_use]
    pub fn with(self, made: AccessToken, now: DateTime<Utc>) -> Self {
        Self {
            identity: Some(made.identity),
            renew_at: Some(now + TimeDelta::seconds(made.expires_in * 2 / 3)),
            expires_at: Some(now + TimeDelta::seconds(made.expires_in)),
            token: made.access_token,
            ..self
        }
    }
}

/// Reads the login of a profile, if there is one.
pub fn load(environment: &Environment, profile: &Name) -> Result<Option<Login>, Failure> {
    // Without a place for files nobody has logged in.
    let Ok(file) = file(environment, profile) else { return Ok(None) };
    let Some(content) = private_file::read(&file)? else { return Ok(None) };
    // The reason would repeat a part of the content.
    serde_json::from_slice(&content).map(Some).map_err(|_| {
        Failure::error(format!("{} is broken: log in again with `kubelease login`", file.display()))
    })
}

/// Keeps the login of a profile.
pub fn save(environment: &Environment, profile: &Name, login: &Login) -> Result<(), Failure> {
    // Unwrap safety: it is a struct of texts and times.
    let content = serde_json::to_vec_pretty(login).expect("a login is JSON");
    private_file::write(&file(environment, profile)?, &content)
}

/// Forgets the login of a profile.
pub fn forget(environment: &Environment, profile: &Name) -> Result<(), Failure> {
    private_file::remove(&file(environment, profile)?)
}

fn file(environment: &Environment, profile: &Name) -> Result<PathBuf, Failure> {
    Ok(environment.state_dir()?.join("logins").join(format!("{profile}.json")))
}

fn expose<S: serde::Serializer>(token: &Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}
