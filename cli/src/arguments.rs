//! The command line.
#![expect(clippy::doc_markdown, reason = "help texts are shown on terminals, without backticks")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kubelease_client::{LeaseId, Name};

use crate::commands::{self, Man};

/// Leases short-lived Kubernetes credentials.
#[derive(Parser, Debug)]
#[command(name = "kubelease", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The options of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// The login to use, or KUBELEASE_PROFILE.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<Name>,
    /// The URL of kubelease, or KUBELEASE_URL; by default that of the login.
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The most seconds for one request.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub request_timeout: u64,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Log in. In a CI job or a pod, the token of the job is found by itself.
    Login(Login),
    /// Revoke the access token and forget it.
    Logout(Shown),
    /// Show who is logged in, and which dynamic secrets may be leased.
    Whoami(Shown),
    /// Lease a credential and print it.
    #[command(visible_alias = "issue")]
    Lease(Lease),
    /// List leases.
    Leases(Leases),
    /// Let a lease live longer. Its new token is printed.
    Renew(Renew),
    /// Revoke leases, by their ids or all of a kind.
    Revoke(Revoke),
    /// Run a command with a KUBECONFIG of a new lease, and revoke the lease when the command ends.
    Run(Run),
    /// Print a credential for kubectl, which calls this by itself.
    ExecCredential(Wanted),
    /// Add a context to the kubeconfig, without a secret in it: kubectl then leases by itself.
    Kubeconfig(Kubeconfig),
    /// Put the definitions of files, where they differ from what is kept.
    Apply(commands::Apply),
    /// Show what an apply would change.
    Diff(commands::Diff),
    /// Print definitions as they could stand in files.
    Export(commands::Export),
    /// Delete definitions.
    Delete(commands::Delete),
    /// Print the JSON Schema of definitions, for editors.
    Schema(commands::Schema),
    /// Tell what would come of a login and a lease, rule by rule.
    Explain(commands::Explain),
    /// List what was asked, decided and done.
    Audit(commands::Audit),
    /// Set up a cluster.
    Target(commands::Target),
    /// Ask a target what is missing for its leases.
    Check(Check),
    /// End what is due now.
    Sweep(Sweep),
    /// Print the version of this command.
    Version(Shown),
    /// Print the man page, or write those of all commands.
    Man(Man),
    /// Print the completion of a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
pub struct Login {
    /// Show the token of a ServiceAccount.
    #[arg(long, group = "method")]
    pub kubernetes: bool,
    /// Show the ID token of a CI job.
    #[arg(long, group = "method")]
    pub oidc: bool,
    /// Keep an access token that an administrator made, which is read from standard input.
    #[arg(long, group = "method")]
    pub token: bool,
    /// Read the token from this file, or from standard input if it is `-`.
    #[arg(long, value_name = "FILE", requires = "method")]
    pub token_file: Option<PathBuf>,
    /// The identity to log in as, or KUBELEASE_IDENTITY; needed only if several let the token in.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// The audience to ask an ID token for.
    #[arg(long, value_name = "AUDIENCE", default_value = "kubelease")]
    pub audience: String,
    #[command(flatten)]
    pub shown: Shown,
}

/// The terms of a new lease.
#[derive(Args, Debug, Clone)]
pub struct Wanted {
    /// The dynamic secret.
    #[arg(value_name = "DYNAMIC_SECRET")]
    pub name: Name,
    /// The namespace; may be left out if the dynamic secret has only one.
    #[arg(short, long)]
    pub namespace: Option<Name>,
    /// Lifetime of the lease, such as 15m or 1h30m.
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<String>,
    /// An audience of the token; may be given several times.
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Vec<String>,
}

/// The cluster of a kubeconfig, if it is another than kubelease says.
#[derive(Args, Debug, Clone, Default)]
pub struct ClusterOverride {
    /// The URL of the cluster's API server; by default what kubelease knows of the cluster.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The file with the cluster's CA; by default what kubelease knows, or the public CAs if --server is given.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub certificate_authority: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Lease {
    #[command(flatten)]
    pub wanted: Wanted,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = LeaseOutput::Token)]
    pub output: LeaseOutput,
    /// Print nothing: make this directory, with kubeconfig, token and lease in it, for the steps of a CI job.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "output")]
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub cluster: ClusterOverride,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutput {
    /// The token alone.
    Token,
    /// The answer of the server.
    Json,
    /// An ExecCredential, as kubectl reads it.
    ExecCredential,
    /// A kubeconfig with the token in it.
    Kubeconfig,
    /// Lines that a shell evaluates.
    Env,
}

#[derive(Args, Debug)]
pub struct Shown {
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// JSON for programs; an error is JSON too, on standard error.
    Json,
}

/// Which leases are meant.
#[derive(Args, Debug, Clone)]
pub struct Filter {
    /// Those of this dynamic secret.
    #[arg(long, value_name = "NAME")]
    pub dynamic_secret: Option<Name>,
    /// Those of this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<Name>,
    /// Those in this namespace.
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<Name>,
    /// Those that this identity asked for.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<Name>,
    /// Those in this state.
    #[arg(long, value_name = "STATE", value_parser =
        ["pending", "active", "revoking", "revoked", "expired", "failed", "lost"])]
    pub state: Option<String>,
}

#[derive(Args, Debug)]
pub struct Leases {
    #[command(flatten)]
    pub filter: Filter,
    /// Also those that have ended.
    #[arg(short, long)]
    pub all: bool,
    /// Go on, and print each lease again that has changed.
    #[arg(short, long)]
    pub watch: bool,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Args, Debug)]
pub struct Renew {
    /// The lease.
    pub lease: LeaseId,
    /// Lifetime from now on; by default the one it was first issued for.
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<String>,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = LeaseOutput::Token)]
    pub output: LeaseOutput,
}

#[derive(Args, Debug)]
pub struct Revoke {
    /// The leases.
    #[arg(required_unless_present_any = ["all", "directory"], value_name = "LEASE")]
    pub leases: Vec<LeaseId>,
    /// That of a directory which `lease --directory` has made; the directory is removed.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["leases", "all"])]
    pub directory: Option<PathBuf>,
    /// All that the filters mean, of which at least one is given.
    #[arg(long, conflicts_with = "leases")]
    pub all: bool,
    #[command(flatten)]
    pub filter: Filter,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub wanted: Wanted,
    #[command(flatten)]
    pub cluster: ClusterOverride,
    /// The command, with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub struct Kubeconfig {
    #[command(flatten)]
    pub wanted: Wanted,
    #[command(flatten)]
    pub cluster: ClusterOverride,
    /// The name of the context and its user; by default kubelease- and the dynamic secret.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The file to write; by default the one that kubectl writes, by KUBECONFIG or ~/.kube/config.
    #[arg(long = "kubeconfig", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Make it the current context also if there is another.
    #[arg(long = "use")]
    pub select: bool,
    /// Replace what has one of its names also if kubelease has not made it.
    #[arg(long)]
    pub force: bool,
    /// Print it; nothing is written.
    #[arg(long, conflicts_with_all = ["file", "select", "force"])]
    pub print: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    /// The target.
    pub target: Name,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Args, Debug)]
pub struct Sweep {
    /// Only tell what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Compare every target with the records now.
    #[arg(long)]
    pub reconcile: bool,
    #[command(flatten)]
    pub shown: Shown,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 something is wrong, 2 usage, 3 refused by kubelease, 4 kubelease or the cluster cannot be \
reached, 5 still being revoked. `run` has that of its command.
Environment: KUBELEASE_URL, KUBELEASE_TOKEN, KUBELEASE_PROFILE, KUBELEASE_IDENTITY, KUBELEASE_CA (a file), \
KUBELEASE_ALLOW_HTTP, KUBELEASE_KEYRING.";
