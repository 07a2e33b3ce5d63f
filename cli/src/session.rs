//! A session: the server, and a client that is logged in.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use kubelease_client::{
    Client, ClientOptions, LoginRequest, Name, ServerUrl, Token, replace_control_characters,
};

use crate::arguments::GlobalOptions;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::login_store::{self, Login, TokenPlace};
use crate::output;
use crate::workload_token::{self, JwtSource, LoginMethod};

/// The process, as far as commands look at it.
pub struct CommandContext {
    pub environment: Environment,
    pub global: GlobalOptions,
}

/// A client that is logged in, and stays so.
pub struct Session {
    client: Client,
    login: Login,
    /// The profile that keeps a renewed token; none for a token that was not found in one.
    profile: Option<Name>,
}

impl CommandContext {
    /// Returns the profile that is meant.
    pub fn profile_name(&self) -> Result<Name, Failure> {
        if let Some(profile) = &self.global.profile {
            return Ok(profile.clone());
        }
        let name = self.environment.get("KUBELEASE_PROFILE").unwrap_or("default");
        name.parse().map_err(|error| Failure::usage_error(format!("`KUBELEASE_PROFILE`: {error}")))
    }

    /// Returns a login without a token yet to the server that is meant; `known` is what is kept of the profile.
    pub fn login_without_token(
        &self,
        known: Option<&Login>,
        token: Token,
    ) -> Result<Login, Failure> {
        let given = self.given_url();
        let server = given.or(known.map(|login| login.server.as_str())).ok_or_else(|| {
            Failure::usage_error("the server is unknown: give `--url`, set `KUBELEASE_URL`, or log in with one of them")
        })?;
        let known = known.filter(|login| login.server == server.trim().trim_end_matches('/'));
        let allow_http = self.environment.is_flag_set("KUBELEASE_ALLOW_HTTP")
            || known.is_some_and(|login| login.allow_http);
        let url = ServerUrl::parse(server, allow_http)
            .map_err(|error| Failure::usage_error(error.to_string()))?;
        let ca_file = self.environment.get("KUBELEASE_CA").map(PathBuf::from);
        Ok(Login {
            server: url.as_str().to_owned(),
            allow_http,
            ca_file: ca_file.or_else(|| known.and_then(|login| login.ca_file.clone())),
            identity: None,
            renew_at: None,
            expires_at: None,
            kept_in: TokenPlace::default(),
            token,
        })
    }

    /// Returns a client of the server of a login, that shows nothing yet.
    pub fn new_anonymous_client(&self, login: &Login) -> Result<Client, Failure> {
        let server = ServerUrl::parse(&login.server, login.allow_http)
            .map_err(|error| Failure::usage_error(error.to_string()))?;
        let timeout = Duration::from_secs(self.global.request_timeout);
        Ok(Client::new(ClientOptions { server, ca_file: login.ca_file.clone(), timeout })?)
    }

    /// Returns the server that the command line or else the environment names.
    pub fn given_url(&self) -> Option<&str> {
        self.global.url.as_deref().or_else(|| self.environment.get("KUBELEASE_URL"))
    }

    /// Returns the identity that `KUBELEASE_IDENTITY` names.
    pub fn identity_from_environment(&self) -> Result<Option<Name>, Failure> {
        let name = self.environment.get("KUBELEASE_IDENTITY").map(str::parse);
        name.transpose()
            .map_err(|error| Failure::usage_error(format!("`KUBELEASE_IDENTITY`: {error}")))
    }

    /// Opens a session by `KUBELEASE_TOKEN`, by the login of the profile, or else by the token that a CI job or a pod has.
    pub fn open_session(&self) -> Result<Session, Failure> {
        let profile = self.profile_name()?;
        let known = login_store::load_login(&self.environment, &profile);
        if let Some(text) = self.environment.get("KUBELEASE_TOKEN") {
            let token = Token::new(text)
                .map_err(|error| Failure::usage_error(format!("`KUBELEASE_TOKEN`: {error}")))?;
            let known = known.unwrap_or_default();
            let login = self.login_without_token(known.as_ref(), token)?;
            return self.open_session_with_login(login, None);
        }
        let known = known?;
        if let Some(login) = &known {
            let meant = self.login_without_token(known.as_ref(), login.token.clone())?;
            let is_over = login.expires_at.is_some_and(|end| end <= now());
            if meant.server == login.server && !is_over {
                let login = Login { ca_file: meant.ca_file, ..login.clone() };
                return self.open_session_with_login(login, Some(profile));
            }
        }
        let pod_token = workload_token::pod_token_path(&self.environment);
        let Some(source) = JwtSource::find(&self.environment, pod_token, None) else {
            return Err(self.missing_login(known.as_ref(), &profile));
        };
        let login = self.log_in_with_source(
            source,
            self.identity_from_environment()?,
            "kubelease",
            known.as_ref(),
        )?;
        self.open_session_with_login(login, None)
    }

    /// Returns the failure of whoever has no login to the server that is meant.
    fn missing_login(&self, known: Option<&Login>, profile: &Name) -> Failure {
        let given = self.given_url();
        let text = match (known, given) {
            (Some(login), _) if login.expires_at.is_some_and(|end| end <= now()) => {
                format!("the login to {} is over", login.server)
            }
            (Some(login), Some(given)) => format!(
                "nobody is logged in to {} by the profile `{profile}`, which has a login to {}",
                replace_control_characters(given),
                login.server
            ),
            (_, Some(given)) => {
                format!(
                    "nobody is logged in to {} by the profile `{profile}`",
                    replace_control_characters(given)
                )
            }
            (_, None) => format!("nobody is logged in by the profile `{profile}`"),
        };
        let url = if known.is_none() && given.is_none() { " --url URL" } else { "" };
        Failure::refused_request(text)
            .with_hint(&format!("Log in with `kubelease login{url}`, or set `KUBELEASE_TOKEN`."))
    }

    /// Logs in by the JWT that a source has, and tells which that is.
    pub fn log_in_with_source(
        &self,
        source: JwtSource,
        identity: Option<Name>,
        audience: &str,
        known: Option<&Login>,
    ) -> Result<Login, Failure> {
        output::notify!("Logging in by {}.", source.description());
        let jwt = source.fetch_jwt(
            &self.environment,
            workload_token::pod_token_path(&self.environment),
            audience,
        )?;
        self.log_in_with_jwt(source.login_method(), jwt, identity, known)
    }

    /// Logs in by a JWT.
    pub fn log_in_with_jwt(
        &self,
        method: LoginMethod,
        jwt: Token,
        identity: Option<Name>,
        known: Option<&Login>,
    ) -> Result<Login, Failure> {
        let login = self.login_without_token(known, jwt.clone())?;
        let (client, request) =
            (self.new_anonymous_client(&login)?, LoginRequest { identity, jwt });
        let asked = now();
        let made = match method {
            LoginMethod::Kubernetes => client.log_in_by_kubernetes(&request)?,
            LoginMethod::Oidc => client.log_in_by_oidc(&request)?,
        };
        Ok(login.with_access_token(made, asked))
    }

    fn open_session_with_login(
        &self,
        login: Login,
        profile: Option<Name>,
    ) -> Result<Session, Failure> {
        let client = self.new_anonymous_client(&login)?.with_token(login.token.clone());
        let mut session = Session { client, login, profile };
        session.renew_token_if_due(self);
        Ok(session)
    }
}

impl Session {
    /// Returns the client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns where the access token is kept; nowhere if it was not found in a login.
    pub fn token_place(&self) -> Option<TokenPlace> {
        self.profile.as_ref().map(|_| self.login.kept_in)
    }

    /// Returns when the access token is better renewed, if it can be.
    pub fn renew_at(&self) -> Option<DateTime<Utc>> {
        self.login.renew_at
    }

    /// Renews the access token if two thirds of its time are over.
    ///
    /// If that fails, the present token is still good for a while, and then the request that it is for says why not.
    pub fn renew_token_if_due(&mut self, context: &CommandContext) {
        let asked = now();
        if self.login.renew_at.is_none_or(|renew_at| asked < renew_at) {
            return;
        }
        let Ok(made) = self.client.renew_access_token() else {
            // Not at once, and not once it is over: a login at its maximum is never renewed.
            let retry = asked + LOGIN_RENEWAL_RETRY_INTERVAL;
            self.login.renew_at = self.login.expires_at.filter(|end| retry < *end).map(|_| retry);
            return;
        };
        self.login = self.login.clone().with_access_token(made, asked);
        self.client = self.client.with_token(self.login.token.clone());
        if let Some(profile) = &self.profile
            && let Err(failure) =
                login_store::save_login(&context.environment, profile, &self.login)
        {
            output::notify!("warning: the login was renewed, but not kept: {failure}");
        }
    }
}

/// So often a login is tried to be renewed again.
const LOGIN_RENEWAL_RETRY_INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// Returns the time of this machine, in whole seconds.
pub fn now() -> DateTime<Utc> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    now - TimeDelta::nanoseconds(now.timestamp_subsec_nanos().into())
}

/// Returns true if a person can be asked.
pub fn can_prompt_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a person for a confirmation. `done` is the word for what is cancelled otherwise, such as `revoked`.
///
/// # Errors
/// Fails with the usage if nobody can be asked, and as cancelled for any other answer than a yes.
pub fn require_confirmation(question: &str, usage: &str, done: &str) -> Result<(), Failure> {
    if !can_prompt_person() {
        return Err(Failure::usage_error(format!(
            "this needs a confirmation, and there is no terminal: {usage}"
        )));
    }
    output::write_stderr(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io_error("read the answer", &error))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::local_error(format!("cancelled: nothing was {done}"))),
    }
}
