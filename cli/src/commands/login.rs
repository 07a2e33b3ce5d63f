//! `login`, `logout` and `whoami`.

use std::io::{self, Read};
use std::path::Path;

use kubelease_client::Token;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::arguments::{Login, Output, Shown};
use crate::failure::Failure;
use crate::session::{Context, is_interactive, now};
use crate::workload::{self, Method, POD_TOKEN, Source};
use crate::{login_store, output};

/// `kubelease login`
pub fn log_in(context: &Context, arguments: &Login) -> Result<(), Failure> {
    let profile = context.profile()?;
    let known = login_store::load(&context.environment, &profile)?;
    let identity =
        arguments.identity.clone().map_or_else(|| context.identity(), |it| Ok(Some(it)))?;
    let method = match (arguments.kubernetes, arguments.oidc) {
        (true, _) => Some(Method::Kubernetes),
        (_, true) => Some(Method::Oidc),
        _ => None,
    };
    let login = if arguments.token {
        let token = read_token(arguments.token_file.as_deref())?;
        let login = context.server(known.as_ref(), token)?;
        let caller = context.client(&login)?.with_token(login.token.clone()).caller()?;
        let expires_at = caller.token.map(|token| token.expires_at);
        login_store::Login { identity: caller.identity, expires_at, ..login }
    } else if let (Some(method), Some(file)) = (method, arguments.token_file.as_deref()) {
        context.show(method, read_token(Some(file))?, identity, known.as_ref())?
    } else {
        let source = Source::find(&context.environment, Path::new(POD_TOKEN), method).ok_or_else(|| {
            Failure::usage(
                "this is no CI job or pod with a token for kubelease: name a file by `--kubernetes \
                 --token-file FILE` or `--oidc --token-file FILE`, or give an access token by `--token`",
            )
        })?;
        context.log_in(source, identity, &arguments.audience, known.as_ref())?
    };
    login_store::save(&context.environment, &profile, &login)?;
    let who = login.identity.map_or("the first administrator".to_owned(), |it| format!("`{it}`"));
    let until =
        login.expires_at.map(|end| format!("; the login ends {}", output::relative(end, now())));
    eprintln!("Logged in to {} as {who}{}.", login.server, until.unwrap_or_default());
    Ok(())
}

/// `kubelease logout`
pub fn log_out(context: &Context) -> Result<(), Failure> {
    let profile = context.profile()?;
    let Some(login) = login_store::load(&context.environment, &profile)? else {
        eprintln!("Nobody is logged in.");
        return Ok(());
    };
    // The first administrator's token is no access token, and cannot be revoked here.
    let revoked = match &login.identity {
        Some(_) => context.client(&login)?.with_token(login.token.clone()).revoke_access_token(),
        None => Ok(()),
    };
    login_store::forget(&context.environment, &profile)?;
    match revoked {
        // It is over, or was revoked by somebody else.
        Err(error) if error.problem().is_none_or(|problem| !problem.is_unauthenticated()) => {
            Err(Failure::from(error)
                .with_hint("The login is forgotten here, but its token was not revoked."))
        }
        _ => {
            eprintln!("Logged out of {}.", login.server);
            Ok(())
        }
    }
}

/// `kubelease whoami`
pub fn show_caller(context: &Context, shown: &Shown) -> Result<(), Failure> {
    let session = context.session()?;
    let caller = session.client().caller()?;
    if shown.output == Output::Json {
        return output::print_json(&caller);
    }
    let mut rows = vec![["Server".to_owned(), session.client().server().to_string()]];
    let who = caller.identity.map_or("the first administrator".to_owned(), |it| it.to_string());
    rows.push(["Identity".to_owned(), who]);
    rows.push(["Administrator".to_owned(), if caller.admin { "yes" } else { "no" }.to_owned()]);
    if let Some(token) = caller.token {
        rows.push(["Logged in by".to_owned(), token.auth_method]);
        rows.push(["Login ends".to_owned(), output::relative(token.expires_at, now())]);
        if let Some(left) = token.uses_left {
            rows.push(["Uses left".to_owned(), left.to_string()]);
        }
    }
    let names: Vec<_> = caller.dynamic_secrets.iter().map(ToString::to_string).collect();
    rows.push(["May lease".to_owned(), names.join(", ")]);
    output::print(&output::table(&rows))
}

/// Reads a token from a file or from standard input; a terminal does not show it.
fn read_token(file: Option<&Path>) -> Result<Token, Failure> {
    match file {
        Some(file) if file != Path::new("-") => workload::read(file),
        _ => {
            let text = if is_interactive() { ask_for_token() } else { read_all() };
            let text = text.map_err(|error| Failure::io("read the token", &error))?;
            Token::new(&text).map_err(|error| Failure::error(error.to_string()))
        }
    }
}

fn read_all() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn ask_for_token() -> io::Result<String> {
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    eprint!("Access token: ");
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let mut text = String::new();
    let read = stdin.read_line(&mut text);
    tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
    eprintln!();
    read.map(|_| text)
}

const MAX_TOKEN_BYTES: u64 = 64 * 1024;
