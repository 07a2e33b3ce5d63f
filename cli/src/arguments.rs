//! The command line.
#![expect(clippy::doc_markdown, reason = "help texts are shown on terminals, without backticks")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kubelease_client::{LeaseId, Name};

use crate::commands::{self, ManArguments};

/// Leases short-lived Kubernetes credentials.
#[derive(Parser, Debug)]
#[command(name = "kubelease", version, after_help = HELP_FOOTER)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalOptions,
    #[command(subcommand)]
    pub command: Command,
}

/// The options of every command.
#[derive(Args, Debug)]
pub struct GlobalOptions {
    /// The profile, which is the name of a login; by default KUBELEASE_PROFILE, or `default`.
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "NAME")]
    pub profile: Option<Name>,
    /// The URL of kubelease; by default KUBELEASE_URL, or the URL of the login.
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "URL")]
    pub url: Option<String>,
    /// The timeout of one request, in seconds.
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub request_timeout: u64,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Log in. In a CI job or a pod, kubelease finds the token of the job by itself.
    Login(LoginArguments),
    /// Revoke the access token and forget it.
    Logout(OutputOptions),
    /// Show the identity that is logged in, and the dynamic secrets that it may lease.
    Whoami(OutputOptions),
    /// Lease a credential and print it.
    #[command(visible_alias = "issue")]
    Lease(LeaseArguments),
    /// List leases.
    Leases(LeasesArguments),
    /// Renew a lease and print its new token.
    Renew(RenewArguments),
    /// Revoke leases, by their ids or by a filter.
    Revoke(RevokeArguments),
    /// Run a command with a kubeconfig of a new lease, and revoke the lease when the command ends.
    Run(RunArguments),
    /// Print a credential for kubectl. kubectl calls this command by itself.
    ExecCredential(LeaseRequestOptions),
    /// Add a context to the kubeconfig. It holds no secret: kubectl leases its credential by itself.
    Kubeconfig(KubeconfigArguments),
    /// Apply the definitions of files. Definitions that are the same on the server stay as they are.
    Apply(commands::ApplyArguments),
    /// Show the changes that an apply would make.
    Diff(commands::DiffArguments),
    /// Print definitions of the server, ready to be applied from a file.
    Export(commands::ExportArguments),
    /// Delete definitions.
    Delete(commands::DeleteArguments),
    /// Print the JSON Schema of definitions, for editors.
    Schema(commands::SchemaArguments),
    /// Explain, rule by rule, if a login and a lease would be allowed.
    Explain(commands::ExplainArguments),
    /// List events of the audit log.
    Audit(commands::AuditArguments),
    /// Set up a cluster as a target.
    Target(commands::TargetArguments),
    /// Check a target: its reachability, and the permissions that kubelease needs there.
    Check(CheckArguments),
    /// Start a sweep now: revoke the leases that have expired.
    Sweep(SweepArguments),
    /// Print the version of this command.
    Version(OutputOptions),
    /// Print the man page, or write the man pages of all commands.
    Man(ManArguments),
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub struct LoginArguments {
    /// Log in by the token of a ServiceAccount.
    #[arg(long, group = "method")]
    pub kubernetes: bool,
    /// Log in by the ID token of a CI job.
    #[arg(long, group = "method")]
    pub oidc: bool,
    /// Log in by an access token that an administrator has created. It is read from standard input.
    #[arg(long, group = "method")]
    pub token: bool,
    /// Read the token from this file, or from standard input if it is `-`.
    #[arg(long, value_name = "FILE", requires = "method")]
    pub token_file: Option<PathBuf>,
    /// The identity to log in as; by default KUBELEASE_IDENTITY. It is needed only if several identities accept the token.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// The audience of the ID token.
    #[arg(long, value_name = "AUDIENCE", default_value = "kubelease")]
    pub audience: String,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// The terms of a new lease.
#[derive(Args, Debug, Clone)]
pub struct LeaseRequestOptions {
    /// The dynamic secret.
    #[arg(value_name = "DYNAMIC_SECRET")]
    pub name: Name,
    /// The namespace. It may be left out if the dynamic secret has only one.
    #[arg(short, long)]
    pub namespace: Option<Name>,
    /// Lifetime of the lease, such as 15m or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = check_duration_syntax)]
    pub ttl: Option<String>,
    /// An audience of the token. May be repeated.
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Vec<String>,
}

/// The cluster of a kubeconfig, in place of the one that kubelease has for the target.
#[derive(Args, Debug, Clone, Default)]
pub struct ClusterOverride {
    /// The URL of the cluster's API server; by default the one that kubelease has for the target.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The file with the cluster's CA. By default the CA that kubelease has for the target, or the public CAs if --server is given.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub certificate_authority: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct LeaseArguments {
    #[command(flatten)]
    pub wanted: LeaseRequestOptions,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = LeaseOutputFormat::Token)]
    pub output: LeaseOutputFormat,
    /// Create this directory, with the files kubeconfig, token and lease for the steps of a CI job. Nothing is printed.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "output")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub cluster: ClusterOverride,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutputFormat {
    /// The token alone.
    Token,
    /// The lease with its token, as the server answers.
    Json,
    /// An ExecCredential, as kubectl reads it.
    ExecCredential,
    /// A kubeconfig that contains the token.
    Kubeconfig,
    /// Lines for `eval` in a shell.
    Env,
}

#[derive(Args, Debug)]
pub struct OutputOptions {
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// JSON for programs; an error is JSON too, on standard error.
    Json,
}

/// Which leases are meant.
#[derive(Args, Debug, Clone)]
pub struct LeaseFilterOptions {
    /// Only those of this dynamic secret.
    #[arg(long, value_name = "NAME")]
    pub dynamic_secret: Option<Name>,
    /// Only those of this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<Name>,
    /// Only those in this namespace.
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<Name>,
    /// Only those that this identity has requested.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser =
        ["pending", "active", "revoking", "revoked", "expired", "failed", "lost"])]
    pub state: Option<String>,
}

#[derive(Args, Debug)]
pub struct LeasesArguments {
    #[command(flatten)]
    pub filter: LeaseFilterOptions,
    /// Also list leases that have ended.
    #[arg(short, long)]
    pub all: bool,
    /// Watch for changes, and print each lease again that has changed.
    #[arg(short, long)]
    pub watch: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

#[derive(Args, Debug)]
pub struct RenewArguments {
    /// The lease.
    pub lease: LeaseId,
    /// Lifetime from now on; by default the lifetime of its issue.
    #[arg(long, value_name = "DURATION", value_parser = check_duration_syntax)]
    pub ttl: Option<String>,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = LeaseOutputFormat::Token)]
    pub output: LeaseOutputFormat,
}

#[derive(Args, Debug)]
pub struct RevokeArguments {
    /// The leases.
    #[arg(required_unless_present_any = ["all", "directory"], value_name = "LEASE")]
    pub leases: Vec<LeaseId>,
    /// Revoke the lease of a directory that `lease --directory` has created, and remove the directory.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["leases", "all"])]
    pub directory: Option<PathBuf>,
    /// Revoke all leases that match the filters. At least one filter is required.
    #[arg(long, conflicts_with = "leases")]
    pub all: bool,
    #[command(flatten)]
    pub filter: LeaseFilterOptions,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

#[derive(Args, Debug)]
pub struct RunArguments {
    #[command(flatten)]
    pub wanted: LeaseRequestOptions,
    #[command(flatten)]
    pub cluster: ClusterOverride,
    /// Format of an error of kubelease. The standard output is that of the command.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// The command, with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub struct KubeconfigArguments {
    #[command(flatten)]
    pub wanted: LeaseRequestOptions,
    #[command(flatten)]
    pub cluster: ClusterOverride,
    /// The name of the context and its user; by default kubelease-DYNAMIC_SECRET.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The file to write; by default the file that kubectl writes: by KUBECONFIG, or ~/.kube/config.
    #[arg(long = "kubeconfig", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Make it the current context, also if another one is current.
    #[arg(long = "use")]
    pub select: bool,
    /// Replace a context, user or cluster of the same name, also if kubelease has not created it.
    #[arg(long)]
    pub force: bool,
    /// Print the kubeconfig. Nothing is written.
    #[arg(long, conflicts_with_all = ["file", "select", "force"])]
    pub print: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

#[derive(Args, Debug)]
pub struct CheckArguments {
    /// The target.
    pub target: Name,
    #[command(flatten)]
    pub shown: OutputOptions,
}

#[derive(Args, Debug)]
pub struct SweepArguments {
    /// Only print the changes. Nothing is changed.
    #[arg(long)]
    pub dry_run: bool,
    /// Also reconcile: compare the objects of every target with the records of the leases.
    #[arg(long)]
    pub reconcile: bool,
    #[command(flatten)]
    pub shown: OutputOptions,
}

/// Checks the form of a duration. The server checks its size.
///
/// # Errors
/// Text that is not such as `15m` or `1h30m`: numbers, each with its unit.
pub fn check_duration_syntax(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split_inclusive(|c: char| !c.is_ascii_digit()).collect();
    let is_part = |part: &&str| part.len() > 1 && part.ends_with(['d', 'h', 'm', 's']);
    let is_seconds = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_seconds || !parts.is_empty() && parts.iter().all(is_part) {
        return Ok(text.to_owned());
    }
    Err("a duration is written like `15m` or `1h30m`, with the units d, h, m and s".to_owned())
}

const GLOBAL_OPTIONS: &str = "Global options";

const HELP_FOOTER: &str = "\
Exit codes: 0 done, 1 something is wrong, 2 usage, 3 refused by kubelease, 4 kubelease or the cluster cannot be \
reached, 5 still being revoked. `run` has that of its command.
Environment: KUBELEASE_URL, KUBELEASE_TOKEN, KUBELEASE_PROFILE, KUBELEASE_IDENTITY, KUBELEASE_CA (a file), \
KUBELEASE_ALLOW_HTTP, KUBELEASE_KEYRING.";
