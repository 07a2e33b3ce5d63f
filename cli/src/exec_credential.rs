//! `exec-credential`: what kubectl calls, with leases that are kept until they end.
//!
//! kubectl keeps nothing between two commands, so a plugin that leased each time would make a lease for each command.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kubelease_client::{Client, IssuedLease, LeaseId, LeaseState, Name, Token};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arguments::LeaseRequestOptions;
use crate::commands::issue_lease;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::login_store;
use crate::session::{CommandContext, now};
use crate::{output, private_file};

/// A lease as it is kept.
#[derive(Serialize, Deserialize)]
struct CachedLease {
    lease_id: LeaseId,
    #[serde(serialize_with = "serialize_token")]
    token: Token,
    expires_at: DateTime<Utc>,
    /// When four fifths of its time are over.
    renew_at: DateTime<Utc>,
    /// When the server last said that it is good.
    seen_at: DateTime<Utc>,
}

/// A version of the credential plugin API, `client.authentication.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecCredentialVersion {
    #[default]
    V1,
    V1Beta1,
}

/// Prints the credential of a lease that is kept, or of a new one.
pub fn print_cached_or_new_credential(
    context: &CommandContext,
    wanted: &LeaseRequestOptions,
) -> Result<(), Failure> {
    let version =
        ExecCredentialVersion::from_exec_info(context.environment.get(EXEC_INFO_VARIABLE))?;
    let file = lease_cache_file(context, wanted)?;
    if let Some(kept) = read_cache_file(&file)?
        && kept.is_usable_unchecked(now())
    {
        return kept.print_credential(version);
    }
    // Of many at once, one asks; the others find what it has got. A lock ends with its process.
    let _lock = private_file::open_and_lock_file(&file.with_extension("lock"))?;
    let kept = read_cache_file(&file)?;
    if let Some(kept) = &kept
        && kept.is_usable_unchecked(now())
    {
        return kept.print_credential(version);
    }
    let session = context.open_session()?;
    let kept = match kept {
        Some(kept) => kept.check_renew_or_replace(session.client(), wanted)?,
        None => CachedLease::from_issued(issue_lease(session.client(), wanted)?),
    };
    // Unwrap safety: it is a struct of texts and times.
    private_file::write_private(&file, &serde_json::to_vec(&kept).expect("a lease is JSON"))?;
    kept.print_credential(version)
}

/// Returns an `ExecCredential` of a lease that lives for `life`.
///
/// Its end is before that of the lease, by the rule of the server's own answer: 30 seconds, or a tenth of its life if that
/// is less. A client that believed a token up to its end would have requests refused that are on their way by then.
pub fn exec_credential_document(
    token: &str,
    expires_at: DateTime<Utc>,
    life: TimeDelta,
    version: ExecCredentialVersion,
) -> Value {
    let end = expires_at - MAX_EXPIRY_MARGIN.min(life / 10);
    json!({
        "apiVersion": version.as_str(),
        "kind": "ExecCredential",
        "status": {
            "token": token,
            "expirationTimestamp": end.to_rfc3339_opts(SecondsFormat::Secs, true),
        },
    })
}

impl CachedLease {
    fn from_issued(issued: IssuedLease) -> Self {
        let (seen_at, expires_at) = (now(), issued.lease.expires_at);
        let renew_at = seen_at + (expires_at - seen_at) * 4 / 5;
        Self { lease_id: issued.lease.lease_id, token: issued.token, expires_at, renew_at, seen_at }
    }

    /// Returns true if it can be handed out without asking the server.
    fn is_usable_unchecked(&self, now: DateTime<Utc>) -> bool {
        let seen_since = now - self.seen_at;
        now < self.renew_at && (TimeDelta::zero()..MAX_UNCHECKED_AGE).contains(&seen_since)
    }

    /// Sees that it lives, renews it if most of its time is over, or takes a new one in its place.
    ///
    /// kubectl does not send a request again that was refused, so a lease that was revoked elsewhere would cost a
    /// command.
    fn check_renew_or_replace(
        self,
        client: &Client,
        wanted: &LeaseRequestOptions,
    ) -> Result<Self, Failure> {
        if now() < self.renew_at {
            match client.get_lease(&self.lease_id) {
                Ok(lease) if lease.state == LeaseState::Active => {
                    return Ok(Self { seen_at: now(), ..self });
                }
                // The lease is good as far as anybody knows; not to be able to look must not stop kubectl.
                Err(error) if error.is_retryable_later() => return Ok(self),
                _ => {}
            }
        } else {
            match client.renew_lease(&self.lease_id, wanted.ttl.as_deref()) {
                Ok(renewed) => {
                    let renewed = Self::from_issued(renewed);
                    // At its maximum a lease is renewed to the same end.
                    if now() < renewed.renew_at && renewed.expires_at > self.expires_at {
                        return Ok(renewed);
                    }
                }
                // An outage must not stop kubectl while the lease lives.
                Err(error) if error.is_retryable_later() && now() < self.expires_at => {
                    return Ok(self);
                }
                Err(_) => {}
            }
        }
        Ok(Self::from_issued(issue_lease(client, wanted)?))
    }

    fn print_credential(&self, version: ExecCredentialVersion) -> Result<(), Failure> {
        // It is renewed at four fifths of its life.
        let life = (self.expires_at - self.renew_at) * 5;
        let document =
            exec_credential_document(self.token.expose_secret(), self.expires_at, life, version);
        output::print_text(&format!("{document}\n"))
    }
}

impl ExecCredentialVersion {
    /// Returns the version in which the caller is to be answered, by what it says in `KUBERNETES_EXEC_INFO`.
    fn from_exec_info(exec_info: Option<&str>) -> Result<Self, Failure> {
        let Some(text) = exec_info else { return Ok(Self::default()) };
        let info = serde_json::from_str::<Value>(text).unwrap_or_default();
        match info["apiVersion"].as_str() {
            Some("client.authentication.k8s.io/v1") => Ok(Self::V1),
            Some("client.authentication.k8s.io/v1beta1") => Ok(Self::V1Beta1),
            _ => Err(Failure::local_error(format!(
                "`{EXEC_INFO_VARIABLE}` requests an unsupported `apiVersion`: use client.authentication.k8s.io/v1 or v1beta1"
            ))),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

/// A file that is broken is as good as none: its lease ends in its time.
fn read_cache_file(file: &std::path::Path) -> Result<Option<CachedLease>, Failure> {
    let content = private_file::read_if_private(file)?;
    Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
}

/// Removes the leases that are kept for a profile, so that a logout leaves no token behind.
pub fn remove_cached_leases(environment: &Environment, profile: &Name) -> Result<(), Failure> {
    // Without a place for files no lease is kept.
    let Ok(directory) = lease_cache_directory(environment, profile) else { return Ok(()) };
    private_file::remove_directory_if_present(&directory)
}

fn lease_cache_directory(environment: &Environment, profile: &Name) -> Result<PathBuf, Failure> {
    Ok(environment.cache_dir()?.join("leases").join(profile.as_str()))
}

/// Returns the file of a lease. Its name is a digest of everything that decides which lease it is: the server, the login
/// there, and the arguments.
fn lease_cache_file(
    context: &CommandContext,
    wanted: &LeaseRequestOptions,
) -> Result<PathBuf, Failure> {
    let variable = |name: &str| context.environment.get(name).map(str::to_owned);
    let profile = context.profile_name()?;
    let key = json!([
        context.global.url.clone().or_else(|| variable("KUBELEASE_URL")),
        login_store::read_server_and_identity(&context.environment, &profile),
        variable("KUBELEASE_TOKEN"),
        variable("KUBELEASE_IDENTITY"),
        wanted.name,
        wanted.namespace,
        wanted.ttl,
        wanted.audience,
    ]);
    let digest = Sha256::digest(key.to_string());
    let name = BASE64_URL_SAFE_NO_PAD.encode(&digest[..16]);
    Ok(lease_cache_directory(&context.environment, &profile)?.join(format!("{name}.json")))
}

fn serialize_token<S: serde::Serializer>(token: &Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}

/// The variable in which kubectl and client-go say which version they speak.
const EXEC_INFO_VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// The longest time for which a lease is believed to live without a look.
const MAX_UNCHECKED_AGE: TimeDelta = TimeDelta::seconds(30);

/// The longest time before the end of its lease at which a client is to ask again.
const MAX_EXPIRY_MARGIN: TimeDelta = TimeDelta::seconds(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_handed_out_while_it_was_seen_lately_and_has_time_left() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let kept = |seen: i64| CachedLease {
            lease_id: "0".repeat(32).parse().unwrap(),
            token: Token::new("sesame").unwrap(),
            expires_at: start + TimeDelta::seconds(1000),
            renew_at: start + TimeDelta::seconds(800),
            seen_at: start + TimeDelta::seconds(seen),
        };
        for (seen, now, fresh) in [
            (0, 0, true),
            (0, 29, true),
            (0, 30, false),
            (790, 799, true),
            (790, 800, false),
            // The clock was set back: nothing is known.
            (100, 50, false),
        ] {
            let is_fresh = kept(seen).is_usable_unchecked(start + TimeDelta::seconds(now));
            assert_eq!(is_fresh, fresh, "seen {seen}, now {now}");
        }
    }

    #[test]
    fn a_credential_ends_before_its_lease() {
        let end = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (life, expiration) in [
            (TimeDelta::hours(1), "2027-01-15T07:59:30Z"),
            (TimeDelta::minutes(5), "2027-01-15T07:59:30Z"),
            (TimeDelta::minutes(1), "2027-01-15T07:59:54Z"),
        ] {
            let credential =
                exec_credential_document("sesame", end, life, ExecCredentialVersion::V1);
            assert_eq!(credential["status"]["expirationTimestamp"], expiration, "{life}");
        }
    }

    #[test]
    fn a_caller_is_answered_in_its_own_version() {
        for (info, version) in [
            (None, Some(ExecCredentialVersion::V1)),
            (
                Some(r#"{"apiVersion":"client.authentication.k8s.io/v1"}"#),
                Some(ExecCredentialVersion::V1),
            ),
            (
                Some(r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","spec":{}}"#),
                Some(ExecCredentialVersion::V1Beta1),
            ),
            (Some(r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#), None),
            (Some("v1"), None),
        ] {
            assert_eq!(ExecCredentialVersion::from_exec_info(info).ok(), version, "{info:?}");
        }
    }
}
