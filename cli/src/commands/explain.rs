//! `explain`

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kubelease_client::{ExplainRequest, Explanation, Name, Token, replace_control_characters};
use serde_json::{Map, Value};

use crate::arguments::{OutputFormat, OutputOptions, check_duration_syntax};
use crate::definitions;
use crate::failure::{CommandExitCode, Failure};
use crate::output;
use crate::session::CommandContext;

#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// The identity.
    pub identity: Name,
    /// The dynamic secret. Without one, only the login is explained.
    pub dynamic_secret: Option<Name>,
    /// The namespace of the lease.
    #[arg(short, long, requires = "dynamic_secret")]
    pub namespace: Option<Name>,
    /// Lifetime of the lease, such as 15m or 1h30m.
    #[arg(long, value_name = "DURATION", requires = "dynamic_secret", value_parser = check_duration_syntax)]
    pub ttl: Option<String>,
    /// A file with the token for the login, or `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    pub token_file: Option<PathBuf>,
    /// A file with the claims of a token, in JSON or YAML. They are not verified.
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// The client's address; by default an address that the identity trusts.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// `kubelease explain`. What would be refused has the exit code of a refusal.
pub fn explain_access(
    context: &CommandContext,
    arguments: &ExplainArguments,
) -> Result<ExitCode, Failure> {
    let jwt =
        match &arguments.token_file {
            Some(file) => {
                let text = definitions::read_file_or_stdin(file)?;
                let token = Token::new(&text);
                Some(token.map_err(|error| {
                    Failure::local_error(format!("{}: {error}", file.display()))
                })?)
            }
            None => None,
        };
    let claims = arguments.claims.as_deref().map(definitions::read_map_file).transpose()?;
    let request = ExplainRequest {
        identity: arguments.identity.clone(),
        jwt,
        claims,
        dynamic_secret: arguments.dynamic_secret.clone(),
        namespace: arguments.namespace.clone(),
        ttl: arguments.ttl.clone(),
        address: arguments.address.clone(),
    };
    let explanation = context.open_session()?.client().explain_request(&request)?;
    if arguments.shown.output == OutputFormat::Json {
        output::print_json(&explanation)?;
    } else {
        output::print_text(&access_explanation_text(&explanation))?;
    }
    let refused = ExitCode::from(CommandExitCode::Refused as u8);
    Ok(if explanation.allowed { ExitCode::SUCCESS } else { refused })
}

fn access_explanation_text(explanation: &Explanation) -> String {
    let mut text = match &explanation.refusal {
        None => "It would be allowed.\n".to_owned(),
        Some(refusal) => {
            let (detail, code) = (
                replace_control_characters(&refusal.detail),
                replace_control_characters(&refusal.code),
            );
            let reason = refusal.reason.as_deref().map(replace_control_characters);
            let reason = reason.map(|reason| format!("Reason: {reason}\n")).unwrap_or_default();
            format!("It would be refused: {detail} ({code})\n{reason}")
        }
    };
    let other = &explanation.other;
    write_rule_outcomes(&mut text, "identity", other.get("identity"));
    for (title, list) in [
        ("login", other.get("login").and_then(|it| it.get("methods"))),
        ("grant", other.get("grants")),
    ] {
        for item in list.and_then(Value::as_array).into_iter().flatten() {
            let index = item.get("index").and_then(Value::as_u64).unwrap_or_default();
            let kind = item.get("type").and_then(Value::as_str).map(|it| format!(" ({it})"));
            let title = format!("{title} {index}{}", kind.unwrap_or_default());
            write_rule_outcomes(&mut text, &replace_control_characters(&title), Some(item));
        }
    }
    write_rule_outcomes(&mut text, "issue", other.get("issue"));
    text
}

/// Writes the rules of a part, each with a mark: passed, not passed, or not looked at.
fn write_rule_outcomes(text: &mut String, title: &str, part: Option<&Value>) {
    let rules = part.and_then(|part| part.get("rules")).and_then(Value::as_array);
    let Some(rules) = rules.filter(|rules| !rules.is_empty()) else { return };
    let _ = writeln!(text, "\n{title}");
    for rule in rules.iter().filter_map(Value::as_object) {
        let mark = match rule.get("passed") {
            Some(Value::Bool(true)) => "ok",
            Some(Value::Bool(false)) => "NO",
            _ => "--",
        };
        let line =
            format!("  {mark}  {}: {}", shown_field(rule, "rule"), shown_field(rule, "compared"));
        let needs = match rule.get("passed") {
            Some(Value::Bool(false)) => {
                format!("; would pass: {}", shown_field(rule, "would_pass"))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "{}", replace_control_characters(&(line + &needs)));
    }
}

fn shown_field(rule: &Map<String, Value>, field: &str) -> String {
    match rule.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}
