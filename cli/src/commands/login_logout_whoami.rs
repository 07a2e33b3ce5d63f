//! `login`, `logout` and `whoami`.

use std::io::{self, Read};
use std::path::Path;

use kubelease_client::{Name, Token};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

use crate::arguments::{LoginArguments, OutputFormat, OutputOptions};
use crate::failure::Failure;
use crate::login_store::{self, TokenPlace};
use crate::session::{CommandContext, can_prompt_person, now};
use crate::workload_token::{self, JwtSource, LoginMethod};
use crate::{exec_credential, output};

/// `kubelease login`
pub fn log_in(context: &CommandContext, arguments: &LoginArguments) -> Result<(), Failure> {
    let profile = context.profile_name()?;
    // A file that is broken, or that others can read, is replaced.
    let known = login_store::load_login(&context.environment, &profile).unwrap_or_default();
    let (login, source) = obtain_login(context, arguments, known.as_ref())?;
    let kept_in = match login_store::save_login(&context.environment, &profile, &login) {
        Ok(kept_in) => kept_in,
        Err(failure) => return Err(revoke_unsaved_token(context, &login, source, failure)),
    };
    if arguments.shown.output == OutputFormat::Json {
        return output::print_json(&json!({
            "profile": profile,
            "server": login.server,
            "identity": login.identity,
            "source": source.map(JwtSource::json_word),
            "expires_at": login.expires_at,
            "kept_in": kept_in,
        }));
    }
    let who = login.identity.map_or("the first administrator".to_owned(), |it| format!("`{it}`"));
    let until = login
        .expires_at
        .map(|end| format!("; the login ends {}", output::format_relative(end, now())));
    output::notify!("Logged in to {} as {who}{}.", login.server, until.unwrap_or_default());
    output::notify!("The access token is kept in {}.", kept_in.description());
    Ok(())
}

/// Returns the login that is asked for, and where its JWT was found if nobody has named it.
fn obtain_login(
    context: &CommandContext,
    arguments: &LoginArguments,
    known: Option<&login_store::Login>,
) -> Result<(login_store::Login, Option<JwtSource>), Failure> {
    let identity = match &arguments.identity {
        Some(identity) => Some(identity.clone()),
        None => context.identity_from_environment()?,
    };
    let method = match (arguments.kubernetes, arguments.oidc) {
        (true, _) => Some(LoginMethod::Kubernetes),
        (_, true) => Some(LoginMethod::Oidc),
        _ => None,
    };
    let pod_token = workload_token::pod_token_path(&context.environment);
    let source = JwtSource::find(&context.environment, pod_token, method);
    let is_asked = method.is_none() && source.is_none() && can_prompt_person();
    if arguments.token || is_asked {
        let token = read_token(arguments.token_file.as_deref())?;
        let login = context.login_without_token(known, token)?;
        let caller =
            context.new_anonymous_client(&login)?.with_token(login.token.clone()).get_caller()?;
        let expires_at = caller.token.map(|token| token.expires_at);
        return Ok((login_store::Login { identity: caller.identity, expires_at, ..login }, None));
    }
    if let (Some(method), Some(file)) = (method, arguments.token_file.as_deref()) {
        return Ok((
            context.log_in_with_jwt(method, read_token(Some(file))?, identity, known)?,
            None,
        ));
    }
    let source = source.ok_or_else(|| {
        Failure::usage_error(
            "no token was found, since this is not a CI job or a pod with a token for kubelease: name a file by `--kubernetes \
             --token-file FILE` or `--oidc --token-file FILE`, or give an access token by `--token`",
        )
    })?;
    Ok((context.log_in_with_source(source, identity, &arguments.audience, known)?, Some(source)))
}

/// Revokes an access token that nobody would have, unless it was there before this command.
fn revoke_unsaved_token(
    context: &CommandContext,
    login: &login_store::Login,
    source: Option<JwtSource>,
    failure: Failure,
) -> Failure {
    let is_new = login.renew_at.is_some();
    let revoked = is_new.then(|| {
        let client = context.new_anonymous_client(login)?.with_token(login.token.clone());
        Ok::<_, Failure>(client.revoke_own_token()?)
    });
    if let Some(Err(failure)) = revoked {
        output::notify!("warning: the new access token is not revoked: {failure}");
    }
    failure.with_hint(if source.is_some() {
        "A job does not need a login: each command logs in by itself, and stores nothing."
    } else {
        "Set `XDG_STATE_HOME` to a writable directory, or `KUBELEASE_TOKEN` to an access token."
    })
}

/// `kubelease logout`
pub fn log_out(context: &CommandContext, shown: &OutputOptions) -> Result<(), Failure> {
    let profile = context.profile_name()?;
    let login = match login_store::load_login(&context.environment, &profile) {
        Ok(login) => login,
        // Nobody can log in by what is there, so it goes too.
        Err(failure) => {
            forget_login_and_leases(context, &profile)?;
            return Err(
                failure.with_hint("The login is removed. Its access token was not revoked.")
            );
        }
    };
    let Some(login) = login else {
        exec_credential::remove_cached_leases(&context.environment, &profile)?;
        if shown.output == OutputFormat::Text {
            output::notify!("Nobody is logged in.");
        }
        return tell_logout(shown, &profile, None);
    };
    // The first administrator's token is no access token, and cannot be revoked here.
    let revoked = match &login.identity {
        Some(_) => {
            context.new_anonymous_client(&login)?.with_token(login.token.clone()).revoke_own_token()
        }
        None => Ok(()),
    };
    forget_login_and_leases(context, &profile)?;
    match revoked {
        // It is over, or was revoked by somebody else.
        Err(error) if error.problem().is_none_or(|problem| !problem.is_unauthenticated()) => {
            Err(Failure::from(error)
                .with_hint("The login is removed here, but its access token was not revoked."))
        }
        _ => {
            output::notify!("Logged out of {}.", login.server);
            tell_logout(shown, &profile, Some(&login.server))
        }
    }
}

/// Removes the login of a profile and the leases that are kept for it.
fn forget_login_and_leases(context: &CommandContext, profile: &Name) -> Result<(), Failure> {
    login_store::forget_login(&context.environment, profile)?;
    exec_credential::remove_cached_leases(&context.environment, profile)
}

fn tell_logout(shown: &OutputOptions, profile: &Name, server: Option<&str>) -> Result<(), Failure> {
    if shown.output == OutputFormat::Text {
        return Ok(());
    }
    output::print_json(&json!({ "profile": profile, "server": server }))
}

/// `kubelease whoami`
pub fn show_caller(context: &CommandContext, shown: &OutputOptions) -> Result<(), Failure> {
    let session = context.open_session()?;
    let caller = session.client().get_caller()?;
    if shown.output == OutputFormat::Json {
        let mut shown = serde_json::to_value(&caller).unwrap_or_default();
        shown["kept_in"] = json!(session.token_place());
        return output::print_json(&shown);
    }
    let mut rows = vec![["Server".to_owned(), session.client().server().to_string()]];
    let who = caller.identity.map_or("the first administrator".to_owned(), |it| it.to_string());
    rows.push(["Identity".to_owned(), who]);
    rows.push(["Administrator".to_owned(), if caller.admin { "yes" } else { "no" }.to_owned()]);
    if let Some(token) = caller.token {
        rows.push(["Logged in by".to_owned(), token.auth_method]);
        rows.push(["Login ends".to_owned(), output::format_relative(token.expires_at, now())]);
        if let Some(left) = token.uses_left {
            rows.push(["Uses left".to_owned(), left.to_string()]);
        }
    }
    let place = session
        .token_place()
        .map_or("nothing: it was found in the environment", TokenPlace::description);
    rows.push(["Token kept in".to_owned(), place.to_owned()]);
    let names: Vec<_> = caller.dynamic_secrets.iter().map(ToString::to_string).collect();
    rows.push(["May lease".to_owned(), names.join(", ")]);
    output::print_text(&output::format_table(&rows))
}

/// Reads a token from a file or from standard input; a terminal does not show it.
fn read_token(file: Option<&Path>) -> Result<Token, Failure> {
    match file {
        Some(file) if file != Path::new("-") => workload_token::read_token_file(file),
        _ => {
            let text = if can_prompt_person() { prompt_for_token() } else { read_standard_input() };
            let text = text.map_err(|error| Failure::io_error("read the token", &error))?;
            Token::new(&text).map_err(|error| Failure::local_error(error.to_string()))
        }
    }
}

fn read_standard_input() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn prompt_for_token() -> io::Result<String> {
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    output::write_stderr("Access token: ");
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let mut text = String::new();
    let read = stdin.read_line(&mut text);
    tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
    output::write_stderr("\n");
    read.map(|_| text)
}

const MAX_TOKEN_BYTES: u64 = 64 * 1024;
