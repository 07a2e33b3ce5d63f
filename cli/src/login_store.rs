//! Logins: for each profile a file, and the access token in it or in the key ring.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use kubelease_client::{AccessToken, Name, Token};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::desktop_keyring::DesktopKeyringEntry;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output;
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
    /// The identity that is logged in; unknown for a token that was given.
    pub identity: Option<Name>,
    /// From when on the token is better renewed; never for a token that was given.
    pub renew_at: Option<DateTime<Utc>>,
    /// When the token ends, if that is known.
    pub expires_at: Option<DateTime<Utc>>,
    /// The place of the access token.
    #[serde(default)]
    pub kept_in: TokenPlace,
    /// The access token.
    #[serde(serialize_with = "serialize_token")]
    pub token: Token,
}

/// The place of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// The file of the login, with mode 0600.
    #[default]
    File,
    /// The system's key ring.
    KeyRing,
}

impl TokenPlace {
    /// Returns what a person calls it.
    pub fn description(self) -> &'static str {
        match self {
            Self::File => "a file of mode 0600",
            Self::KeyRing => "the system's key ring",
        }
    }
}

impl Login {
    /// The same login with another access token, which came after `now`.
    #[must_use]
    pub fn with_access_token(self, made: AccessToken, now: DateTime<Utc>) -> Self {
        Self {
            identity: Some(made.identity),
            renew_at: Some(now + TimeDelta::seconds(made.expires_in * 2 / 3)),
            expires_at: Some(now + TimeDelta::seconds(made.expires_in)),
            token: made.access_token,
            ..self
        }
    }
}

/// Returns the server and the identity of a login, without its token. A key ring is not asked.
///
/// A login that cannot be read has no owner: whoever needs it is told so by [`load_login`].
pub fn read_server_and_identity(environment: &Environment, profile: &Name) -> Option<[Value; 2]> {
    let document = read_login_file(environment, profile).ok()??;
    Some([document["server"].clone(), document["identity"].clone()])
}

/// Reads the login of a profile, if there is one.
pub fn load_login(environment: &Environment, profile: &Name) -> Result<Option<Login>, Failure> {
    let Some(mut document) = read_login_file(environment, profile)? else { return Ok(None) };
    if document["kept_in"] == json!(TokenPlace::KeyRing) {
        let server = document["server"].as_str().unwrap_or_default().to_owned();
        let token = DesktopKeyringEntry::new(profile, &server).look_up().map_err(|error| {
            let locked =
                Failure::local_error(format!("the key ring did not return the token: {error}"));
            locked.with_hint("Unlock it, or log in again with `kubelease login`.")
        })?;
        document["token"] = json!(token.expose_secret());
    }
    match serde_json::from_value(document) {
        Ok(login) => Ok(Some(login)),
        Err(_) => Err(broken_login(&login_file(environment, profile)?)),
    }
}

/// Reads the file of a login as it stands there.
fn read_login_file(environment: &Environment, profile: &Name) -> Result<Option<Value>, Failure> {
    // Without a place for files nobody has logged in.
    let Ok(file) = login_file(environment, profile) else { return Ok(None) };
    let Some(content) = private_file::read_if_private(&file)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|_| broken_login(&file))
}

/// Returns the failure of a file that is no login. The parser's reason would repeat a part of its content.
fn broken_login(file: &Path) -> Failure {
    Failure::local_error(format!(
        "{} is not a valid login: log in again with `kubelease login`",
        file.display()
    ))
}

/// Keeps the login of a profile, its token in the key ring if there is one. Returns where the token is.
pub fn save_login(
    environment: &Environment,
    profile: &Name,
    login: &Login,
) -> Result<TokenPlace, Failure> {
    let file = login_file(environment, profile)?;
    let ring = DesktopKeyringEntry::new(profile, &login.server);
    let mut kept_in = TokenPlace::File;
    if DesktopKeyringEntry::is_keyring_available(environment) {
        match ring.store_token(&login.token) {
            Ok(()) => kept_in = TokenPlace::KeyRing,
            Err(error) => {
                output::notify!(
                    "The token is stored in a file of mode 0600, since the key ring is not usable: {error}."
                );
            }
        }
    }
    // Unwrap safety: it is a struct of texts and times.
    let mut document = serde_json::to_value(login).expect("a login is JSON");
    document["kept_in"] = json!(kept_in);
    if kept_in == TokenPlace::KeyRing {
        document.as_object_mut().and_then(|fields| fields.remove("token"));
    }
    private_file::write_private(&file, format!("{document:#}").as_bytes())?;
    Ok(kept_in)
}

/// Forgets the login of a profile.
pub fn forget_login(environment: &Environment, profile: &Name) -> Result<(), Failure> {
    let file = login_file(environment, profile)?;
    let document = read_login_file(environment, profile).ok().flatten().unwrap_or_default();
    if document["kept_in"] == json!(TokenPlace::KeyRing)
        && let Some(server) = document["server"].as_str()
        && let Err(error) = DesktopKeyringEntry::new(profile, server).clear_token()
    {
        output::notify!("warning: the token is still in the key ring: {error}");
    }
    private_file::remove_file_if_present(&file)
}

fn login_file(environment: &Environment, profile: &Name) -> Result<PathBuf, Failure> {
    Ok(environment.state_dir()?.join("logins").join(format!("{profile}.json")))
}

fn serialize_token<S: serde::Serializer>(token: &Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}
