//! What is wrong with a target.

use lease_core::{TargetAuthError, TargetName};
use lease_engine::TargetError;

use super::{Code, Problem};

impl From<TargetError> for Problem {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unknown(name) => {
                Self::new(Code::UnknownTarget, format!("there is no target `{name}`"))
            }
            TargetError::Auth { target, source } => auth_problem(&target, source),
            TargetError::OriginShared { other } => Self::new(
                Code::OriginShared,
                format!(
                    "target `{other}` has the same origin or host and a different `auth`; \
                     connections are shared by origin, and the client certificate of one target \
                     takes precedence over the token of the other: use the same kind of `auth`, or \
                     another host name"
                ),
            ),
            TargetError::InUse { target, by } => {
                let shown: Vec<_> =
                    by.iter().take(MAX_SHOWN_NAMES).map(|name| format!("`{name}`")).collect();
                let more = match by.len() - shown.len() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let shown = shown.join(", ");
                let detail = format!(
                    "dynamic secrets use target `{target}`; delete them first: {shown}{more}"
                );
                Self::new(Code::TargetInUse, detail)
            }
            TargetError::LiveLeases(target) => Self::new(
                Code::LiveLeases,
                format!("target `{target}` has live leases; `?revoke=true` revokes them first"),
            ),
            TargetError::NotSeen(target) => Self::new(
                Code::ClusterNotSeen,
                format!(
                    "the cluster of target `{target}` has not changed, or `uid` is neither of the \
                     two; `GET /api/v1/targets/{target}` shows them: `cluster.uid` and \
                     `cluster.changed.found_uid`"
                ),
            ),
            TargetError::Cluster(error) => error.into(),
            TargetError::Store(error) => error.into(),
        }
    }
}

fn auth_problem(target: &TargetName, error: TargetAuthError) -> Problem {
    match error {
        TargetAuthError::SecretRequired => Problem::new(
            Code::CredentialRequired,
            format!(
                "`auth.token` is required (for a gateway `auth.header.value`): none is stored for \
                 target `{target}` at this url, and the credential for another url is never sent \
                 to it"
            ),
        ),
        TargetAuthError::Unopened(source) => unopened_credential(target).with_cause(source),
        TargetAuthError::NoTls => Problem::for_field("/url".to_owned(), error.to_string()),
        TargetAuthError::Url(ref error) => Problem::for_field("/url".to_owned(), error.to_string()),
    }
}

/// The credential of a target was sealed under a master key that is not configured.
pub(super) fn unopened_credential(target: &TargetName) -> Problem {
    let detail = format!(
        "the credential of target `{target}` cannot be opened with the configured master keys; put \
         the target again with the credential, or add the key that it was sealed under to \
         `previous_master_keys`"
    );
    Problem::new(Code::CredentialUnreadable, detail)
}

/// The account of kubelease itself is never leased.
pub(super) fn own_account_problem(target: &TargetName) -> Problem {
    let detail =
        format!("the account is kubelease's own on target `{target}`, which cannot be leased");
    Problem::new(Code::OwnAccount, detail)
}

/// The number of names in a message: enough to begin with.
const MAX_SHOWN_NAMES: usize = 10;
